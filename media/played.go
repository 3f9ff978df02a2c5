package media

import (
	"slices"
	"time"
)

// reanchor is how far an echo may lie from where the run puts it: half a frame
// for the phase of the inbound frames, as much for that of the start's echo, and
// a hiccup of 10 ms.
const reanchor = FrameTicks * 3 / 2

// run is audio that the far end plays without a gap.
type run struct {
	base  int64     // position of its first frame
	begun time.Time // when that was sent
	plays time.Time // when that is played, if it takes no time to travel
	start Tick      // when that was heard
	known bool      // start is known
	next  *run
}

// playAt returns the same of the frame at pos.
func (r *run) playAt(pos int64) time.Time {
	return r.plays.Add(time.Duration(pos-r.base) * FrameDuration)
}

// ticks returns how far position pos lies in the run.
func (r *run) ticks(pos int64) Tick { return Tick(pos-r.base) * FrameTicks }

type markKind uint8

const (
	markStart  markKind = iota // precedes the first frame of its run
	markPassed                 // its echo tells when the frames before it were played
	markLate                   // its echo tells no more than that they were
)

// mark is a mark on its way.
type mark struct {
	id   MarkID
	kind markKind
	pos  int64     // the frames before pos were sent before it
	due  time.Time // when its echo is due
	run  *run      // the run it belongs to; may be nil for markLate
}

// Marked takes the echo of a mark: the leg's Played and, with flushed, Flushed
// events. At is the newest inbound tick at that time. It returns what was
// played; the slice is valid until the next call, the PCM for ever. The echo of
// an unknown mark is ignored.
func (p *Playout) Marked(id MarkID, flushed bool, at Tick) []Span {
	p.spans = p.spans[:0]
	i := slices.IndexFunc(p.marks, func(m mark) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	m := p.marks[i]
	p.marks = slices.Delete(p.marks, 0, i+1)
	// The newest inbound frame ended up to a frame ago.
	heard := at + FrameTicks/2
	// The far end echoes in order: once one mark was flushed, so were the rest.
	p.flushed = p.clearing && (p.flushed || flushed)
	switch {
	case !flushed && !p.flushed:
		p.confirm(m, heard)
	case m.kind == markStart:
		// It came before the run's audio, so it was echoed before any of that was
		// thrown away; the leg cannot tell when the echo crossed the clear.
		m.run.start, m.run.known = heard, true
	}
	if p.clearing && len(p.marks) == 0 {
		// The hold's own mark is the last: it comes back when the clear has been
		// carried out, and nothing was played since.
		p.settle(heard)
	}
	return p.spans
}

// Settle gives up waiting for the echo that settles the cut, and estimates from
// the time that has passed since the Hold; at is the newest inbound tick at now.
// It does nothing when the cut is settled.
func (p *Playout) Settle(now time.Time, at Tick) []Span {
	p.spans = p.spans[:0]
	if !p.clearing {
		return nil
	}
	cut := at + FrameTicks/2 - TicksIn(now.Sub(p.cleared))
	for r := p.first; r != nil; r = r.next {
		if !r.known {
			r.start, r.known = cut-TicksIn(p.cleared.Sub(r.plays)), true
		}
	}
	p.settle(cut)
	return p.spans
}

// confirm takes the echo of a mark whose audio was played, heard now.
func (p *Playout) confirm(m mark, heard Tick) {
	r := m.run
	if m.kind != markPassed {
		p.tell(m.pos, heard)
		if m.kind == markStart {
			r.start, r.known = heard, true
		}
		return
	}
	start := heard - r.ticks(m.pos)
	if !r.known || start < r.start-reanchor {
		// The echo that set the start was late.
		r.start, r.known = start, true
	}
	p.tell(m.pos, heard)
	if start > r.start+reanchor {
		// The far end ran dry somewhere before the mark, or this echo is late: the
		// next one will tell. Till then the rest is taken to have moved.
		r.start = start
	}
}

// tell reports the frames before pos as played, by heard at the latest, each at
// its place in its run.
func (p *Playout) tell(pos int64, heard Tick) {
	for p.q.told < pos {
		r := p.first
		for r.next != nil && r.next.base <= p.q.told {
			r = r.next
		}
		p.first = r
		end := pos
		if r.next != nil {
			end = min(end, r.next.base)
		}
		if !r.known {
			r.start, r.known = heard-r.ticks(end), true
		}
		// Spans never overlap.
		at := max(p.heard, r.start+r.ticks(p.q.told))
		p.heard = at + Tick(end-p.q.told)*FrameTicks
		p.spans = p.q.confirm(p.spans, end, at)
	}
	p.spans = p.q.confirm(p.spans, pos, p.heard)
}

// settle cuts what was sent at tick cut: what was played by then is reported,
// the rest waits again or is dropped.
func (p *Playout) settle(cut Tick) {
	pos := p.q.told
	for r := p.first; r != nil && r.known; r = r.next {
		end := p.q.sent
		if r.next != nil {
			end = r.next.base
		}
		played := r.base + int64((cut-r.start+FrameTicks/2)/FrameTicks)
		pos = max(pos, min(played, end))
		if played < end {
			break
		}
	}
	p.tell(pos, cut)
	p.q.rewind()
	p.q.drop()
	p.forget()
}

// forget ends the run and gives up the marks that are on their way.
func (p *Playout) forget() {
	p.first, p.last = nil, nil
	p.marks = p.marks[:0]
	p.clearing = false
}
