package call_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/media"
	"sidetone/telephony"
	"sidetone/transcribe"
)

// model is a language model that says "500Hz. 600Hz." and ends the call; first is how
// long it takes to its first token.
type model struct {
	first time.Duration
	asked []string // the newest message of each request
	done  int      // answers that were read to their end
}

func (m *model) Stream(ctx context.Context, r llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		m.asked = append(m.asked, r.Messages[len(r.Messages)-1].Text)
		select {
		case <-time.After(m.first):
		case <-ctx.Done():
			yield(llm.Delta{}, ctx.Err())
			return
		}
		for _, text := range []string{"500Hz.", " 600Hz."} {
			if !yield(llm.Delta{Text: text}, nil) {
				return
			}
		}
		if yield(llm.Delta{Call: &llm.Call{ID: "1", Name: "end_call", Arguments: json.RawMessage("{}")}}, nil) {
			m.done++
		}
	}
}

// guessed is what came of a call whose caller said something.
type guessed struct {
	timed  []call.Timing
	turns  []transcribe.Turn
	shown  []string // on the caller's screen
	result call.Result
}

// guess places a call in which the caller says one thing, or with pause says it in two
// pieces.
func (m *model) guess(t *testing.T, on bool, e *engine, pause time.Duration) guessed {
	t.Helper()
	agent := &dialog.Agent{Language: "en", LLM: &dialog.LLM{Prompt: "You are a tone.", Greeting: "440Hz"}}
	g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 120 * time.Millisecond}, engine: e, screen: newScreen(),
		replier: llm.New(llm.Options{Engines: llm.NewEngines(llm.EnginesOptions{}, llm.Engine{Name: "main", Chat: m}), Agent: agent}),
		set: func(s *dialog.Settings) {
			s.Guess, s.Truth, s.EndOfTurn.Min = on, "1000Hz", 900*time.Millisecond
			if pause == 0 {
				s.EndOfTurn.Min = dialog.DefaultSettings("en").EndOfTurn.Min
			}
		}})
	c := g.dial()
	g.o.screen.choose(until(t, c, 500*time.Millisecond), telephony.Agree)
	if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil { // the greeting
		t.Fatal(err)
	}
	c.Say(media.Tone(8000, 1200, time.Second, -10))
	if pause > 0 {
		time.Sleep(time.Second + pause)
		c.Say(media.Tone(8000, 1200, time.Second, -10))
	}
	if err := c.WaitAgent(t.Context(), 3*time.Second); err == nil && e.final == doubt {
		c.Hangup()
	}
	var out guessed
	_, out.result = g.end(c)
	out.turns, out.shown = g.recording().turns, g.o.screen.lines()
	for _, u := range g.updates {
		if u.Kind == call.TurnTimed {
			out.timed = append(out.timed, *u.Timing)
		}
	}
	return out
}

const doubt = "Are you a machine?"

func spoken(turns []transcribe.Turn) (texts []string) {
	for _, turn := range turns {
		texts = append(texts, turn.Text)
	}
	return texts
}

// ofTable is an engine that hears a sentence at once, and writes it otherwise when it
// is final.
func ofTable() *engine {
	return &engine{wait: 150 * time.Millisecond, partial: "i want a table", final: "I want a table.", whole: true}
}

// TestGuessSavesTime has a model with 250 and 500 ms to its first token, recognition
// with 150 ms and a voice with 120 ms answer with a guess and without.
func TestGuessSavesTime(t *testing.T) {
	for _, first := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond} {
		bubble(t, func(t *testing.T) {
			slow, quick := &model{first: first}, &model{first: first}
			without, with := slow.guess(t, false, ofTable(), 0), quick.guess(t, true, ofTable(), 0)
			if len(without.timed) != 1 || len(with.timed) != 1 {
				t.Fatalf("timed %+v, %+v", without.timed, with.timed)
			}
			saved := time.Duration((without.timed[0].Total - with.timed[0].Total) * float64(time.Second)).Round(time.Millisecond)
			t.Logf("%v to the first token: first audio %v after the caller's last word with a guess, %v without: %v sooner", first,
				with.timed[0].Total, without.timed[0].Total, saved)
			if saved < 200*time.Millisecond {
				t.Errorf("a guess saves %v", saved)
			}
			if !slices.Equal(spoken(with.turns), spoken(without.turns)) || !slices.Contains(spoken(with.turns), "I want a table.") {
				t.Errorf("with a guess %q, without %q", spoken(with.turns), spoken(without.turns))
			}
			if with.result != without.result || with.result.Outcome != call.Completed || len(quick.asked) != 1 || quick.done != 1 {
				t.Errorf("the calls end %v and %v; asked %q", with.result, without.result, quick.asked)
			}
		})
	}
}

// TestGuessIsTakenBack lets a caller go on after a pause that looked like an end: the
// transcript is that of a call without guesses, and the model is asked about the whole.
func TestGuessIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		plain, bold := &model{first: 50 * time.Millisecond}, &model{first: 50 * time.Millisecond}
		without, with := plain.guess(t, false, ofTable(), 600*time.Millisecond), bold.guess(t, true, ofTable(), 600*time.Millisecond)
		if len(plain.asked) != 1 || len(bold.asked) != 2 || bold.done != 1 {
			t.Fatalf("asked %q, and without guesses %q; %d answers were wanted", bold.asked, plain.asked, bold.done)
		}
		if !slices.Equal(spoken(with.turns), spoken(without.turns)) || with.result != without.result {
			t.Errorf("with guesses %q, %v; without %q, %v", spoken(with.turns), with.result, spoken(without.turns), without.result)
		}
		partial := func(line string) bool { return line == "caller spoken i want a table" }
		if a, b := slices.DeleteFunc(with.shown, partial), slices.DeleteFunc(without.shown, partial); !slices.Equal(a, b) {
			t.Errorf("with guesses the screen shows\n%s\n\nwithout\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		if all := strings.Join(spoken(with.turns), " "); strings.Count(all, "500Hz.") != 1 {
			t.Errorf("the guess was spoken: %q", all)
		}
	})
}

// TestGuessNeverHasPhrases checks that what may be a word to the gateway is not put to
// a model before it is known to be none.
func TestGuessNeverHasPhrases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &model{}
		m.guess(t, true, &engine{wait: 150 * time.Millisecond, partial: doubt, final: doubt, whole: true}, 0)
		if len(m.asked) > 0 && strings.Contains(m.asked[0], "machine") {
			t.Errorf("the model was asked %q", m.asked)
		}
	})
}
