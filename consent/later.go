package consent

import (
	"slices"

	"sidetone/media"
)

// later is what can happen once the question has been answered.
type later struct {
	kept       bool       // something of this call may have been kept
	granted    media.Tick // the newest grant that opened something to keep
	destroyed  bool       // all of it, or asked for
	destroying bool       // Destroyed has not come
	paused     bool
	until      byte // the key that ends the pause; 0 for none
	resuming   bool // the row of the pause's end is on its way to disk
	child      bool
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
	whole := m.wholly(e.Whole)
	if !m.keeping() { // so nothing is cut back
		e.From = e.At
	}
	switch {
	case m.child || m.state == waiting || m.verdict.outcome == LedgerFailed:
		return nil
	case e.How == HowSystem && m.state <= writing && !m.resuming: // nothing is kept yet
		return nil
	case m.state < writing:
		if whole {
			return append(m.takeBack(e, whole), m.refuse(e.At, e.How)...)
		}
		return m.refuse(e.At, e.How)
	case m.state == writing && !m.resuming:
		m.refused, m.refuser, m.whole = true, e.How, m.whole || e.Whole
		return nil
	case !m.keeping() && !whole:
		return nil
	case m.state == leaving:
		return m.takeBack(e, whole)
	}
	actions := append(m.hush(), m.takeBack(e, whole)...)
	leaves := m.terms.LeaveUnrecorded || !m.verdict.valves[Converse]
	if m.state == confirming { // its confirmation was cut short
		m.state = settled
		actions = append(actions, Settled{m.verdict.outcome, leaves})
	}
	switch {
	case leaves:
		return append(actions, m.leave(e.At)...)
	case m.resuming: // the row on its way would open what is to stay shut
		actions = append(actions, m.resume(e.At, m.verdict.how))
	}
	if whole { // Destroyed tells what has become of it
		return append(actions, Quiet{})
	}
	if e.How == HowSystem {
		return append(actions, m.tell(PromptUnable)...)
	}
	return append(actions, m.tell(PromptWithdrawn)...)
}

// wholly reports whether a wish to have all of the call destroyed is granted.
func (m *Machine) wholly(wish bool) bool {
	return wish && m.terms.WholeCall() && m.kept && !m.destroyed
}

// takeBack shuts what is kept as of e.From, but not as of a time before the
// grant, and writes that down.
func (m *Machine) takeBack(e Withdraw, whole bool) []Action {
	from := max(min(e.From, e.At), m.granted)
	m.shutKept(from)
	m.verdict.valves = [purposes]bool{Converse: m.verdict.valves[Converse]}
	row := m.row(rowWithdrawn, e.At, e.How, m.valves())
	row.Row.Scope, row.Row.From, row.cut = fromNow, from.Seconds(), from
	if whole {
		row.Row.Scope = wholeCall
	}
	return append([]Action{row, Shut{At: e.At, From: from}, Withdrawn{At: e.At, Whole: whole, How: e.How}}, m.destroy(whole)...)
}

func (m *Machine) destroy(whole bool) []Action {
	m.whole = false
	if !whole {
		return nil
	}
	m.destroyed, m.destroying = true, true
	return []Action{Destroy{}}
}

// destroyedAll tells the caller what has become of a deletion.
func (m *Machine) destroyedAll(e Destroyed) []Action {
	if !m.destroying {
		return nil
	}
	m.destroying = false
	event, name := rowDestroyed, PromptDeleted
	if e.Queued {
		event, name = rowQueued, PromptRequested
	}
	row := m.row(event, e.At, HowSystem, m.valves())
	row.Row.Elsewhere = m.terms.Elsewhere
	actions := []Action{row}
	switch {
	case m.state == writing && m.resuming: // the newest row says how the valves stand
		return append(actions, m.resume(e.At, m.verdict.how))
	case m.state == settled:
		return append(actions, m.tell(name)...)
	case m.state == confirming || m.state == writing:
		return append(actions, m.prompt(name)...)
	}
	return actions
}

