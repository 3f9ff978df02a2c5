package call

import (
	"context"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/telephony"
	"sidetone/transcribe"
)

// How long the end of a call may take.
const (
	endWithin       = 3 * time.Second
	proveWithin     = 5 * time.Second
	lastWordsWithin = 3 * time.Second
	finishWithin    = 10 * time.Second
	farewellWithin  = 8 * time.Second
)

// ending is how the loop ends the call: at once, or after a last sentence.
type ending struct {
	result Result
	next   telephony.Next
	clip   media.ClipID // the last sentence; 0 when there is none
	by     time.Time    // when to end without it
	told   bool         // the leg has been told
}

// farewell says a last sentence, then ends the call.
func (c *Call) farewell(text string, r Result) {
	if c.ending != nil {
		return
	}
	c.silence()
	c.ending = &ending{result: r, clip: farewellClip, by: time.Now().Add(farewellWithin)}
	if text == "" {
		c.ending.by = time.Now()
		return
	}
	c.show(telephony.Said{Text: text})
	c.spoken.pending = append(c.spoken.pending, dialog.Say{Clip: farewellClip, Text: text})
}

// said ends the leg when its last sentence has been played, or never will be.
func (e *ending) said(c *Call, clip media.ClipID) {
	if e.clip == clip {
		e.tell(c)
	}
}

// farewellClip is the number of the last sentence; no other clip gets it.
const farewellClip = media.ClipID(1<<32 - 1)

// finish ends the leg now.
func (c *Call) finish(r Result, next telephony.Next) {
	if c.ending == nil {
		c.ending = &ending{result: r, next: next}
	}
	if c.asked.cancel != nil {
		c.asked.cancel() // whatever the reply was about to do, the conversation is over
	}
	c.ending.by = time.Time{}
	c.ending.tell(c)
}

// expire ends the leg when the last sentence takes too long.
func (e *ending) expire(c *Call, now time.Time) {
	if e != nil && !e.told && !now.Before(e.by) {
		e.tell(c)
	}
}

// tell tells the leg, once, in a goroutine of the call: it may take a while.
func (e *ending) tell(c *Call) {
	if e.told {
		return
	}
	e.told = true
	next := e.next
	if c.screen.leg != nil && next.Kind == telephony.Dial { // nobody can be put through on a page
		c.show(telephony.Problem{Code: "transfer", Text: next.Target})
		next = telephony.Next{}
	}
	c.show(telephony.Over{Outcome: string(e.result.Outcome), Reason: string(e.result.Reason)})
	c.spawn("end", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), endWithin)
		defer cancel()
		return c.Leg.End(ctx, next)
	})
}

// windUp runs after the leg's end, in the order that every call's end has: what
// was still being played and said is settled, recognition ends, the ledger gets
// its last row, the recording is finished.
func (c *Call) windUp() {
	defer c.recoverFrom("end")
	at := max(c.heard.newest, c.clock.Tick(time.Now()))
	c.played(c.playout.Lost(c.heard.newest))
	c.settleOwn(at + media.FrameTicks)
	if c.asked.cancel != nil {
		c.asked.cancel()
	}
	for _, a := range c.Dialog.Step(dialog.Closed{At: at}) {
		if turn, ok := a.(dialog.AgentTurn); ok {
			c.keepAgent(turn)
		}
	}
	c.lastWords(at)
	c.step(consent.Ended{At: at}, at)
	for c.destroying > 0 {
		c.gone(<-c.destroyed)
	}
	close(c.rows)
	c.settle()
	c.finishRecording(at)
}

// lastWords waits for the words that the caller said before the end.
func (c *Call) lastWords(at media.Tick) {
	if c.session == nil || !c.gate.Open(consent.Transcript) {
		return
	}
	c.endTurn(at, true)
	timeout := time.NewTimer(lastWordsWithin)
	defer timeout.Stop()
	for len(c.finals) > 0 {
		select {
		case e, ok := <-c.session.Events():
			if !ok {
				c.Metrics.recognised.WithLabelValues(c.Engine.Name(), "lost").Add(float64(len(c.finals)))
				return
			}
			if e.Kind != transcribe.Final {
				continue
			}
			wanted := c.answeredFinal()
			noise := c.heard.clarity.noise(e)
			c.recognised(e, noise)
			if !wanted || noise {
				continue
			}
			if said, ok := c.gate.Heard(e.From, e.To, e.Text); ok && e.Text != "" {
				c.keepCaller(dialog.CallerTurn{Said: said, Confidence: e.Confidence})
			}
		case <-timeout.C:
			c.Metrics.recognised.WithLabelValues(c.Engine.Name(), "lost").Add(float64(len(c.finals)))
			c.Log.Warn("call: last words lost", "call", c.info.ID)
			return
		}
	}
}
