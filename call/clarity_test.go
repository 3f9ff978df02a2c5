package call_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// note is a note that a person hums.
func note(length time.Duration, hz, dBFS float64) []int16 {
	pcm := make([]int16, int(length.Seconds()*8000))
	level := 32768 * math.Pow(10, dBFS/20)
	for i := range pcm {
		s, v := float64(i)/8000, 0.0
		for k := 1.0; k <= 5; k++ {
			v += math.Sin(2*math.Pi*k*(hz*s+0.08*math.Sin(8*math.Pi*s))) / (k * k)
		}
		ease := math.Min(1, math.Min(s, length.Seconds()-s)/0.08)
		pcm[i] = int16(max(-32000, min(32000, level*ease*v)))
	}
	return pcm
}

// noises are so many coughs, hummed "mhm" and notes each.
func noises(each int) (all [][]int16) {
	random := rand.New(rand.NewPCG(9, 8))
	for i := range each {
		length := time.Duration(200+random.IntN(600)) * time.Millisecond
		all = append(all, cough(random), hummed(random), note(length, 90+170*random.Float64(), -20-float64(i%3)*6))
	}
	return all
}

// shortWords are recordings that last less than a second: first those that one of the
// two that tell noise doubts, two of them said by a machine, then words of a speaker
// of prompts and thirds of what a reader says.
func shortWords(t *testing.T) (all [][]int16) {
	t.Helper()
	for voice, word := range map[string]string{"slt": "no", "kal": "nine"} {
		said, err := sim.SpeakAll(t.Context(), modelstest.Dir(t), voice, []string{word})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, trim8(said[0]))
	}
	clips, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat([]string{"vm-no", "a", "x", "l"}, slices.Sorted(maps.Keys(clips)))
	for i, name := range names {
		if slices.Index(names, name) < i {
			continue
		}
		pieces := [][]int16{clips[name]}
		if len(name) == 3 && name[:2] == "lv" {
			pieces = [][]int16{third(clips[name], 1, room), third(clips[name], 2, room), third(clips[name], 3, room)}
		}
		for _, piece := range pieces {
			pcm, err := media.Resample(piece, 16000, 8000)
			if err != nil {
				t.Fatal(err)
			}
			if len(pcm) < 8000 {
				all = append(all, pcm)
			}
		}
	}
	return all
}

// answered plays sounds to an agent that listens, and returns of how many words were
// made, and how many of those were taken for noise.
func answered(t *testing.T, e *hearers, sounds [][]int16) (words, noise int) {
	const first, every = 6 * time.Second, 5 * time.Second
	bubble(t, func(t *testing.T) {
		each := make([]string, len(sounds)+1)
		for i := range each {
			each[i] = "440Hz"
		}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, hears: slow{e.engine},
			replier: &replies{each: each}, voices: e.vad.NewDetector, set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
		call := g.dial()
		for i, pcm := range append(sounds, nil) {
			if err := call.WaitUntil(t.Context(), media.TicksIn(first+time.Duration(i)*(every+7*time.Millisecond))); err != nil {
				t.Fatal(err)
			}
			call.Say(pcm)
		}
		call.Hangup()
		g.end(call)
		for _, turn := range g.recording().turns {
			if turn.Speaker == transcribe.Caller {
				words++
			}
		}
		noise = counted(t, g.metrics, "sidetone_stt_results_total", "noise")
	})
	return words, noise
}

// counted returns a counter of those that have a label of some value.
func counted(t *testing.T, metrics *prometheus.Registry, name, label string) (n int) {
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetValue() == label {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// TestNoiseIsNoWord checks that what recognition makes of most coughs and hums is no
// turn, and that no short word of a person is lost by that.
func TestNoiseIsNoWord(t *testing.T) { distinguish(t, 12, 20) }

// BenchmarkNoise prints how many sounds are taken for words, and how many words for
// sounds.
func BenchmarkNoise(b *testing.B) {
	for b.Loop() {
		all := testing.InternalTest{Name: "Noise", F: func(t *testing.T) { distinguish(t, 120, 1000) }}
		if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{all}) {
			b.Fail()
		}
	}
}

func distinguish(t *testing.T, each, most int) {
	e := listening(t)
	sounds, people := noises(each), shortWords(t)
	people = people[:min(most, len(people))]
	words, noise := answered(t, e, sounds)
	fmt.Printf("%d coughs and hums: words are made of %d, and %d of those are taken for noise\n", len(sounds), words+noise, noise)
	if words > noise {
		t.Errorf("%d sounds have words, want fewer than %d", words, noise)
	}
	words, noise = answered(t, e, people)
	fmt.Printf("%d short words of people: %d are heard, %d taken for noise\n", len(people), words, noise)
	if noise > 0 || words < len(people)*95/100 {
		t.Errorf("of %d words %d are heard, and %d are taken for noise", len(people), words, noise)
	}
}
