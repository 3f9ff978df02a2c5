package consent

import "sidetone/media"

// The times of the question.
const (
	// ClearWait is the usual time after the last part of a message in which a caller
	// who does not agree can hang up or press the key. The grant lies at its end.
	ClearWait = media.TickRate * 3 / 2
	// AnswerWait is how long an answer may take before the question is put again.
	AnswerWait = 6 * media.TickRate
	// AskedAtMost bounds the time for an answer, with all prompts.
	AskedAtMost = 45 * media.TickRate
	// answerWithin is how long the question may stay on a screen before the call is
	// given up.
	answerWithin = 120 * media.TickRate
	// heldAtMost bounds the wait for the ledger after a grant: frames wait in
	// memory meanwhile, and no longer than this.
	heldAtMost = 2 * media.TickRate
)

// The keys.
const (
	keyYes      = '1'
	keyNo       = '2'
	keyRefuse   = '9'
	keyStar     = '*'
	maxRows     = 200 // of a call
	rowsForLast = 20  // of them are left to what must be written
	rowsForEnd  = 10  // of those, to what comes after a pause
)

// Terms is what a machine asks for, and on whose behalf.
type Terms struct {
	Policy   Policy   // effective: Decision.Policy.For the engines of the call
	Decision Decision // why; stands in the ledger
	Subject  string   // random id of the caller; empty when unknown
	// Elsewhere names who else has got something of the call, such as a language
	// model's host: what is destroyed here is not destroyed there.
	Elsewhere []string
	Screen    bool // the caller reads the message too, and answers by a button
	// LeaveUnrecorded ends the conversation with a caller who is not recorded, also
	// where the policy would let it go on. HandOn says that Leave hands callers on.
	LeaveUnrecorded bool
	HandOn          bool
}

// WholeCall reports whether a caller who withdraws may have all of the call
// destroyed.
func (t Terms) WholeCall() bool { return t.Decision.WholeCall }

type state uint8

const (
	waiting    state = iota
	announcing       // parts are being played
	clearWait        // all played; the caller may still refuse
	asking           // all played; the caller is to answer
	writing          // the row of the outcome is on its way to disk
	confirming       // the valves stand; a prompt is being played
	settled
	leaving // a last prompt is being played
	over
)

// Machine plays the message, hears the answer and opens the Gate: a pure
// function of its events. It belongs to the call's goroutine.
//
// On a screen, where the policy would keep anything, nothing but Chose opens a
// valve: not the end of the message, nor a key or a word.
type Machine struct {
	gate    Gate
	terms   Terms
	mode    Mode
	message Message

	chosen  How // by what the language was chosen; empty where there was no choice
	state   state
	again   bool       // the conversation had begun when the question was put
	asked   media.Tick // when the message began
	voice   voice
	playing playing
	question
	verdict verdict
	later
	rows   int
	newest media.Tick // of the rows
}

// NewMachine returns a machine that asks for consent on terms by message. The
// message may have no parts where the policy needs none to be played.
func NewMachine(t Terms, m Message) *Machine {
	return &Machine{terms: t, mode: t.Policy.Mode(), message: m}
}

// Mode returns how the caller is asked.
func (m *Machine) Mode() Mode { return m.mode }

// Terms returns what the machine asks for.
func (m *Machine) Terms() Terms { return m.terms }

// Asks reports whether the caller is to press a button.
func (m *Machine) Asks() bool { return m.terms.Screen && m.mode != NoRecord }

// Message returns the message by which the question was put last.
func (m *Machine) Message() *Message { return &m.message }

// Gate returns the gate that this machine opens.
func (m *Machine) Gate() *Gate { return &m.gate }

// Pending returns the tick from which frames must wait in memory, since a
// grant as of it is on its way to disk.
func (m *Machine) Pending() (media.Tick, bool) { return m.verdict.at, m.state == writing }

// Hearing reports whether a spoken answer is wanted, and the tick before which
// it must not have begun.
func (m *Machine) Hearing() (since media.Tick, ok bool) {
	return m.question.opened, m.state == asking && m.mode.spoken() && !m.keyOnly && !m.Asks()
}

