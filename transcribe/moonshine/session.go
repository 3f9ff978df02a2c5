package moonshine

import (
	"context"
	"sync"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/transcribe"
)

// session follows one call. Write, Speech and Finalize sort the audio into
// segments; Run decodes them.
type session struct {
	engine *Engine
	events chan transcribe.Event
	wake   chan struct{} // there may be work for Run
	turn   []piece       // what Run has recognised of the open turn

	mu    sync.Mutex
	tape  tape
	open  *segment           // someone speaks, or has just stopped and may go on
	floor media.Tick         // audio before it belongs to segments that are closed
	queue []item             // closed segments and ends of turns, for Run
	stale context.CancelFunc // cancels a decode of open, which has changed since; or nil
}

// item is a closed segment or, without one, the end of a turn.
type item struct {
	segment *segment
	at      media.Tick
	ordered time.Time
}

func newSession(e *Engine, rate int) *session {
	return &session{
		engine: e,
		events: make(chan transcribe.Event, 64),
		wake:   make(chan struct{}, 1),
		tape:   tape{rate: rate},
	}
}

// Events implements transcribe.Session.
func (s *session) Events() <-chan transcribe.Event { return s.events }

// Write implements transcribe.Session.
func (s *session) Write(a consent.ConverseAudio) {
	f := a.Frame()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tape.gap(f.At) > longestGap {
		s.leap()
	}
	if s.tape.empty() {
		s.start(f.At)
	}
	s.tape.write(f)
	if s.open != nil {
		s.follow(s.tape.end())
	}
	keep := s.tape.end() - history
	if s.open != nil {
		keep = min(keep, s.open.from)
	}
	s.tape.forget(keep)
}

// follow does what is due in the open segment now that there is audio up to
// end: it must be closed, cut or decoded so far.
func (s *session) follow(end media.Tick) {
	if !s.open.speaking {
		if end-s.open.end > mergeGap {
			s.commit()
		}
		return
	}
	for end-s.open.from > longest {
		s.cut(s.tape.quietest(s.open.from+longest-cutWindow, s.open.from+longest))
	}
	if end-s.open.tried >= partialEvery {
		s.notify()
	}
}

// Speech implements transcribe.Session.
func (s *session) Speech(at media.Tick, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case on && s.open == nil:
		s.begin(at-preRoll, at)
	case on && !s.open.speaking && at-s.open.from < longest-cutWindow:
		s.open.speaking, s.open.done = true, false
		s.changed()
	case on && !s.open.speaking:
		s.commit()
		s.begin(at-preRoll, at)
	case !on && s.open != nil && s.open.speaking:
		s.end(at)
	}
}

// Finalize implements transcribe.Session. Speech that goes on is cut at the
// tick; speech that began after it belongs to the next turn.
func (s *session) Finalize(at media.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil && s.open.onset < at {
		if s.open.speaking {
			s.cut(min(at, s.tape.end()))
		} else {
			s.commit()
		}
	}
	s.queue = append(s.queue, item{at: at, ordered: time.Now()})
	s.notify()
}

// start notes where the audio begins: of speech before it, only what follows
// was heard.
func (s *session) start(at media.Tick) {
	s.floor = max(s.floor, at)
	if s.open != nil {
		s.open.from = max(s.open.from, at)
	}
}

// begin opens a segment of speech since onset, of as much of it as is there.
func (s *session) begin(from, onset media.Tick) {
	from = max(from, s.floor, s.tape.start)
	s.open = &segment{from: from, onset: onset, speaking: true, tried: from}
}

// end says that the speech of the open segment ended at a tick, though it may
// go on.
func (s *session) end(at media.Tick) {
	s.open.speaking = false
	s.open.end = max(at, s.open.onset)
	s.open.to = min(s.open.end+postRoll, max(s.open.end, s.tape.end()))
	s.changed()
	s.notify()
}

// commit closes the open segment, whose speech has ended, and keeps its audio
// for Run unless it has been decoded already.
func (s *session) commit() {
	seg := s.open
	s.open, s.floor = nil, seg.to
	if !seg.done {
		seg.pcm = s.tape.cut(seg.from, seg.to)
		s.bound(seg)
	}
	s.queue = append(s.queue, item{segment: seg})
	s.notify()
}

// cut closes the open segment at a tick in its speech, and opens one for the
// rest.
func (s *session) cut(at media.Tick) {
	s.open.end, s.open.to, s.open.speaking = at, at, false
	s.changed()
	s.commit()
	s.begin(at, at)
}

// leap closes what is open, before a gap that is too long to be filled.
func (s *session) leap() {
	if s.open != nil {
		if s.open.speaking {
			s.end(s.tape.end())
		}
		s.commit()
	}
	s.tape.clear()
}

// bound drops the oldest waiting segments beyond the backlog, counting seg.
func (s *session) bound(seg *segment) {
	total := seg.to - seg.from
	for i := len(s.queue) - 1; i >= 0; i-- {
		old := s.queue[i].segment
		if old == nil || old.done {
			continue
		}
		if total += old.to - old.from; total > backlog {
			s.engine.options.Metrics.audioDropped.Add((old.to - old.from).Seconds())
			old.done, old.pcm = true, nil
		}
	}
}

// changed makes what is being decoded of the open segment worthless.
func (s *session) changed() {
	s.open.version++
	if s.stale != nil {
		s.stale()
	}
}

// notify tells Run that there may be work.
func (s *session) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
