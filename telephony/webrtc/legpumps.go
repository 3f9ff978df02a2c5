package webrtc

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	maxPacket     = 2048        // bytes; no path carries more
	receptionEach = time.Second // between two looks at the reception
)

// firstSequence is a random sequence number whose wrap is far (RFC 3711, 3.3.1).
func firstSequence() uint16 { return uint16(rand.Uint32N(1 << 15)) }

// read is the reader: it takes the caller's packets until the wire is closed.
func (l *Leg) read() {
	b := make([]byte, maxPacket)
	l.in.line.start = time.Now()
	var deadline time.Time
	for {
		if due := l.in.due(); due != deadline {
			deadline = due
			if l.wire.SetReadDeadline(due) != nil {
				break
			}
		}
		n, err := l.wire.ReadRTP(b)
		now := time.Now()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err == nil {
			l.in.take(b[:n], now)
			l.observe(now)
		} else {
			l.in.pass(now)
			l.note()
		}
		l.assess(now)
	}
	l.in.flush()
	if l.reached > 0 {
		l.quality.received(l.in.reception())
	}
}

// observe notes how far the caller's sound has come after a packet, and tells
// the clock. What a packet completed ends as it arrives, unless it waited for
// another; frames are later, since they hold back what does not fill them.
func (l *Leg) observe(now time.Time) {
	newest, reached := l.in.newest(), l.in.line.end
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest = newest
	if reached > l.reached {
		l.reached = reached
		l.clock.Observe(reached, now)
	}
}

// note notes the end of the newest frame.
func (l *Leg) note() {
	newest := l.in.newest()
	l.mu.Lock()
	l.newest = newest
	l.mu.Unlock()
}

// assess asks each second how the caller's packets come in.
func (l *Leg) assess(now time.Time) {
	if l.assessed.IsZero() {
		l.assessed = now
	}
	if now.Sub(l.assessed) >= receptionEach {
		l.assessed = now
		l.quality.received(l.in.reception())
	}
}

// frame implements inboundSink: it hands a frame to the call; when the call is a
// second behind, the oldest frame makes room.
func (l *Leg) frame(f media.Frame) {
	for {
		select {
		case l.recv <- f:
			return
		default:
		}
		select {
		case <-l.recv:
			l.metrics.drop(lostRecv, 1)
		default:
		}
	}
}

// key implements inboundSink.
func (l *Leg) key(digit byte) {
	l.note()
	l.emit(telephony.Event{Kind: telephony.DTMF, Digit: digit})
}

// emit hands an event to the call, stamped with the newest inbound tick.
func (l *Leg) emit(e telephony.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = l.newest
	l.put(e)
}

