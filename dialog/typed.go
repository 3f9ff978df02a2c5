package dialog

// typed takes a written line. It is the caller's whole turn, and interrupts like
// a word.
func (m *Machine) typed(e Typed) {
	m.act(CallerTurn{Said: e.Said, Typed: true})
	m.quiet.heard(m)
	m.wrote = m.now
	m.pending = append(m.pending, e.Said)
	m.interrupt()
}
