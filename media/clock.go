package media

import "time"

// The clock's constants. Far ends are off by up to 500 ppm: half of the slew, and
// 5 ms in the window.
const (
	clockBuckets = 10          // the window is this many buckets
	clockBucket  = time.Second //
	clockSlew    = 1000        // the mapping moves by at most 1/clockSlew of the passing time
	clockSettle  = time.Second // this long after an anchor a smaller delay is taken over at once
)

// Clock maps ticks of a leg's inbound media clock to monotonic time and back.
//
// A frame is never early, only late, so the mapping follows the least
// (arrival - tick) of the last 10 s; it moves by at most 1 ms a second, so that
// a burst of late frames does not bend it. While nothing arrives it runs on at
// its last position. The zero value is ready to use; a Clock belongs to one
// goroutine and allocates nothing.
type Clock struct {
	base     time.Time     // where offset counts from
	running  bool          // base is set
	anchored bool          // offset comes from an observation of this stream
	offset   time.Duration // tick 0 lies at base+offset
	since    time.Time     // when the stream was anchored
	moved    time.Time     // when offset was last moved
	least    [clockBuckets]time.Duration
	used     [clockBuckets]bool
	newest   int64 // number of the newest bucket since base
	last     Tick  // the latest tick handed out
}

// Observe tells the clock that a frame which ends at tick at has arrived.
func (c *Clock) Observe(at Tick, arrival time.Time) {
	if !c.running {
		c.base, c.running = arrival, true
	}
	d := arrival.Sub(c.base) - at.Duration()
	if !c.anchored {
		c.anchor(d, arrival)
	}
	c.keep(d, arrival)
	c.slew(arrival)
}

// Tick returns the tick that the far end has reached at now. It never returns
// less than before. Before the first observation tick 0 is the first now it was
// asked about.
func (c *Clock) Tick(now time.Time) Tick {
	if !c.running {
		c.base, c.running = now, true
	}
	c.last = max(c.last, TicksIn(now.Sub(c.base)-c.offset))
	return c.last
}

// Time returns when the far end reached, or will reach, tick t. It is the zero
// time before the first Observe or Tick.
func (c *Clock) Time(t Tick) time.Time {
	if !c.running {
		return time.Time{}
	}
	return c.base.Add(c.offset + t.Duration())
}

// Reanchor tells the clock that a new stream begins: the next observation sets
// the mapping anew. Until then it runs on, and ticks do not go backwards then
// either: they stand still until the new stream has caught up.
func (c *Clock) Reanchor() { c.anchored = false }

// anchor starts the window anew with one observation.
func (c *Clock) anchor(d time.Duration, arrival time.Time) {
	c.anchored = true
	c.offset, c.since, c.moved = d, arrival, arrival
	c.used = [clockBuckets]bool{}
	c.newest = int64(arrival.Sub(c.base) / clockBucket)
}

// keep records d in the bucket of its arrival and forgets those that have left
// the window.
func (c *Clock) keep(d time.Duration, arrival time.Time) {
	n := max(c.newest, int64(arrival.Sub(c.base)/clockBucket))
	for i := c.newest + 1; i <= min(n, c.newest+clockBuckets); i++ {
		c.used[i%clockBuckets] = false
	}
	c.newest = n
	b := n % clockBuckets
	if !c.used[b] || d < c.least[b] {
		c.least[b], c.used[b] = d, true
	}
}

// slew moves the mapping towards the least delay of the window.
func (c *Clock) slew(now time.Time) {
	least := c.least[c.newest%clockBuckets]
	for i, used := range c.used {
		if used {
			least = min(least, c.least[i])
		}
	}
	step := max(0, now.Sub(c.moved)) / clockSlew
	if now.Sub(c.since) < clockSettle {
		c.offset = min(c.offset, least)
	}
	c.offset = min(max(least, c.offset-step), c.offset+step)
	c.moved = now
}
