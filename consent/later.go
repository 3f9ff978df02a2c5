package consent

import "sidetone/media"

// later is what can happen once the question has been answered.
type later struct {
	kept      bool // something of this call may have been kept
	destroyed bool
	paused    bool
	until     byte // the key that ends the pause; 0 for none
	resuming  bool // the row of the pause's end is on its way to disk
	child     bool
}

// tell says a sentence in the middle of the conversation, which goes on then.
func (m *Machine) tell(name Prompt) []Action {
	said := m.prompt(name)
	if len(said) == 0 {
		return m.carryOn()
	}
	return append([]Action{Quiet{}}, said...)
}

// laterKey takes a key of a caller who has answered: 9 or *9 takes the grant
// back, a second time all of the call, and *1 has the question put again.
func (m *Machine) laterKey(e Key, star bool) []Action {
	switch {
	case e.Digit == keyYes && star && !m.keeping() && m.terms.Policy.keeps():
		return append([]Action{Taken{}}, m.ask(Ask{At: e.At, How: HowKey})...)
	case e.Digit != keyRefuse, m.mode == NoRecord, !star && (e.Asked || m.mode == NoticeMode):
		return nil
	}
	return append([]Action{Taken{}}, m.withdraw(Withdraw{At: e.At, From: e.At, How: HowKey, Whole: !m.keeping()})...)
}

// withdraw takes a grant back: at once, and without waiting for the row of it.
func (m *Machine) withdraw(e Withdraw) []Action {
	whole := e.Whole && m.terms.WholeCall() && m.kept && !m.destroyed
	switch {
	case m.child || m.state == waiting || m.state == leaving:
		return nil
	case m.state == announcing || m.state == clearWait || m.state == asking:
		return m.refuse(e.At, e.How)
	case m.state == writing && !m.resuming:
		m.refused, m.refuser = true, e.How
		return nil
	case !m.keeping() && !whole:
		return nil
	}
	from := min(e.From, e.At)
	if since, ok := m.gate.Since(Record); ok {
		from = max(from, since)
	}
	m.shutKept(from)
	m.verdict.valves = [purposes]bool{Converse: m.verdict.valves[Converse]}
	row := m.row("withdrawn", e.At, e.How, m.valves())
	row.Row.Scope, row.Row.From, row.since = "from_now", from.Seconds(), from
	if whole {
		row.Row.Scope = "whole_call"
	}
	actions := append(m.hush(), row, Shut{At: e.At, From: from}, Withdrawn{At: e.At, Whole: whole, How: e.How})
	if m.state == confirming { // its confirmation was cut short
		m.state = settled
		actions = append(actions, Settled{m.verdict.outcome, m.terms.LeaveUnrecorded})
	}
	actions = append(actions, m.destroy(whole)...)
	switch {
	case m.terms.LeaveUnrecorded:
		return append(actions, m.leave()...)
	case whole: // Destroyed tells what has become of it
		return append(actions, Quiet{})
	}
	return append(actions, m.tell(PromptWithdrawn)...)
}

func (m *Machine) destroy(whole bool) []Action {
	if !whole {
		return nil
	}
	m.destroyed = true
	return []Action{Destroy{}}
}

// destroyedAll tells the caller what has become of a deletion.
func (m *Machine) destroyedAll(e Destroyed) []Action {
	event, name := "destroyed", PromptDeleted
	if e.Queued {
		event, name = "deletion_queued", PromptRequested
	}
	actions := []Action{m.row(event, e.At, HowSystem, m.valves())}
	if m.child || m.state != settled {
		return actions
	}
	return append(actions, m.tell(name)...)
}

// carryOn lets the agent go on, unless there is a pause.
func (m *Machine) carryOn() []Action {
	if m.paused {
		return nil
	}
	return []Action{CarryOn{}}
}

// ask puts the question again, with everything shut that is kept.
func (m *Machine) ask(e Ask) []Action {
	if m.state != settled || m.paused || m.child || !m.spare() || e.Message == nil && !m.terms.Policy.keeps() {
		return nil
	}
	var actions []Action
	if m.keeping() {
		m.shutKept(e.At)
		actions = append(actions, Shut{At: e.At, From: e.At})
	}
	if e.Message != nil {
		m.message = *e.Message
	}
	m.again = true
	actions = append(append(m.hush(), actions...), m.row("asked", e.At, e.How, m.valves()), Quiet{})
	return append(actions, m.announce(e.At)...)
}

// pause shuts everything for a while, conversing too.
func (m *Machine) pause(e Pause) []Action {
	if m.state != settled || m.paused || m.child || !m.spare() || !m.gate.Open(Converse) {
		return nil
	}
	m.verdict.valves = m.valves()
	for p := range purposes {
		m.gate.shut(p, e.At)
	}
	m.paused, m.until = true, e.Until
	actions := append(m.hush(), m.row("paused", e.At, e.How, [purposes]bool{}), Paused{e.How}, Quiet{})
	return append(actions, m.prompt(PromptPaused)...)
}

// unpause asks for the row that lets a pause end.
func (m *Machine) unpause(at media.Tick, how How) []Action {
	if !m.paused || m.resuming || m.state != settled {
		return nil
	}
	row := m.row("resumed", at, how, m.verdict.valves)
	m.verdict.at, m.verdict.row = at, row.Number
	m.state, m.resuming = writing, true
	return append(m.hush(), row)
}

// resumed ends a pause, whose row is on disk.
func (m *Machine) resumed() []Action {
	for p := range purposes {
		if m.verdict.valves[p] {
			m.gate.open(p, m.verdict.at)
		}
	}
	m.state, m.resuming, m.paused = settled, false, false
	return append([]Action{Unpaused{}}, m.tell(PromptResumed)...)
}

// minor shuts everything for good and has destroyed what was kept.
func (m *Machine) minor(e Minor) []Action {
	if m.child || m.state == leaving {
		return nil
	}
	first := m.state != settled && m.state != confirming && !m.again && !m.resuming
	for p := range purposes {
		m.gate.shut(p, e.At)
	}
	m.child, m.paused, m.resuming = true, false, false
	m.verdict.valves = [purposes]bool{}
	actions := append(m.hush(), m.row("minor_suspected", e.At, e.How, [purposes]bool{}), Quiet{})
	if first {
		m.verdict.outcome = Refused
		actions = append(actions, Settled{Outcome: Refused, Leaves: true})
	}
	if m.kept && !m.destroyed {
		m.destroyed = true
		actions = append(actions, Shut{At: e.At, From: e.At}, Destroy{})
	}
	m.state = leaving
	said := m.prompt(PromptMinor)
	if len(said) == 0 {
		return append(actions, m.saidAll(Played{At: e.At})...)
	}
	return append(actions, said...)
}
