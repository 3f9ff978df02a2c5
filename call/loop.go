package call

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/telephony"
)

// markOverdue is how long a mark may be late before the call goes by its own clock,
// where it waits for one. After markLost the far end has stalled: that is as long as
// one may be silent.
const (
	markOverdue = time.Second
	markLost    = 5 * time.Second
)

// pausedFor is the time between two beats from which on it is we who stalled.
const pausedFor = 10 * media.FrameDuration

// loop is the call: it takes one thing at a time, until the leg is over.
func (c *Call) loop(ctx context.Context) {
	defer c.recoverFrom("loop")
	beat := newBeat()
	defer beat.stop()
	c.clock.Observe(0, time.Now())
	c.step(consent.Answered{}, 0)
	c.send(time.Now())

	recv, events, done := c.Leg.Recv(), c.Leg.Events(), ctx.Done()
	for events != nil {
		select {
		case f, ok := <-recv:
			if !ok {
				recv = nil
				continue
			}
			c.hear(f)
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			c.event(e)
		case w, ok := <-c.words:
			if !ok {
				c.deafen()
				continue
			}
			c.understand(w)
		case w := <-c.written:
			c.wrote(w)
		case r := <-c.replied:
			c.answer(r)
		case s := <-c.speech:
			c.sound(s)
		case m := <-c.matched:
			c.match(m)
		case queued := <-c.destroyed:
			c.gone(queued)
		case cmd := <-c.commands:
			c.obey(cmd)
		case h := <-c.handovers:
			h.done <- c.handOver(h.agent, consent.HowOperator)
		case err := <-c.fault:
			c.fail(err)
		case now := <-beat.c:
			c.catchUp(recv)
			c.pass(now)
			c.send(now)
			beat.next(time.Now(), c.due)
		case <-done:
			done = nil
			c.interrupt(context.Cause(ctx))
		}
		c.feed()
		c.send(time.Now())
	}
	if c.ending == nil {
		c.result = ofLeg(c.Leg.Cause())
	} else {
		c.result = c.ending.result
	}
}

// event takes what the far end did.
func (c *Call) event(e telephony.Event) {
	switch e.Kind {
	case telephony.DTMF:
		expecting := c.Dialog.Expecting()
		asked := expecting == dialog.ExpectDigits || expecting == dialog.ExpectNumber
		if c.step(consent.Key{At: e.At, Digit: e.Digit, Asked: asked}, e.At) {
			return
		}
		if said, ok := c.gate.Heard(e.At, e.At, string(e.Digit)); ok && c.talking() {
			c.turnTo(dialog.Key{At: e.At, Said: said, Digit: e.Digit})
		}
	case telephony.Played:
		c.played(c.playout.Marked(e.Mark, false, e.At))
	case telephony.Flushed:
		c.played(c.playout.Marked(e.Mark, true, e.At))
	case telephony.Lost:
		c.lost = true
		c.played(c.playout.Lost(e.At))
	case telephony.Resumed:
		c.clock.Reanchor()
		c.lost = false
		c.playout.Found()
	case telephony.Typed, telephony.Typing, telephony.Chose, telephony.Told:
		c.fromScreen(e)
	}
}

// pass takes the beat of the call's one timer.
func (c *Call) pass(now time.Time) {
	at := c.clock.Tick(now)
	if c.due.IsZero() {
		c.echo.Sent(nil)
	}
	punctual := c.punctual(now)
	if punctual {
		c.listen(at)
	}
	c.answerEnds(at)
	late := c.playout.Overdue(now)
	if punctual && late > markOverdue && !c.playout.Settled() {
		c.played(c.playout.Settle(now, c.heard.newest))
	} else if punctual && late > markLost && !c.lost {
		c.finish(Result{Carrier, Stalled}, telephony.Next{})
	}
	if !c.heard.settled && c.playout.Settled() {
		c.heard.settled = true
		c.turnTo(dialog.HoldSettled{At: at})
	}
	if c.recorder != nil && c.recorder.Refused() {
		c.step(consent.Withdraw{At: at, From: at, How: consent.HowSystem}, at)
	}
	c.settleOwn(at)
	c.step(consent.Passed{At: at}, at)
	c.anchor(at, now)
	c.beep(at)
	c.watchPause(at)
	if c.talking() {
		c.turnTo(dialog.Passed{At: at})
	}
	if c.Limit > 0 && at.Duration() >= c.Limit {
		c.farewell(c.Farewell.Duration, Result{Policy, Duration})
	}
	c.ending.expire(c, now)
}

