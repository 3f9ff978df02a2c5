package vad

import "math"

// How pitch is looked for: at 4 kHz, in 50 ms, by autocorrelation.
const (
	pitchRate = 4000
	pitchSpan = 200  // samples
	pitchStep = 64   // samples, 16 ms
	shortest  = 10   // samples of a period, 400 Hz
	longest   = 60   // 67 Hz
	alike     = 0.55 // correlation of a voiced sound with itself a period later, at least
	octaves   = 3    // above the longest period
)

// pitch is the newest audio of a call at 4 kHz.
type pitch struct {
	pcm [pitchSpan + pitchStep]float32
}

// write takes samples as the network hears them, a whole number for each at 4 kHz.
func (p *pitch) write(samples []float32) {
	const each = modelRate / pitchRate
	n := len(samples) / each
	copy(p.pcm[:], p.pcm[n:])
	fresh := p.pcm[len(p.pcm)-n:]
	for i := range fresh {
		sum := float32(0)
		for _, s := range samples[i*each : (i+1)*each] {
			sum += s
		}
		fresh[i] = sum
	}
}

// tone returns the pitch of the 50 ms that end so many samples back, in quarters of
// a semitone above that of the longest period, if there is one.
func (p *pitch) tone(back int) (int, bool) {
	pcm := p.pcm[len(p.pcm)-back-pitchSpan : len(p.pcm)-back]
	var alikes [longest + 1]float32
	best := shortest
	for lag := shortest; lag <= longest; lag++ {
		var both, one, other float32
		for i, s := range pcm[lag:] {
			both += s * pcm[i]
			one += s * s
			other += pcm[i] * pcm[i]
		}
		if square := one * other; square > 0 {
			alikes[lag] = both / float32(math.Sqrt(float64(square)))
		}
		if alikes[lag] > alikes[best] {
			best = lag
		}
	}
	if alikes[best] < alike {
		return 0, false
	}
	// Twice the period is as alike: the shortest one that is nearly so is it.
	for lag := shortest + 1; lag < best; lag++ {
		if alikes[lag] > 0.9*alikes[best] && alikes[lag] >= alikes[lag-1] && alikes[lag] >= alikes[lag+1] {
			best = lag
		}
	}
	if best == shortest || best == longest {
		return 0, false
	}
	period := float64(best)
	before, at, after := float64(alikes[best-1]), float64(alikes[best]), float64(alikes[best+1])
	if bend := before - 2*at + after; bend != 0 {
		period += min(max((before-after)/(2*bend), -0.5), 0.5)
	}
	return max(0, int(48*math.Log2(longest/period))), true
}
