package recorder

import "slices"

// fence lets nothing more of a take be stored. It returns the take if it is
// open, and what is closed when no worker is at it any more.
func (u *uploads) fence(name string) (t *take, idle <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := u.boxes[name]
	if o == nil {
		o = new(outbox)
	}
	if o.fenced {
		return o.take, o.idle
	}
	o.fenced, o.idle = true, make(chan struct{})
	if !o.busy {
		u.ready = slices.DeleteFunc(u.ready, func(r *outbox) bool { return r == o })
		u.giveBackLocked(o)
	}
	return o.take, o.idle
}

// forget drops the outbox of a take that is destroyed.
func (u *uploads) forget(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.boxes, name)
}

func (u *uploads) isFenced(o *outbox) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return o.fenced
}

// giveBack takes an outbox back from a worker.
func (u *uploads) giveBack(o *outbox) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.giveBackLocked(o)
}

// giveBackLocked reports whether the outbox was fenced meanwhile: then it is
// empty.
func (u *uploads) giveBackLocked(o *outbox) bool {
	o.busy = false
	if !o.fenced {
		return false
	}
	o.objects = nil
	u.settle(o)
	close(o.idle)
	return true
}
