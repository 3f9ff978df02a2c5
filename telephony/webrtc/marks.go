package webrtc

import (
	"slices"
	"time"

	"sidetone/media"
)

// A browser echoes no marks. When the sound before one has been heard is
// therefore reckoned: it was sent whole, travelled, and waited in the browser's
// jitter buffer. The mark comes back when the caller's sound of that very moment
// arrives here, which is one whole round trip after it was sent, and the wait;
// its tick on the caller's clock is then the tick of the newest sound. So what
// counts is the round trip, and not half of it.

// mark is a mark on its way.
type mark struct {
	id      media.MarkID
	end     time.Time // when the sound before it had been sent whole
	flushed bool
}

// hush is what the far end is told at a clear: to be silent at once instead of
// playing what it holds.
type hush struct {
	before uint32    // RTP timestamp at which that ends
	end    time.Time // when it had been sent whole
}

// hushed takes that the far end fell silent before before, by an answer of its
// that comes at now. Then it had heard what was sent a latency ago, and the marks
// behind that come back flushed now; sound of after the clear is none of it.
func (o *outbound) hushed(before uint32, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if before != o.hush.before {
		return
	}
	heard := now.Add(-o.latency)
	for i := range o.sent {
		m := &o.sent[i]
		if (m.flushed || m.end.Before(o.hush.end)) && m.end.After(heard) {
			m.flushed, m.end = true, heard
		}
	}
}

// mark queues a mark. The error is errBacklog when too many have not come back.
func (o *outbound) mark(id media.MarkID, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sent)+len(o.items)-o.head-o.frames >= maxMarks {
		return errBacklog
	}
	if o.lost {
		o.sent = append(o.sent, mark{id: id, end: now.Add(-o.latency), flushed: true})
	} else {
		o.push(item{mark: id})
	}
	o.signal()
	return nil
}

// back returns the oldest mark if it is due at now, and when it is due; zero when
// there is none.
func (o *outbound) back(now time.Time) (m mark, due time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sent) == 0 {
		return mark{}, time.Time{}, false
	}
	m = o.sent[0]
	due = m.end.Add(o.latency)
	if due.After(now) {
		return mark{}, due, false
	}
	o.sent = slices.Delete(o.sent, 0, 1)
	return m, due, true
}

// cut throws away the frames that wait. The marks before sound that is already
// on its way will still be played; all others come back flushed, when the far
// end falls silent, which media.Playout takes them to say.
func (o *outbound) cut(now time.Time) {
	end := o.sound
	if at := now.Add(-o.latency); at.After(end) {
		end = at
	}
	for i := range o.sent {
		if m := &o.sent[i]; !m.flushed && !m.end.Before(o.sound) {
			m.flushed, m.end = true, end
		}
	}
	for _, it := range o.items[o.head:] {
		if it.pcm == nil {
			o.sent = append(o.sent, mark{id: it.mark, end: end, flushed: true})
		}
	}
	clear(o.items)
	o.items, o.head, o.frames = o.items[:0], 0, 0
}

// setLatency says how long after it was sent the far end's answer to a sound can
// be heard here.
func (o *outbound) setLatency(d time.Duration) {
	o.mu.Lock()
	o.latency = d
	o.mu.Unlock()
}
