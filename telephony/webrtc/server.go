package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
)

// SessionsPath is where sessions are made; each lives below it.
const SessionsPath = "/webrtc/sessions"

// minSecret is the length of the shortest Options.Secret, in bytes.
const minSecret = 32

// quiet is for pion: it logs addresses, and what it says is in our metrics.
var quiet = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// Server answers browsers' signalling and turns their connections into legs.
type Server struct {
	opts     Options
	own      string          // Options.Own, canonical
	origins  map[string]bool // Options.Origins and Own, canonical
	metrics  *Metrics
	port     *port
	identity identity
	sessions sessions
	warned   atomic.Int64 // wall clock second of the newest warning

	ctx    context.Context // of all Serves
	cancel context.CancelFunc

	mu      sync.Mutex // guards closed, and keeps Add of running before its Wait
	closed  bool
	running sync.WaitGroup
}

// New binds the media port and returns a Server; Routes puts it to work.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Address == nil {
		o.Address = peerAddress
	}
	s := &Server{opts: o, metrics: o.Metrics, origins: make(map[string]bool)}
	s.sessions.init()
	if err := s.allow(o); err != nil {
		return nil, err
	}
	if _, err := s.identity.get(); err != nil {
		return nil, err
	}
	var err error
	if s.port, err = openPort(o.Listen, o.Announce, o.PrivatePeers, o.Metrics); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// allow checks the options and takes the origins from them.
func (s *Server) allow(o Options) error {
	if len(o.Secret) < minSecret {
		return fmt.Errorf("webrtc: the secret of session tokens has %d bytes, %d are needed", len(o.Secret), minSecret)
	}
	if o.Once == nil || o.Admit == nil || o.Serve == nil {
		return errors.New("webrtc: Once, Admit and Serve must be given")
	}
	if o.Own != "" {
		var ok bool
		if s.own, ok = canonicalOrigin(o.Own); !ok {
			return fmt.Errorf("webrtc: %q is not an origin, such as https://www.example.com", o.Own)
		}
		s.origins[s.own] = true
	}
	for _, text := range o.Origins {
		origin, ok := canonicalOrigin(text)
		if !ok {
			return fmt.Errorf("webrtc: %q is not an origin, such as https://www.example.com", text)
		}
		s.origins[origin] = true
	}
	return o.TURN.check()
}

// Addr is the address that the media port is bound to, for both transports.
func (s *Server) Addr() netip.AddrPort { return s.port.addr }

// Mint makes a session token for what is granted, and says when it expires. The
// error wraps ErrGrant if that may not be granted.
func (s *Server) Mint(g Grant) (token string, expires time.Time, err error) {
	c, err := newClaims(g, s.opts.Now())
	if err != nil {
		return "", time.Time{}, err
	}
	return c.mint(s.opts.Secret), c.Expires, nil
}

// Routes registers the signalling.
func (s *Server) Routes(mux *http.ServeMux) {
	mux.HandleFunc(SessionsPath, s.handle(s.collection))
	mux.HandleFunc(SessionsPath+"/{id}", s.handle(s.resource))
	mux.HandleFunc(SessionsPath+"/{id}/recording", s.handle(s.recording))
}

// Close refuses all further requests, ends the context of every call, waits for
// them, and closes the media port. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	s.port.close()
}

// enter counts the caller among what Close waits for. It reports false once the
// Server is closed; otherwise the caller must call s.running.Done.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// warn logs at most once a second: what it is about can be caused by anyone.
func (s *Server) warn(msg string, args ...any) {
	now := s.opts.Now().Unix()
	if s.warned.Swap(now) != now {
		s.opts.Log.Warn(msg, args...)
	}
}

// peerAddress is the address of the request's TCP connection.
func peerAddress(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}
