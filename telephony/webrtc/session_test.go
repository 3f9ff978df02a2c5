package webrtc

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// connecting is a session of a peer that does nothing, and its server.
func connecting() (*Server, *session, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	x := &session{peer: &peer{up: make(chan struct{}), down: make(chan struct{})}, hung: make(chan struct{})}
	return &Server{ctx: ctx}, x, cancel
}

func TestAwait(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		do    func(*session, context.CancelFunc)
		want  string
	}{
		"connected": {connectWait - time.Second, func(x *session, _ context.CancelFunc) { close(x.peer.up) }, sessionConnected},
		"failed":    {time.Second, func(x *session, _ context.CancelFunc) { close(x.peer.down) }, sessionFailed},
		"hung up":   {time.Second, func(x *session, _ context.CancelFunc) { close(x.hung) }, sessionHungUp},
		"closed":    {time.Second, func(_ *session, cancel context.CancelFunc) { cancel() }, sessionClosed},
		"abandoned": {connectWait, nil, sessionAbandoned},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, x, cancel := connecting()
				defer cancel()
				if test.do != nil {
					time.AfterFunc(test.after, func() { test.do(x, cancel) })
				}
				began := time.Now()
				if got := s.await(x); got != test.want {
					t.Errorf("result is %q, want %q", got, test.want)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
			})
		})
	}
}

func TestPlacesOfPendingSessions(t *testing.T) {
	var ss sessions
	ss.init()
	office := netip.MustParseAddr("192.0.2.1")
	for range maxPendingFrom {
		if r := ss.reserve(office); r != nil {
			t.Fatalf("refused: %+v", *r)
		}
	}
	if r := ss.reserve(office); r == nil || r.Status != http.StatusTooManyRequests || r.RetryAfter == 0 {
		t.Errorf("one more of the address: %+v", r)
	}
	if r := ss.reserve(netip.MustParseAddr("::ffff:192.0.2.1")); r == nil {
		t.Error("the address in another form has places of its own")
	}
	a := netip.MustParseAddr("2001:db8::1")
	for n := maxPendingFrom; n < maxPending; n++ {
		if r := ss.reserve(a); r != nil {
			t.Fatalf("refused after %d: %+v", n, *r)
		}
		if n%maxPendingFrom == maxPendingFrom-1 {
			b := a.As16()
			b[7]++ // the next /64
			a = netip.AddrFrom16(b)
		}
	}
	if r := ss.reserve(netip.MustParseAddr("198.51.100.1")); r == nil || r.Status != http.StatusServiceUnavailable || r.RetryAfter == 0 {
		t.Errorf("one more in all: %+v", r)
	}
	ss.release(office)
	if r := ss.reserve(office); r != nil {
		t.Errorf("a place that was given back: %+v", *r)
	}
	for range maxPendingFrom {
		ss.release(office)
	}
	if _, ok := ss.from[office]; ok {
		t.Error("an address without sessions is remembered")
	}
}

func TestNeighbourhood(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := neighbourhood(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
	if got := neighbourhood(netip.Addr{}); got.IsValid() {
		t.Errorf("no address counts as %v", got)
	}
}

// A thousand sessions that are opened and left alone take no more than their
// places, and a call in progress does not notice.
func TestAbandonedSessions(t *testing.T) {
	var caller netip.Addr
	g := newGateway(t, func(o *Options) {
		o.Address = func(*http.Request) netip.Addr { return caller }
	})
	b := newBrowser(g, habits{})
	l := b.dial()
	b.say(440)
	hears(t, l, 440)
	answers := make(map[int]int)
	var opened []request
	for i := range 1000 {
		caller = netip.AddrFrom4([4]byte{198, 51, byte(i / 8), 1}) // eight of each
		r := g.offering(g.token())
		answer := g.do(r)
		answers[answer.StatusCode]++
		if answer.StatusCode == http.StatusCreated {
			opened = append(opened, request{method: "DELETE", path: answer.Header.Get("Location"), token: r.token, origin: shop})
		}
		_ = answer.Body.Close()
	}
	if answers[201] != maxPending || answers[201]+answers[429]+answers[503] != 1000 || answers[429] == 0 {
		t.Errorf("answers by status: %v, want %d of 201, the others 429 or 503", answers, maxPending)
	}
	if got := g.count(g.metrics.peers); got != maxPending+1 {
		t.Errorf("%v peers, want %d", got, maxPending+1)
	}
	hears(t, l, 440)
	for _, r := range opened {
		if answer := g.do(r); answer.StatusCode != http.StatusOK {
			t.Errorf("DELETE answered %d", answer.StatusCode)
		}
	}
	for range opened {
		within(t, g.unanswered, "the calls to be given up")
	}
	eventually(t, "their peers to be gone", func() bool { return g.count(g.metrics.peers) == 1 })
	hears(t, l, 440)
}
