package sim

import (
	"math"
	"math/bits"
	"time"
)

// sampleRate is the rate of a phone stream in Hz.
const sampleRate = 8000

// frameSamples is the length of one 20 ms frame.
const frameSamples = sampleRate / 50

// sampleClock is the carrier's media clock: sample n lies at the start plus n/8000 s,
// divided by 1 + skew. It is exact, so that a clock asked for the time of a
// sample and then for the sample at that time returns the same one.
type sampleClock struct {
	start time.Time
	speed uint64 // parts per billion of real time
}

// samplePeriod is one sample in nanoseconds, scaled by the billion of speed.
const samplePeriod = 1e9 * 1e9 / sampleRate

func newSampleClock(start time.Time, skewPPM float64) sampleClock {
	return sampleClock{start: start, speed: uint64(1e9 + math.Round(skewPPM*1e3))}
}

// at returns the number of whole samples that have passed at t.
func (c sampleClock) at(t time.Time) int64 {
	d := t.Sub(c.start)
	if d <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(d), c.speed)
	n, _ := bits.Div64(hi, lo, samplePeriod)
	return int64(n)
}

// when returns the first instant at which n samples have passed.
func (c sampleClock) when(n int64) time.Time {
	hi, lo := bits.Mul64(uint64(n), samplePeriod)
	d, rest := bits.Div64(hi, lo, c.speed)
	if rest > 0 {
		d++
	}
	return c.start.Add(time.Duration(d))
}
