package media

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A far end that is skewed and whose frames come late in bursts: the clock
// stays within 8 ms of what the least delay says, and never goes backwards.
func TestClockFollowsSkewThroughBursts(t *testing.T) {
	for _, ppm := range []float64{0, 100, -100, 500, -500} {
		t.Run(fmt.Sprintf("%+.0f ppm", ppm), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(ppm+1000)))
			const delay = 40 * time.Millisecond
			var c Clock
			var last Tick
			burst := time.Duration(0)
			arrived := epoch
			worst := time.Duration(0)
			for i := 1; i <= 50*120; i++ {
				at := Tick(i) * FrameTicks
				captured := epoch.Add(time.Duration(float64(at.Duration()) / (1 + ppm/1e6)))
				switch {
				case burst > 0:
					burst = max(0, burst-20*time.Millisecond)
				case rng.IntN(100) == 0:
					burst = time.Duration(rng.IntN(400)) * time.Millisecond
				}
				jitter := time.Duration(rng.ExpFloat64() * float64(3*time.Millisecond))
				arrival := captured.Add(delay + burst + jitter)
				if arrival.Before(arrived) {
					arrival = arrived
				}
				arrived = arrival
				c.Observe(at, arrival)
				got := c.Tick(arrival)
				if got < last {
					t.Fatalf("tick went back from %d to %d", last, got)
				}
				last = got
				truth := Tick(float64(TicksIn(arrival.Sub(epoch)-delay)) * (1 + ppm/1e6))
				if i > 100 {
					worst = max(worst, (got - truth).Duration(), (truth - got).Duration())
				}
			}
			if worst > 8*time.Millisecond {
				t.Errorf("off by %v", worst)
			}
			t.Logf("worst error %v", worst)
		})
	}
}

func TestClockRunsOnFreely(t *testing.T) {
	var c Clock
	c.Observe(FrameTicks, epoch)
	if got := c.Tick(epoch.Add(time.Minute)); got != FrameTicks+60*TickRate {
		t.Errorf("a minute later it is %d", got)
	}
	if got := c.Time(FrameTicks + TickRate); !got.Equal(epoch.Add(time.Second)) {
		t.Errorf("Time = %v", got)
	}
}

func TestClockBeforeAnyFrame(t *testing.T) {
	var c Clock
	if !c.Time(5).IsZero() {
		t.Error("Time before the first call is not zero")
	}
	if c.Tick(epoch) != 0 || c.Tick(epoch.Add(time.Second)) != TickRate {
		t.Error("an unobserved clock does not run from its first Tick")
	}
	// The stream turns out to begin at that second: the clock waits for it.
	c.Observe(FrameTicks, epoch.Add(time.Second))
	if got := c.Tick(epoch.Add(time.Second)); got != TickRate {
		t.Errorf("the first observation moved it to %d", got)
	}
	if got := c.Tick(epoch.Add(3 * time.Second)); got != FrameTicks+2*TickRate {
		t.Errorf("it is %d, want %d", got, FrameTicks+2*TickRate)
	}
}

func TestClockSlewsAtMostAMillisecondASecond(t *testing.T) {
	var c Clock
	observe := func(i int, late time.Duration) {
		at := Tick(i) * FrameTicks
		c.Observe(at, epoch.Add(at.Duration()+late))
	}
	for i := range 50 * 5 {
		observe(i, 0)
	}
	before := c.Time(0)
	for i := 50 * 5; i < 50*30; i++ { // the route is 50 ms longer from now on
		observe(i, 50*time.Millisecond)
	}
	// The window forgets after 9 to 10 s; then it moves for 15 to 16 s.
	if moved := c.Time(0).Sub(before); moved < 14*time.Millisecond || moved > 17*time.Millisecond {
		t.Errorf("moved by %v", moved)
	}
	before = c.Time(0)
	for i := 50 * 30; i < 50*35; i++ { // and shorter again
		observe(i, 0)
	}
	if moved := c.Time(0).Sub(before); moved > -4900*time.Microsecond || moved < -5100*time.Microsecond {
		t.Errorf("moved back by %v", moved)
	}
}

func TestClockForgivesALateStart(t *testing.T) {
	var c Clock
	for i := 1; i <= 20; i++ { // the first 400 ms come all at once
		c.Observe(Tick(i)*FrameTicks, epoch.Add(400*time.Millisecond))
	}
	if got := c.Tick(epoch.Add(400 * time.Millisecond)); got != 20*FrameTicks {
		t.Errorf("it is %d, want %d", got, 20*FrameTicks)
	}
}

func TestClockReanchors(t *testing.T) {
	var c Clock
	c.Observe(100*FrameTicks, epoch)
	c.Reanchor()
	if got := c.Tick(epoch.Add(5 * time.Second)); got != 100*FrameTicks+5*TickRate {
		t.Errorf("without a frame it is %d", got)
	}
	// The new stream is 4 s behind: time stands still for it.
	now := epoch.Add(5 * time.Second)
	c.Observe(100*FrameTicks+TickRate, now)
	if got := c.Tick(now.Add(time.Second)); got != 100*FrameTicks+5*TickRate {
		t.Errorf("it went to %d", got)
	}
	if got := c.Tick(now.Add(10 * time.Second)); got != 100*FrameTicks+11*TickRate {
		t.Errorf("it is %d after the new stream caught up", got)
	}
	// One that is ahead is followed at once.
	c.Reanchor()
	c.Observe(100*FrameTicks+60*TickRate, now.Add(11*time.Second))
	if got := c.Tick(now.Add(11 * time.Second)); got != 100*FrameTicks+60*TickRate {
		t.Errorf("it is %d, a minute ahead was expected", got)
	}
}

func TestClockAllocatesNothing(t *testing.T) {
	var c Clock
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		i++
		now := epoch.Add(time.Duration(i) * FrameDuration)
		c.Observe(Tick(i)*FrameTicks, now)
		c.Tick(now)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkClock(b *testing.B) {
	var c Clock
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := epoch.Add(time.Duration(i) * FrameDuration)
		c.Observe(Tick(i)*FrameTicks, now)
		c.Tick(now)
	}
}
