package twilio

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/internal/sim"
)

func TestCredentials(t *testing.T) {
	for _, test := range []struct {
		key, secret    string // what is used
		user, password string // what is right
		code           int
	}{
		{"", testToken, testAccount, testToken, 0},
		{"SK1", "keysecret", "SK1", "keysecret", 0},
		{"", "old", testAccount, testToken, 20003},
		{"SK2", "keysecret", "SK1", "keysecret", 20003},
	} {
		fake := sim.NewREST(sim.RESTOptions{AccountSID: testAccount, User: test.user, Password: test.password})
		server := httptest.NewTLSServer(fake)
		n, err := NewNumbers(NumbersOptions{AccountSID: testAccount, KeySID: test.key, Secret: test.secret,
			BaseURL: server.URL + "/", HTTP: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.List(t.Context())
		var refused *APIError
		if errors.As(err, &refused); (err == nil) != (test.code == 0) || refused != nil && refused.Code != test.code {
			t.Errorf("%q of %q: %v, wanted code %d", test.key, test.user, err, test.code)
		}
		if len(fake.Requests()) != 1 {
			t.Errorf("%q of %q: asked %d times", test.key, test.user, len(fake.Requests()))
		}
		server.Close()
	}
}

func TestCredentialsNeedTLS(t *testing.T) {
	for base, want := range map[string]error{
		"":                                  nil,
		"https://api.dublin.ie1.twilio.com": nil,
		"https://proxy.example.org/twilio":  nil,
		"http://localhost:4010":             nil,
		"http://127.0.0.1:4010":             nil,
		"http://[::1]:4010":                 nil,
		"http://api.twilio.com":             ErrWithheld,
		"http://10.0.0.1":                   ErrWithheld,
		"http://localhost.example.org":      ErrWithheld,
		"http://127.0.0.1.example.org":      ErrWithheld,
		"ftp://127.0.0.1":                   ErrWithheld,
	} {
		_, err := NewNumbers(NumbersOptions{AccountSID: testAccount, Secret: testToken, BaseURL: base})
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, wanted %v", base, err, want)
		}
	}
	for _, base := range []string{"api.twilio.com", "https://", "https://u:p@api.twilio.com", "https://api.twilio.com?x=1", "https://a b"} {
		if _, err := NewNumbers(NumbersOptions{AccountSID: testAccount, Secret: testToken, BaseURL: base}); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

// No redirect is followed: neither to another host, nor on the same one to
// plain HTTP, where net/http would take the credentials along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer other.Close()
	_, n := startREST(t, sim.RESTOptions{Fault: func(*http.Request) sim.RESTFault { return sim.RESTFault{Redirect: other.URL} }})
	_, list := n.List(t.Context())
	_, buy := n.Buy(t.Context(), "+15005550006")
	_, attach := n.Attach(t.Context(), "PN000000000000000000000000000000ff")
	for _, err := range []error{list, buy, attach} {
		if !errors.Is(err, ErrWithheld) || errors.Is(err, ErrUncertain) || strings.Contains(err.Error(), testToken) {
			t.Error(err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("the other host was reached %d times", reached.Load())
	}
}

// TLS is of no use if the other side is not who it says.
func TestCertificateIsChecked(t *testing.T) {
	server := httptest.NewUnstartedServer(sim.NewREST(sim.RESTOptions{AccountSID: testAccount, Password: testToken}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	n := numbersAt(t, server.URL, nil)
	if _, err := n.Buy(t.Context(), "+15005550006"); err == nil || errors.Is(err, ErrUncertain) {
		t.Errorf("bought from a stranger: %v", err)
	}
}

// Whatever the environment says, requests go to the configured host.
func TestEdgeOfTheEnvironmentIsIgnored(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "dublin")
	t.Setenv("TWILIO_REGION", "ie1")
	fake, n := startREST(t, sim.RESTOptions{})
	if _, err := n.List(t.Context()); err != nil || len(fake.Requests()) != 1 {
		t.Errorf("%d requests, %v", len(fake.Requests()), err)
	}
}

// inVirtualTime runs f in a bubble, with the API of the test account.
func inVirtualTime(t *testing.T, o sim.RESTOptions, f func(*testing.T, *sim.REST, *Numbers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.AccountSID, o.Password = testAccount, testToken
		fake, ln, served := sim.NewREST(o), sim.NewPipeListener(), make(chan struct{})
		server := &http.Server{Handler: fake}
		go func() { defer close(served); _ = server.Serve(ln) }()
		transport := &http.Transport{DialContext: ln.DialContext}
		f(t, fake, numbersAt(t, "http://localhost", &http.Client{Transport: transport}))
		transport.CloseIdleConnections()
		server.Close()
		<-served
	})
}

// faults gives each request the next fault, and those after it none.
func faults(faults ...sim.RESTFault) func(*http.Request) sim.RESTFault {
	var n atomic.Int32
	return func(*http.Request) (f sim.RESTFault) {
		if i := int(n.Add(1)); i <= len(faults) {
			f = faults[i-1]
		}
		return f
	}
}

func TestRetries(t *testing.T) {
	limited := sim.RESTFault{Status: http.StatusTooManyRequests}
	for _, test := range []struct {
		name     string
		faults   []sim.RESTFault
		requests int
		took     time.Duration
		status   int // of the error; 0 for none
	}{
		{"limited once", []sim.RESTFault{limited}, 2, 500 * time.Millisecond, 0},
		{"limited twice", []sim.RESTFault{limited, limited}, 3, 1500 * time.Millisecond, 0},
		{"limited too long", []sim.RESTFault{limited, limited, limited}, 3, 1500 * time.Millisecond, 429},
		{"told when", []sim.RESTFault{{Status: 429, RetryAfter: 3 * time.Second}}, 2, 3 * time.Second, 0},
		{"told far too late", []sim.RESTFault{{Status: 429, RetryAfter: time.Minute}}, 1, 0, 429},
		{"broken once", []sim.RESTFault{{Status: 500}}, 2, 500 * time.Millisecond, 0},
		{"nobody there", []sim.RESTFault{{Status: 503}, {Status: 502}, {Status: 503}}, 3, 1500 * time.Millisecond, 503},
		{"forbidden", []sim.RESTFault{{Status: 403}}, 1, 0, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := sim.RESTOptions{Fault: faults(test.faults...)}
			inVirtualTime(t, o, func(t *testing.T, fake *sim.REST, n *Numbers) {
				began := time.Now()
				_, err := n.List(t.Context())
				var refused *APIError
				if errors.As(err, &refused); (err == nil) != (test.status == 0) || refused != nil && refused.Status != test.status {
					t.Errorf("%v, wanted status %d", err, test.status)
				}
				if took := time.Since(began); took != test.took || len(fake.Requests()) != test.requests {
					t.Errorf("%d requests in %v, wanted %d in %v", len(fake.Requests()), took, test.requests, test.took)
				}
			})
		})
	}
}

func TestRateLimitIsNamed(t *testing.T) {
	inVirtualTime(t, sim.RESTOptions{Fault: func(*http.Request) sim.RESTFault { return sim.RESTFault{Status: 429} }},
		func(t *testing.T, _ *sim.REST, n *Numbers) {
			_, err := n.Search(t.Context(), SearchQuery{Country: "US"})
			var refused *APIError
			if !errors.As(err, &refused) || refused.Code != 20429 {
				t.Error(err)
			}
		})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	inVirtualTime(t, sim.RESTOptions{Fault: func(*http.Request) sim.RESTFault { return sim.RESTFault{Status: 429} }},
		func(t *testing.T, fake *sim.REST, n *Numbers) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := n.List(ctx); !errors.Is(err, context.DeadlineExceeded) || len(fake.Requests()) != 1 {
				t.Errorf("%d requests, %v", len(fake.Requests()), err)
			}
		})
}

// A purchase is asked for once. Where it may have happened, the error says so.
func TestPurchaseIsNotRepeated(t *testing.T) {
	for _, test := range []struct {
		name      string
		fault     sim.RESTFault
		took      time.Duration
		uncertain bool
		owned     int
	}{
		{"answer lost", sim.RESTFault{Lost: true}, restWait, true, 1},
		{"broken", sim.RESTFault{Status: 500}, 0, true, 0},
		{"gateway timeout", sim.RESTFault{Status: 504}, 0, true, 0},
		{"limited", sim.RESTFault{Status: 429}, 0, false, 0},
		{"forbidden", sim.RESTFault{Status: 403}, 0, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := sim.RESTOptions{Fault: faults(test.fault)}
			inVirtualTime(t, o, func(t *testing.T, fake *sim.REST, n *Numbers) {
				began := time.Now()
				_, err := n.Buy(t.Context(), "+15005550006")
				if err == nil || errors.Is(err, ErrUncertain) != test.uncertain {
					t.Errorf("%v, wanted uncertain %v", err, test.uncertain)
				}
				if took := time.Since(began); took != test.took || len(fake.Requests()) != 1 || len(fake.Owned()) != test.owned {
					t.Errorf("%d requests in %v, owned %v", len(fake.Requests()), took, fake.Owned())
				}
				if test.took > 0 && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		})
	}
}

// A purchase that was never asked for cannot have happened.
func TestPurchaseWithoutConnection(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := numbersAt(t, server.URL, nil).Buy(t.Context(), "+15005550006")
	if err == nil || errors.Is(err, ErrUncertain) {
		t.Error(err)
	}
}

// A number that is gone after a second attempt was released by the first.
func TestReleaseIsRepeated(t *testing.T) {
	const sid = "PN000000000000000000000000000000ff"
	inVirtualTime(t, sim.RESTOptions{Fault: faults(sim.RESTFault{Status: 502})},
		func(t *testing.T, fake *sim.REST, n *Numbers) {
			if err := n.Release(t.Context(), sid); err != nil || len(fake.Requests()) != 2 {
				t.Errorf("%d requests, %v", len(fake.Requests()), err)
			}
			if err := n.Release(t.Context(), sid); err == nil {
				t.Error("released what was not there")
			}
		})
}

// An error names what the operator needs, but not the number that was asked for.
func TestTransportErrorsNameTheHostAlone(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := numbersAt(t, server.URL, nil).Attach(t.Context(), "+14155550101")
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "4155550101") {
		t.Error(err)
	}
}

func TestAnswerThatIsNotJSON(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer server.Close()
	n := numbersAt(t, server.URL, nil)
	if numbers, err := n.List(t.Context()); err == nil {
		t.Errorf("listed %v", numbers)
	}
	if _, err := n.Buy(t.Context(), "+15005550006"); !errors.Is(err, ErrUncertain) {
		t.Error(err)
	}
}
