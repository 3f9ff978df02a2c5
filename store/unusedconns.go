package store

import (
	"errors"
	"net"
	"sync"
)

// unusedConns are connections to the built-in server that have not carried a byte.
// An HTTP client keeps one when it dialled while another became free. The server
// takes it for a request on its way, and would wait for that when it stops.
type unusedConns struct {
	mu     sync.Mutex
	open   map[*unusedConn]struct{}
	closed bool
}

// add returns conn, which close ends unless it was written to.
func (u *unusedConns) add(conn net.Conn) (net.Conn, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	if u.open == nil {
		u.open = map[*unusedConn]struct{}{}
	}
	c := &unusedConn{Conn: conn, all: u}
	u.open[c] = struct{}{}
	return c, nil
}

func (u *unusedConns) forget(c *unusedConn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, c)
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.open {
		c.Conn.Close()
	}
	clear(u.open)
}

type unusedConn struct {
	net.Conn
	all  *unusedConns
	used sync.Once
}

func (c *unusedConn) Write(p []byte) (int, error) {
	c.used.Do(func() { c.all.forget(c) })
	return c.Conn.Write(p)
}

func (c *unusedConn) Close() error {
	c.used.Do(func() { c.all.forget(c) })
	return c.Conn.Close()
}
