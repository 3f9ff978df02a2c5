package moonshine

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// scheduler shares the workspaces, and with them the processors, among all
// sessions. Finished speech is served first come, first served; since a session
// waits for one stretch at a time, that is fair between calls, and the queue is
// never longer than there are calls. Partials never wait, and give way.
type scheduler struct {
	mu       sync.Mutex
	free     []*workspace
	waiting  []chan *workspace
	partials map[*workspace]context.CancelFunc // running, by workspace
}

func newScheduler(m *model, workspaces int) (*scheduler, error) {
	s := &scheduler{partials: map[*workspace]context.CancelFunc{}}
	for range workspaces {
		w, err := newWorkspace(m)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.free = append(s.free, w)
	}
	return s, nil
}

func (s *scheduler) close() error {
	var errs []error
	for _, w := range s.free {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// acquire waits for a workspace, after cancelling a partial if all are busy.
func (s *scheduler) acquire(ctx context.Context) (*workspace, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		w := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return w, nil
	}
	turn := make(chan *workspace, 1)
	s.waiting = append(s.waiting, turn)
	for w, cancel := range s.partials {
		cancel()
		delete(s.partials, w)
		break
	}
	s.mu.Unlock()
	select {
	case w := <-turn:
		return w, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(c chan *workspace) bool { return c == turn })
	s.mu.Unlock()
	select {
	case w := <-turn: // it came in the same moment
		s.release(w)
	default:
	}
	return nil, ctx.Err()
}

// try takes a workspace for a partial if one is free. The scheduler calls
// cancel when a finished stretch needs it.
func (s *scheduler) try(cancel context.CancelFunc) (*workspace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return nil, false
	}
	w := s.free[n-1]
	s.free = s.free[:n-1]
	s.partials[w] = cancel
	return w, true
}

// release gives a workspace back, to who has waited longest.
func (s *scheduler) release(w *workspace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.partials, w)
	if len(s.waiting) == 0 {
		s.free = append(s.free, w)
		return
	}
	s.waiting[0] <- w
	s.waiting = s.waiting[1:]
}
