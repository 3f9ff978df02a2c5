package call

import (
	"context"
	"encoding/json"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
)

// written is the clerk's answer to an Append.
type written struct {
	number   int
	recorder *recorder.Recorder
	err      error
}

// clerk writes the rows of proof, one at a time. For a row that permits it, it
// then opens the recording, whose keys are on disk when that returns: so both
// are before a valve opens. A recording that can not be had is a row too.
func (c *Call) clerk(ctx context.Context) error {
	defer close(c.written)
	for {
		select {
		case a, ok := <-c.rows:
			if !ok || !put(ctx, c.written, c.write(ctx, a)) {
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Call) write(ctx context.Context, a consent.Append) written {
	w := written{number: a.Number}
	if w.err = c.prove(ctx, a.Row); w.err != nil || !a.Keep || c.Begin == nil {
		return w
	}
	r, err := c.Begin(0)
	if err == nil {
		w.recorder = r
		return w
	}
	c.Log.Error("call: cannot record", "call", c.info.ID, "err", err)
	w.err = c.prove(ctx, a.Row.Unrecordable())
	return w
}

func (c *Call) prove(ctx context.Context, row consent.Row) error {
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	_, err = c.Ledger.Append(ctx, c.info.ID, row.Event, body)
	return err
}

// take puts a recording that has been opened to work, and logs a row that was
// not written.
func (c *Call) take(w written) {
	if w.recorder != nil {
		c.recorder = w.recorder
		c.spawn("recorder", func() error { return w.recorder.Run(c.run) })
	}
	if w.err != nil {
		c.Log.Error("call: ledger failed", "call", c.info.ID, "err", w.err)
	}
}

// wrote takes the clerk's answer into the loop.
func (c *Call) wrote(w written) {
	at := c.clock.Tick(time.Now())
	c.take(w)
	if w.err != nil {
		c.step(consent.Failed{At: at, Row: w.number}, at)
		return
	}
	c.step(consent.Written{At: at, Row: w.number, Recordable: c.recorder != nil}, at)
}

// step gives an event to the consent machine and does what it says. It reports
// whether the event was a key that nobody else shall get.
func (c *Call) step(e consent.Event, at media.Tick) (taken bool) {
	for _, a := range c.Consent.Step(e) {
		switch a := a.(type) {
		case consent.Play:
			c.announce(a.Part)
		case consent.Append:
			c.rows <- a
		case consent.Settled:
			c.settled(a.Outcome, at)
		case consent.Hush:
			c.silence()
		case consent.Unanswered:
			c.farewell(c.Farewell.Unanswered, Result{Caller, NoConsent})
		case consent.Taken:
			taken = true
		case consent.Withdrawn:
			c.showSettled("withdrawn")
			if c.screen.leg != nil && !c.Unrecorded {
				c.farewell(c.Farewell.Unrecorded, Result{Caller, NoConsent})
			}
			c.watch(Update{Kind: ConsentWithdrawn})
			c.Metrics.withdrawn.Inc()
		case consent.GiveUp:
			c.farewell(c.Farewell.Unprovable, Result{Policy, LedgerFailed})
		}
	}
	return taken
}

// announce plays a part of the message.
func (c *Call) announce(part int) {
	audio, err := c.Message.Parts[part].Audio.At(c.info.Rate)
	if err != nil {
		c.fail(err)
		return
	}
	clip := media.ClipID(part + 1)
	c.playout.Append(clip, audio.PCM)
	c.playout.Finish(clip)
}

// settled begins the conversation: the announcement goes into the recording,
// then the caller's audio that waited for the ledger.
func (c *Call) settled(o consent.Outcome, at media.Tick) {
	c.outcome = o
	c.Metrics.consent(o, at)
	c.watch(Update{Kind: ConsentSettled, Consent: o})
	if o == consent.Granted {
		c.keepLeadIn()
		c.keepMetadata(at)
	}
	c.leadIn = nil
	for _, f := range c.waiting {
		c.admit(f)
	}
	c.waiting = nil
	c.showSettled(string(o))
	if !c.talking() {
		return
	}
	c.turnTo(dialog.Opened{At: at})
	if c.heard.speech {
		c.begun(at)
	}
	for _, e := range c.screen.early {
		c.fromScreen(e)
	}
	c.screen.early = nil
}

// settle takes what the clerk still writes after the loop.
func (c *Call) settle() {
	for w := range c.written {
		c.take(w)
	}
}