// carryOn lets the agent go on, unless there is a pause.
func (m *Machine) carryOn() []Action {
	if m.paused {
		return nil
	}
	return []Action{CarryOn{}}
}

// MayAsk reports whether the question can be put again now by another message; not
// while what was kept is being destroyed, since a new take would be too.
func (m *Machine) MayAsk() bool {
	return m.state == settled && !m.paused && !m.destroying && m.spare()
}

// ask puts the question again, with everything shut that is kept.
func (m *Machine) ask(e Ask) []Action {
	if !m.MayAsk() || e.Message == nil && !m.terms.Policy.keeps() {
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
	for _, who := range e.Elsewhere {
		if !slices.Contains(m.terms.Elsewhere, who) {
			m.terms.Elsewhere = append(slices.Clip(m.terms.Elsewhere), who)
		}
	}
	m.again = true
	actions = append(append(m.hush(), actions...), m.row(rowAsked, e.At, e.How, m.valves()), Quiet{})
	return append(actions, m.announce(e.At)...)
}

// pause shuts everything for a while, conversing too.
func (m *Machine) pause(e Pause) []Action {
	if m.state != settled || m.paused || !m.spare() || !m.gate.Open(Converse) {
		return nil
	}
	m.verdict.valves = m.valves()
	for p := range purposes {
		m.gate.shut(p, e.At)
	}
	m.paused, m.until = true, e.Until
	actions := append(m.hush(), m.row(rowPaused, e.At, e.How, [purposes]bool{}), Paused{e.How}, Quiet{})
	return append(actions, m.prompt(PromptPaused)...)
}

// unpause asks for the row that lets a pause end.
func (m *Machine) unpause(at media.Tick, how How) []Action {
	if !m.paused || m.resuming || m.state != settled || m.rows >= maxRows-rowsForEnd {
		return nil
	}
	return append(m.hush(), m.resume(at, how))
}

// resume asks for the row by which a pause ends.
func (m *Machine) resume(at media.Tick, how How) Action {
	row := m.row(rowResumed, at, how, m.verdict.valves)
	m.verdict.at, m.verdict.how, m.verdict.row = row.since, how, row.Number
	m.state, m.resuming = writing, true
	return row
}

// resumed ends a pause, whose row is on disk.
func (m *Machine) resumed() []Action {
	for p := range purposes {
		if m.verdict.valves[p] {
			m.gate.open(p, m.verdict.at)
		}
	}
	m.state, m.resuming, m.paused = settled, false, false
	if !m.keeping() { // there is no recording that goes on
		return append([]Action{Unpaused{}}, m.carryOn()...)
	}
	return append([]Action{Unpaused{}}, m.tell(PromptResumed)...)
}

// minor shuts everything for good and has destroyed what was kept.
func (m *Machine) minor(e Minor) []Action {
	if m.child || m.verdict.outcome == LedgerFailed {
		return nil
	}
	first, mid := m.unanswered(), m.state == confirming
	for p := range purposes {
		m.gate.shut(p, e.At)
	}
	m.child, m.paused, m.resuming = true, false, false
	m.verdict.valves = [purposes]bool{}
	actions := append(m.hush(), m.row(rowMinor, e.At, e.How, [purposes]bool{}), Quiet{})
	if first {
		m.verdict.outcome = Refused
	}
	if first || mid {
		actions = append(actions, Settled{Outcome: m.verdict.outcome, Leaves: true})
	}
	if m.kept && !m.destroyed {
		actions = append(append(actions, Shut{At: e.At, From: e.At}), m.destroy(true)...)
	}
	m.state = leaving
	said := m.prompt(PromptMinor)
	if len(said) == 0 {
		return append(actions, m.saidAll(Played{At: e.At})...)
	}
	return append(actions, said...)
}
