package tts

import "math"

// What is silence, and how much of it stays: engines surround every utterance
// with up to 300 ms of it, which would delay the first word of each reply.
const (
	silence  = 150 // peak of a 10 ms window, before the gain
	leadIn   = 2   // windows kept before the first sound
	trailOut = 10  // windows after the last sound
)

// Polish returns mono samples at rate Hz with the silence around them trimmed,
// to 20 ms before and 100 ms after, and their level adjusted by a factor; none
// when there was no sound.
func Polish(pcm []int16, rate int, gain float64) []int16 {
	win := rate / 100
	first, last := -1, -1
	for i := 0; i < len(pcm); i += win {
		if peak(pcm[i:min(i+win, len(pcm))]) >= silence {
			if first < 0 {
				first = i
			}
			last = min(i+win, len(pcm))
		}
	}
	if first < 0 {
		return nil
	}
	from := max(0, first-leadIn*win)
	out := make([]int16, last-from+trailOut*win)
	for i, s := range pcm[from:min(from+len(out), len(pcm))] {
		out[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(s)*gain))))
	}
	return out
}

// Onset returns where to begin with samples at rate Hz so that the first sound is
// heard and little of the silence before it; -1 when there is no sound yet.
func Onset(pcm []int16, rate int) int {
	win := rate / 100
	for i := 0; i < len(pcm); i += win {
		if peak(pcm[i:min(i+win, len(pcm))]) >= silence {
			return max(0, i-leadIn*win)
		}
	}
	return -1
}

func peak(pcm []int16) int {
	p := 0
	for _, s := range pcm {
		p = max(p, int(s), -int(s))
	}
	return p
}
