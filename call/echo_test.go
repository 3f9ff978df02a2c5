package call_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe/vad"
)

// people speaks with human voices: a text is the numbers of recordings.
type people []sim.Utterance

func (people) Name() string { return "people" }
func (people) Local() bool  { return true }

func (p people) Speak(_ context.Context, text string, _ int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		for _, digit := range text {
			if !yield(p[digit-'0'].Phone, nil) {
				return
			}
		}
	}
}

// TestOwnEchoDoesNotInterrupt lets a line send back what a human voice says, at
// several delays and levels, and wants the agent to finish; and to be
// interrupted all the same by a person who speaks over the echo.
func TestOwnEchoDoesNotInterrupt(t *testing.T) {
	voices, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	machine, err := sim.SpeakAll(t.Context(), modelstest.Dir(t), "rms", []string{
		"What matters most to you: price, quality, or service?", "A number from zero to ten, please.",
		"How likely are you to recommend it to a friend?", "Please choose one of these: price, quality, or service.",
		"Thank you. That was my last question. Goodbye!"})
	if err != nil {
		t.Fatal(err)
	}
	robots := make(people, len(machine))
	for i, pcm := range machine {
		robots[i].Phone = pcm
	}
	model, err := vad.Load(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	for _, c := range []struct {
		level  float64
		delay  time.Duration
		person bool
	}{
		{-20, 0, false}, {-20, 140 * time.Millisecond, false}, {-20, 400 * time.Millisecond, false}, {-14, 90 * time.Millisecond, false},
		{-26, 250 * time.Millisecond, false}, {-20, 140 * time.Millisecond, true},
	} {
		for _, voice := range []people{voices, robots} {
			echoCall(t, c.level, c.delay, c.person, voice, voices[3].Phone, model)
		}
	}
}

// echoCall is one call over a line with an echo.
func echoCall(t *testing.T, level float64, delay time.Duration, person bool, agent people, caller []int16, model *vad.Model) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: agent, engine: &engine{},
			replier: &replies{each: []string{"0. 1. 2. 3. 4", "0", "1", "2", "3", "4", "0", "1", "2"}}, voices: model.NewDetector,
			carrier: sim.CarrierOptions{EchoDB: level, EchoDelay: delay}})
		call := g.dial()
		if person {
			if err := call.WaitUntil(t.Context(), media.TicksIn(8*time.Second)); err != nil {
				t.Fatal(err)
			}
			call.Say(caller)
		}
		if err := call.WaitUntil(t.Context(), media.TicksIn(24*time.Second)); err != nil {
			t.Fatal(err)
		}
		call.Hangup()
		report, _ := g.end(call)
		if person != (len(report.Clears) > 0) {
			t.Errorf("echo at %v dB after %v, a person too: %v; playout was cleared %d times", level, delay, person, len(report.Clears))
		}
	})
}
