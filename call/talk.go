package call

import (
	"context"
	"slices"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/telephony"
)

// asking is what the loop knows of the replier.
type asking struct {
	turn   dialog.TurnID
	cancel context.CancelFunc // of the newest reply; nil before the first

	sure    chan consent.Heard // of a guess that is not adopted; else nil
	adopted time.Time          // when it was; zero for a reply that was no guess
}

// input is what the replier goroutine is asked.
type input struct {
	ctx     context.Context
	replier dialog.Replier
	dialog.Input
}

// replied is a part of a reply, or its end.
type replied struct {
	turn dialog.TurnID
	part dialog.Part
	took time.Duration // from the input to this part
	end  bool
	err  error
}

// reply is the replier's goroutine: one input at a time.
func (c *Call) reply(ctx context.Context) error {
	for {
		var in input
		select {
		case in = <-c.inputs:
		case <-ctx.Done():
			return ctx.Err()
		}
		began := time.Now()
		end := replied{turn: in.Turn, end: true}
		for part, err := range in.replier.Reply(in.ctx, in.Input) {
			if err != nil {
				end.err = err
				break
			}
			if !put(ctx, c.replied, replied{turn: in.Turn, part: part, took: time.Since(began)}) {
				return ctx.Err()
			}
		}
		if !put(ctx, c.replied, end) {
			return ctx.Err()
		}
	}
}

// put sends v unless ctx ends first.
func put[T any](ctx context.Context, ch chan<- T, v T) bool {
	select {
	case ch <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// answer takes a piece of a reply into the loop.
func (c *Call) answer(r replied) {
	now := time.Now()
	at := c.clock.Tick(now)
	if !c.talking() {
		return
	}
	if r.end {
		c.turnTo(dialog.ReplyEnded{At: at, Turn: r.turn, Err: r.err})
		return
	}
	if r.part.Sentence != "" && r.turn == c.asked.turn && c.asked.sure == nil {
		took := r.took
		if !c.asked.adopted.IsZero() {
			took = min(took, now.Sub(c.asked.adopted)) // before that nobody waited for it
		}
		c.turn.replied(took)
	}
	c.turnTo(dialog.Replied{At: at, Turn: r.turn, Part: r.part})
}

// turnTo gives an event to the turn machine and does what it says.
func (c *Call) turnTo(e dialog.Event) {
	for _, a := range c.Dialog.Step(e) {
		c.act(a)
	}
}

func (c *Call) act(a dialog.Action) {
	now := time.Now()
	c.showAction(a)
	switch a := a.(type) {
	case dialog.StartReply:
		c.ask(a.Input)
	case dialog.AdoptReply:
		c.adopt(a, now)
	case dialog.CancelReply:
		c.cancel(a.Turn)
	case dialog.Say:
		c.spoken.append(a)
	case dialog.Hold:
		c.Metrics.holds.Inc()
		c.hold(now)
	case dialog.Resume:
		c.heard.held = false
		c.playout.Resume()
		c.playWaiting()
	case dialog.Drop:
		c.heard.held = false
		c.playout.Drop()
		c.playWaiting()
	case dialog.PauseRecording:
		c.pause(c.clock.Tick(now))
	case dialog.HandOver:
		c.offered(a.Agent, c.clock.Tick(now))
	case dialog.ResumeRecording:
		c.step(consent.Unpause{At: c.clock.Tick(now), How: consent.HowAgent}, c.clock.Tick(now))
	case dialog.Minor:
		c.step(consent.Minor{At: c.clock.Tick(now), How: consent.HowAgent}, c.clock.Tick(now))
	case dialog.Finalize:
		c.finalize(a.At, now)
	case dialog.CallerTurn:
		c.keepCaller(a)
	case dialog.AgentTurn:
		c.keepAgent(a)
	case dialog.Note:
		c.keepAnswer(a.Answer)
	case dialog.Observe:
		c.stage(a.Stage, a.Took.Duration())
	case dialog.End:
		next := telephony.Next{}
		if a.Transfer != "" {
			next = telephony.Next{Kind: telephony.Dial, Target: a.Transfer, Text: c.Announce[a.Transfer]}
		}
		c.finish(ofDialog(a.Reason), next)
	}
}

// ask gives the replier its next input. A reply that is still running has been
// cancelled; an input that it never took is replaced.
func (c *Call) ask(in dialog.Input) {
	ctx, cancel := context.WithCancel(c.run)
	if c.asked.cancel != nil {
		c.asked.cancel()
	}
	c.asked = asking{turn: in.Turn, cancel: cancel}
	if in.Guess {
		c.asked.sure = make(chan consent.Heard, 1)
		in.Sure = c.asked.sure
	}
	next := input{ctx: ctx, replier: c.Replier, Input: in}
	select {
	case <-c.inputs:
	default:
	}
	c.inputs <- next // has room: the loop is its only sender
}

// adopt tells the replier that its guess was right, and what to.
func (c *Call) adopt(a dialog.AdoptReply, now time.Time) {
	if c.asked.turn == a.Turn && c.asked.sure != nil {
		c.asked.sure <- a.Said // has room
		c.asked.sure, c.asked.adopted = nil, now
	}
}

// cancel stops the reply and the synthesis of a turn.
func (c *Call) cancel(turn dialog.TurnID) {
	if c.asked.turn == turn && c.asked.cancel != nil {
		c.asked.cancel()
	}
	c.spoken.pending = slices.DeleteFunc(c.spoken.pending, func(s dialog.Say) bool { return s.Turn == turn })
	if c.spoken.busy && c.spoken.turn == turn {
		c.spoken.cancel()
		c.spoken.muted = true
	}
}

// silence stops everything that the agent was about to say.
func (c *Call) silence() {
	c.cancel(c.asked.turn)
	c.spoken.pending = nil
	if c.spoken.busy {
		c.spoken.cancel()
		c.spoken.muted = true
	}
	c.hold(time.Now())
	c.heard.held = false
	c.playout.Drop()
}

// hold stops playout at once.
func (c *Call) hold(now time.Time) {
	c.heard.held, c.heard.settled = true, false
	if err := c.playout.Hold(now); err != nil {
		c.Log.Warn("call: clear failed", "call", c.info.ID, "err", err)
	}
}

// finalize ends the open turn of recognition. Without an engine the turn is
// empty; where there was one it is lost.
func (c *Call) finalize(at media.Tick, now time.Time) {
	c.turn.finalized(now)
	if c.session != nil {
		c.endTurn(at, true)
		return
	}
	if c.Engine != nil {
		c.lose(true)
		return
	}
	c.turnTo(dialog.Words{At: c.clock.Tick(now), Final: true})
}
