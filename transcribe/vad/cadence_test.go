package vad

import (
	"math"
	"math/rand/v2"
	"testing"
)

// buzz is a sound like a voice's, a pitch with many overtones, of a level in dBFS; of
// no pitch at all where hz is 0.
func buzz(hz, level float64, n int) []float32 {
	pcm := make([]float32, n)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range pcm {
		if hz == 0 {
			pcm[i] = float32(random.NormFloat64() * math.Pow(10, level/20))
			continue
		}
		at := math.Mod(float64(i)*hz/modelRate, 1)
		pcm[i] = float32((2*at - 1) * math.Sqrt(3) * math.Pow(10, level/20))
	}
	return pcm
}

func TestPitch(t *testing.T) {
	for _, hz := range []float64{80, 110, 150, 205, 280, 350} {
		var p pitch
		for pcm := buzz(hz, -20, modelRate/5); len(pcm) >= window; pcm = pcm[window:] {
			p.write(pcm[:window])
		}
		want := 48 * math.Log2(hz*longest/pitchRate)
		for _, back := range []int{0, pitchStep} {
			if got, ok := p.tone(back); !ok || math.Abs(float64(got)-want) > 2 {
				t.Errorf("%v Hz: tone %d, %v; want %.1f", hz, got, ok, want)
			}
		}
	}
	var p pitch
	voiced := 0
	for pcm := buzz(0, -20, 50*window); len(pcm) > 0; pcm = pcm[window:] {
		p.write(pcm[:window])
		if _, ok := p.tone(0); ok {
			voiced++
		}
	}
	if voiced > 2 {
		t.Errorf("%d of 50 pieces of noise have a pitch", voiced)
	}
	var silent pitch
	if tone, ok := silent.tone(0); ok {
		t.Errorf("silence has the tone %d", tone)
	}
}

func TestCadence(t *testing.T) {
	type stretch struct {
		windows   int
		hz, level float64
	}
	fluent := []stretch{{8, 200, -20}, {8, 220, -18}, {4, 180, -25}}
	for _, c := range []struct {
		name  string
		noise float64
		said  []stretch
		want  Cadence
	}{
		{"grows faint and low", -60, append(fluent[:3:3], stretch{8, 160, -34}), Faded},
		{"grows faint, and not low", -60, append(fluent[:3:3], stretch{8, 220, -34}), Faded},
		{"as in the middle", -60, append([]stretch{{6, 170, -24}}, fluent[:2]...), Held},
		{"loud, but low", -60, append(fluent[:3:3], stretch{8, 160, -21}), NoCadence},
		{"in between", -60, append([]stretch{{6, 170, -24}}, append(fluent[:2:2], stretch{8, 220, -27})...), NoCadence},
		{"on one tone", -60, []stretch{{30, 200, -20}}, NoCadence},
		{"without a tone", -60, []stretch{{6, 170, -24}, {20, 0, -20}}, NoCadence},
		{"faint for a moment, and on", -60, append(fluent[:3:3], stretch{4, 220, -44}, stretch{8, 220, -20}), Held},
		{"a breath after it", -60, append([]stretch{{6, 170, -24}}, append(fluent[:2:2], stretch{6, 220, -50})...), Held},
		{"a short word", -60, []stretch{{4, 170, -24}, {8, 220, -18}}, NoCadence},
		{"a noisy line", -40, append([]stretch{{6, 170, -24}}, fluent[:2]...), NoCadence},
		{"nothing but speech", 0, append([]stretch{{6, 170, -24}}, fluent[:2]...), NoCadence},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v voice
			for range 40 {
				if c.noise < 0 {
					v.rest(c.noise)
				}
			}
			for range 2 { // speech before has no say
				v.begin()
				for _, s := range c.said {
					pcm := buzz(s.hz, s.level, window*s.windows)
					for range s.windows {
						v.pitch.write(pcm[:window])
						pcm = pcm[window:]
						v.speak(s.level)
					}
				}
				if got := v.cadence(); got != c.want {
					t.Errorf("cadence %d, want %d", got, c.want)
				}
			}
		})
	}
	var v voice
	if got := v.cadence(); got != NoCadence {
		t.Errorf("no speech at all: cadence %d", got)
	}
}

// BenchmarkVoice is what a window of speech costs beside the network.
func BenchmarkVoice(b *testing.B) {
	var v voice
	pcm := buzz(180, -20, window)
	for b.Loop() {
		v.pitch.write(pcm)
		v.speak(-20)
	}
}
