package dialog

import (
	"sidetone/consent"
	"sidetone/media"
)

// phase is how far the conversation has come.
type phase uint8

const (
	unopened phase = iota
	open
	over
)

// Machine takes the turns of one call: it decides when the caller's turn has
// ended, what the agent says next, what an interruption does and when silence
// has lasted too long. It is a pure function of the events it is given and
// belongs to one goroutine.
//
// A caller who goes on before the agent was heard has not ended the turn: the
// reply is cancelled without a trace, and the next Input has the earlier words
// as the caller's lines that end its History (Input.Words joins them).
type Machine struct {
	set     Settings
	lexicon lexicon
	ending  Ending
	phase   phase
	now     media.Tick
	out     []Action

	ear   ear
	floor floor
	reply *reply // of the current turn; nil while it is the caller's
	guess *guess // at the next one, while the caller's turn may be over; nil when there is none

	turn     TurnID       // the newest
	clip     media.ClipID // the next
	expect   Expect       // what the last reply asked for
	failures int          // replies in a row of which nothing was heard

	lines   []Line          // only ever appended to: inputs share it
	pending []consent.Heard // what the caller said since the last input
	keys    []consent.Heard // what the caller pressed since the last input
	keyed   media.Tick      // when the last key was pressed
	ended   bool            // '#' ended the keys
	wrote   media.Tick      // when the caller last wrote a line
	owed    InputKind       // the input whose reply has not been heard; 0 when there is none

	suspended bool
	after     InputKind       // what the suspension is for the replier; 0 when it is not of its making
	doubts    []consent.Heard // what asked whether the agent is a machine, not in the history yet
	untold    bool            // and has not been answered

	quiet quiet
}

// NewMachine returns a machine that waits for Opened.
func NewMachine(s Settings) *Machine {
	m := &Machine{
		set: s, lexicon: lexiconOf(s.Language), ending: s.Ending, clip: s.FirstClip,
		ear: ear{deaf: -1}, quiet: quiet{wait: media.TicksIn(s.SilenceAfter)},
	}
	if m.ending == nil {
		m.ending = m.lexicon
	}
	return m
}

// Follow has the turns and sentences of a machine that has not begun go on with
// the numbers after those of the one before it, so that what is late is for nobody.
func (m *Machine) Follow(before *Machine) { m.turn, m.clip = before.turn, before.clip }

// Expecting returns what kind of input the newest reply asks for, as far as it
// is known.
func (m *Machine) Expecting() Expect {
	switch {
	case m.after == Resumed || m.reply.pausing():
		return ExpectDigits
	case m.reply != nil:
		return m.reply.expect
	}
	return m.expect
}

// Step takes an event and returns what to do, in order.
func (m *Machine) Step(e Event) []Action {
	m.now = max(m.now, e.event())
	if m.phase == over || m.stale(e) {
		return nil
	}
	m.out = nil
	m.take(e)
	if m.phase == open {
		m.advance()
	}
	return m.out
}

// stale reports whether an event belongs to a turn that is no longer wanted, or
// is not for the agent. It is the one place where such events are dropped.
func (m *Machine) stale(e Event) bool {
	switch e := e.(type) {
	case Replied:
		return !m.guess.of(e.Turn) && (m.reply == nil || m.reply.cut || !m.reply.live || e.Turn != m.reply.turn)
	case ReplyEnded:
		return !m.guess.of(e.Turn) && (m.reply == nil || m.reply.cut || !m.reply.live || e.Turn != m.reply.turn)
	case Played:
		return m.reply.clip(e.Clip) == nil
	case SpeakFailed:
		return m.reply.clip(e.Clip) == nil
	case Shortened:
		return m.reply.clip(e.Clip) == nil
	case Key, Typed, Stirred:
		return m.suspended
	case Words:
		return m.suspended && !e.Final
	case AskedMachine:
		return m.suspended && e.Typed
	}
	return false
}

// take notes what happened.
func (m *Machine) take(e Event) {
	switch e := e.(type) {
	case Opened:
		if m.phase == unopened {
			m.phase, m.quiet.since = open, m.now
			m.begin()
		}
	case SpeechStarted:
		m.speechStarted(e)
	case SpeechEnded:
		m.speechEnded(e)
	case Words:
		m.words(e)
	case Key:
		m.key(e)
	case Typed:
		m.typed(e)
	case AskedMachine:
		m.askedMachine(e)
	case Stirred:
		m.quiet.since = m.now
	case Replied:
		if m.guess.of(e.Turn) {
			m.guess.kept = append(m.guess.kept, e.Part)
			return
		}
		m.replied(e.Part)
	case ReplyEnded:
		if m.guess.of(e.Turn) {
			m.guessEnded(e.Err)
			return
		}
		m.reply.live, m.reply.broken = false, e.Err != nil
	case Played:
		m.played(e)
	case SpeakFailed:
		c := m.reply.clip(e.Clip)
		c.done, c.broken = true, true
	case Shortened:
		c := m.reply.clip(e.Clip)
		c.text, c.broken = e.Text, true
	case HoldSettled:
		m.floor.settled = m.floor.state >= held
	case Suspended:
		m.suspend()
	case Restored:
		m.restore()
	case Closed:
		m.closed()
	case Passed:
	}
}

// advance does what is due as things stand.
func (m *Machine) advance() {
	if m.suspended {
		m.conclude()
		return
	}
	m.contend()
	m.finalize()
	m.conclude()
	if m.phase == open && !m.suspended {
		m.answer()
		m.company()
		m.prompt()
	}
	if m.phase == open && !m.suspended {
		m.supposes()
	}
}

// begin opens the conversation, or leaves that to the end of a suspension.
func (m *Machine) begin() {
	if m.owed = Opening; !m.suspended {
		m.start(Opening)
	}
}

func (m *Machine) act(a Action) { m.out = append(m.out, a) }

// observe reports a stage that began at from.
func (m *Machine) observe(s Stage, from media.Tick) {
	m.act(Observe{Stage: s, Took: max(0, m.now-from)})
}

// end ends the call.
func (m *Machine) end(reason Reason, transfer string) {
	m.act(End{Reason: reason, Transfer: transfer})
	m.phase = over
}

// closed takes the end of the call from outside.
func (m *Machine) closed() {
	if r := m.reply; r != nil {
		if m.floor.state == held || m.floor.state == lost {
			m.act(Drop{})
		}
		m.commit(!r.complete())
	}
	m.phase = over
}
