package call

import (
	"context"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/recorder"
)

// destroyWithin bounds the destruction of a call's takes.
const destroyWithin = 20 * time.Second

// endTake ends the recording in mid-call: nothing of it since from stays. A take
// that will be destroyed is not finished.
func (c *Call) endTake(at, from media.Tick, finish bool) {
	r := c.recorder
	c.recorder = nil
	if r == nil {
		return
	}
	if from < at {
		r.Cut(from, at)
	}
	if finish {
		c.spawn("take", func() error {
			return finishTake(r, recorder.Ending{At: from, Outcome: "withdrawn", Reason: "withdrawn"})
		})
	}
}

// finishTake seals what a recording holds and signs its manifest.
func finishTake(r *recorder.Recorder, e recorder.Ending) error {
	ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
	defer cancel()
	_, err := r.Finish(ctx, e)
	return err
}

// destroy has everything destroyed that was kept of the call.
func (c *Call) destroy() {
	c.destroying++
	c.spawn("destroy", func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.run), destroyWithin)
		defer cancel()
		queued, err := true, error(nil)
		if c.Destroy != nil {
			queued, err = c.Destroy(ctx)
		}
		c.destroyed <- queued // has room: there is one at a time
		return err
	})
}

// gone takes the end of a destruction.
func (c *Call) gone(queued bool) {
	c.destroying--
	at := c.clock.Tick(time.Now())
	c.Metrics.destroyed(queued)
	c.step(consent.Destroyed{At: at, Queued: queued}, at)
	if _, _, again := c.Consent.MayChange(); again { // which it did not offer meanwhile
		outcome := "withdrawn"
		if c.outcome != consent.Granted {
			outcome = string(c.outcome)
		}
		c.showSettled(outcome)
	}
}

// finishRecording closes the recording, if there is one.
func (c *Call) finishRecording(at media.Tick) {
	if c.recorder == nil {
		return
	}
	err := finishTake(c.recorder, recorder.Ending{At: at, Outcome: string(c.result.Outcome), Reason: string(c.result.Reason)})
	if err != nil {
		c.Log.Error("call: recording not finished; recovery will", "call", c.info.ID, "err", err)
	}
}

// allowed asks the rows of proof whether what the gate lets through may pass, and
// counts it where they say no.
func (c *Call) allowed(p consent.Purpose, f media.Frame) bool {
	return c.allowedBetween(p, f.At, f.End())
}

func (c *Call) allowedBetween(p consent.Purpose, from, to media.Tick) bool {
	broken, bad := c.audit.Check(p, from, to)
	if bad {
		c.Metrics.violations.WithLabelValues(string(broken)).Inc()
		c.Log.Error("call: invariant violated", "call", c.info.ID, "invariant", string(broken), "purpose", p.String())
	}
	return !bad
}
