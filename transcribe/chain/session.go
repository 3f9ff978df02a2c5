package chain

import (
	"sync"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/transcribe"
)

// session is one call's recognition by the engines of a chain. It implements
// transcribe.Session.
type session struct {
	*Engine
	options transcribe.Options
	events  chan transcribe.Event
	wake    chan struct{} // there is a Finalize
	tries   []try         // of the engines, by number; they belong to Run
	before  int           // the engine that was heard from last; -1 before the first
	old     sync.WaitGroup

	mu      sync.Mutex
	past    past
	live    transcribe.Session // gets what comes, at once; nil while there is none
	ends    []end              // Finalizes that are not answered, oldest first
	settled media.Tick         // the newest that is
	newest  media.Tick         // the end of the audio so far
	spoke   bool               // there was speech in the open turn
	speech  bool               // and it goes on
}

// end is a Finalize.
type end struct {
	at      media.Tick
	after   int // the number of the entry that comes next
	ordered time.Time
}

func newSession(e *Engine, o transcribe.Options) *session {
	return &session{Engine: e, options: o, events: make(chan transcribe.Event, 64), wake: make(chan struct{}, 1),
		tries: make([]try, len(e.links)), before: -1}
}

// Events implements transcribe.Session.
func (s *session) Events() <-chan transcribe.Event { return s.events }

// Write implements transcribe.Session.
func (s *session) Write(a consent.ConverseAudio) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = max(s.newest, a.Frame().End())
	s.past.write(entry{audio: a})
	if s.live != nil {
		s.live.Write(a)
	}
	if lost := s.past.bound(); lost > 0 && s.live == nil {
		s.o.Metrics.unheard.Add(lost.Seconds())
	}
	s.forget()
}

// forget forgets turns that have ended, and silence.
func (s *session) forget() {
	keep := s.settled
	if !s.spoke && len(s.ends) == 0 {
		keep = max(keep, s.newest-history)
	}
	s.past.forgetBefore(keep)
}

// Speech implements transcribe.Session.
func (s *session) Speech(at media.Tick, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speech, s.spoke = on, s.spoke || on
	s.past.write(entry{speech: true, on: on, at: at})
	if s.live != nil {
		s.live.Speech(at, on)
	}
}

// Finalize implements transcribe.Session.
func (s *session) Finalize(at media.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, end{at: at, after: s.past.next(), ordered: time.Now()})
	s.spoke = s.speech
	if s.live != nil {
		s.live.Finalize(at)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// aBatch is how many entries are replayed before the call has its turn.
const aBatch = 100

// replay gives a new engine what is kept, and from then on what comes.
func (s *session) replay(next transcribe.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, spoke := 0, false
	for n := s.past.first; ; {
		for range aBatch {
			n = max(n, s.past.first)
			for asked < len(s.ends) && s.ends[asked].after <= n {
				next.Finalize(s.ends[asked].at)
				asked++
			}
			if n == s.past.next() {
				s.live = next
				return
			}
			e := s.past.get(n)
			if !spoke && s.past.on && !e.speech {
				next.Speech(e.audio.Frame().At, true)
			}
			spoke = true
			if n++; e.speech {
				next.Speech(e.at, e.on)
			} else {
				next.Write(e.audio)
			}
		}
		s.mu.Unlock() // the call must not wait
		s.mu.Lock()
	}
}

// answered takes the oldest Finalize off the list; ok is false when there is none.
func (s *session) answered() (e end, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ends) == 0 {
		return end{}, false
	}
	e, s.ends = s.ends[0], s.ends[1:]
	s.settled = max(s.settled, e.at)
	s.forget()
	return e, true
}

// waiting returns the oldest Finalize; ok is false when there is none.
func (s *session) waiting() (e end, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ends) == 0 {
		return end{}, false
	}
	return s.ends[0], true
}

// inTurn reports whether there is an open turn.
func (s *session) inTurn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoke || len(s.ends) > 0
}

// unplug leaves the engine that hears without anything more.
func (s *session) unplug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = nil
}

// oldest is where what is kept begins.
func (s *session) oldest() (at media.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := s.past.first; n < s.past.next(); n++ {
		if e := s.past.get(n); !e.speech {
			return e.audio.Frame().At
		}
	}
	return s.newest
}
