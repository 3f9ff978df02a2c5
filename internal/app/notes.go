package app

import (
	"sync"
	"time"
)

// notes bring the row of a call up to date, one after the other, while the call
// goes on.
type notes struct {
	group *sync.WaitGroup // of everything that runs in the background
	mu    sync.Mutex
	last  chan struct{} // closed when the newest note stands
}

// add has something noted after what was added before.
func (n *notes) add(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, done := n.last, make(chan struct{})
	n.last = done
	n.group.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		do()
	})
}

// wait waits until all stand, but not for longer than d.
func (n *notes) wait(d time.Duration) {
	n.mu.Lock()
	last := n.last
	n.mu.Unlock()
	if last == nil {
		return
	}
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-last:
	case <-late.C:
	}
}
