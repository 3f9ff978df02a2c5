package remote

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/transcribe"
)

// The lengths of what is kept while nobody speaks, and before the onset of
// speech for engines that get speech alone.
var (
	history = media.TicksIn(2 * time.Second)
	preRoll = media.TicksIn(300 * time.Millisecond)
)

// Session is one call's recognition by an engine elsewhere. It implements
// transcribe.Session.
type Session struct {
	line    Line
	options Options
	events  chan transcribe.Event
	wake    chan struct{} // there may be something to send

	mu      sync.Mutex
	tape    *Tape
	cursor  media.Tick // audio before it was sent on this connection
	spoke   bool       // there was speech in the open turn
	speech  bool       // and it goes on
	gates   []gate     // what a gated engine gets of the call, oldest first
	ends    []*ending  // Finalizes that are not answered
	settled media.Tick // the newest that is: what lies before it is done with
	began   bool       // there was audio
}

// ending is a Finalize.
type ending struct {
	at      media.Tick
	ordered time.Time
	sent    time.Time // zero: not on this connection
	pos     float64   // where in what was sent
}

// gate is a stretch of the call with speech in it; to is open while the turn is.
type gate struct{ from, to media.Tick }

const open = media.Tick(math.MaxInt64)

// NewSession returns a session that is not connected.
func NewSession(line Line, o Options) *Session {
	return &Session{line: line, options: o.WithDefaults(), tape: NewTape(line.Rate),
		events: make(chan transcribe.Event, 64), wake: make(chan struct{}, 1)}
}

// Events implements transcribe.Session.
func (s *Session) Events() <-chan transcribe.Event { return s.events }

// Write implements transcribe.Session.
func (s *Session) Write(a consent.ConverseAudio) {
	f := a.Frame()
	s.mu.Lock()
	if !s.began {
		s.began, s.cursor = true, max(s.cursor, f.At)
	}
	if dropped := s.tape.Write(f); dropped > 0 {
		start, _, _ := s.tape.Span()
		if start > s.cursor && (!s.line.Gated || len(s.gates) > 0) {
			s.options.Metrics.dropped.WithLabelValues(s.line.Engine).Add((start - s.cursor).Seconds())
		}
		s.cursor = max(s.cursor, start)
	}
	s.forget()
	s.mu.Unlock()
	s.notify()
}

// forget forgets what no replay needs: turns that have ended, and silence. A
// second or more at a time, since what is kept moves.
func (s *Session) forget() {
	start, end, ok := s.tape.Span()
	if !ok {
		return
	}
	keep := s.settled
	if len(s.gates) == 0 && len(s.ends) == 0 {
		keep = max(keep, end-history)
	}
	if !s.line.Gated {
		keep = min(keep, s.cursor)
	}
	if keep-start >= media.TickRate {
		s.tape.Forget(keep)
	}
}

// Speech implements transcribe.Session.
func (s *Session) Speech(at media.Tick, on bool) {
	s.mu.Lock()
	if on && !s.spoke {
		s.unlock(at - preRoll)
	}
	s.speech = on
	s.spoke = s.spoke || on
	s.mu.Unlock()
	s.notify()
}

// unlock opens a gate that begins at a tick, or where the one before it ends.
func (s *Session) unlock(from media.Tick) {
	if n := len(s.gates); n > 0 {
		from = max(from, s.gates[n-1].to)
	}
	s.gates = append(s.gates, gate{max(from, s.settled), open})
}

// Finalize implements transcribe.Session.
func (s *Session) Finalize(at media.Tick) {
	s.mu.Lock()
	s.ends = append(s.ends, &ending{at: at, ordered: time.Now()})
	if s.spoke {
		s.gates[len(s.gates)-1].to = at
	}
	if s.spoke = s.speech; s.speech {
		s.unlock(at)
	}
	s.mu.Unlock()
	s.notify()
}

func (s *Session) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// due copies to dst the audio that is to be sent next. Without any it says
// whether a Finalize is.
func (s *Session) due(dst []int16, chunk media.Tick) (at media.Tick, n int, end *ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, until, _ := s.tape.Span()
	if i := slices.IndexFunc(s.ends, func(e *ending) bool { return e.sent.IsZero() }); i >= 0 {
		end, chunk = s.ends[i], 0
		until = min(until, end.at)
	}
	until = s.pass(until)
	if until-s.cursor < max(chunk, 1) {
		return 0, 0, end
	}
	at, n = s.tape.Read(dst, s.cursor, until)
	next := at + media.TickOfSample(int64(n), s.line.Rate)
	if n == 0 || next-at < chunk && next >= until { // so little, after a gap
		return 0, 0, end
	}
	s.cursor = next
	return at, n, nil
}

// pass moves the cursor of a gated session to its next gate, and returns up to
// where audio may be sent.
func (s *Session) pass(until media.Tick) media.Tick {
	if !s.line.Gated {
		return until
	}
	for _, g := range s.gates {
		if g.to > s.cursor {
			s.cursor = max(s.cursor, min(g.from, until))
			return min(until, g.to)
		}
	}
	return s.cursor
}

// rewind has all of the open turn sent again, on a new connection, and returns
// from where.
func (s *Session) rewind() media.Tick {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.ends {
		e.sent = time.Time{}
	}
	start, _, ok := s.tape.Span()
	from := max(start, s.settled)
	if !ok || from >= s.cursor {
		return s.cursor
	}
	again := s.cursor - from
	if s.line.Gated {
		again = 0
		for _, g := range s.gates {
			again += max(0, min(g.to, s.cursor)-max(g.from, from))
		}
	}
	s.options.Metrics.replayed.WithLabelValues(s.line.Engine).Add(again.Seconds())
	s.cursor = from
	return from
}

// next returns the oldest Finalize that is not answered, or nil.
func (s *Session) next() *ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ends) == 0 {
		return nil
	}
	return s.ends[0]
}

// answered takes the oldest Finalize off the list.
func (s *Session) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = max(s.settled, s.ends[0].at)
	s.ends = s.ends[1:]
	s.gates = slices.DeleteFunc(s.gates, func(g gate) bool { return g.to <= s.settled })
}

// Run implements transcribe.Session. It connects at once, and again when the
// connection breaks, with all of the open turn. The error is a
// *transcribe.Failure; nil at the end of ctx.
func (s *Session) Run(ctx context.Context) error {
	defer close(s.events)
	turns := newTurns()
	for failures := 0; ; {
		c := &connection{Session: s, turns: &turns}
		err := c.run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var f *transcribe.Failure
		if !errors.As(err, &f) {
			return err
		}
		s.options.Metrics.connects.WithLabelValues(s.line.Engine, string(f.Class)).Inc()
		switch {
		case c.answers > 0:
			failures = 1
		case !c.idled():
			failures++
		}
		if !f.Passing() || failures > s.options.Retries || f.RetryAfter > longestWait {
			return f
		}
		if !sleep(ctx, max(f.RetryAfter, shortestWait<<max(0, failures-1))) {
			return nil
		}
		turns.replay(s.rewind())
	}
}

// The waits between two attempts.
const (
	shortestWait = 100 * time.Millisecond
	longestWait  = 2 * time.Second // somebody waits for an answer
)

// sleep waits, and reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
