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

const (
	// longestHold is how long the agent stays silent for a short sound that is no
	// interruption after all, or for a sign of listening. What was longer may be words
	// that are not known yet, or pause within them.
	longestHold = 600 * media.TickRate / 1000

	// wordsLate is how much longer speech must last to take the turn while its words
	// are not known: they come late on a busy machine, and "I see" has ended by then.
	wordsLate = 400 * media.TickRate / 1000

	// wordsMend is how long after speech a few words are those of its beginning, which
	// may be heard otherwise when all of it is: "I say" for "I see".
	wordsMend = 250 * media.TickRate / 1000
)

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
	words := m.weighOpen()
	if m.floor.state == agents {
		switch {
		case m.ear.overtaken:
		case m.ear.speaking && !m.ear.excused && m.interruptible():
			m.hold()
		case m.ear.open && words == weighty && m.reply.audible():
			m.interrupt() // the words came when the agent spoke on already
		}
		return
	}
	held := m.floor.state == held && m.now-m.floor.at >= longestHold
	short := m.ear.to-m.ear.from < media.TicksIn(m.set.Commit)
	switch {
	case words == weighty:
		m.interrupt()
	case m.ear.speaking && words != listening && m.now-max(m.ear.from, m.floor.at) >= m.lasting(words):
		m.interrupt()
	case !m.ear.speaking && (held && short || m.now-m.ear.to >= media.TicksIn(m.set.Resume)):
		m.resume()
	case held && words == listening:
		m.ear.excused = true
		m.resume()
	}
}

// weight is what words say about whose turn it is.
type weight uint8

const (
	unknown   weight = iota // there are none yet, or too few to tell
	unsure                  // they are likely to be others
	slight                  // one small word, such as noise is taken for
	listening               // they only show that the caller listens
	weighty                 // they are for the agent to answer
)

// trusted is the confidence below which a few words are likely to be others: of those
// that people said, one in three was right.
const trusted = 0.7

// weigh weighs words said into the agent's turn, and the confidence in them; 0 is that
// of an engine that does not tell.
func (m *Machine) weigh(said string, confidence float64) weight {
	words := wordsOf(said)
	doubtful := m.few(words) && confidence > 0 && confidence < trusted
	switch {
	case len(words) == 0:
		return unknown
	case m.listened() && m.lexicon.backChannel(said):
		return listening
	case m.lexicon.slight(said):
		return slight
	case m.listened() && doubtful && !m.lexicon.interrupts(words):
		return unsure
	}
	return weighty
}

// weighOpen weighs the words of the open turn. A few of speech that goes on may yet
// become others, such as a sign of listening.
func (m *Machine) weighOpen() weight {
	e := &m.ear
	weight, words := m.weigh(e.partial, e.confidence), wordsOf(e.partial)
	whole := !e.speaking && (e.known >= e.to || m.now-e.to >= wordsMend)
	if weight != listening && m.listened() && m.few(words) && !whole && !m.lexicon.interrupts(words) {
		return unknown
	}
	return weight
}

// few reports whether words are so few that they may be others than were said, in no
// answer to a question for a word.
func (m *Machine) few(words []string) bool {
	return len(words) <= 2 && m.Expecting() == ExpectWords
}

// listened reports whether the agent can be heard, so that the caller may be listening.
func (m *Machine) listened() bool {
	return m.reply != nil && !m.reply.attend && m.reply.audible()
}

// lasting is how long speech goes on that takes the turn whatever its words.
func (m *Machine) lasting(words weight) media.Tick {
	if words <= unsure && m.listened() {
		return media.TicksIn(m.set.Commit) + wordsLate
	}
	return media.TicksIn(m.set.Commit)
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
