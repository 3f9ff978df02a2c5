package call

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/telephony"
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

// row is a row for the clerk. What it opens may have snippets.
type row struct {
	consent.Append
	snippets bool
}

func (c *Call) write(ctx context.Context, a row) written {
	w := written{number: a.Number}
	if w.err = c.prove(ctx, a.Row); w.err != nil || !a.Keep || c.Begin == nil {
		return w
	}
	r, err := c.Begin(a.Origin, a.snippets)
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
	recordable := w.recorder != nil
	c.audit.Written(w.number, recordable || c.recorder != nil)
	c.step(consent.Written{At: at, Row: w.number, Recordable: recordable}, at)
}

// step gives an event to the consent machine and does what it says. It reports
// whether the event was a key that nobody else shall get.
func (c *Call) step(e consent.Event, at media.Tick) (taken bool) {
	if c.chooser != nil {
		return c.chooseLanguage(e, at)
	}
	actions := c.Consent.Step(e)
	doomed := slices.Contains(actions, consent.Action(consent.Destroy{}))
	for _, a := range actions {
		if row, ok := a.(consent.Append); ok && isOutcome(row.Row) {
			c.answered = row.Row.How
		}
	}
	for _, a := range actions {
		switch a := a.(type) {
		case consent.Append:
			c.audit.Asked(a)
			c.Metrics.proved(a.Row)
			c.rows <- row{a, c.Snippets.Any()}
		case consent.Shut:
			c.endTake(a.At, a.From, !doomed)
			c.notice.opened = false
		case consent.Taken:
			taken = true
		default:
			c.obeyConsent(a, at)
		}
	}
	return taken
}

// obeyConsent does what the consent machine says, but for rows and keys.
func (c *Call) obeyConsent(a consent.Action, at media.Tick) {
	switch a := a.(type) {
	case consent.Question:
		c.notice.opened, c.notice.leadIn = false, nil
		c.showQuestion()
	case consent.Play:
		c.play(a)
	case consent.Hush:
		c.silence()
	case consent.Opened:
		c.opened(a.Outcome, at)
	case consent.Settled:
		c.settled(a, at)
	case consent.Withdrawn:
		c.showSettled("withdrawn")
		c.watch(Update{Kind: ConsentWithdrawn})
		c.Metrics.withdrew(a)
	case consent.Destroy:
		c.destroy()
	case consent.Paused:
		c.showSettled("paused")
		c.watch(Update{Kind: RecordingPaused})
		c.beginPause(a.How, at)
	case consent.Unpaused:
		c.endPause()
		c.release()
		c.showSettled(string(c.outcome))
		c.watch(Update{Kind: RecordingResumed})
	case consent.Quiet:
		c.quieten(at)
	case consent.CarryOn:
		c.carryOn(at)
	case consent.Leave:
		c.leave(a)
	case consent.Unanswered:
		c.farewell(c.Farewell.Unanswered, Result{Caller, NoConsent})
	case consent.GiveUp:
		c.finish(Result{Policy, LedgerFailed}, telephony.Next{})
	}
}

// leave ends a conversation that may not go on.
func (c *Call) leave(l consent.Leave) {
	next := telephony.Next{}
	switch {
	case l.Minor:
		c.finish(Result{Policy, Minor}, next)
		return
	case c.HandOn != "":
		next = telephony.Next{Kind: telephony.Dial, Target: c.HandOn}
	}
	c.finish(Result{Caller, NoConsent}, next)
}

// opened takes what the verdict opened: the announcement goes into the
// recording, then the caller's audio that waited for the ledger.
func (c *Call) opened(o consent.Outcome, at media.Tick) {
	c.outcome, c.notice.opened = o, true
	if o == consent.Granted {
		c.keepLeadIn()
		c.keepMetadata(at)
	}
	c.notice.leadIn = nil
	c.release()
	c.showSettled(string(o))
}

// release admits the caller's audio that waited for the ledger.
func (c *Call) release() {
	for _, f := range c.waiting {
		c.admit(f)
	}
	c.waiting = nil
}

// settled begins the conversation, or lets it go on.
func (c *Call) settled(s consent.Settled, at media.Tick) {
	c.outcome = s.Outcome
	c.Metrics.settled(c.Consent.Mode(), s.Outcome, c.answered)
	c.watch(Update{Kind: ConsentSettled, Consent: s.Outcome})
	c.waiting = nil
	switch {
	case s.Leaves:
	case c.successor != nil:
		c.takeOver(at)
	case c.conversing:
		c.carryOn(at)
	case c.talking():
		c.converse(at)
	}
}

// converse begins the conversation with who answers.
func (c *Call) converse(at media.Tick) {
	c.conversing, c.notice.quiet = true, false
	c.turnTo(dialog.Opened{At: at})
	if c.heard.speech {
		c.begun(at)
	}
	c.takeEarly()
}

// takeEarly takes what was written while the row of an answer was on its way.
func (c *Call) takeEarly() {
	early := c.screen.early
	c.screen.early = nil
	for _, e := range early {
		c.fromScreen(e)
	}
}

// settle takes what the clerk still writes after the loop.
func (c *Call) settle() {
	for w := range c.written {
		c.take(w)
	}
}
