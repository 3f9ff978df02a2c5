package sim

import "time"

// WebPacing is how the agent's packets came in.
type WebPacing struct {
	Packets    int
	Spurts     int           // that they came in
	FirstAudio time.Duration // from DTLS connected to the first packet; -1 if none came
	// Interval holds |time since the packet before - RTP time between the two|, of
	// neighbours within a spurt. A spurt begins with the marker bit. Its last three
	// packets are left out, here and in Late: a sender may wait to see whether it
	// has more to say before it fills them with silence.
	Interval Distribution
	// Late holds, for each packet but the first of a spurt, how late it came
	// against the schedule that the earliest packet of its spurt sets.
	Late Distribution
	Lost int // sequence numbers that did not come
	// Reordered packets came behind a later one; Duplicated ones came again. Both
	// are left out of Interval and Late.
	Reordered, Duplicated int
}

// rtpPacing measures a stream of RTP packets. Not for use by many goroutines.
type rtpPacing struct {
	rate   int // of the RTP clock, Hz
	pacing WebPacing

	any       bool
	newest    int64 // sequence number, unwrapped
	first     int64
	firstAt   time.Time
	seen      [pacingWindow / 64]uint64 // of the newest sequence numbers
	last      time.Time
	lastStamp uint32
	opened    time.Time // when the spurt's first packet came
	stamp     uint32    // and its timestamp
	earliest  time.Duration
	held      []pacingSample // the newest of the spurt
}

// pacingSample is a packet of which it is not yet known whether its spurt goes
// on. An interval of -1 is none.
type pacingSample struct{ interval, late time.Duration }

// spurtTail is how many packets at the end of a spurt do not count.
const spurtTail = 3

// pacingWindow is how many sequence numbers a packet may be behind the newest.
const pacingWindow = 1024

// packet notes a packet that came at t.
func (p *rtpPacing) packet(t time.Time, seq uint16, stamp uint32, marker bool) {
	p.pacing.Packets++
	if !p.any {
		p.any = true
		p.newest = int64(seq) + 1<<16 // there may be some before
		p.first = p.newest
		word, bit := p.seenAt(p.newest)
		*word |= bit
		p.firstAt = t
		p.open(t, stamp)
		return
	}
	n := p.newest + int64(int16(seq-uint16(p.newest)))
	for gap := p.newest + 1; gap <= n && gap < p.newest+pacingWindow; gap++ {
		word, bit := p.seenAt(gap)
		*word &^= bit
	}
	word, bit := p.seenAt(n)
	switch {
	case n <= p.newest-pacingWindow, *word&bit != 0:
		p.pacing.Packets--
		p.pacing.Duplicated++
		return
	case n < p.newest:
		*word |= bit
		p.first = min(p.first, n)
		p.pacing.Reordered++
		return
	}
	*word |= bit
	neighbour := n == p.newest+1
	p.newest = n
	if marker {
		p.open(t, stamp)
		return
	}
	offset := t.Sub(p.opened) - p.span(stamp-p.stamp)
	sample := pacingSample{interval: -1, late: max(0, offset-p.earliest)}
	if neighbour {
		sample.interval = (t.Sub(p.last) - p.span(stamp-p.lastStamp)).Abs()
	}
	p.earliest = min(p.earliest, offset)
	p.last, p.lastStamp = t, stamp
	p.hold(sample)
}

// hold keeps a sample until the spurt is spurtTail packets further.
func (p *rtpPacing) hold(s pacingSample) {
	if len(p.held) == spurtTail {
		first := p.held[0]
		p.held = append(p.held[:0], p.held[1:]...)
		p.pacing.Late.Add(first.late)
		if first.interval >= 0 {
			p.pacing.Interval.Add(first.interval)
		}
	}
	p.held = append(p.held, s)
}

// open begins a spurt.
func (p *rtpPacing) open(t time.Time, stamp uint32) {
	p.pacing.Spurts++
	p.opened, p.stamp, p.earliest, p.held = t, stamp, 0, p.held[:0]
	p.last, p.lastStamp = t, stamp
}

// span is how long a difference of timestamps is.
func (p *rtpPacing) span(units uint32) time.Duration {
	return time.Duration(int32(units)) * time.Second / time.Duration(p.rate)
}

// seenAt returns where it is noted that sequence number n came.
func (p *rtpPacing) seenAt(n int64) (word *uint64, bit uint64) {
	return &p.seen[n/64%int64(len(p.seen))], 1 << (n % 64)
}

// finish returns what was measured; connected is when DTLS was.
func (p *rtpPacing) finish(connected time.Time) WebPacing {
	r := p.pacing
	if !p.any {
		r.FirstAudio = -1
		return r
	}
	r.FirstAudio = max(0, p.firstAt.Sub(connected)) // DTLS is told of when it has happened
	r.Lost = int(p.newest-p.first+1) - r.Packets
	return r
}