// MayChange reports what the caller may change of the answer: take a grant back,
// have what was kept destroyed, have the question put again.
func (m *Machine) MayChange() (withdraw, destroy, again bool) {
	if m.child || m.state == leaving || m.state == over {
		return false, false, false
	}
	keeping := m.keeping()
	return keeping, m.terms.WholeCall() && m.kept && !m.destroyed,
		!keeping && !m.paused && !m.destroying && m.terms.Policy.keeps() && m.spare()
}

// Chosen notes that the caller has chosen the language of the message, and how.
func (m *Machine) Chosen(how How) { m.chosen = how }

// Step takes an event and returns what to do.
func (m *Machine) Step(e Event) []Action {
	if _, late := e.(Destroyed); m.state == over && !late {
		return nil
	}
	switch e := e.(type) {
	case Answered:
		return m.begin(e.At)
	case Played:
		return m.played(e)
	case Speech:
		m.voice.hear(e)
	case Spoken:
		return m.spoken(e)
	case Key:
		return m.key(e)
	case Chose:
		return m.chose(e)
	case Withdraw:
		return m.withdraw(e)
	case Ask:
		return m.ask(e)
	case Pause:
		return m.pause(e)
	case Unpause:
		return m.unpause(e.At, e.How)
	case Minor:
		return m.minor(e)
	case Destroyed:
		return m.destroyedAll(e)
	case Written:
		return m.written(e)
	case Failed:
		return m.failed(e)
	case LedgerLost:
		return m.ledgerLost(e.At)
	case Passed:
		return m.passed(e.At)
	case Ended:
		return m.ended(e.At)
	}
	return nil
}

// passed takes the time.
func (m *Machine) passed(at media.Tick) []Action {
	switch m.state {
	case announcing, clearWait, asking:
		return m.waited(at)
	case writing:
		if at-m.verdict.at > heldAtMost {
			return m.failed(Failed{At: at, Row: m.verdict.row})
		}
	}
	return nil
}

// ended shuts everything.
func (m *Machine) ended(at media.Tick) []Action {
	before, unanswered := m.state, m.unanswered()
	m.state = over
	for p := range purposes {
		m.gate.shut(p, at)
	}
	var actions []Action
	switch {
	case m.verdict.outcome == LedgerFailed:
		return nil
	case unanswered:
		return []Action{Settled{Abandoned, true}, m.row(string(Abandoned), at, HowHungUp, [purposes]bool{})}
	case before == confirming:
		actions = append(actions, Settled{m.verdict.outcome, true})
	case m.wholly(m.whole):
		actions = m.takeBack(Withdraw{At: at, From: at, How: m.refuser}, true)
	}
	return append(actions, m.row(rowEnded, at, HowHungUp, [purposes]bool{}))
}

// valves tells which valves are open.
func (m *Machine) valves() (v [purposes]bool) {
	for p := range purposes {
		v[p] = m.gate.Open(p)
	}
	return v
}

// shutKept shuts the valves of all that is kept.
func (m *Machine) shutKept(at media.Tick) {
	for p := Record; p < purposes; p++ {
		m.gate.shut(p, at)
	}
}

// keeping reports whether anything may be kept now, or could be after a pause.
func (m *Machine) keeping() bool {
	v := m.valves()
	if m.state == writing || m.paused {
		v = m.verdict.valves
	}
	return v[Record] || v[Transcript] || v[Snippet]
}

// row makes a row of proof as things stand.
func (m *Machine) row(event string, at media.Tick, how How, valves [purposes]bool) Append {
	m.rows++
	at = max(at, m.newest)
	m.newest = at
	r := Row{
		Event: event, At: at.Seconds(), How: how, Mode: m.mode, Subject: m.terms.Subject,
		Message: MessageRow{
			ID: m.message.ID, Language: m.message.Language, Chosen: m.chosen, Parts: append([]PartRow{}, m.playing.parts...), Shown: m.terms.Screen,
			Repeats: m.repeats, TalkedOver: m.talked.Seconds(), EarlyKeys: m.early,
		},
		Policy: map[string]string{}, Valves: map[string]bool{},
	}
	for p := range purposes {
		r.Policy[p.String()] = m.terms.Policy.rule(p).String()
		r.Valves[p.String()] = valves[p]
	}
	return Append{Number: m.rows, Row: r, valves: valves, since: at, cut: at}
}

// spare reports whether the call may write a row that it could do without.
func (m *Machine) spare() bool { return m.rows < maxRows-rowsForLast }
