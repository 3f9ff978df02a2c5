package webrtc

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const (
	patience = 10 * time.Second // for what takes milliseconds on an idle machine
	shop     = "https://shop.example.com"
)

// memory is a Once.
type memory struct {
	mu   sync.Mutex
	used map[string]bool
	err  error
}

func (m *memory) Use(_ context.Context, nonce string, _ time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := !m.used[nonce]
	m.used[nonce] = true
	return first, m.err
}

// gateway is a Server behind HTTP, on loopback, whose calls a test takes over.
type gateway struct {
	testing.TB
	*Server
	url      string
	registry *prometheus.Registry
	once     *memory

	admitted   chan Incoming
	legs       chan *Leg // each runs already
	ended      chan *Leg // has run
	unanswered chan string

	mu  sync.Mutex
	now time.Time // zero for the real time
}

func newGateway(t testing.TB, change ...func(*Options)) *gateway {
	t.Helper()
	g := &gateway{
		TB: t, registry: prometheus.NewRegistry(), once: &memory{used: make(map[string]bool)},
		admitted: make(chan Incoming, 100), legs: make(chan *Leg, 100), ended: make(chan *Leg, 100), unanswered: make(chan string, 100),
	}
	o := Options{
		Listen: "127.0.0.1:0", PrivatePeers: true, Opus: Opus{Bitrate: 24000, Complexity: 0},
		Secret: []byte("thirty-two bytes that nobody has"), Once: g.once, Origins: []string{shop}, Own: "https://gateway.example.com",
		Admit: func(_ context.Context, in Incoming) (Admission, error) {
			g.admitted <- in
			return Admission{Accepted: true, CallID: "call-of-" + in.Agent}, nil
		},
		Serve: func(ctx context.Context, l *Leg) {
			g.legs <- l
			_ = l.Run(ctx)
			g.ended <- l
		},
		Unanswered: func(id string) { g.unanswered <- id },
		Now:        g.clock,
		Log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		Metrics:    NewMetrics(g.registry),
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if g.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.Routes(mux)
	web := httptest.NewServer(mux)
	g.url = web.URL
	t.Cleanup(func() {
		g.Close()
		web.Close()
	})
	return g
}

func (g *gateway) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now.IsZero() {
		return time.Now()
	}
	return g.now
}

func (g *gateway) token(change ...func(*Grant)) string {
	g.Helper()
	grant := Grant{Agent: "support", Origin: shop, Metadata: map[string]string{"plan": "gold"}}
	for _, f := range change {
		f(&grant)
	}
	token, _, err := g.Mint(grant)
	if err != nil {
		g.Fatal(err)
	}
	return token
}

// request is a request of a page of the shop's.
type request struct {
	method, path, token, origin, contentType, ifMatch string
	body                                              string
}

func (g *gateway) do(r request) *http.Response {
	g.Helper()
	hr, err := http.NewRequestWithContext(g.Context(), r.method, g.url+r.path, strings.NewReader(r.body))
	if err != nil {
		g.Fatal(err)
	}
	for name, value := range map[string]string{
		"Origin": r.origin, "Content-Type": r.contentType, "If-Match": r.ifMatch, "Authorization": strings.TrimSuffix("Bearer "+r.token, "Bearer "),
	} {
		if value != "" {
			hr.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(hr)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// post offers sdp as a page of the shop's.
func (g *gateway) post(token, sdp string) *http.Response {
	g.Helper()
	return g.do(request{method: "POST", path: SessionsPath + "?agent=support", token: token, origin: shop, contentType: typeOffer, body: sdp})
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// count is the value of a counter or gauge with these label values.
func (g *gateway) count(c prometheus.Collector) float64 { return testutil.ToFloat64(c) }

// within receives from ch, or fails.
func within[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	return v
}

// eventually waits until done, or fails.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// ours counts the goroutines that this package or pion started.
func ours() (n int, stacks string) {
	b := make([]byte, 8<<20)
	b = b[:runtime.Stack(b, true)]
	var found []string
	for g := range strings.SplitSeq(string(b), "\n\n") {
		_, by, _ := strings.Cut(g, "created by ")
		if strings.Contains(by, "pion/") || strings.Contains(by, "sidetone/telephony/webrtc") && !strings.Contains(by, "_test.go") {
			found = append(found, g)
		}
	}
	return len(found), strings.Join(found, "\n\n")
}

// quietAfter checks that no goroutine of ours is left.
func quietAfter(t testing.TB) {
	t.Helper()
	var stacks string
	defer func() {
		if t.Failed() {
			t.Log(stacks)
		}
	}()
	eventually(t, "goroutines to end", func() bool {
		var n int
		n, stacks = ours()
		return n == 0
	})
}

var loopback = netip.MustParseAddr("127.0.0.1")
