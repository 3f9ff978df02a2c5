package media

import (
	"math"
	"time"
)

// Tone returns a sine of hz at dBFS (0 is full scale) that lasts d, at rate Hz.
// It begins at phase 0 and has no fade.
func Tone(rate int, hz float64, d time.Duration, dBFS float64) []int16 {
	pcm := make([]int16, TicksIn(d).Sample(rate))
	amplitude := fullScale * min(1, math.Pow(10, dBFS/20))
	step := 2 * math.Pi * hz / float64(rate)
	for i := range pcm {
		pcm[i] = int16(math.RoundToEven(amplitude * math.Sin(step*float64(i))))
	}
	return pcm
}

// ToneLevel returns the level of the sine of hz in pcm in dBFS, by Goertzel's
// algorithm. It resolves tones that lie at least 1/duration apart: 50 Hz in
// 20 ms.
func ToneLevel(pcm []int16, rate int, hz float64) float64 {
	if len(pcm) == 0 {
		return SilenceDBFS
	}
	w := 2 * math.Pi * hz / float64(rate)
	k := 2 * math.Cos(w)
	var s1, s2 float64
	for _, s := range pcm {
		s1, s2 = float64(s)+k*s1-s2, s1
	}
	re, im := s1-s2*math.Cos(w), s2*math.Sin(w)
	return decibels(2 * math.Hypot(re, im) / float64(len(pcm)) / fullScale)
}
