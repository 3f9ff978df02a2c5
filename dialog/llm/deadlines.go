package llm

import (
	"context"
	"time"
)

// deadlines ends the context of a round when the model keeps silent for too
// long. Its clock stands still while the call takes a part.
type deadlines struct {
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	idle    time.Duration
	left    time.Duration // of the whole answer, when the clock was last started
	started time.Time
	first   bool // the first token has come
}

// watch starts the clock. The context's cause tells which deadline has passed.
func watch(ctx context.Context, first, idle, total time.Duration) (context.Context, *deadlines) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &deadlines{cancel: cancel, idle: idle, left: total, started: time.Now()}
	d.timer = time.AfterFunc(min(first, total), func() { cancel(ErrFirstToken) })
	return ctx, d
}

// token notes that something came.
func (d *deadlines) token() {
	d.first = true
	d.pause()
	d.resume()
}

// pause stops the clock.
func (d *deadlines) pause() {
	d.timer.Stop()
	d.left -= time.Since(d.started)
}

// resume starts the clock again, for the next pause in the stream.
func (d *deadlines) resume() {
	d.started = time.Now()
	wait, why := d.idle, ErrIdle
	if d.left < wait {
		wait, why = d.left, ErrTooSlow
	}
	d.timer = time.AfterFunc(wait, func() { d.cancel(why) })
}

// stop releases the clock and the context.
func (d *deadlines) stop() {
	d.timer.Stop()
	d.cancel(nil)
}
