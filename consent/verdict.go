package consent

import "sidetone/media"

// verdict is how the question ended, and what that opens once its row is on
// disk.
type verdict struct {
	at      media.Tick
	outcome Outcome
	how     How
	row     int
	valves  [purposes]bool
	keep    bool // the row says that something will be kept
}

// opens tells which valves a verdict opens under a policy.
func (v verdict) opens(under Policy) (open [purposes]bool) {
	for p := range purposes {
		open[p] = v.allows(under.rule(p), p)
	}
	return open
}

// allows tells whether a verdict opens the valve of a rule. A key, and a button
// like it, is proof enough for every opt-in. Who presses the button to go on
// unrecorded wants to converse.
func (v verdict) allows(r Rule, p Purpose) bool {
	agreed := v.outcome == Granted
	if p != Converse && !agreed {
		return false
	}
	switch r.Level {
	case AfterNotice:
		return true
	case OptOut:
		return agreed || v.outcome == NotAsked || p == Converse && v.how == HowButton
	case OptIn:
		byKey := v.how == HowKey || v.how == HowButton
		return agreed && (byKey || v.how == HowSpeech && r.Proofs&BySpeech != 0) || p == Converse && v.how == HowButton
	}
	return false
}

// decide asks for the row of the verdict, and repeats a spoken answer.
func (m *Machine) decide(v verdict) []Action {
	actions := m.hush()
	v.at = max(v.at, m.newest)
	v.valves = v.opens(m.terms.Policy)
	v.keep = v.valves[Record] || v.valves[Transcript] || v.valves[Snippet]
	if m.again { // what the conversation may have is not asked again
		v.valves[Converse] = m.gate.Open(Converse)
	}
	row := m.row(string(v.outcome), v.at, v.how, v.valves)
	row.Keep, row.Origin, v.row = v.keep, m.asked, row.Number
	row.Row.Decision = &m.terms.Decision
	if v.outcome != NotAsked {
		row.Row.Answer = &AnswerRow{Waited: max(0, v.at-m.opened).Seconds(), Score: m.score, Unclear: m.unclear, Silences: m.silences}
	}
	m.verdict, m.state = v, writing
	if v.keep {
		m.kept, m.destroyed = true, false
	}
	actions = append(actions, row)
	return append(actions, m.confirm(v)...)
}

// confirm tells the caller what was understood.
func (m *Machine) confirm(v verdict) []Action {
	switch {
	case v.how == HowButton:
	case v.how == HowSpeech && v.outcome == Granted:
		return m.prompt(PromptHeardYes)
	case v.how == HowSpeech:
		return m.prompt(PromptHeardNo)
	case v.outcome == Refused || v.outcome == Undecided:
		if !m.leaves(v) {
			return m.prompt(PromptRefused)
		}
	}
	return nil
}

// leaves reports whether the conversation ends with this verdict.
func (m *Machine) leaves(v verdict) bool {
	return !v.valves[Converse] || m.terms.LeaveUnrecorded && (v.outcome == Refused || v.outcome == Undecided)
}

// written opens the valves: their row is on disk.
func (m *Machine) written(e Written) []Action {
	if m.state != writing || e.Row != m.verdict.row {
		return nil
	}
	if m.resuming {
		return m.resumed()
	}
	v := &m.verdict
	m.state = confirming
	if v.outcome == Granted && v.keep && !e.Recordable {
		v.outcome = Unrecordable
		m.rows++ // there is a row of this too
	}
	withdrawn := m.refused && v.outcome == Granted // while the row was on its way
	if withdrawn {
		v.outcome = Refused
	}
	for p := range purposes {
		if v.valves[p] && (p == Converse || v.outcome == Granted) {
			m.gate.open(p, v.at)
		}
	}
	if v.outcome == Granted {
		m.granted = v.at
	}
	actions := []Action{Opened{v.outcome}}
	if v.outcome == Unrecordable { // the caller was told otherwise
		actions = append(actions, m.prompt(PromptUnable)...)
	}
	if whole := m.wholly(m.whole); withdrawn && v.keep || whole {
		actions = append(actions, m.takeBack(Withdraw{At: e.At, From: v.at, How: m.refuser}, whole)...)
	}
	if len(m.playing.queue) == 0 {
		actions = append(actions, m.settle(e.At)...)
	}
	return actions
}

// settle lets the conversation begin, or go on, or end.
func (m *Machine) settle(at media.Tick) []Action {
	m.state = settled
	leaves := m.leaves(m.verdict)
	actions := []Action{Settled{m.verdict.outcome, leaves}}
	if leaves {
		return append(actions, m.leave(at)...)
	}
	return actions
}

// leave tells the caller that the conversation ends, and ends it.
func (m *Machine) leave(at media.Tick) []Action {
	name := PromptGoodbye
	if m.terms.HandOn {
		name = PromptTransfer
	}
	m.state, m.resuming = leaving, false
	said := m.prompt(name)
	if len(said) == 0 {
		return m.saidAll(Played{At: at})
	}
	return append([]Action{Quiet{}}, said...)
}

// failed takes a row that could not be written: without proof nothing opens, and
// nothing stays open.
func (m *Machine) failed(e Failed) []Action {
	if m.state == writing && e.Row == m.verdict.row && !m.resuming && !m.again {
		return m.giveUp(e.At)
	}
	return m.ledgerLost(e.At)
}

// giveUp ends a call in which nobody can agree to anything.
func (m *Machine) giveUp(at media.Tick) []Action {
	actions := append([]Action{Settled{LedgerFailed, true}}, m.hush()...)
	m.verdict.outcome, m.state = LedgerFailed, leaving
	said := m.prompt(PromptUnproved)
	if len(said) == 0 {
		return append(actions, m.saidAll(Played{At: at})...)
	}
	return append(actions, said...)
}

// ledgerLost shuts what is kept while the ledger fails. A question that is open
// for the first time can not be answered; a pause does not end.
func (m *Machine) ledgerLost(at media.Tick) []Action {
	switch {
	case m.state == waiting || m.child || m.verdict.outcome == LedgerFailed:
		return nil
	case m.unanswered():
		return m.giveUp(at)
	}
	var actions []Action
	kept := m.keeping()
	m.shutKept(at)
	m.verdict.valves = [purposes]bool{Converse: m.verdict.valves[Converse]}
	switch {
	case m.wholly(m.whole):
		actions = m.takeBack(Withdraw{At: at, From: at, How: m.refuser}, true)
	case kept:
		actions = []Action{Shut{At: at, From: at}, Withdrawn{At: at, How: HowSystem}}
	}
	switch {
	case m.state == leaving:
		return actions
	case m.state == confirming && kept:
		return append(actions, m.prompt(PromptWithdrawn)...)
	case m.state == confirming:
		return actions
	}
	hushed := m.hush()
	carry, open := m.state != settled || len(hushed) > 0, m.state != settled && !m.resuming
	actions = append(hushed, actions...)
	m.resuming, m.state = false, settled
	switch {
	case kept:
		return append(actions, m.tell(PromptWithdrawn)...)
	case open: // asked again, and nothing can come of it
		m.verdict.outcome = Undecided
		return append(actions, Settled{Outcome: Undecided})
	case carry:
		return append(actions, m.carryOn()...)
	}
	return actions
}

// unanswered reports whether the question is open for the first time.
func (m *Machine) unanswered() bool {
	return m.state <= writing && !m.again && !m.resuming
}
