package recorder

import (
	"context"
	"time"
)

// keepSynced syncs the spool each second, and at the end, while there is
// something to sync.
func (s *Spool) keepSynced(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for more := true; more; {
		select {
		case <-tick.C:
		case <-s.shredding:
		case <-ctx.Done():
			more = false
		}
		s.checkFree()
		err := s.syncAndShred()
		if err != nil && !failing {
			s.log.Error("the spool cannot be synced", "err", err)
		}
		failing = err != nil
	}
}

// syncNow puts what was written so far on the disk.
func (s *Spool) syncNow() error {
	since := s.dirty.Swap(0)
	if since == 0 {
		return nil
	}
	s.syncing.Store(since)
	started := time.Now()
	err := s.sync(s.lock)
	s.metrics.syncSeconds.Observe(time.Since(started).Seconds())
	if err != nil {
		s.dirty.Store(since) // older than any write since
	}
	s.syncing.Store(0)
	return err
}

// shred has a spool file wiped as soon as all that was written before is on the
// disk: what takes its place is, then.
func (s *Spool) shred(path string) {
	s.mu.Lock()
	s.old = append(s.old, path)
	s.mu.Unlock()
	select {
	case s.shredding <- struct{}{}:
	default:
	}
}

// syncAndShred syncs, then wipes what was given to shred before.
func (s *Spool) syncAndShred() error {
	s.mu.Lock()
	old := s.old
	s.old = nil
	s.mu.Unlock()
	if err := s.syncNow(); err != nil {
		s.mu.Lock()
		s.old = append(s.old, old...)
		s.mu.Unlock()
		return err
	}
	for _, path := range old {
		if err := wipePath(path); err != nil {
			s.log.Error("what was cut could not be wiped off the spool", "err", err)
		}
	}
	return nil
}

// wrote notes that there is something to sync.
func (s *Spool) wrote() {
	if s.dirty.Load() == 0 {
		s.dirty.CompareAndSwap(0, time.Now().UnixNano())
	}
}

// Unsynced returns for how long the oldest write has been waiting for the disk.
func (s *Spool) Unsynced() time.Duration {
	since := s.syncing.Load()
	if since == 0 {
		since = s.dirty.Load()
	}
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}
