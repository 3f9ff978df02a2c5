package piper

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/breaker"
	"sidetone/internal/models/modelstest"
	"sidetone/transcribe/moonshine"
)

// breaking is a voice that breaks off.
type breaking struct {
	dialog.Speaker
	after float64 // of a sentence; 0: never
	said  []int16
}

var errBroken = errors.New("broken")

func (v *breaking) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		v.said = nil
		for pcm, err := range v.Speaker.Speak(ctx, text, rate) {
			if err != nil {
				yield(nil, err)
				return
			}
			v.said = append(v.said, pcm...)
		}
		if v.after == 0 {
			yield(v.said, nil)
			return
		}
		v.said = v.said[:int(v.after*float64(len(v.said)))]
		if yield(v.said, nil) {
			yield(nil, errBroken)
		}
	}
}

// resting is a voice that notes what it is asked for.
type resting struct {
	dialog.Speaker
	asked string
}

func (v *resting) Speak(_ context.Context, text string, _ int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		v.asked = text
		yield(make([]int16, 160), nil)
	}
}

// BenchmarkTakeover breaks sentences of both voices off in three places, and holds the
// word from which another voice would go on against what recognition hears of the
// part: how many words come twice, and how many are left out. What recognition makes
// of half a word counts as one.
func BenchmarkTakeover(b *testing.B) {
	hears := moonshine.New(moonshine.Options{Dir: modelstest.Dir(b)})
	b.Cleanup(func() { hears.Close() })
	for name, voice := range both(b) {
		b.Run(name, func(b *testing.B) {
			first, second := &breaking{Speaker: voice}, &resting{Speaker: voice}
			with := func(s dialog.Speaker) tts.Voice {
				return tts.Voice{Speaker: s, Breaker: breaker.New(breaker.Options{})}
			}
			var twice [8]int
			skipped, cuts := 0, 0
			for b.Loop() {
				voices := tts.NewVoices(tts.VoicesOptions{}, with(first), with(second))
				first.after = 0
				for _, text := range sentences[:3] {
					saying(b, voices.ForCall(tts.Prepared{}), text)
				}
				for i, text := range sentences[3:] {
					for _, first.after = range []float64{0.3, 0.5, 0.75} {
						if len(strings.Fields(text)) < 6 {
							continue
						}
						second.asked = ""
						saying(b, voices.ForCall(tts.Prepared{}), text)
						heard, _, err := hears.Recognise(b.Context(), first.said, 16000)
						if err != nil {
							b.Fatal(err)
						}
						n := len(strings.Fields(heard)) - (len(strings.Fields(text)) - len(strings.Fields(second.asked)))
						if cuts++; n < 0 {
							skipped++
						}
						twice[min(max(n, 0), len(twice)-1)]++
						first.after = 0 // it is back
						saying(b, voices.ForCall(tts.Prepared{}), sentences[i])
					}
				}
			}
			b.Logf("%d cuts: %d with a word left out; words twice: %v", cuts, skipped, twice)
		})
	}
}

func saying(b *testing.B, s dialog.Speaker, text string) {
	for _, err := range s.Speak(b.Context(), text, 16000) {
		if err != nil {
			b.Fatal(err)
		}
	}
}
