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
	live   map[string]context.CancelCauseFunc // nil until the call is served
	closed bool
	empty  chan struct{} // closed when draining and no call is left
}

// NewRegistry returns a registry for at most limit calls at once.
func NewRegistry(limit int) *Registry {
	return &Registry{limit: limit, live: map[string]context.CancelCauseFunc{}, empty: make(chan struct{})}
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
	r.live[id] = nil
	return true
}

// Serve returns a context for the call id that Goodbye ends.
func (r *Registry) Serve(ctx context.Context, id string) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[id] = cancel
	return ctx
}

// Release forgets the call id.
func (r *Registry) Release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cancel, ok := r.live[id]
	if !ok {
		return
	}
	if cancel != nil {
		cancel(nil)
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
	for _, cancel := range r.live {
		if cancel != nil {
			cancel(ErrShuttingDown)
		}
	}
}
