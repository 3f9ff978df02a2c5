package webrtc

import (
	"sync"
	"time"
)

const (
	// bufferUnknown is the far end's jitter buffer until it reports its own.
	bufferUnknown = 100 * time.Millisecond
	// maxLatency bounds what is believed of the way to the far end's ear.
	maxLatency = 600 * time.Millisecond
	// The weights of a new report: that of RFC 6298, 2.3, for the round trip time,
	// and one that forgets a burst of loss in half a minute of reports.
	rttWeight  = 1. / 8
	lossWeight = 1. / 4
)

// quality is what is known of a leg's network: what the far end's reports, the
// page and our own reception say. The leg's reader, its writer and the call use
// it.
type quality struct {
	codec time.Duration // delay of our coder

	mu       sync.Mutex
	rtt      time.Duration // smoothed; 0 while unknown
	stale    bool          // rtt is that of another connection, or unknown
	buffer   time.Duration // of the far end
	reported bool          // the page has reported buffer
	loss     float64       // of what we send, smoothed

	in, out       direction
	rtts, buffers mean
}

// direction sums up one way of a leg's sound.
type direction struct{ loss, jitter mean }

// mean is an arithmetic mean.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) { m.sum += v; m.n++ }

func (m *mean) value() float64 { return m.sum / float64(max(1, m.n)) }

func newQuality(coder time.Duration) *quality {
	return &quality{codec: coder, buffer: bufferUnknown, stale: true}
}

// report takes what the far end says of our packets, and returns the loss to
// expect.
func (q *quality) report(r report) (loss float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	share := min(max(r.Loss, 0), 1)
	q.loss += (share - q.loss) * lossWeight
	q.out.loss.add(share)
	q.out.jitter.add(r.Jitter.Seconds())
	q.trip(r.RTT)
	return q.loss
}

// stats takes what the page says of its connection.
func (q *quality) stats(s stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.hasBuffer {
		q.buffer, q.reported = s.buffer, true
		q.buffers.add(s.buffer.Seconds())
	}
	q.trip(s.rtt)
}

// received takes how the far end's packets come in.
func (q *quality) received(r reception) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.in.loss.add(min(max(r.Loss, 0), 1))
	q.in.jitter.add(r.Jitter.Seconds())
}

// trip takes a round trip time; 0 is none.
func (q *quality) trip(rtt time.Duration) {
	if rtt <= 0 {
		return
	}
	q.rtts.add(rtt.Seconds())
	if q.stale {
		q.rtt, q.stale = rtt, false
		return
	}
	q.rtt += time.Duration(float64(rtt-q.rtt) * rttWeight)
}

// moved says that the connection takes another way now. Until its round trip time
// is known, the last one has to do.
func (q *quality) moved() {
	q.mu.Lock()
	q.stale = true
	q.mu.Unlock()
}

// latency is the time from a frame's sending until the far end's answer to its
// sound can be heard here.
func (q *quality) latency() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return min(q.rtt+q.buffer+q.codec, maxLatency)
}

// known reports whether the page has told its delay.
func (q *quality) known() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reported
}

// observe writes down how the leg was; only what is known of it counts.
func (q *quality) observe(m *legMetrics) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// Sound that comes in is handed on as it comes; what goes out waits in the
	// browser.
	travel := q.rtts.value()/2 + coding.Seconds()
	wait := bufferUnknown.Seconds()
	if q.buffers.n > 0 {
		wait = q.buffers.value()
		m.buffer.Observe(wait)
	}
	if q.rtts.n > 0 {
		m.rtt.Observe(q.rtts.value())
	}
	q.in.observe(m, wayIn, travel)
	q.out.observe(m, wayOut, travel+wait)
}

// observe writes down how one way was, whose delay from mouth to ear is known.
func (d *direction) observe(m *legMetrics, way string, delay float64) {
	if d.loss.n == 0 {
		return
	}
	m.loss.WithLabelValues(way).Observe(d.loss.value())
	m.jitter.WithLabelValues(way).Observe(d.jitter.value())
	m.mos.WithLabelValues(way).Observe(mos(rating(delay, d.loss.value())))
}
