package remote

import (
	"context"
	"errors"
	"time"

	"sidetone/media"
)

// Why a clip was given up.
var (
	errFirst = errors.New("no audio comes")
	errIdle  = errors.New("the audio stopped")
)

// progress is the least audio that counts as going on.
const progress = 20 * time.Millisecond

// deadlines ends the context of a clip whose voice hangs. Its clock stands still
// while the call takes what came; the listener's goes on.
type deadlines struct {
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	idle    time.Duration
	left    time.Duration // when the clock was last started
	started time.Time
	first   time.Time     // audio; zero: none has come
	made    time.Duration // of audio
	fresh   time.Duration // of audio, since it last counted as going on
}

// watch starts the clock. The context's cause tells which deadline has passed.
func watch(ctx context.Context, o Options) (context.Context, *deadlines) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &deadlines{cancel: cancel, idle: o.Idle, left: o.First}
	d.start()
	return ctx, d
}

func (d *deadlines) start() {
	why := errIdle
	if d.first.IsZero() {
		why = errFirst
	}
	d.started = time.Now()
	d.timer = time.AfterFunc(d.left, func() { d.cancel(why) })
}

// hold notes that so many samples came, and stops the clock until resume.
func (d *deadlines) hold(samples, rate int) {
	d.timer.Stop()
	d.left -= time.Since(d.started)
	length := media.TickOfSample(int64(samples), rate).Duration()
	d.made += length
	d.fresh += length
	if d.first.IsZero() && d.made > 0 {
		d.first, d.fresh = time.Now(), progress
	}
}

// resume starts the clock again. A voice that is ahead of the listener may pause
// for as long as that lasts, within reason; one that drips is as good as silent.
func (d *deadlines) resume() {
	if d.fresh >= progress {
		lead := time.Until(d.first.Add(d.made))
		d.left, d.fresh = min(ahead, max(0, lead))+d.idle, 0
	}
	d.start()
}

// stop releases the clock and the context.
func (d *deadlines) stop() {
	d.timer.Stop()
	d.cancel(nil)
}
