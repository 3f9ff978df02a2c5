package dialog

import "sidetone/media"

// afterNoise is the wait before the caller is asked again when something was
// said, or sounded like it, and no word of it was understood: the caller waits
// for an answer.
const afterNoise = 2 * media.TickRate

// quiet is how long the caller has been silent.
type quiet struct {
	since media.Tick // the end of what was last heard of either side
	wait  media.Tick // before the caller is asked again
	times int        // in a row
}

// heard takes that the caller said or pressed something.
func (q *quiet) heard(m *Machine) {
	q.since, q.wait, q.times = m.now, media.TicksIn(m.set.SilenceAfter), 0
}

// misheard takes an empty final.
func (m *Machine) misheard() {
	if m.ear.length >= media.TicksIn(m.set.Commit) {
		m.quiet.since, m.quiet.wait = m.now, min(afterNoise, m.quiet.wait)
	}
}

// prompt asks a silent caller again, and says goodbye in the end.
func (m *Machine) prompt() {
	if m.reply != nil || m.ear.busy() || len(m.keys) > 0 || m.now-m.quiet.since < m.quiet.wait {
		return
	}
	m.quiet.times++
	if m.quiet.times > m.set.Reprompts {
		m.sayOwn(m.set.Goodbye, NoSpeech)
		return
	}
	m.start(Silent)
}