// catchUp hears the frames that have come: the beat puts silence where none has.
func (c *Call) catchUp(recv <-chan media.Frame) {
	for {
		select {
		case f, ok := <-recv:
			if !ok {
				return
			}
			c.hear(f)
		default:
			return
		}
	}
}

// punctual reports whether the loop has run without a pause for as long as a mark
// may be late. After a pause of ours, of the machine's for example, what the far
// end has sent meanwhile is yet to be read.
func (c *Call) punctual(now time.Time) bool {
	if now.Sub(c.passed) > pausedFor {
		c.awake = now
	}
	c.passed = now
	return now.Sub(c.awake) > markOverdue
}

// send lets the playout send what is due.
func (c *Call) send(now time.Time) {
	late := now.Sub(c.due)
	if !c.due.IsZero() && late >= 0 {
		c.Metrics.lateness.Observe(late.Seconds())
	}
	next, err := c.playout.Step(now)
	if err != nil && !errors.Is(err, telephony.ErrEnded) {
		c.Log.Warn("call: send failed", "call", c.info.ID, "err", err)
	}
	c.due = next
}

// talking reports whether the conversation is under way.
func (c *Call) talking() bool {
	return c.outcome != "" && c.gate.Open(consent.Converse) && c.ending == nil
}

// interrupt takes the end of the call's context.
func (c *Call) interrupt(cause error) {
	if errors.Is(cause, ErrShuttingDown) {
		c.farewell(c.Farewell.ShuttingDown, Result{Policy, ShuttingDown})
		return
	}
	c.finish(Result{Policy, ShuttingDown}, telephony.Next{})
}

// fail ends the call after a panic of one of its goroutines.
func (c *Call) fail(err error) {
	c.Log.Error("call: internal error", "call", c.info.ID, "err", err)
	c.finish(Result{Internal, Panicked}, telephony.Next{})
}

// recoverFrom turns a panic of the loop, or of the end of the call, into the end
// of this call and of no other. What was recorded is left to recovery.
func (c *Call) recoverFrom(part string) {
	p := recover()
	if p == nil {
		return
	}
	c.Log.Error("call: internal error", "call", c.info.ID, "err", panicked(part, p))
	c.result = Result{Internal, Panicked}
	ctx, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	if err := c.Leg.End(ctx, telephony.Next{}); err != nil {
		c.Log.Warn("call: leg did not end", "call", c.info.ID, "err", err)
	}
}

func panicked(part string, p any) error {
	return fmt.Errorf("panic in %s: %v\n%s", part, p, debug.Stack())
}

// beat is the call's one timer: it fires every 20 ms on an absolute schedule,
// and skips beats that it missed.
type beat struct {
	timer *time.Timer
	c     <-chan time.Time
	due   time.Time
}

func newBeat() *beat {
	t := time.NewTimer(media.FrameDuration)
	return &beat{timer: t, c: t.C, due: time.Now().Add(media.FrameDuration)}
}

// next sets the timer for the next beat, in step with the playout while that
// is sending.
func (b *beat) next(now, playout time.Time) {
	if playout.IsZero() {
		missed := now.Sub(b.due) / media.FrameDuration
		b.due = b.due.Add((missed + 1) * media.FrameDuration)
	} else {
		b.due = playout
	}
	b.timer.Reset(b.due.Sub(now))
}

func (b *beat) stop() { b.timer.Stop() }
