package webrtc

import (
	"net"
	"net/netip"
	"sync"
)

const (
	maxTCP     = 1024 // connections at a time
	maxTCPFrom = 32   // of one address, which may be that of a whole office
)

// listener bounds the TCP connections of strangers, and makes them all seem to
// come in by the same address.
type listener struct {
	net.Listener
	metrics *signalMetrics

	mu    sync.Mutex
	conns map[*conn]struct{}
	from  map[netip.Addr]int
}

func newListener(l net.Listener, m *Metrics) *listener {
	return &listener{Listener: l, metrics: &m.signalMetrics, conns: make(map[*conn]struct{}), from: make(map[netip.Addr]int)}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote, _ := inner.RemoteAddr().(*net.TCPAddr)
		c := &conn{Conn: inner, listener: l, remote: neighbourhood(remote.AddrPort().Addr())}
		c.local.IP = anyIP(!remote.AddrPort().Addr().Unmap().Is4())
		if l.add(c) {
			return c, nil
		}
		l.metrics.tcpRefused.Inc()
		_ = inner.Close()
	}
}

func (l *listener) add(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= maxTCP || l.from[c.remote] >= maxTCPFrom {
		return false
	}
	l.conns[c] = struct{}{}
	l.from[c.remote]++
	return true
}

func (l *listener) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.conns[c]; !ok {
		return
	}
	delete(l.conns, c)
	if l.from[c.remote]--; l.from[c.remote] == 0 {
		delete(l.from, c.remote)
	}
}

// drop closes the listener and all its connections.
func (l *listener) drop() {
	_ = l.Listener.Close()
	l.mu.Lock()
	var conns []*conn
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// conn is a browser's connection, or a stranger's.
type conn struct {
	net.Conn
	listener *listener
	remote   netip.Addr
	local    net.TCPAddr
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return &c.local }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.listener.remove(c)
	return c.Conn.Close()
}

// neighbourhood is what counts as one address where addresses are counted: one
// of IPv4, or the /64 of one of IPv6, which one host has to itself.
func neighbourhood(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if p, err := a.Prefix(64); err == nil && a.Is6() {
		return p.Addr()
	}
	return a.WithZone("")
}
