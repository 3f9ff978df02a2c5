package media

import (
	"errors"
	"fmt"
	"time"
)

// ErrStalled is returned by Step when 64 marks are on their way, which is many
// times what a lead and a round trip account for.
var ErrStalled = errors.New("media: far end confirms no marks")

const maxMarks = 64

// MarkID names a mark: a Playout numbers its marks from 1.
type MarkID uint32

// ClipID names a clip: one sentence, or one part of a message. The owner of
// the Playout numbers them from 1.
type ClipID uint32

// Sink is where a Playout sends audio; telephony.Leg is one. None of its
// methods may block. Each mark comes back once, in order: as played, when all
// that was sent before it has been; or as flushed, after a Clear, when the far
// end has thrown away what it had not played. A mark that Clear overtakes on its
// way must come back after that, too: it tells when the far end fell silent.
type Sink interface {
	Send(Frame) error
	Mark(MarkID) error
	Clear() error
}

// Span says that PCM, which begins at offset From of clip Clip, was played from
// tick At of the media clock on. Done says that the clip's end has been played;
// PCM may be empty then. PCM is immutable.
type Span struct {
	Clip     ClipID
	From, At Tick
	PCM      []int16
	Done     bool
}

// PlayoutOptions are a Playout's settings.
type PlayoutOptions struct {
	Rate      int  // Hz, as the leg has it
	Lead      Tick // how far ahead of real time audio is sent; one frame at least
	MarkEvery Tick // audio between marks; 200 ms when zero
}

// Playout sends clips to a far end in 20 ms frames and knows what was played of
// them. It is a passive state machine: it has no goroutine, timer or clock, and
// belongs to one goroutine, which calls Step when the last Step asked for it and
// after every other method.
//
// Audio flows in runs. A run is sent to an absolute schedule, so the far end
// plays it without a gap; a frame that comes late begins another. A run begins
// with a mark, which an idle far end echoes at once; every span of the run is
// placed by that echo. Further marks, each 200 ms and at each clip's end, confirm
// what was played.
type Playout struct {
	sink  Sink
	q     clipQueue
	ahead time.Duration // a frame is sent this long before it is due to be played
	every int64         // frames between marks

	first, last *run // the runs not wholly confirmed, oldest first
	marks       []mark
	lastMark    MarkID
	heard       Tick // end of the last span
	spans       []Span

	held     bool      // Hold was called, and neither Resume nor Drop since
	lost     bool      // Lost was called, and not Found since
	clearing bool      // the cut is not settled
	cleared  time.Time // when clearing began
	flushed  bool      // a mark has come back flushed since
}

// NewPlayout returns an idle playout that sends to sink.
func NewPlayout(o PlayoutOptions, sink Sink) *Playout {
	if o.MarkEvery <= 0 {
		o.MarkEvery = 10 * FrameTicks
	}
	return &Playout{
		sink:  sink,
		q:     clipQueue{frame: FrameSamples(o.Rate)},
		ahead: max(0, o.Lead-FrameTicks).Duration(),
		every: max(1, int64(o.MarkEvery/FrameTicks)),
	}
}

// Append adds audio to clip c, which is the newest clip or a newer one; a newer
// one finishes the clip before. Audio of an older, a finished or a dropped clip
// is ignored. The playout keeps pcm, which must not be changed any more.
func (p *Playout) Append(c ClipID, pcm []int16) { p.q.append(c, pcm) }

// Finish says that clip c will get no more audio. Its last frame is filled with
// silence, and a mark will follow it.
func (p *Playout) Finish(c ClipID) {
	if p.q.begin(c) {
		p.q.finish(c)
	}
}

// Queued returns the length of the audio that has not been sent.
func (p *Playout) Queued() Tick {
	return Tick(p.q.waiting)*FrameTicks + Tick(len(p.q.tail))*FrameTicks/Tick(p.q.frame)
}

// Idle reports whether nothing is queued or to be mixed, and all that was sent
// is confirmed.
func (p *Playout) Idle() bool {
	return len(p.q.items) == 0 && len(p.q.tail) == 0 && len(p.q.over.rest) == 0 && len(p.marks) == 0
}

// Playing reports whether the far end hears something at now, as far as one can
// tell from here.
func (p *Playout) Playing(now time.Time) bool {
	return p.q.told < p.q.sent && (len(p.marks) > 0 || now.Before(p.last.playAt(p.q.sent)))
}

