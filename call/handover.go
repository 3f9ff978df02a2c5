package call

import (
	"context"
	"errors"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// ErrNotNow says that a call can not be handed over: it has no conversation, or the
// recording is paused, or the question of consent is open.
var ErrNotNow = errors.New("call: it can not be handed over now")

// handover is an operator's wish to have another agent go on.
type handover struct {
	agent string
	done  chan error
}

// HandOver has another agent go on with the call, for another language or purpose:
// the recording is shut, that agent's message puts the question of consent again,
// and it takes over once the caller has answered. It returns when the question is
// being put; ErrNotNow says that it can not be. It may be called from any goroutine.
func (c *Call) HandOver(ctx context.Context, agent string) error {
	h := handover{agent, make(chan error, 1)}
	select {
	case c.handovers <- h:
	case <-c.deaf:
		return ErrNotNow
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-h.done:
		return err
	case <-c.deaf:
		return ErrNotNow
	}
}

// handOver puts the question by the message of another agent.
func (c *Call) handOver(agent string, how consent.How) error {
	if !c.conversing || !c.talking() || !c.Consent.MayAsk() || c.Colleague == nil {
		return ErrNotNow
	}
	p, err := c.Colleague(agent, c.Consent.Terms())
	if err != nil {
		return err
	}
	at := c.clock.Tick(time.Now())
	c.successor = &p
	c.step(consent.Ask{At: at, Message: p.Consent.Message(), Elsewhere: p.Consent.Terms().Elsewhere, How: how}, at)
	return nil
}

// offered takes the agent's own wish to be followed by another. Where that can not
// be, the agent goes on.
func (c *Call) offered(agent string, at media.Tick) {
	if err := c.handOver(agent, consent.HowAgent); err != nil {
		c.Log.Warn("call: not handed over", "call", c.info.ID, "agent", agent, "err", err)
		c.turnTo(dialog.Restored{At: at})
	}
}

// takeOver lets the successor go on in the place of who answered before. The caller
// stays bound by the terms that the call was begun on.
func (c *Call) takeOver(at media.Tick) {
	p := *c.successor
	c.successor = nil
	for _, a := range c.Dialog.Step(dialog.Closed{At: at}) {
		c.act(a)
	}
	p.Consent, p.HandOn, p.Unrecorded = c.Consent, c.HandOn, c.Unrecorded
	p.Dialog.Follow(c.Dialog)
	if c.unhear != nil {
		c.unhear()
	}
	c.words, c.finals = nil, nil
	if err := c.engage(p); err != nil {
		c.fail(err)
		return
	}
	c.recognise()
	c.watch(Update{Kind: AgentChosen, Agent: p.Agent})
	c.converse(at)
}
