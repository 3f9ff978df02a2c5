package recorder

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
)

// driver is who has a take: its recorder from Begin to Finish, or Recover. It
// alone touches what belongs to it on the spool.
type driver struct {
	name     string
	recorder *Recorder     // nil for Recover, and until Begin has made it
	done     chan struct{} // closed when it lets go
}

// leftover is a take that nobody drives; take is nil if it is not open. A
// recorder is still at work for it where Finish could not wait for its end.
type leftover struct {
	dir      string
	take     *take
	recorder *Recorder
}

func (l leftover) name() string { return filepath.Base(l.dir) }

// drive makes the caller the driver of a take that is to begin.
func (s *Spool) drive(name string) (*driver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doomed[name] != nil {
		return nil, fmt.Errorf("recorder: begin: %w", ErrDestroyed)
	}
	if s.driven[name] != nil {
		return nil, fmt.Errorf("recorder: begin: %s: %w", name, fs.ErrExist)
	}
	return s.driveLocked(name), nil
}

func (s *Spool) driveLocked(name string) *driver {
	d := &driver{name: name, done: make(chan struct{})}
	s.driven[name] = d
	return d
}

// hand gives a take that has begun to its recorder, unless it is to be destroyed
// since.
func (s *Spool) hand(d *driver, r *Recorder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doomed[d.name] != nil {
		s.letGoLocked(d.name)
		return fmt.Errorf("recorder: begin: %w", ErrDestroyed)
	}
	d.recorder = r
	return nil
}

// letGo ends a drive.
func (s *Spool) letGo(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGoLocked(name)
}

func (s *Spool) letGoLocked(name string) {
	close(s.driven[name].done)
	delete(s.driven, name)
}

// leave gives a take to Recover, once its driver lets go.
func (s *Spool) leave(l leftover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leftover = append(s.leftover, l)
}

// pick makes the caller the driver of a take that was left.
func (s *Spool) pick() (leftover, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.leftover {
		if s.driven[l.name()] == nil && s.doomed[l.name()] == nil {
			s.leftover = append(s.leftover[:i:i], s.leftover[i+1:]...)
			s.driveLocked(l.name())
			return l, true
		}
	}
	return leftover{}, false
}

// seize takes a doomed take away from whoever has it, and waits until nobody is
// at work for it. It may be called again after an error.
func (s *Spool) seize(ctx context.Context, d *doom) error {
	for {
		busy := s.seizeNow(d)
		if busy == nil {
			break
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if d.recorder == nil {
		return nil
	}
	if err := d.recorder.rest(ctx); err != nil {
		return err
	}
	d.recorder.closeFiles()
	d.recorder = nil
	return nil
}

// seizeNow is seize without waiting: it returns what is closed when the driver
// lets go, nil when there is none. A recorder that records loses its take.
func (s *Spool) seizeNow(d *doom) (busy <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.driven[d.name]; v != nil {
		r := v.recorder
		if r == nil || !r.state.CompareAndSwap(recording, destroyed) {
			return v.done
		}
		close(r.stop)
		s.metrics.takes.Dec()
		s.letGoLocked(d.name)
		d.recorder = r
	}
	for i, l := range s.leftover {
		if l.name() == d.name {
			s.leftover = append(s.leftover[:i:i], s.leftover[i+1:]...)
			if l.recorder != nil {
				d.recorder = l.recorder
			}
			break
		}
	}
	return nil
}
