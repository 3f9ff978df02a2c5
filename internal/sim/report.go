package sim

import (
	"sync"
	"time"

	"sidetone/media"
)

// Ending says how a call ended.
type Ending string

// The endings of a call.
const (
	EndHungUp    Ending = "hung_up"   // the caller hung up
	EndCompleted Ending = "completed" // the gateway's TwiML ran out or said Hangup
	EndRejected  Ending = "rejected"  // Reject
	EndDialed    Ending = "dialed"    // Dial: the call went on to Report.Dialed
	EndFailed    Ending = "failed"    // the carrier gave up: Report.Err
)

// Report is what a call was like at the far end. Every tick lies on the
// carrier's media clock, whose 0 is the first start frame; it goes on across
// resumed streams. With one stream it is the clock of the inbound timestamps.
type Report struct {
	CallSID string
	Ending  Ending
	Err     error  // EndFailed: a *FaultError where Twilio has a code for it
	Dialed  string // EndDialed: the number or address

	Announced []string // EndDialed: what was said to who answered, before they were connected

	Connect time.Duration // from Dial to the first start

	Heard     []int16    // 8 kHz, what the caller heard; sample 0 is tick 0
	Length    media.Tick // from the first start to the end
	Documents []Document // the TwiML answers, in order
	Streams   []Stream
	Turns     []Turn
	Agent     []Span // when the agent was heard, pauses under 100 ms included
	Clears    []Clear
	Marks     []Mark
	Faults    []Fault // frames and documents that Twilio would warn of
	Events    []Event

	Pacing Pacing
}

// Span is a stretch of the media clock.
type Span struct{ From, To media.Tick }

// Document is one TwiML answer.
type Document struct {
	URL, Body string
	Said      []string // the texts of its Say verbs
}

// Stream is one media stream. To is its end, and End says how it came.
type Stream struct {
	SID      string
	From, To media.Tick
	End      string
}

// Turn is one utterance of the caller, from its first to its last sound, and
// what the agent did about it. A tick that did not come is -1.
type Turn struct {
	Span
	Clear media.Tick // the first clear after From and before the next turn
	Reply media.Tick // when the agent was first heard beginning to speak after To
}

// Clear is a clear frame: what it threw away, and the marks that it echoed.
type Clear struct {
	At      media.Tick
	Dropped media.Tick
	Marks   int
}

// Mark is a mark as it was echoed.
type Mark struct {
	Name string
	At   media.Tick
}

// Fault is something that Twilio would raise a warning for.
type Fault struct {
	At media.Tick
	FaultError
}

// Pacing is how the agent's frames came in.
type Pacing struct {
	Frames     int
	FirstAudio time.Duration // from the first start to the first media frame; -1 if none came
	// Interval holds |time since the frame before - that frame's length|, but for
	// the burst with which audio begins.
	Interval Distribution
	// Late holds, for each frame after a burst, how late it came against the
	// schedule that the earliest frame of its stretch of audio sets.
	Late Distribution
	// Underruns counts the gaps under 500 ms in which the playout buffer was
	// empty: an agent that drew breath, or a gateway that was late.
	Underruns int
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of event.
const (
	EventDocument      EventKind = "document"       // TwiML came; Detail: its verbs
	EventStreamStarted EventKind = "stream_started" // Detail: the stream's id
	EventStreamEnded   EventKind = "stream_ended"   // Detail: how
	EventAgentSpeaks   EventKind = "agent_speaks"
	EventAgentSilent   EventKind = "agent_silent" // logged 100 ms later
	EventCallerSpeaks  EventKind = "caller_speaks"
	EventKey           EventKind = "key" // Detail: the digit
	EventClear         EventKind = "clear"
	EventHangup        EventKind = "hangup"
	EventFault         EventKind = "fault" // Detail: Twilio's code and what it met
	EventEnded         EventKind = "ended" // Detail: the Ending
)

// Event is one thing that happened in a call.
type Event struct {
	At     media.Tick
	Kind   EventKind
	Detail string
}

// journal collects the events of a call. Its lock is held for an append only.
type journal struct {
	tell   func(Event)
	mu     sync.Mutex
	events []Event
}

func (j *journal) add(at media.Tick, kind EventKind, detail string) {
	e := Event{at, kind, detail}
	j.mu.Lock()
	j.events = append(j.events, e)
	j.mu.Unlock()
	if j.tell != nil {
		j.tell(e)
	}
}

// lineStats is what the line measures.
type lineStats struct {
	streams []Stream
	turns   []Turn
	clears  []Clear
	marks   []Mark
	faults  []Fault
	pacing  Pacing

	began    time.Time // when the first start was sent
	last     time.Time // when the last frame came
	lastLen  time.Duration
	earliest time.Duration // least (arrival - audio sent before it) of this stretch of audio
	sent     time.Duration // audio sent in this stretch
	opened   time.Time     // when this stretch began
	burst    bool
}

func (s *lineStats) streamBegan(stream Stream) {
	if len(s.streams) == 0 {
		s.began, s.pacing.FirstAudio = time.Now(), -1
	}
	s.streams = append(s.streams, stream)
}

func (s *lineStats) streamEnded(at media.Tick, end streamEnd) {
	last := &s.streams[len(s.streams)-1]
	last.To, last.End = at, end.String()
}

// frame notes a frame of samples that came at t; empty says that the playout
// buffer had run dry.
func (s *lineStats) frame(t time.Time, samples int, empty bool) {
	if s.pacing.Frames == 0 {
		s.pacing.FirstAudio = t.Sub(s.began)
	}
	if empty && s.pacing.Frames > 0 && t.Sub(s.last) < 500*time.Millisecond {
		s.pacing.Underruns++
	}
	length := time.Duration(samples) * time.Second / sampleRate
	if empty || s.pacing.Frames == 0 {
		s.opened, s.sent, s.earliest, s.burst = t, 0, 0, true
	} else {
		interval := t.Sub(s.last)
		if s.burst && interval >= s.lastLen/2 {
			s.burst = false
		}
		offset := t.Sub(s.opened) - s.sent
		if !s.burst {
			s.pacing.Interval.Add((interval - s.lastLen).Abs())
			s.pacing.Late.Add(max(0, offset-s.earliest))
		}
		s.earliest = min(s.earliest, offset)
	}
	s.pacing.Frames++
	s.sent += length
	s.last, s.lastLen = t, length
}

// finishTurns fills in what the agent did about each turn.
func (s *lineStats) finishTurns(e *ear) []Turn {
	for i := range s.turns {
		t := &s.turns[i]
		next := media.Tick(never)
		if i+1 < len(s.turns) {
			next = s.turns[i+1].From
		}
		t.Clear, t.Reply = -1, -1
		if at, ok := e.agentFrom(t.To); ok && at < next {
			t.Reply = at
		}
		for _, c := range s.clears {
			if c.At >= t.From && c.At < next {
				t.Clear = c.At
				break
			}
		}
	}
	return s.turns
}
