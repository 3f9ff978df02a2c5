package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sidetone/call"
	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/webhooks"
	"sidetone/media"
	"sidetone/store"
	"sidetone/telephony"
	"sidetone/transcribe/vad"
)

// book takes a place for a call and writes its row. It reports false where there
// is no place, or nothing could be recorded and the configuration wants that no
// call is taken then.
func (a *App) book(ctx context.Context, c store.Call) (bool, error) {
	if a.config.Recorder.OnFull == configs.RefuseCalls && !a.recordable() || !a.calls.Reserve(c.ID) {
		a.metrics.Attempted(false)
		return false, nil
	}
	c.Node = a.node
	if err := a.db.InsertCall(ctx, c); err != nil {
		a.calls.Release(c.ID)
		a.metrics.Attempted(false)
		return false, err
	}
	a.metrics.Attempted(true)
	return true, nil
}

// unanswered forgets an admitted call whose media never came.
func (a *App) unanswered(id string) {
	result := call.Result{Outcome: call.Carrier, Reason: call.Unanswered}
	a.metrics.Unserved(result)
	a.finish(id, 0, result)
	a.leave(id)
}

// serve runs a call whose media has come.
func (a *App) serve(ctx context.Context, leg telephony.Leg) {
	info := leg.Info()
	defer a.leave(info.ID)
	began := time.Now()
	result, err := a.run(a.calls.Serve(ctx, info.ID), leg)
	if err != nil {
		a.log.Error("call could not begin", "call", info.ID, "err", err)
		result = call.Result{Outcome: call.Internal, Reason: call.NotBegun}
		a.metrics.Unserved(result)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := leg.End(end, telephony.Next{Kind: telephony.Say, Text: a.config.Limits.OverflowText}); err != nil {
			a.log.Warn("leg did not end", "call", info.ID, "err", err)
		}
	}
	a.finish(info.ID, time.Since(began), result)
}

// leave gives back the place of a call.
func (a *App) leave(id string) {
	a.calls.Release(id)
	a.fences.remove(id)
	a.caps.leave(id, time.Now())
}

// finish writes how a call ended into its row.
func (a *App) finish(id string, took time.Duration, r call.Result) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := a.db.FinishCall(ctx, id, store.End{At: time.Now(), Duration: took, Outcome: string(r.Outcome), Reason: string(r.Reason),
		LLM: a.bills.close(id), Event: a.hooks.event(webhooks.CallFinished)})
	if err != nil {
		a.log.Error("end of call not noted", "call", id, "err", err)
	}
	a.hooks.noted()
}

// run makes the call of a leg and runs it.
func (a *App) run(ctx context.Context, leg telephony.Leg) (call.Result, error) {
	info := leg.Info()
	ready := a.agents[info.Agent]
	if ready == nil {
		return call.Result{}, fmt.Errorf("app: no agent %q", info.Agent)
	}
	detector, err := a.speech.Detectors(info.Rate, vad.Options{})
	if err != nil {
		return call.Result{}, err
	}
	defer detector.Close()
	persona, err := a.persona(ctx, ready, info, nil)
	if err != nil {
		return call.Result{}, err
	}
	takes := a.takesOf(leg)
	behind := &notes{group: &a.wg}
	defer behind.wait(notedWithin) // the end of a call is told with what its row says
	c, err := call.New(call.Options{
		Persona: persona, Languages: a.languages(ctx, ready, info), Colleague: a.colleague(ctx, info), Leg: leg, Detector: detector, Ledger: a.ledger,
		Begin: takes.begin, Destroy: takes.destroy, Watch: a.watcher(info, behind), Limit: a.longest(info.Kind), Farewell: farewell,
		Metrics: a.metrics, Log: a.log,
	})
	if err != nil {
		return call.Result{}, err
	}
	a.calls.Attach(info.ID, c)
	if a.failing.Load() {
		c.Do(call.LedgerFails)
	}
	return c.Run(ctx), nil
}

