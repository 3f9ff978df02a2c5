package recorder

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// unsyncedLimit is how long written audio may wait for the disk before new
	// takes are refused.
	unsyncedLimit = 3 * time.Second
	// The operator is warned when so many hundredths of what the spool may hold
	// are in use, and told when it is back below the other.
	warnAbove, calmBelow = 80, 70
)

// The reasons why no take can begin: metric labels.
const (
	shutSpool    = "spool"    // as much is on the spool as it may hold
	shutDisk     = "disk"     // its disk has too little room
	shutUnsynced = "unsynced" // its disk does not keep up
)

// Room returns why no take could begin now: ErrSpoolFull, ErrUnsynced, or nil.
func (s *Spool) Room() error {
	s.checkFree()
	switch {
	case s.shut(shutSpool), s.shut(shutDisk):
		return ErrSpoolFull
	case s.shut(shutUnsynced):
		return ErrUnsynced
	}
	return nil
}

// shut reports whether no take can begin for a reason.
func (s *Spool) shut(reason string) bool {
	switch reason {
	case shutSpool:
		return s.Bytes() > s.maxBytes
	case shutDisk:
		return s.full.Load()
	default:
		return s.Unsynced() > unsyncedLimit
	}
}

// checkFree notes whether the disk has room for more.
func (s *Spool) checkFree() {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return // the disk itself will say what is wrong
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	if full := free < s.minFree; s.full.Swap(full) != full {
		s.log.Warn("the spool's disk", "full", full, "free_bytes", free)
	}
}

// keepWatching tells the operator, once, of what keeps takes from beginning, or
// soon will. It waits for no disk.
func (s *Spool) keepWatching(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var w watching
	for {
		select {
		case <-tick.C:
			w.look(s)
		case <-ctx.Done():
			return
		}
	}
}

// watching is what the operator has been told.
type watching struct{ filling, full, unsynced bool }

func (w *watching) look(s *Spool) {
	bytes := s.Bytes()
	used := bytes * 100 / s.maxBytes
	if filling := used >= warnAbove || w.filling && used >= calmBelow; filling != w.filling {
		w.filling = filling
		if filling {
			s.log.Warn("the spool fills up: uploads do not get through", "bytes", bytes, "max_bytes", s.maxBytes)
		} else {
			s.log.Info("the spool empties again", "bytes", bytes)
		}
	}
	if full := s.shut(shutSpool); full != w.full {
		w.full = full
		if full {
			s.log.Error("the spool holds as much as it may: no recording begins", "bytes", bytes, "max_bytes", s.maxBytes)
		} else {
			s.log.Info("the spool has room again", "bytes", bytes)
		}
	}
	if unsynced := s.shut(shutUnsynced); unsynced != w.unsynced {
		w.unsynced = unsynced
		if unsynced {
			s.log.Error("the spool's disk does not keep up: no recording begins", "unsynced", s.Unsynced().Round(time.Millisecond))
		} else {
			s.log.Info("the spool's disk keeps up again")
		}
	}
}
