package app

import (
	"context"
	"time"

	"sidetone/configs"
	"sidetone/store"
	"sidetone/telephony"
	"sidetone/telephony/twilio"
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
		Secret: []byte(secret), Once: a.db, Admit: a.admit, Serve: func(ctx context.Context, leg *twilio.Leg) { a.serve(ctx, leg) }, Unanswered: a.unanswered,
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
	now := time.Now()
	id := newID(now)
	booked, err := a.book(ctx, store.Call{ID: id, CarrierID: in.CallSid, Agent: ready.Name,
		Kind: string(telephony.Phone), Direction: string(in.Direction), Started: now})
	if !booked {
		return refused, err
	}
	return twilio.Admission{Accepted: true, CallID: id, Agent: ready.Name}, nil
}
