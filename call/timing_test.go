package call_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// thinking greets, and takes 250 ms for a sentence, of which the first token is there
// after 200 ms.
type thinking struct{}

func (thinking) Reply(_ context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		if in.Kind == dialog.Opening {
			yield(dialog.Part{Sentence: "440Hz"}, nil)
			return
		}
		time.Sleep(250 * time.Millisecond)
		yield(dialog.Part{Sentence: "500Hz", Token: 50 * time.Millisecond, End: true}, nil)
	}
}

// TestATurnsTimeIsShown holds the stages that a call shows of a turn against what
// its engines take, and against what was heard.
func TestATurnsTimeIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 120 * time.Millisecond},
			engine: &engine{wait: 150 * time.Millisecond}, replier: thinking{}})
		c := g.dial()
		for range 2 {
			if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		report, _ := g.end(c)
		var timed []call.Timing
		for _, u := range g.updates {
			if u.Kind == call.TurnTimed {
				timed = append(timed, *u.Timing)
			}
		}
		if len(timed) != 1 || len(report.Turns) != 1 {
			t.Fatalf("of %d turns %d were timed: %+v", len(report.Turns), len(timed), timed)
		}
		turn, heard := timed[0], report.Turns[0]
		near := func(name string, got, want, within float64) {
			if got < want-within || got > want+within {
				t.Errorf("%s took %.3f s, want %.3f s", name, got, want)
			}
		}
		near("the end of the caller's words", turn.At, heard.To.Seconds(), 0.1)
		near("the whole", turn.Total, (heard.Reply - heard.To).Seconds(), 0.1)
		near("recognition", turn.STT, 0.15, 0.021)
		near("the first token", turn.Token, 0.2, 0.021)
		near("the reply", turn.LLM, 0.25, 0.021)
		near("the voice", turn.TTS, 0.12, 0.021)
		near("our own share", turn.Gateway, 0, 0.06)
		near("the sum", turn.Endpoint+turn.STT+turn.LLM+turn.TTS+turn.Gateway, turn.Total, 0.1)
	})
}
