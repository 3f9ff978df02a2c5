package sim

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"sidetone/telephony"
)

// question is a question of consent under a message.
func question(message string, choices ...telephony.Choice) telephony.Question {
	return telephony.Question{Message: message, Language: "en",
		Parts: []telephony.QuestionPart{{Kind: "recording", Text: "May we?"}}, Choices: choices}
}

// showAll shows things on the caller's page, in order.
func (a *webAgent) showAll(t *testing.T, things ...telephony.Show) {
	t.Helper()
	for _, s := range things {
		if err := a.Show(s); err != nil {
			t.Fatal(err)
		}
	}
}

// chose returns the choices that have come so far, without their ticks.
func (a *webAgent) chose() (choices []telephony.Event) {
	for _, e := range a.of(telephony.Chose) {
		e.At = 0
		choices = append(choices, e)
	}
	return choices
}

// TestConsentLaterOn plays the script of a caller who agrees, takes it back, is
// asked again, waits for the end of a pause and has all deleted, against the real
// server.
func TestConsentLaterOn(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	call, agent := browse(t, opts, agents)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	both := []telephony.Choice{telephony.Agree, telephony.Unrecorded}
	kept := telephony.Settled{Outcome: "granted", Recording: true, Transcript: true, Choices: []telephony.Choice{telephony.Unrecorded, telephony.Delete}}
	// What the gateway shows once the caller has chosen so often.
	replies := [][]telephony.Show{
		{question("m1", both...)},
		{kept},
		{telephony.Settled{Outcome: "withdrawn", Choices: []telephony.Choice{telephony.Delete, telephony.Again}}},
		{telephony.State{State: telephony.Announcing}, question("m2", both...)},
		{kept, telephony.Settled{Outcome: "paused", Choices: []telephony.Choice{telephony.Unrecorded}}, kept},
		{telephony.Settled{Outcome: "withdrawn"}},
	}
	script := Script{Steps: []Step{
		Answer(Agree), Choose(Unrecorded), Choose(Again), Answer(Agree), AwaitSettled("granted"), Choose(Delete), AwaitSettled("withdrawn"), HangUp(),
	}}
	var report WebReport
	ended := make(chan error, 1)
	go func() {
		var err error
		report, err = script.RunWeb(ctx, call)
		ended <- err
	}()
	for n, shown := range replies {
		agent.await(t, "the next choice", func() bool { return len(agent.of(telephony.Chose)) >= n })
		agent.showAll(t, shown...)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want := []telephony.Event{
		{Kind: telephony.Chose, Choice: telephony.Agree, Text: "m1"}, {Kind: telephony.Chose, Choice: telephony.Unrecorded, Text: "m1"},
		{Kind: telephony.Chose, Choice: telephony.Again, Text: "m1"}, {Kind: telephony.Chose, Choice: telephony.Agree, Text: "m2"},
		{Kind: telephony.Chose, Choice: telephony.Delete, Text: "m2"},
	}
	if got := agent.chose(); !slices.Equal(got, want) {
		t.Errorf("chosen %+v, want %+v", got, want)
	}
	checkConsent(t, report)
}

// checkConsent holds the report of that call.
func checkConsent(t *testing.T, r WebReport) {
	t.Helper()
	var chosen []Choice
	var outcomes []string
	for _, c := range r.Chosen {
		chosen = append(chosen, c.Choice)
	}
	for _, s := range r.Settled {
		outcomes = append(outcomes, s.Outcome)
	}
	if want := []Choice{Agree, Unrecorded, Again, Agree, Delete}; !slices.Equal(chosen, want) || r.Chosen[3].Message != "m2" {
		t.Errorf("the report has %+v chosen", r.Chosen)
	}
	if want := []string{"granted", "withdrawn", "granted", "paused", "granted", "withdrawn"}; !slices.Equal(outcomes, want) {
		t.Errorf("the report has %q settled, want %q", outcomes, want)
	}
	if s := r.Settled; !s[0].Recording || !reflect.DeepEqual(s[1].Choices, []Choice{Delete, Again}) || s[3].Recording || len(s[5].Choices) != 0 {
		t.Errorf("the report has %+v settled", s)
	}
	if r.Settled[0].At < r.Chosen[0].At || len(r.Faults) > 0 {
		t.Errorf("settled at %v what was chosen at %v; faults %+v", r.Settled[0].At, r.Chosen[0].At, r.Faults)
	}
}

// TestChoosingWithoutAQuestion holds what is chosen, and answered, where nothing
// was asked.
func TestChoosingWithoutAQuestion(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	call, agent := browse(t, opts, agents)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, choice := range []Choice{Agree, Unrecorded, Delete} {
		if err := call.Choose(choice); !errors.Is(err, ErrNotAsked) {
			t.Errorf("Choose(%s) without a question: %v", choice, err)
		}
	}
	agent.showAll(t, question("m1"), telephony.Settled{Outcome: "not_asked"})
	if _, err := call.WaitSettled(ctx, "not_asked"); err != nil {
		t.Fatal(err)
	}
	if err := call.Answer(ctx, Agree); err != nil {
		t.Errorf("Answer where nothing is asked: %v", err)
	}
	brief, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := call.WaitOffer(brief, Again); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what is not offered: %v", err)
	}
	if err := call.Choose(Again); err != nil {
		t.Fatal(err)
	}
	agent.await(t, "the choice", func() bool { return len(agent.of(telephony.Chose)) > 0 })
	if got := agent.chose(); len(got) != 1 || got[0].Choice != telephony.Again || got[0].Text != "m1" {
		t.Errorf("chosen %+v", got)
	}
	if r := leave(t, call, agent); len(r.Chosen) != 1 || r.Chosen[0].Choice != Again {
		t.Errorf("the report has %+v chosen", r.Chosen)
	}
	if err := call.Choose(Again); !errors.Is(err, ErrEnded) {
		t.Errorf("Choose after the end: %v", err)
	}
	if _, err := call.WaitSettled(ctx, "not_asked"); !errors.Is(err, ErrEnded) {
		t.Errorf("WaitSettled after the end: %v", err)
	}
}

// A phone has no buttons.
func TestPhonesHaveNoButtons(t *testing.T) {
	for name, step := range map[string]Step{"answer": Answer(Agree), "choose": Choose(Delete), "settled": AwaitSettled("paused"), "type": Type("x")} {
		if err := step(t.Context(), &Call{}); !errors.Is(err, errNoPage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
