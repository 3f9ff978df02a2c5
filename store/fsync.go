package store

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// fsSync makes durable all that the file system of a directory holds, by
// syncfs(2). Requests that come while one runs share the next: thousands of
// callers cost one system call after another, never one each.
type fsSync struct {
	dir     *os.File
	seconds prometheus.Observer

	mu      sync.Mutex
	next    *syncRun // what new callers wait for; nil if there are none
	running bool
	closed  bool
	work    sync.WaitGroup
}

// syncRun is one syncfs; err may be read once done is closed.
type syncRun struct {
	done chan struct{}
	err  error
}

func newFsSync(dir string, m *Metrics) (*fsSync, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return &fsSync{dir: f, seconds: m.sync}, nil
}

// wait returns once all that was written before the call is on disk.
func (s *fsSync) wait(ctx context.Context) error {
	run, err := s.join()
	if err != nil {
		return err
	}
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns a run that begins after the call.
func (s *fsSync) join() (*syncRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.next == nil {
		s.next = &syncRun{done: make(chan struct{})}
	}
	if !s.running {
		s.running = true
		s.work.Go(s.run)
	}
	return s.next, nil
}

// run works until nobody waits.
func (s *fsSync) run() {
	for {
		s.mu.Lock()
		run := s.next
		s.next = nil
		s.running = run != nil
		s.mu.Unlock()
		if run == nil {
			return
		}
		start := time.Now()
		if err := unix.Syncfs(int(s.dir.Fd())); err != nil {
			run.err = os.NewSyscallError("syncfs", err)
		}
		s.seconds.Observe(time.Since(start).Seconds())
		close(run.done)
	}
}

// close waits for those who wait and refuses others.
func (s *fsSync) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
	return s.dir.Close()
}