// Step sends what is due at now and returns when it is to be called again; the
// zero time when only another method can create work. An error is the sink's,
// or ErrStalled.
func (p *Playout) Step(now time.Time) (time.Time, error) {
	if p.held || p.lost || p.clearing {
		return time.Time{}, nil
	}
	for {
		if len(p.marks) >= maxMarks {
			return time.Time{}, ErrStalled
		}
		if p.q.atEnd() {
			if err := p.markEnd(now); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if !p.q.more() {
			return time.Time{}, nil
		}
		if p.late(now) {
			if err := p.begin(now); err != nil {
				return time.Time{}, err
			}
		}
		if due := p.sendAt(); now.Before(due) {
			return due, nil
		}
		if err := p.send(now); err != nil {
			return time.Time{}, err
		}
	}
}

// sendAt is when the next frame of the last run is to be sent: at once, until the
// far end has the lead.
func (p *Playout) sendAt() time.Time {
	return p.last.playAt(p.q.sent).Add(-p.ahead)
}

// late reports whether the next frame comes so late that the far end may run dry
// before it: then it begins a run.
func (p *Playout) late(now time.Time) bool {
	late := now.Add(-FrameDuration)
	return p.last == nil || late.After(p.sendAt()) && late.After(p.last.begun)
}

// begin starts a run. Its schedule goes on from the last one's, unless that has
// passed.
func (p *Playout) begin(now time.Time) error {
	r := &run{base: p.q.sent, begun: now, plays: now}
	if p.last != nil && p.last.playAt(r.base).After(now) {
		r.plays = p.last.playAt(r.base)
	}
	if err := p.mark(mark{pos: r.base, due: r.plays, run: r, kind: markStart}); err != nil {
		return err
	}
	if p.last == nil {
		p.first = r
	} else {
		p.last.next = r
	}
	p.last = r
	return nil
}

// send sends one frame, and a mark when it is time for one. A clip's end has a
// mark of its own.
func (p *Playout) send(now time.Time) error {
	if err := p.sink.Send(Frame{PCM: p.q.peek()}); err != nil {
		return fmt.Errorf("media: playout: send: %w", err)
	}
	p.q.advance()
	if (p.q.sent-p.last.base)%p.every != 0 || p.q.atEnd() {
		return nil
	}
	return p.mark(p.markHere(now))
}

// markEnd sends the mark of a clip's end.
func (p *Playout) markEnd(now time.Time) error {
	if err := p.mark(p.markHere(now)); err != nil {
		return err
	}
	p.q.advance()
	return nil
}

// markHere returns a mark at the end of what has been sent. It tells when that
// was played only if the far end has not run dry by now.
func (p *Playout) markHere(now time.Time) mark {
	m := mark{pos: p.q.sent, due: now, run: p.last, kind: markLate}
	if p.last == nil {
		return m
	}
	if end := p.last.playAt(p.q.sent); now.Before(end) {
		m.due, m.kind = end, markPassed
	}
	return m
}

func (p *Playout) mark(m mark) error {
	m.id = p.lastMark + 1
	if err := p.sink.Mark(m.id); err != nil {
		return fmt.Errorf("media: playout: mark: %w", err)
	}
	p.lastMark = m.id
	p.marks = append(p.marks, m)
	return nil
}

// Hold stops playout: the far end is told to throw away what it has not played.
// That and what is queued are kept until Resume or Drop. What was played is
// known once the cut is settled, by the echo of a mark that Hold sends; see
// Settled. Hold while held does nothing.
func (p *Playout) Hold(now time.Time) error {
	if p.held {
		return nil
	}
	p.held = true
	if p.clearing {
		return nil
	}
	if p.q.told == p.q.sent && len(p.marks) == 0 {
		p.forget()
		return nil
	}
	for i := range p.marks {
		if p.marks[i].due.After(now) {
			p.marks[i].due = now
		}
	}
	p.clearing, p.cleared, p.flushed = true, now, false
	if err := p.mark(mark{pos: p.q.sent, due: now, run: p.last, kind: markLate}); err != nil {
		return err
	}
	if err := p.sink.Clear(); err != nil {
		return fmt.Errorf("media: playout: clear: %w", err)
	}
	return nil
}

// Settled reports whether all that was played has been reported: no Hold is
// waiting for the far end.
func (p *Playout) Settled() bool { return !p.clearing }

// Resume plays on after Hold, from where the far end stopped. Before the cut is
// settled it takes effect when it is.
func (p *Playout) Resume() { p.held = false }

// Drop forgets, after Hold or Lost, what was not played of all clips so far, and
// lets newer clips play. Before the cut is settled it takes effect when it is.
func (p *Playout) Drop() {
	if !p.held && !p.clearing && !p.lost {
		return
	}
	p.held = false
	p.q.doom()
	if !p.clearing {
		p.q.drop()
	}
}

// Lost says that the far end is gone, and at was the newest inbound tick. What it
// had not played by then counts as not played, and nothing is sent until Found.
func (p *Playout) Lost(at Tick) []Span {
	p.spans = p.spans[:0]
	p.lost = true
	p.settle(at + FrameTicks/2)
	return p.spans
}

// Found says that the far end is back after Lost, idle. A Hold goes on.
func (p *Playout) Found() { p.lost = false }

// Overdue returns for how long the oldest mark on its way should have been back,
// had it taken no time to travel; 0 when there is none.
func (p *Playout) Overdue(now time.Time) time.Duration {
	if len(p.marks) == 0 {
		return 0
	}
	return max(0, now.Sub(p.marks[0].due))
}
