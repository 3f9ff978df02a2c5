package call_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// second makes the agent that goes on: its notice is two tones of its own.
func second(replier dialog.Replier) func(string, consent.Terms) (call.Persona, error) {
	return func(agent string, standing consent.Terms) (call.Persona, error) {
		if agent != "second" {
			return call.Persona{}, errors.New("nobody")
		}
		m := notice()
		for i, hz := range []float64{800, 1000} {
			m.Parts[i].Audio.PCM = media.Tone(8000, hz, time.Second, -12)
		}
		m.ID, m.Parts[0].Text, m.Parts[1].Text = "m2", "800Hz", "1000Hz"
		standing.Elsewhere = []string{"another vendor"}
		return call.Persona{Agent: agent, Consent: consent.NewMachine(standing, m), Dialog: dialog.NewMachine(dialog.DefaultSettings("en")),
			Replier: replier, Speaker: tones{wait: 50 * time.Millisecond}, Engine: &engine{wait: 100 * time.Millisecond}, Language: "en"}, nil
	}
}

// TestAnotherAgentGoesOn has an agent hand its caller over: the recording ends, the
// other agent's notice is heard, and what follows is a take of its own.
func TestAnotherAgentGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		other := &replies{each: []string{"600Hz", "650Hz"}}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			engine: &engine{wait: 100 * time.Millisecond}, replier: &replies{each: []string{"440Hz. hand:second"}}, colleague: second(other)})
		c := g.dial()
		until(t, c, 9500*time.Millisecond) // two notices of 3.5 s, and a second of each agent
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		_, result := g.end(c)
		if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if got, want := g.ledger.events(), "granted asked granted ended"; got != want {
			t.Errorf("the ledger has %q, want %q", got, want)
		}
		if len(other.got) == 0 || !strings.HasPrefix(other.got[0], "heard 1") {
			t.Errorf("the other agent heard %q", other.got)
		}
		if want := []string{"agent: 700Hz", "agent: 900Hz", "agent: 440Hz"}; !slices.Equal(texts(g.take("t1").turns), want) {
			t.Errorf("the first transcript is %q, want %q", texts(g.take("t1").turns), want)
		}
		took := g.take("t2")
		if got := texts(took.turns); len(got) != 5 || got[0] != "agent: 800Hz" || got[2] != "agent: 600Hz" || got[4] != "agent: 650Hz" {
			t.Errorf("the second transcript is %q", got)
		}
		if at, spoke := onset(took.left, 1200), onset(took.right, 600); spoke < 3500*time.Millisecond || at < spoke {
			t.Errorf("the second take has the other agent at %v and the caller at %v", spoke, at)
		}
		chosen := slices.ContainsFunc(g.updates, func(u call.Update) bool { return u.Kind == call.AgentChosen && u.Agent == "second" })
		if !chosen {
			t.Error("nobody was told who goes on")
		}
	})
}

// TestNobodyTakesOver has a call that can not be handed over go on as it was.
func TestNobodyTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			engine: &engine{wait: 100 * time.Millisecond}, replier: &replies{each: []string{"440Hz. hand:nobody", "500Hz"}}, colleague: second(nil)})
		c := g.dial()
		if err := c.WaitAgent(t.Context(), time.Second); err != nil { // in the notice
			t.Fatal(err)
		}
		if err := g.calls.Call("call-1").HandOver(t.Context(), "second"); !errors.Is(err, call.ErrNotNow) {
			t.Errorf("handed over in the notice: %v", err)
		}
		report, _ := g.end(c)
		if onset(report.Heard, 500) < 0 || onset(report.Heard, 800) >= 0 {
			t.Error("the first agent did not go on")
		}
		if got := g.ledger.events(); got != "granted ended" {
			t.Errorf("the ledger has %q", got)
		}
	})
}

// TestOperatorHandsOver has the operator hand a call over, in the middle of a
// sentence, to an agent whose notice the caller refuses.
func TestOperatorHandsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.OptOutMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			engine: &engine{wait: 100 * time.Millisecond}, replier: &replies{each: []string{"440Hz*5"}}, colleague: second(&replies{each: []string{"600Hz"}})})
		c := g.dial()
		until(t, c, 5*time.Second)
		live := g.calls.Call("call-1")
		if err := live.HandOver(t.Context(), "nobody"); err == nil {
			t.Error("handed over to nobody")
		}
		if err := live.HandOver(t.Context(), "second"); err != nil {
			t.Fatal(err)
		}
		if err := live.HandOver(t.Context(), "second"); !errors.Is(err, call.ErrNotNow) {
			t.Errorf("handed over while the question is open: %v", err)
		}
		c.Press("9")
		report, _ := g.end(c)
		if got, want := g.ledger.events(), "granted asked refused ended"; got != want {
			t.Errorf("the ledger has %q, want %q", got, want)
		}
		if onset(report.Heard, 600) < 0 {
			t.Error("the other agent did not go on")
		}
		if g.takes != 1 {
			t.Errorf("%d takes", g.takes)
		}
	})
}
