package media

import "math"

// SilenceDBFS is the level of digital silence; no level is lower.
const SilenceDBFS = -120.0

// fullScale is the amplitude of a 0 dBFS sine.
const fullScale = 32767

// RMS returns the level of pcm in dBFS as AES17 has it: a full-scale sine is
// 0 dBFS, a full-scale square wave +3.
func RMS(pcm []int16) float64 {
	if len(pcm) == 0 {
		return SilenceDBFS
	}
	var sum int64
	for _, s := range pcm {
		sum += int64(s) * int64(s)
	}
	return decibels(math.Sqrt(2*float64(sum)/float64(len(pcm))) / fullScale)
}

// Peak returns the level of the largest sample of pcm in dBFS.
func Peak(pcm []int16) float64 {
	peak := 0
	for _, s := range pcm {
		peak = max(peak, int(s), -int(s))
	}
	return decibels(float64(peak) / fullScale)
}

func decibels(ratio float64) float64 {
	if ratio <= 0 {
		return SilenceDBFS
	}
	return max(SilenceDBFS, 20*math.Log10(ratio))
}
