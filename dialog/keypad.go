package dialog

import "sidetone/media"

// key takes a key. It interrupts, like a word. One that comes before a pause of
// the recording is meant for the pause: nobody sees it, and the pause begins.
func (m *Machine) key(e Key) {
	if m.reply.pausing() {
		if m.reply.audible() {
			m.pause()
		}
		return
	}
	m.act(CallerTurn{Said: e.Said, Keyed: true})
	m.quiet.heard(m)
	m.keys = append(m.keys, e.Said)
	m.keyed, m.ended = m.now, e.Digit == '#'
	m.interrupt()
}

// answerKeys ends the caller's turn when the keys are complete: by '#', by a
// pause, or at once where a single key is asked for.
func (m *Machine) answerKeys() {
	if !m.ended && m.expect != ExpectKey && m.now-m.keyed < media.TicksIn(m.set.KeyPause) {
		return
	}
	m.keepPending()
	for _, k := range m.keys {
		m.lines = append(m.lines, Line{Caller: k})
	}
	m.keys, m.ended = nil, false
	m.ear.overtaken = m.ear.open || m.ear.finalizing
	m.start(Keyed)
}
