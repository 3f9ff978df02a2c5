package webrtc

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestOptionsRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"short secret":     func(o *Options) { o.Secret = []byte("short") },
		"no Once":          func(o *Options) { o.Once = nil },
		"no Admit":         func(o *Options) { o.Admit = nil },
		"no Serve":         func(o *Options) { o.Serve = nil },
		"own origin":       func(o *Options) { o.Own = "gateway" },
		"origin":           func(o *Options) { o.Origins = []string{"https://a/b"} },
		"TURN over STUN":   func(o *Options) { o.TURN = TURN{URLs: []string{"stun:a"}, Secret: "s", TTL: time.Hour} },
		"TURN injection":   func(o *Options) { o.TURN = TURN{URLs: []string{`turn:a>; rel="x`}, Secret: "s", TTL: time.Hour} },
		"no TURN secret":   func(o *Options) { o.TURN = TURN{URLs: []string{"turn:a"}, TTL: time.Hour} },
		"no TURN life":     func(o *Options) { o.TURN = TURN{URLs: []string{"turn:a"}, Secret: "s"} },
		"address":          func(o *Options) { o.Listen = "127.0.0.1" },
		"private loopback": func(o *Options) { o.PrivatePeers = false },
		"other family":     func(o *Options) { o.Announce = append(o.Announce, netip.MustParseAddr("2001:db8::1")) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			o := g.opts
			change(&o)
			if s, err := New(o); err == nil {
				s.Close()
				t.Error("accepted")
			}
		})
	}
}

func openTestPort(t *testing.T, listen string, announce []netip.Addr, loopback bool) *port {
	t.Helper()
	p, err := openPort(listen, announce, loopback, NewMetrics(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// The number that was asked for, or any, serves both transports.
func TestPortIsOneNumber(t *testing.T) {
	p := openTestPort(t, "127.0.0.1:0", nil, true)
	if p.addr.Port() == 0 || p.addr.Addr() != loopback {
		t.Fatalf("bound to %v", p.addr)
	}
	for network, local := range map[string]net.Addr{"udp": p.udp.LocalAddr(), "tcp": p.tcp.LocalAddr()} {
		if local.String() != p.addr.String() {
			t.Errorf("%s is bound to %v, not %v", network, local, p.addr)
		}
	}
	if again, err := openPort(p.addr.String(), nil, true, NewMetrics(nil)); err == nil {
		again.close()
		t.Error("the number was bound twice")
	}
	p.close()
	openTestPort(t, p.addr.String(), nil, true)
}

func TestAddressesForBrowsers(t *testing.T) {
	any := openTestPort(t, ":0", nil, false)
	for _, a := range any.addresses() {
		if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
			t.Errorf("browsers are told %v", a)
		}
	}
	own := openTestPort(t, ":0", nil, true).addresses()
	found := false
	for _, a := range own {
		found = found || a == loopback
	}
	if !found || len(own) > maxAddresses {
		t.Errorf("with loopback, browsers are told %v", own)
	}
	announced := []netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("203.0.113.6")}
	if got := openTestPort(t, "127.0.0.1:0", announced, false).addresses(); len(got) != 2 || got[0] != announced[0] || got[1] != announced[1] {
		t.Errorf("browsers are told %v, not what is announced", got)
	}
}

// Who listens on all addresses is reached on each, by either transport.
func TestCallToAnyAddress(t *testing.T) {
	for name, h := range map[string]habits{"UDP": {}, "TCP": {networks: tcpOnly}} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, func(o *Options) { o.Listen = ":0" })
			b := newBrowser(g, h)
			b.say(440)
			hears(t, b.dial(), 440)
		})
	}
}

// An address is announced that is not our own: it leads to us all the same.
func TestCallToAnnouncedAddress(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *Options) {
		o.Listen, o.Announce = "0.0.0.0:0", []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	})
	for name, h := range map[string]habits{"UDP": {}, "TCP": {networks: tcpOnly}} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(g, h)
			var told []string
			b.misread = func(answer string) string {
				told = candidatesOf(answer)
				return answer
			}
			b.say(440)
			hears(t, b.dial(), 440)
			if len(told) != 2 || !strings.Contains(told[0], " 127.0.0.2 ") || !strings.Contains(told[1], " 127.0.0.2 ") {
				t.Errorf("candidates are %q", told)
			}
		})
	}
}

func TestStrangersByTCP(t *testing.T) {
	p := openTestPort(t, "127.0.0.1:0", nil, true)
	var conns []net.Conn
	for range maxTCPFrom + 1 {
		c, err := net.Dial("tcp", p.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	last := conns[maxTCPFrom]
	_ = last.SetReadDeadline(time.Now().Add(patience))
	if _, err := last.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("one connection too many: %v", err)
	}
	g := gateway{TB: t}
	eventually(t, "the count", func() bool { return g.count(p.listener.metrics.tcpRefused) == 1 })
	// Who says something else than ICE is shown the door, which makes room.
	for _, c := range conns[:maxTCPFrom] {
		_, _ = c.Write([]byte{0, 4, 'j', 'u', 'n', 'k'})
	}
	eventually(t, "them to be gone", func() bool {
		p.listener.mu.Lock()
		defer p.listener.mu.Unlock()
		return len(p.listener.conns) == 0 && len(p.listener.from) == 0
	})
}
