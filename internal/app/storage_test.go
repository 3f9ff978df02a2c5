package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/store"
)

// TestStorageThatIsAway: calls are answered while the object store can not be asked;
// should it turn out to keep what is deleted of the keys, nothing more is recorded.
func TestStorageThatIsAway(t *testing.T) {
	kept := store.Findings{{What: "versioning", Bucket: "b", Found: "enabled", Verdict: store.Refused, Note: "no"}}
	plain := store.Findings{{What: "versioning", Bucket: "b", Found: "off", Verdict: store.Fine}}
	for name, test := range map[string]struct {
		found  store.Findings
		usable bool
	}{"keeps what is deleted": {kept, false}, "plain": {plain, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var back atomic.Bool
				g := &keyGateway{}
				s := &storage{log: newLog(g), preflight: func(ctx context.Context) (store.Findings, error) {
					if back.Load() {
						return test.found, nil
					}
					<-ctx.Done()
					return nil, ctx.Err()
				}}
				ctx, cancel := context.WithTimeout(t.Context(), preflightWithin)
				defer cancel()
				if err := s.look(ctx); err == nil || s.usable() != nil || s.known().Error == "" || !strings.Contains(s.greeting(), "can not be asked") {
					t.Errorf("%v, usable %v, %+v", err, s.usable(), s.known())
				}
				running, stop := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- s.run(running) }()
				time.Sleep(10 * time.Minute)
				if log := g.logged(); strings.Count(log, "level=WARN") != 1 {
					t.Errorf("it is told more than once, or not at all: %s", log)
				}
				back.Store(true)
				time.Sleep(2 * time.Minute)
				if err := s.usable(); (err == nil) != test.usable || err != nil && !errors.Is(err, store.ErrKeptKeys) {
					t.Errorf("usable: %v", err)
				}
				log := g.logged()
				if !strings.Contains(log, "b.versioning="+test.found[0].Found) || strings.Contains(log, "nothing is recorded") == test.usable {
					t.Errorf("logged %s", log)
				}
				if got := s.known(); got.Error != "" || got.Checked.IsZero() || len(got.Findings) != 1 {
					t.Errorf("%+v", got)
				}
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				default:
					t.Error("it asks for ever")
				}
				stop()
			})
		})
	}
}

// TestStorageIsShown by the API and, where keys would be kept, by /readyz.
func TestStorageIsShown(t *testing.T) {
	a := &App{log: newLog(io.Discard), registry: prometheus.NewRegistry(), events: newHub(), config: configs.Default(),
		storage: &storage{state: StorageState{Findings: store.Findings{{What: "lock", Bucket: "b", Found: "enabled", Verdict: store.Refused, Note: "no"}}}}}
	w := httptest.NewRecorder()
	a.operatorRoutes()["GET /api/v1/storage"].ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/storage", nil))
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `"verdict": "refused"`) {
		t.Errorf("%d: %s", w.Code, body)
	}
}
