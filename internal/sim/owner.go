package sim

import "context"

// owner is a goroutine that owns all of a line, as others see it: they hand it
// functions to run, and wait until what they wait for has come.
type owner struct {
	tasks   chan func()
	done    chan struct{} // closed when it has ended
	waiters []*waiter     // its own
}

// waiter is somebody who waits for a condition on the line.
type waiter struct {
	met  func() bool
	done chan struct{}
}

func newOwner() owner { return owner{tasks: make(chan func()), done: make(chan struct{})} }

// do runs f on the line and waits for it. It returns ErrEnded without running it
// when the call has ended.
func (o *owner) do(f func()) error {
	ran := make(chan struct{})
	select {
	case o.tasks <- func() { f(); close(ran) }:
		<-ran
		return nil
	case <-o.done:
		return ErrEnded
	}
}

// await waits until met holds; it is asked on the line whenever that has moved.
func (o *owner) await(ctx context.Context, met func() bool) error {
	w := &waiter{met: func() bool { return ctx.Err() != nil || met() }, done: make(chan struct{})}
	if err := o.do(func() { o.waiters = append(o.waiters, w) }); err != nil {
		return err
	}
	select {
	case <-w.done:
		return ctx.Err()
	case <-o.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release lets those go whose condition is met. It is the owner's.
func (o *owner) release() {
	kept := o.waiters[:0]
	for _, w := range o.waiters {
		if w.met() {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(o.waiters[len(kept):])
	o.waiters = kept
}