// emitMark hands the return of a mark to the call, stamped with the tick of due.
func (l *Leg) emitMark(m mark, due time.Time) {
	e := telephony.Event{Kind: telephony.Played, Mark: m.id}
	if m.flushed {
		e.Kind = telephony.Flushed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = l.clock.Tick(due) - media.FrameTicks/2
	l.put(e)
}

// put wants l.mu held. Nothing follows an event that found no room.
func (l *Leg) put(e telephony.Event) {
	e.At = max(e.At, l.last)
	l.last = e.At
	if l.over() {
		return
	}
	select {
	case l.events <- e:
	default:
		l.end(telephony.Overloaded, nil)
	}
}

// pump is the writer: it sends what is due, brings marks back, and takes what
// the wire reports, until the leg is over.
func (l *Leg) pump(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	messages, states, reports := l.wire.Messages(), l.wire.States(), l.wire.Reports()
	for !l.over() {
		if next := l.advance(time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-timer.C:
		case <-l.out.wake:
		case m, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			l.message(m, time.Now())
		case r, ok := <-reports:
			if !ok {
				reports = nil
				continue
			}
			l.report(r)
		case s, ok := <-states:
			if !ok {
				s = wireFailed
			}
			l.state(s, time.Now())
		case <-l.done:
		case <-ctx.Done():
			l.end(telephony.Ended, nil)
		}
	}
	if !l.giveUp.IsZero() {
		l.metrics.outages.WithLabelValues(l.outageResult()).Inc()
	}
}

// advance does what is due at now and returns when there is more to do; zero for
// never.
func (l *Leg) advance(now time.Time) (next time.Time) {
	for {
		p, at, ok := l.out.pop(now)
		if !ok {
			next = at
			break
		}
		l.transmit(p)
	}
	for {
		m, due, ok := l.out.back(now)
		if !ok {
			next = sooner(next, due)
			break
		}
		l.emitMark(m, due)
	}
	if !l.giveUp.IsZero() && !now.Before(l.giveUp) {
		l.end(telephony.Dropped, errNotBack)
	}
	return sooner(next, l.giveUp)
}

// sooner is the earlier of two times, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *Leg) transmit(p packet) {
	payload, err := l.code.encode(p.pcm)
	if err != nil {
		l.end(telephony.Dropped, err)
		return
	}
	l.header.Marker, l.header.Timestamp = p.first, p.stamp
	// A packet that can not be sent is a packet lost; the wire tells if it will stay
	// so.
	_ = l.wire.WriteRTP(&l.header, payload)
	l.header.SequenceNumber++
}

// report takes what the far end says of our packets.
func (l *Leg) report(r report) {
	loss := l.quality.report(r)
	l.out.setLatency(l.quality.latency())
	if err := l.code.expect(loss); err != nil {
		l.end(telephony.Dropped, err)
	}
}

// message takes a message of the page.
func (l *Leg) message(b []byte, now time.Time) {
	m, bad := parseMessage(b)
	if l.meter.flooded(m.kind == typeStats, now) {
		l.metrics.badMessage(badFlood)
		l.end(telephony.Protocol, errFlood)
		return
	}
	if bad != "" {
		l.metrics.badMessage(bad)
		return
	}
	l.metrics.messages.WithLabelValues(m.kind).Inc()
	switch {
	case m.kind == typeBye:
		l.end(telephony.HungUp, nil)
	case m.kind == typeStats:
		l.quality.stats(m.stats)
		l.out.setLatency(l.quality.latency())
	case m.kind == typeHushed:
		l.out.hushed(m.before, now)
	case m.event.Kind != 0:
		l.emit(m.event)
	}
}

// state takes the far end's going and coming.
func (l *Leg) state(s wireState, now time.Time) {
	switch {
	case s == wireClosed:
		l.end(telephony.HungUp, nil)
	case s == wireFailed:
		l.end(telephony.Dropped, errFailed)
	case s == wireLost && l.giveUp.IsZero():
		l.giveUp = now.Add(returnWait)
		l.emit(telephony.Event{Kind: telephony.Lost})
		l.metrics.drop(lostUnsent, l.out.lose(now))
	case s == wireBack && !l.giveUp.IsZero():
		l.giveUp = time.Time{}
		l.metrics.outages.WithLabelValues(outageOver).Inc()
		l.quality.moved()
		l.mu.Lock()
		l.clock.Reanchor()
		l.mu.Unlock()
		l.out.found()
		l.emit(telephony.Event{Kind: telephony.Resumed})
	}
}

// outageResult is what became of a far end that was lost when the leg ended.
func (l *Leg) outageResult() string {
	switch l.err {
	case errNotBack:
		return outageTimedOut
	case errFailed:
		return outageFailed
	default:
		return outageEnded
	}
}

// close closes the wire, which ends the reader.
func (l *Leg) close() {
	_ = l.wire.Close() // there is nobody left to tell
}

// finish ends what the call reads, and tells that the far end knows.
func (l *Leg) finish() {
	l.quality.observe(l.metrics)
	close(l.recv)
	close(l.events)
	close(l.told)
}
