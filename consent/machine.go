package consent

import "sidetone/media"

// ClearWait is the usual time after the last part of a message in which a caller
// who does not agree can hang up or press the key. The grant lies at its end.
const ClearWait = media.TickRate * 3 / 2

// answerWithin is how long the question may stay on a screen before the call is
// given up.
const answerWithin = 120 * media.TickRate

// heldAtMost bounds the wait for the ledger after a grant: frames wait in
// memory meanwhile, and no longer than this.
const heldAtMost = 2 * media.TickRate

// Event is something that happened in the call, given to Machine.Step.
type Event interface{ event() }

// The events. At is the tick at which the call saw it.
type (
	// Answered: the call has begun.
	Answered struct{ At media.Tick }
	// PartPlayed: a part of the message was played to its end, confirmed by the
	// far end, between ticks From and To.
	PartPlayed struct {
		At, From, To media.Tick
		Part         int
	}
	// Key: the caller pressed a key. Asked says that the agent waits for digits: a
	// 9 is then part of an answer, and only *9 refuses.
	Key struct {
		At    media.Tick
		Digit byte
		Asked bool
	}
	// Chose: the caller pressed a button. Message names the message that was on the
	// screen. Keep says that they agreed; otherwise they go on unrecorded, or, once
	// they had agreed, take that back.
	Chose struct {
		At      media.Tick
		Keep    bool
		Message string
	}
	// Written: the row of an Append is on disk. Recordable says that a recording
	// could be begun; without it nothing will be kept.
	Written struct {
		At         media.Tick
		Row        int
		Recordable bool
	}
	// Failed: the row of an Append could not be written.
	Failed struct {
		At  media.Tick
		Row int
	}
	// Passed: time went by (every 20 ms).
	Passed struct{ At media.Tick }
	// Ended: the call is over.
	Ended struct{ At media.Tick }
)

func (Answered) event()   {}
func (PartPlayed) event() {}
func (Key) event()        {}
func (Chose) event()      {}
func (Written) event()    {}
func (Failed) event()     {}
func (Passed) event()     {}
func (Ended) event()      {}

// Action is what the call shall do.
type Action interface{ action() }

// The actions, to be done in order.
type (
	// Play plays a part of the message; PartPlayed answers it.
	Play struct{ Part int }
	// Append writes a row of proof; Written or Failed answers it by its number.
	// Keep says that a recording must be ready before Written.
	Append struct {
		Number int
		Keep   bool
		Row    Row
	}
	// Settled: the question of consent has its outcome, the valves that it opens are
	// open, and the conversation may begin.
	Settled struct{ Outcome Outcome }
	// Withdrawn: the caller took the grant back; the valves of what is kept are shut
	// as of At.
	Withdrawn struct{ At media.Tick }
	// Hush stops the message: the caller has answered before its end.
	Hush struct{}
	// Unanswered: the caller never answered; the call ends.
	Unanswered struct{}
	// Taken: the key was meant for this machine; nobody else gets it.
	Taken struct{}
	// GiveUp: the ledger fails, so nobody can agree to anything: say so and end.
	GiveUp struct{}
)

func (Play) action()       {}
func (Append) action()     {}
func (Settled) action()    {}
func (Withdrawn) action()  {}
func (Hush) action()       {}
func (Unanswered) action() {}
func (Taken) action()      {}
func (GiveUp) action()     {}

// Outcome is how the question of consent ended; a metric label.
type Outcome string

// The outcomes.
const (
	Granted      Outcome = "granted"
	NotAsked     Outcome = "not_asked"    // the policy keeps nothing
	Refused      Outcome = "refused"      // the caller refused by key
	Unrecordable Outcome = "unrecordable" // granted, but nothing could be kept
	Abandoned    Outcome = "abandoned"    // the caller hung up before the grant
	LedgerFailed Outcome = "ledger_failed"
)

type state uint8

const (
	waiting    state = iota
	announcing       // parts are being played
	clearWait        // all played; the caller may still refuse
	writing          // the row of the grant is on its way to disk
	settled
	over
)

