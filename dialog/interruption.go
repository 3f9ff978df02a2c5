package dialog

import "sidetone/media"

// floorState says whose turn it is while both have something to say.
type floorState uint8

const (
	agents  floorState = iota // the agent's, or nobody's
	awaited                   // the caller speaks before anything of the reply went to playout
	held                      // the caller speaks while the agent does: playout is on hold
	lost                      // the caller took the turn while playout was on hold
	dropped                   // a suspension took it, and playout has been told to forget the rest
)

// longestHold is how long the agent stays silent for a sound that is no
// interruption after all.
const longestHold = 600 * media.TickRate / 1000

// floor is an interruption that has not been decided yet, or not yet settled.
type floor struct {
	state   floorState
	at      media.Tick // when it began
	settled bool       // everything that was played has been reported
}

// interruptible reports whether the caller may take the turn now. A reply that
// has not said anything can always be overtaken: the caller's turn was not over.
func (m *Machine) interruptible() bool {
	r := m.reply
	if !r.begun() {
		return true
	}
	if !m.set.BargeIn || r.truth {
		return false
	}
	c := r.current()
	return c == nil || !c.protected
}

// contend decides about the turn while the caller speaks into the agent's: it
// holds, and then cancels or resumes.
func (m *Machine) contend() {
	if m.reply == nil || m.reply.cut {
		return
	}
	if len(m.pending)+len(m.keys) > 0 || m.untold && !m.reply.farewell() {
		if !m.reply.complete() && !m.attending() {
			m.interrupt() // what was said in a protected sentence counts after it
		}
		return
	}
	said := m.ear.partial
	spoken := len(wordsOf(said)) > 0
	listening := spoken && m.listening(said)
	weighty := spoken && !listening && !m.lexicon.slight(said)
	if m.floor.state == agents {
		switch {
		case m.ear.overtaken:
		case m.ear.speaking && !m.ear.excused && m.interruptible():
			m.hold()
		case m.ear.open && weighty && m.reply.audible():
			m.interrupt() // the words came when the agent spoke on already
		}
		return
	}
	held := m.floor.state == held && m.now-m.floor.at >= longestHold
	switch {
	case weighty:
		m.interrupt()
	case m.ear.speaking && !listening && m.now-max(m.ear.from, m.floor.at) >= media.TicksIn(m.set.Commit):
		m.interrupt()
	case !m.ear.speaking && (held || m.now-m.ear.to >= media.TicksIn(m.set.Resume)):
		m.resume()
	case held && listening:
		m.ear.excused = true
		m.resume()
	}
}

// listening reports whether words only show that the caller listens, to an agent
// who can be heard.
func (m *Machine) listening(said string) bool {
	return m.reply != nil && !m.reply.attend && m.reply.audible() && m.lexicon.backChannel(said)
}

// hold stops the agent until it is clear whose turn it is.
func (m *Machine) hold() {
	m.floor = floor{state: awaited, at: m.now}
	if m.reply.current() == nil {
		return
	}
	m.floor.state = held
	m.act(Hold{})
	if m.ear.speaking && m.ear.began == m.now {
		m.observe(StageBargeIn, m.ear.from)
	}
}

// resume gives the turn back to the agent, once it is known where it stopped.
func (m *Machine) resume() {
	if m.floor.state == held {
		if !m.floor.settled {
			return
		}
		m.act(Resume{})
		m.observe(StageHeld, m.floor.at)
	}
	m.floor = floor{}
	withheld := m.reply.withheld
	m.reply.withheld = nil
	for _, p := range withheld {
		m.say(p.Sentence, p.Protected)
	}
}

// interrupt gives the turn to the caller, where it may be taken. What is played
// is cut once it is known.
func (m *Machine) interrupt() {
	if m.reply == nil || m.reply.cut {
		return
	}
	if m.floor.state == agents {
		if !m.interruptible() {
			return
		}
		m.hold()
	}
	m.reply.cut = true
	m.act(CancelReply{Turn: m.reply.turn})
	if m.floor.state == held {
		m.floor.state = lost
	}
}
