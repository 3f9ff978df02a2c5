package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSampleClockIsExact(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, ppm := range []float64{0, 0.001, 100, -100, 500, -500, 50_000} {
		c := newSampleClock(start, ppm)
		if c.at(start.Add(-time.Second)) != 0 {
			t.Errorf("%v ppm: samples before the start", ppm)
		}
		for range 10_000 {
			n := rng.Int64N(24 * 3600 * sampleRate)
			at := c.when(n)
			if got := c.at(at); got != n {
				t.Fatalf("%v ppm: at(when(%d)) = %d", ppm, n, got)
			}
			if got := c.at(at.Add(-1)); n > 0 && got != n-1 {
				t.Fatalf("%v ppm: a nanosecond before sample %d the clock is at %d", ppm, n, got)
			}
		}
	}
	if got := newSampleClock(start, 500).at(start.Add(1000 * time.Second)); got != 8_004_000 {
		t.Errorf("1000 s at 500 ppm are %d samples, want 8004000", got)
	}
}
