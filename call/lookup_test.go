package call_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// patient is a replier whose every reply waits for something for a minute, until
// nobody wants it.
type patient struct{ until []time.Time }

func (p *patient) Reply(ctx context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		if in.Kind == dialog.Opening {
			yield(dialog.Part{Sentence: "440Hz"}, nil)
			return
		}
		if !yield(dialog.Part{Busy: time.Minute}, nil) {
			return
		}
		select {
		case <-ctx.Done():
			p.until = append(p.until, time.Now())
			yield(dialog.Part{}, ctx.Err())
		case <-time.After(time.Minute):
			yield(dialog.Part{Sentence: "500Hz", End: true}, nil)
		}
	}
}

// TestNobodyIsAskedForAQuestionOfConsent holds that what a reply waits for is given up
// as soon as the caller presses nine, and again when the conversation is over; until then
// the caller is told that it takes long.
func TestNobodyIsAskedForAQuestionOfConsent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := &patient{}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{}, replier: p,
			set: func(s *dialog.Settings) { s.Wait.Filler = "1000Hz" }})
		c := g.dial()
		for _, quiet := range []time.Duration{2 * time.Second, 500 * time.Millisecond} {
			if err := c.WaitAgent(t.Context(), quiet); err != nil {
				t.Fatal(err)
			}
		}
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		at, err := c.Now()
		if err != nil {
			t.Fatal(err)
		}
		wait := func(after time.Duration) {
			t.Helper()
			if err := c.WaitUntil(t.Context(), at+media.TicksIn(after)); err != nil {
				t.Fatal(err)
			}
		}
		wait(14 * time.Second)
		if err := c.Press("9"); err != nil {
			t.Fatal(err)
		}
		pressed := time.Now()
		wait(30 * time.Second)
		c.Hangup()
		over := time.Now()
		report, _ := g.end(c)
		if len(p.until) != 2 || p.until[0].Sub(pressed) > 500*time.Millisecond || p.until[1].Sub(over) > 500*time.Millisecond {
			t.Errorf("given up at %v, pressed at %v, over at %v", p.until, pressed, over)
		}
		last := at + media.TicksIn(time.Second)
		for _, s := range report.Agent {
			if gap := min(s.From, at+media.TicksIn(14*time.Second)) - last; gap > media.TicksIn(4*time.Second) {
				t.Errorf("silence of %v from %v on", gap.Duration(), last.Duration())
			}
			last = max(last, s.To)
		}
	})
}