// Machine plays the message, hears the answer and opens the Gate: a pure
// function of its events. It belongs to the call's goroutine.
type Machine struct {
	gate    Gate
	mode    Mode
	policy  Policy
	message Message

	state    state
	buttons  bool       // the answer is a button
	asked    media.Tick // when the message began
	part     int        // announcing: the next part to be confirmed
	parts    []PartRow  // what was played of the message
	since    media.Tick // clearWait: when the last part had been played
	grantAt  media.Tick
	granting int  // writing: the number of the grant's row
	claimed  bool // writing: the row says that something will be kept
	refused  bool
	refuser  string // how it was refused
	star     bool   // the newest key was a star
	rows     int
}

// NewMachine returns a machine that asks for consent to policy by message. The
// message may have no parts where the policy needs none to be played.
func NewMachine(mode Mode, policy Policy, message Message) *Machine {
	return &Machine{mode: mode, policy: policy, message: message}
}

// OnScreen says that the caller reads the message as well as hearing it, and
// answers by a button. Where the policy would keep anything, nothing but Chose
// opens a valve then: not the end of the message, nor a key.
func (m *Machine) OnScreen() *Machine {
	m.buttons = m.policy.keeps()
	return m
}

// Asks reports whether the caller is to press a button.
func (m *Machine) Asks() bool { return m.buttons }

// Gate returns the gate that this machine opens.
func (m *Machine) Gate() *Gate { return &m.gate }

// Pending returns the tick from which frames must wait in memory, since a
// grant as of it is on its way to disk.
func (m *Machine) Pending() (media.Tick, bool) { return m.grantAt, m.state == writing }

// Settled reports whether the question of consent has been settled.
func (m *Machine) Settled() bool { return m.state == settled }

// Step takes an event and returns what to do.
func (m *Machine) Step(e Event) []Action {
	if m.state == over {
		return nil
	}
	switch e := e.(type) {
	case Answered:
		return m.announce(e.At)
	case PartPlayed:
		return m.played(e)
	case Key:
		return m.key(e)
	case Chose:
		return m.chose(e)
	case Written:
		return m.written(e)
	case Failed:
		return m.failed(e)
	case Passed:
		return m.passed(e.At)
	case Ended:
		return m.ended(e.At)
	}
	return nil
}

func (m *Machine) announce(at media.Tick) []Action {
	if m.state != waiting {
		return nil
	}
	if len(m.message.Parts) == 0 && !m.buttons {
		return m.grant(at, "continued")
	}
	m.state, m.asked = announcing, at
	var actions []Action
	for part := range m.message.Parts {
		actions = append(actions, Play{part})
	}
	return actions
}

func (m *Machine) played(e PartPlayed) []Action {
	if m.state != announcing || e.Part != m.part {
		return nil
	}
	m.parts = append(m.parts, PartRow{
		Kind: m.message.Parts[e.Part].Kind, SHA256: m.message.Parts[e.Part].SHA256,
		From: e.From.Seconds(), To: e.To.Seconds(), Confirmed: true,
	})
	if m.part++; m.part == len(m.message.Parts) {
		m.state, m.since = clearWait, e.To
	}
	return nil
}

// key takes a refusal: 9, or *9, by a caller who has the choice.
func (m *Machine) key(e Key) []Action {
	star := m.star
	m.star = e.Digit == '*'
	if m.buttons || e.Digit != optOutDigit || m.policy[Record] != OptOut || e.Asked && !star {
		return nil
	}
	if m.refused {
		return []Action{Taken{}}
	}
	return append([]Action{Taken{}}, m.refuse(e.At, "key")...)
}

// chose takes a button. One that was pressed under another message than this is
// no answer.
func (m *Machine) chose(e Chose) []Action {
	switch {
	case !m.buttons || e.Message != m.message.ID:
		return nil
	case m.state == announcing || m.state == clearWait:
		if !e.Keep {
			m.refuse(e.At, "button")
		}
		return append([]Action{Hush{}}, m.grant(e.At, "button")...)
	case !e.Keep && !m.refused:
		return m.refuse(e.At, "button")
	}
	return nil
}

