package sim

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Distribution is a set of measured durations. The zero value is empty.
type Distribution struct {
	samples []time.Duration
	sorted  bool
}

// Add adds samples.
func (d *Distribution) Add(samples ...time.Duration) {
	d.samples = append(d.samples, samples...)
	d.sorted = false
}

// Merge adds the samples of other.
func (d *Distribution) Merge(other Distribution) { d.Add(other.samples...) }

// N returns the number of samples.
func (d *Distribution) N() int { return len(d.samples) }

// Quantile returns the smallest sample that is not exceeded by the share q of
// all of them: Quantile(0.95) is the 95th percentile. It is 0 without samples.
func (d *Distribution) Quantile(q float64) time.Duration {
	if len(d.samples) == 0 {
		return 0
	}
	if !d.sorted {
		slices.Sort(d.samples)
		d.sorted = true
	}
	rank := int(math.Ceil(q * float64(len(d.samples))))
	return d.samples[min(max(rank, 1), len(d.samples))-1]
}

// Max returns the largest sample, or 0.
func (d *Distribution) Max() time.Duration { return d.Quantile(1) }

// String prints the count and the usual quantiles in milliseconds.
func (d *Distribution) String() string {
	ms := func(v time.Duration) float64 { return float64(v) / float64(time.Millisecond) }
	return fmt.Sprintf("n=%d p50=%.2fms p95=%.2fms p99=%.2fms max=%.2fms",
		d.N(), ms(d.Quantile(0.5)), ms(d.Quantile(0.95)), ms(d.Quantile(0.99)), ms(d.Max()))
}
