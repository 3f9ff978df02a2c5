package dialog

import (
	"slices"

	"sidetone/consent"
)

// askedMachine takes the question whether the agent is a machine. It interrupts
// like a word; the machine answers it when the agent has stopped.
func (m *Machine) askedMachine(e AskedMachine) {
	if !e.Typed && !m.final(e.Said) {
		return
	}
	m.act(CallerTurn{Said: e.Said, Confidence: e.Confidence, Typed: e.Typed})
	m.quiet.heard(m)
	if r := m.reply; r != nil && r.truth && !r.cut {
		m.lines = append(m.lines, Line{Caller: e.Said}) // the answer is on its way
		return
	}
	m.doubts, m.untold = append(m.doubts, e.Said), true
	m.interrupt()
}

// tell tells the caller the truth, whole. Then what the caller had said or keyed
// in before is answered, or the agent asks again what it had asked.
func (m *Machine) tell() {
	if m.ear.busy() {
		return
	}
	m.recall()
	then := m.owed
	if then == 0 && len(m.lines) > 0 {
		then = Again
	}
	for _, said := range m.doubts {
		m.lines = append(m.lines, Line{Caller: said})
	}
	m.doubts, m.untold = nil, false
	m.sayOwn(m.set.Truth, "")
	m.reply.truth, m.reply.then = true, then
}

// recall takes an input that was not answered out of the history, to be answered
// after something else.
func (m *Machine) recall() {
	if m.owed != Said && m.owed != Keyed {
		return
	}
	n := len(m.lines)
	for n > 0 && m.lines[n-1].Agent == "" {
		n--
	}
	said := m.lines[n:]
	m.lines = m.lines[:n:n]
	k := len(said)
	for m.owed == Keyed && k > 0 && isKey(said[k-1].Caller.String()) {
		k--
	}
	if k < len(said) && len(m.keys) == 0 {
		m.ended = true
	}
	m.pending = slices.Concat(callers(said[:k]), m.pending)
	m.keys = slices.Concat(callers(said[k:]), m.keys)
	m.owed = 0
}

func callers(lines []Line) (said []consent.Heard) {
	for _, l := range lines {
		said = append(said, l.Caller)
	}
	return said
}