// persona makes who answers a call, or goes on with it on the terms that stand.
func (a *App) persona(ctx context.Context, ready *agent, info telephony.Info, standing *consent.Terms) (call.Persona, error) {
	terms, err := a.terms(ctx, ready, info)
	if err != nil {
		return call.Persona{}, err
	}
	if standing != nil {
		if standing.Policy.Strictest(terms.Policy) != standing.Policy {
			return call.Persona{}, fmt.Errorf("app: agent %s asks for more than the call was begun with; `sidetone consent explain` says why", ready.Name)
		}
		terms.Policy = standing.Policy
	}
	message, err := ready.message(info.Kind, terms.Policy.Mode())
	if err != nil {
		return call.Persona{}, err
	}
	replier, err := a.replier(ready, info.ID)
	if err != nil {
		return call.Persona{}, err
	}
	if terms.Subject != "" {
		a.wg.Go(func() { a.note(a.noteSubject(info, terms.Subject), info.ID) }) // nobody waits for it
	}
	p := call.Persona{
		Agent: ready.Name, Consent: consent.NewMachine(terms, message), Dialog: dialog.NewMachine(ready.Settings()), Replier: replier,
		Speaker: ready.speaker(), Engine: ready.engine, Language: ready.Language, KeyTerms: keyTerms(a.config, ready.Agent), HandOn: ready.handOn(info.Kind), Announce: ready.LLM.Announcements(),
		Unrecorded: ready.Web.Unrecorded, Snippets: ready.Snippets,
	}
	if ready.matcher != nil {
		p.Matcher = ready.matcher
	}
	if ready.Notice.Beep {
		p.Beep = media.Beep(info.Rate)
	}
	return p, nil
}

// noteSubject notes whose call it is. An erasure of their last call may have taken
// their id away before that was noted: then they have another.
func (a *App) noteSubject(info telephony.Info, subject string) error {
	if err := a.db.SetSubject(a.ctx, info.ID, subject); err != nil {
		return err
	}
	now, err := a.db.Subject(a.ctx, a.policy.number(info.From))
	if err != nil || now == subject {
		return err
	}
	return a.db.SetSubject(a.ctx, info.ID, now)
}

// languages is the choice that an agent's callers have before anything else.
func (a *App) languages(ctx context.Context, ready *agent, info telephony.Info) *call.Languages {
	if len(ready.language) == 0 || info.Kind == telephony.Web { // a page has chosen
		return nil
	}
	return &call.Languages{Options: ready.language, Become: func(option int) (call.Persona, error) {
		return a.persona(ctx, a.agents[ready.Notice.Languages[option].Agent], info, nil)
	}}
}

// colleague makes agents that may go on with a call.
func (a *App) colleague(ctx context.Context, info telephony.Info) func(string, consent.Terms) (call.Persona, error) {
	return func(name string, standing consent.Terms) (call.Persona, error) {
		ready := a.agents[name]
		if ready == nil {
			return call.Persona{}, fmt.Errorf("app: there is no agent %q that can answer", name)
		}
		return a.persona(ctx, ready, info, &standing)
	}
}

// longest is how long a call may last.
func (a *App) longest(k telephony.Kind) time.Duration {
	longest := a.config.Limits.CallDuration
	if k == telephony.Web {
		longest = min(longest, a.config.Web.CallDuration)
	}
	return time.Duration(longest)
}

// farewell is what callers hear when the gateway ends their call.
var farewell = call.Farewell{
	Duration:     "We have reached the longest time that this call may take. Thank you, and goodbye.",
	ShuttingDown: "I am sorry, this line is being maintained and I have to end the call here. Please call again in a few minutes. Goodbye.",
	Unanswered:   "I did not get an answer, so I will end the call here. Nothing was recorded. Goodbye.",
}

// notedWithin is how long a call that has ended waits for its row to say so.
const notedWithin = 5 * time.Second

// withdrawn is what the row of a call says of a consent that was taken back.
const withdrawn = "withdrawn"

// watcher publishes what a call shows of itself, and keeps its row up to date.
func (a *App) watcher(info telephony.Info, behind *notes) func(call.Update) {
	return func(u call.Update) {
		a.events.publish(eventOf(info, u))
		switch u.Kind {
		case call.ConsentSettled:
			behind.add(func() { a.note(a.db.SetConsent(a.ctx, info.ID, string(u.Consent)), info.ID) })
		case call.AgentChosen:
			behind.add(func() { a.note(a.db.SetAgent(a.ctx, info.ID, u.Agent), info.ID) })
		case call.ConsentWithdrawn:
			behind.add(func() { a.note(a.db.SetConsent(a.ctx, info.ID, withdrawn), info.ID) })
		}
	}
}

// note logs a row that could not be brought up to date.
func (a *App) note(err error, id string) {
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.Error("row of call is behind", "call", id, "err", err)
	}
}
