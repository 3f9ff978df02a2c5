package scenario

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// dial places the call. end takes what the far end reports when it has ended.
func (p *player) dial(ctx context.Context) (end func(), err error) {
	if p.leg == Web {
		return p.browse(ctx)
	}
	return p.phone(ctx)
}

// background is what sounds behind the caller; nil for nothing.
func (p *player) background() []int16 {
	if p.Caller.Noise == nil {
		return nil
	}
	return p.Caller.Noise.Kind.make(p.hear.rate, backgroundLength, p.Caller.Noise.Level)
}

func (p *player) phone(ctx context.Context) (end func(), err error) {
	tokens, err := app.AuthTokens(p.g.config)
	if err != nil {
		return nil, err
	}
	to := p.Caller.To
	if to == "" {
		if to, err = p.g.numberOf(p.Agent); err != nil {
			return nil, err
		}
	}
	call, err := sim.NewCarrier(sim.CarrierOptions{
		BaseURL: p.g.config.Server.PublicURL, AuthToken: tokens[0], From: p.Caller.From, To: to,
		EchoDB: p.Caller.Echo, EchoDelay: 80 * time.Millisecond, Ambient: p.background(),
	}).Dial(ctx)
	if err != nil {
		return nil, err
	}
	p.line, p.id = call, call.SID()
	return func() {
		r, err := call.Wait(context.Background()) // it has ended
		p.heard, p.spans, p.length, p.fault = r.Heard, r.Agent, r.Length, err
		p.transfer, p.told = r.Dialed, strings.Join(r.Announced, " ")
		if len(r.Faults) > 0 && p.fault == nil {
			p.fault = &r.Faults[0].FaultError
		}
	}, nil
}

func (p *player) browse(ctx context.Context) (end func(), err error) {
	agent := cmp.Or(p.Agent, p.g.config.Agents.Default)
	token, err := app.MintToken(ctx, p.g.config, agent)
	if err != nil {
		return nil, err
	}
	o := sim.BrowserOptions{BaseURL: token.Gateway, Token: token.Token, Agent: agent, Codec: sim.Codec(p.Web.Codec), Ambient: p.background()}
	if p.Web.Loss > 0 || p.Web.Jitter > 0 {
		path := sim.Path{Loss: p.Web.Loss / 100, Jitter: p.Web.Jitter}
		o.Relay = &sim.RelayOptions{Up: path, Down: path, Seed: 1}
	}
	call, err := sim.NewBrowser(o).Dial(ctx)
	if err != nil {
		return nil, err
	}
	p.line = call
	hello, err := call.WaitMessage(ctx, func(m sim.PageMessage) bool { return m.Type == "hello" })
	if err == nil {
		err = sim.Answer(sim.Choice(p.Web.Consent))(ctx, call)
	}
	if err != nil {
		call.Hangup()
		<-call.Done()
		return nil, err
	}
	p.id = hello.Event.(sim.PageHello).Call
	return func() { p.browsed(call) }, nil
}

// browsed takes what a browser's call has left.
func (p *player) browsed(call *sim.WebCall) {
	r, err := call.Wait(context.Background()) // it has ended
	p.heard, p.spans, p.length, p.fault = r.Heard, r.Agent, r.Length, err
	for _, m := range r.Messages {
		switch e := m.Event.(type) {
		case sim.PageProblem:
			if e.Code == "transfer" {
				p.transfer = e.Text
			}
		case sim.PageConsent:
			for _, part := range e.Parts {
				p.shown += " " + part.Text
			}
		}
	}
	if len(r.Faults) > 0 && p.fault == nil {
		p.fault = fmt.Errorf("the page: %s", r.Faults[0].Detail)
	}
}

// settle waits until the gateway has said how the call ended and what was kept, and
// recognises the rest of what was heard.
func (p *player) settle(ctx context.Context) error {
	if err := p.hear.listen(ctx, p.heard, p.parted(p.spans), p.length+media.TickRate); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		events, more := p.g.eventsOf(p.id)
		p.events = events
		if n := len(events); n > 0 && events[n-1].Kind == app.CallEnded {
			break
		}
		select {
		case <-more:
			continue
		case <-ctx.Done():
			return fmt.Errorf("the gateway did not say that the call ended: %w", ctx.Err())
		}
	}
	last := p.events[len(p.events)-1]
	p.row = callRow{id: last.Call, outcome: string(last.Outcome), reason: string(last.Reason)}
	return p.read(ctx)
}

// read reads the call's row, until nothing of it is under way.
func (p *player) read(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		row, err := app.CallOf(ctx, p.g.config, p.row.id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			p.row.consent, p.row.recording = row.Consent, row.Recording
		}
		underway := row.Recording == "recording" || row.Recording == "uploading"
		if err == nil && row.Outcome != "" && !(underway && p.Expect.Recording != "") {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil // what it says by then counts
		}
	}
}
