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
	"sidetone/dialog/llm"
	"sidetone/dialog/llm/openai"
	"sidetone/dialog/script"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
	"sidetone/telephony"
	"sidetone/telephony/twilio"
	"sidetone/transcribe/vad"
)

// openPhone opens the carrier's side.
func (a *App) openPhone(_ context.Context, _ Options) error {
	c := a.config.Telephony.Twilio
	tokens, err := AuthTokens(a.config)
	if err != nil {
		return err
	}
	secret, err := Secret(a.config.DataDir, "stream_token_key")
	if err != nil {
		return err
	}
	a.twilio = twilio.New(twilio.Options{
		PublicURL: a.PublicURL(), AuthTokens: tokens, InsecureSkipSignature: c.InsecureSkipSignature,
		Secret: []byte(secret), Once: a.db, Admit: a.admit, Serve: a.serve, Unanswered: a.unanswered,
		Log: a.log, Metrics: twilio.NewMetrics(a.registry),
	})
	a.onStop("phone", func(context.Context) error { a.twilio.Close(); return nil })
	return nil
}

// AuthTokens returns the carrier's auth tokens: those of the configuration, or
// else the one that was generated for this data directory.
func AuthTokens(c *configs.Config) ([]string, error) {
	if len(c.Telephony.Twilio.AuthTokens) == 0 {
		token, err := Secret(c.DataDir, TwilioToken)
		return []string{token}, err
	}
	var tokens []string
	for _, t := range c.Telephony.Twilio.AuthTokens {
		tokens = append(tokens, string(t))
	}
	return tokens, nil
}

// admit decides on a call that the carrier offers.
func (a *App) admit(ctx context.Context, in twilio.Incoming) (twilio.Admission, error) {
	refused := twilio.Admission{Refusal: a.config.Limits.OverflowText}
	ready := a.agentFor(in.To)
	if ready == nil {
		a.metrics.Attempted(false)
		return refused, nil
	}
	if a.config.Recorder.OnFull == configs.RefuseCalls && !a.recordable() {
		a.metrics.Attempted(false)
		return refused, nil
	}
	id := newID(time.Now())
	if !a.calls.Reserve(id) {
		a.metrics.Attempted(false)
		return refused, nil
	}
	err := a.db.InsertCall(ctx, store.Call{ID: id, CarrierID: in.CallSid, Agent: ready.Name,
		Kind: string(telephony.Phone), Direction: string(in.Direction), Started: time.Now()})
	if err != nil {
		a.calls.Release(id)
		a.metrics.Attempted(false)
		return refused, err
	}
	a.metrics.Attempted(true)
	return twilio.Admission{Accepted: true, CallID: id, Agent: ready.Name}, nil
}

// unanswered forgets an admitted call whose stream never came.
func (a *App) unanswered(id string) {
	result := call.Result{Outcome: call.Carrier, Reason: call.Unanswered}
	a.metrics.Unserved(result)
	a.finish(id, 0, result)
	a.calls.Release(id)
}

// serve runs a call whose stream has started.
func (a *App) serve(ctx context.Context, leg *twilio.Leg) {
	info := leg.Info()
	defer a.calls.Release(info.ID)
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

// finish writes how a call ended into its row.
func (a *App) finish(id string, took time.Duration, r call.Result) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := a.db.FinishCall(ctx, id, store.End{At: time.Now(), Duration: took, Outcome: string(r.Outcome), Reason: string(r.Reason)})
	if err != nil {
		a.log.Error("end of call not noted", "call", id, "err", err)
	}
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
	replier, err := a.replier(ready)
	if err != nil {
		return call.Result{}, err
	}
	settings := ready.Settings()
	settings.FirstClip = call.FirstClip(ready.message)
	c, err := call.New(call.Options{
		Leg: leg, Consent: consent.NewMachine(ready.Notice.Mode, ready.policy, ready.message), Message: ready.message,
		Dialog: dialog.NewMachine(settings), Replier: replier, Speaker: ready.voice, Engine: a.speech.Engine,
		Detector: detector, Language: ready.Language, Ledger: a.ledger, Begin: a.begin(info), Watch: a.watcher(info),
		Limit: time.Duration(a.config.Limits.CallDuration), Farewell: farewell, Metrics: a.metrics, Log: a.log,
	})
	if err != nil {
		return call.Result{}, err
	}
	return c.Run(ctx), nil
}

// farewell is what callers hear when the gateway ends their call.
var farewell = call.Farewell{
	Duration:     "We have reached the longest time that this call may take. Thank you, and goodbye.",
	ShuttingDown: "I am sorry, this line is being maintained and I have to end the call here. Please call again in a few minutes. Goodbye.",
	Unprovable:   "I am sorry, this line has a technical problem and can not take your call. Nothing was recorded. Please call again later. Goodbye.",
}

// replier makes who answers in a call.
func (a *App) replier(ready *agent) (dialog.Replier, error) {
	if ready.Script != nil {
		return script.New(ready.Script), nil
	}
	return llm.New(llm.Options{Chat: a.chat, Agent: ready.Agent, Transfers: ready.LLM.Transfers, Total: time.Duration(a.config.LLM.Timeout), Metrics: a.chatMetrics}), nil
}

// openChat opens the language model's endpoint, where one is configured.
func (a *App) openChat(context.Context, Options) error {
	c := a.config.LLM
	if c.BaseURL == "" {
		return nil
	}
	client, err := openai.New(openai.Options{BaseURL: c.BaseURL, APIKey: string(c.APIKey), Model: c.Model})
	if err != nil {
		return fmt.Errorf("llm: %w", err)
	}
	a.chat, a.chatMetrics = client, llm.NewMetrics(a.registry)
	return nil
}

// recordable reports whether a new recording could begin now.
func (a *App) recordable() bool { return a.spool.Room() == nil && a.pool.Ready() > 0 }

// begin returns how the recording of a call is opened.
func (a *App) begin(info telephony.Info) func(media.Tick) (*recorder.Recorder, error) {
	return func(origin media.Tick) (*recorder.Recorder, error) {
		keys, err := a.pool.Take()
		if err != nil {
			return nil, err
		}
		coding := media.MuLaw
		if info.Kind == telephony.Web {
			coding = media.PCM16
		}
		r, err := a.spool.Begin(recorder.TakeOptions{Call: info.ID, Take: "t1", Rate: info.Rate, Coding: coding,
			Origin: origin, Started: info.Started, Played: "mark", Keys: keys})
		if err != nil {
			return nil, err
		}
		a.note(a.db.SetRecording(a.ctx, info.ID, "recording", 1), info.ID)
		return r, nil
	}
}

// watcher publishes what a call shows of itself, and keeps its row up to date.
func (a *App) watcher(info telephony.Info) func(call.Update) {
	return func(u call.Update) {
		a.events.publish(eventOf(info, u))
		switch u.Kind {
		case call.ConsentSettled:
			a.wg.Go(func() { a.note(a.db.SetConsent(a.ctx, info.ID, string(u.Consent)), info.ID) })
		case call.ConsentWithdrawn:
			a.wg.Go(func() { a.note(a.db.SetConsent(a.ctx, info.ID, "withdrawn"), info.ID) })
		}
	}
}

// note logs a row that could not be brought up to date.
func (a *App) note(err error, id string) {
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.Error("row of call is behind", "call", id, "err", err)
	}
}
