package app

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestPlayersGetWhatTheyNeed holds how fast audio is sent: to players, ahead of
// what they play and no more; to others, as fast as they take it.
func TestPlayersGetWhatTheyNeed(t *testing.T) {
	const perSecond = 32_000
	for dest, want := range map[string]time.Duration{"audio": 14 * time.Second, "video": 14 * time.Second, "document": 0, "": 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
			r.Header.Set("Sec-Fetch-Dest", dest)
			w := httptest.NewRecorder()
			s, began := send(w, r, perSecond), time.Now()
			for range 60 { // a minute
				if n, err := s.Write(make([]byte, perSecond)); n != perSecond || err != nil {
					t.Fatal(n, err)
				}
				if ahead := time.Duration(w.Body.Len()/perSecond)*time.Second - 4*time.Since(began); want > 0 && ahead > 5*time.Second {
					t.Errorf("%q: %v ahead", dest, ahead)
				}
			}
			if took := time.Since(began).Round(time.Second); took != want {
				t.Errorf("%q: a minute was sent in %v, want %v", dest, took, want)
			}
			cancel()
			if _, err := s.Write(make([]byte, perSecond)); want > 0 && err == nil {
				t.Errorf("%q: sent to nobody", dest)
			}
			s.end()
		})
	}
}