// refuse shuts what keeps anything, or sees to it that the grant opens no such
// valve.
func (m *Machine) refuse(at media.Tick, how string) []Action {
	m.refused, m.refuser = true, how
	if m.state != settled {
		return nil
	}
	for p := Record; p < purposes; p++ {
		m.gate.shut(p, at)
	}
	return []Action{m.row("withdrawn", at, how, m.valves()), Withdrawn{at}}
}

func (m *Machine) passed(at media.Tick) []Action {
	switch {
	case m.buttons && (m.state == announcing || m.state == clearWait):
		if at-m.asked >= answerWithin {
			m.state = over
			return []Action{Settled{Abandoned}, m.row("abandoned", at, "silent", [purposes]bool{}), Unanswered{}}
		}
	case m.state == clearWait && at-m.since >= m.message.Wait:
		return m.grant(m.since+m.message.Wait, "continued")
	case m.state == writing && at-m.grantAt > heldAtMost:
		return m.giveUp()
	}
	return nil
}

// grant asks for the row that permits what the policy opens after the message.
func (m *Machine) grant(at media.Tick, how string) []Action {
	m.state, m.grantAt = writing, at
	valves := m.opening()
	event := "granted"
	switch {
	case m.refused:
		event, how = "refused", m.refuser
	case !valves[Record] && !valves[Transcript]:
		event, how = "not_asked", "policy"
	}
	a := m.row(event, at, how, valves)
	m.granting = a.Number
	a.Keep = valves[Record] || valves[Transcript] || valves[Snippet]
	m.claimed = a.Keep
	return []Action{a}
}

// opening tells which valves the grant opens.
func (m *Machine) opening() (v [purposes]bool) {
	for p, rule := range m.policy {
		v[p] = rule != Never && (Purpose(p) == Converse || !m.refused)
	}
	return v
}

func (m *Machine) written(e Written) []Action {
	if m.state != writing || e.Row != m.granting {
		return nil
	}
	m.state = settled
	valves := m.opening()
	outcome := Granted
	switch {
	case m.refused:
		outcome = Refused
	case !valves[Record] && !valves[Transcript]:
		outcome = NotAsked
	case !e.Recordable:
		outcome = Unrecordable
	}
	for p := range valves {
		if valves[p] && (Purpose(p) == Converse || e.Recordable) {
			m.gate.open(Purpose(p), m.grantAt)
		}
	}
	actions := []Action{Settled{outcome}}
	if m.refused && m.claimed { // refused while the row was on its way
		actions = append(actions, m.row("withdrawn", e.At, m.refuser, m.valves()))
	}
	return actions
}

func (m *Machine) failed(e Failed) []Action {
	if m.state == writing && e.Row == m.granting {
		return m.giveUp()
	}
	if m.state != settled {
		return nil
	}
	for p := Record; p < purposes; p++ {
		m.gate.shut(p, e.At)
	}
	return []Action{Withdrawn{e.At}}
}

func (m *Machine) giveUp() []Action {
	m.state = over
	return []Action{Settled{LedgerFailed}, GiveUp{}}
}

func (m *Machine) ended(at media.Tick) []Action {
	before := m.state
	m.state = over
	if before == settled {
		for p := range purposes {
			m.gate.shut(p, at)
		}
		return nil
	}
	return []Action{Settled{Abandoned}, m.row("abandoned", at, "hung_up", [purposes]bool{})}
}

// valves tells which valves are open.
func (m *Machine) valves() (v [purposes]bool) {
	for p := range purposes {
		v[p] = m.gate.Open(p)
	}
	return v
}

func (m *Machine) row(event string, at media.Tick, how string, valves [purposes]bool) Append {
	m.rows++
	r := Row{
		Event: event, At: at.Seconds(), How: how, Mode: m.mode,
		Message: MessageRow{ID: m.message.ID, Language: m.message.Language, Parts: append([]PartRow{}, m.parts...), Shown: m.buttons},
		Policy:  map[string]string{}, Valves: map[string]bool{},
	}
	for p, rule := range m.policy {
		r.Policy[Purpose(p).String()] = rule.String()
		r.Valves[Purpose(p).String()] = valves[p]
	}
	return Append{Number: m.rows, Row: r}
}
