package webhooks

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asker asks servers of the test's own.
func asker(t *testing.T, s *httptest.Server, o AskerOptions) *Asker {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{oneSecret, otherSecret}
	}
	if s.Certificate() != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(s.Certificate())
	}
	a, err := NewAsker(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAsk(t *testing.T) {
	ids := map[string]bool{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		if want := signature(oneKey, id, at, string(body)) + " " + signature(otherKey, id, at, string(body)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signed %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		if r.Method != http.MethodPut || r.URL.String() != "/order?x=1" || string(body) != `{"n":1}` || r.Header.Get("User-Agent") != "us" || id == "" || ids[id] {
			t.Errorf("%s %s %q %v", r.Method, r.URL, body, r.Header)
		}
		ids[id] = true
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "0123456789")
	}))
	defer s.Close()
	a := asker(t, s, AskerOptions{AllowPrivate: true, Agent: "us"})
	for most, want := range map[int]Answer{4: {418, []byte("0123"), true}, 10: {418, []byte("0123456789"), false}} {
		got, err := a.Ask(t.Context(), Question{Method: http.MethodPut, URL: s.URL + "/order?x=1", Body: []byte(`{"n":1}`), MaxBytes: most})
		if err != nil || got.Status != want.Status || string(got.Body) != string(want.Body) || got.Cut != want.Cut {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

// TestAskRefuses holds that an asker reaches nothing that a sender would not.
func TestAskRefuses(t *testing.T) {
	asked := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/order", http.StatusTemporaryRedirect)
		case "/endless":
			for r.Context().Err() == nil {
				io.WriteString(w, strings.Repeat("x", 1<<16))
			}
		case "/silent":
			io.Copy(io.Discard, r.Body) // the server sees the client go only then
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	guarded := asker(t, s, AskerOptions{})
	q := Question{Method: http.MethodPost, URL: s.URL + "/secret-path", Body: []byte("{}"), MaxBytes: 100}
	if _, err := guarded.Ask(t.Context(), q); !errors.Is(err, ErrAddress) || strings.Contains(err.Error(), "secret") {
		t.Errorf("this machine: %v", err)
	}
	q.URL = "http://shop.example.com/secret-path"
	if _, err := guarded.Ask(t.Context(), q); !errors.Is(err, ErrAddress) || strings.Contains(err.Error(), "secret") {
		t.Errorf("plain http: %v", err)
	}
	if asked != 0 {
		t.Fatalf("asked %d times", asked)
	}
	a := asker(t, s, AskerOptions{AllowPrivate: true})
	q.URL = s.URL + "/elsewhere"
	if _, err := a.Ask(t.Context(), q); err == nil || asked != 1 {
		t.Errorf("a redirect: %v, asked %d times", err, asked)
	}
	q.URL = s.URL + "/endless"
	if got, err := a.Ask(t.Context(), q); err != nil || !got.Cut || len(got.Body) != 100 {
		t.Errorf("without end: %d bytes, %v", len(got.Body), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	q.URL = s.URL + "/silent"
	if _, err := a.Ask(ctx, q); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), s.URL) {
		t.Errorf("silent: %v", err)
	}
	for _, secrets := range [][]string{{}, {"whsec_"}, {"hunter2"}} {
		if _, err := NewAsker(AskerOptions{Secrets: secrets}); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("secrets %q: %v", secrets, err)
		}
	}
}
