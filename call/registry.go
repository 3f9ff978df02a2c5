package call

import (
	"context"
	"sync"
)

// Registry admits calls up to a limit and lets them drain. It is safe for
// concurrent use.
type Registry struct {
	limit int

	mu     sync.Mutex
	live   map[string]*seat
	closed bool
	empty  chan struct{} // closed when draining and no call is left
}

// seat is the place of one admitted call.
type seat struct {
	cancel context.CancelCauseFunc // nil until the call is served
	call   *Call                   // nil until it is attached
}

// NewRegistry returns a registry for at most limit calls at once.
func NewRegistry(limit int) *Registry {
	return &Registry{limit: limit, live: map[string]*seat{}, empty: make(chan struct{})}
}

// Reserve admits the call id: false when the limit is reached or the registry
// drains. Every reserved id must be released.
func (r *Registry) Reserve(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.live[id]; ok {
		return true
	}
	if r.closed || len(r.live) >= r.limit {
		return false
	}
	r.live[id] = &seat{}
	return true
}

// Serve returns a context for the call id that Goodbye ends.
func (r *Registry) Serve(ctx context.Context, id string) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[id] = &seat{cancel: cancel}
	return ctx
}

// Attach says which call the id has become.
func (r *Registry) Attach(id string, c *Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.live[id]; s != nil {
		s.call = c
	}
}

// Call returns a live call; nil where there is no such call.
func (r *Registry) Call(id string) *Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.live[id]; s != nil {
		return s.call
	}
	return nil
}

// DoAll asks something of every live call.
func (r *Registry) DoAll(cmd Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.live {
		if s.call != nil {
			s.call.Do(cmd)
		}
	}
}

// Release forgets the call id.
func (r *Registry) Release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.live[id]
	if !ok {
		return
	}
	if s.cancel != nil {
		s.cancel(nil)
	}
	delete(r.live, id)
	if r.closed && len(r.live) == 0 {
		close(r.empty)
	}
}

// Live returns the number of calls admitted and not released.
func (r *Registry) Live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.live)
}

// Close refuses new calls from now on. Idempotent.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if len(r.live) == 0 {
		close(r.empty)
	}
}

// Closed reports whether new calls are refused.
func (r *Registry) Closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Drained is closed once the registry is closed and its last call is released.
func (r *Registry) Drained() <-chan struct{} { return r.empty }

// Goodbye asks every live call to say goodbye and end: its context ends with
// ErrShuttingDown.
func (r *Registry) Goodbye() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.live {
		if s.cancel != nil {
			s.cancel(ErrShuttingDown)
		}
	}
}
