package dialog

import (
	"sidetone/consent"
	"sidetone/media"
)

// finalLost is how long a final may take that nobody wants any more.
const finalLost = 4 * media.TickRate

// ear is what the machine knows of the caller's speech.
type ear struct {
	speaking bool
	began    media.Tick // when the call saw the newest speech begin
	from, to media.Tick // of the newest speech
	cadence  Cadence    // how it ended
	excused  bool       // it only shows that the caller listens: the agent speaks on

	open       bool       // there was speech since the last Finalize
	since      media.Tick // open: its begin
	partial    string
	confidence float64       // in partial; 0 when the engine does not tell
	said       consent.Heard // partial, as it was minted
	private    bool          // it may be for the gateway alone
	guesses    int           // at the turn so far
	known      media.Tick    // up to where partial has the words
	over       float64       // the probability that nothing follows it
	hint       Hint          // of the engine, about the newest speech
	finalizing bool          // a final is on its way
	finalized  media.Tick    // when it was asked for
	length     media.Tick    // of the speech that it is of
	attended   media.Tick    // the Finalize for whose final a filler was said
	overtaken  bool          // the caller pressed keys instead: the turn's words are not to be answered

	unwanted  int        // finals on their way that a suspension has made void
	dismissed media.Tick // when the newest of them was asked for
	deaf      media.Tick // the end of the newest suspension: what was said before is void
}

// busy reports whether the caller's turn may still go on.
func (e *ear) busy() bool { return e.speaking || e.open || e.finalizing }

func (m *Machine) speechStarted(e SpeechStarted) {
	m.ear.hear(e.From)
	m.ear.speaking, m.ear.began, m.ear.from = true, m.now, e.From
	m.ear.hint, m.ear.excused = NoHint, false
}

func (m *Machine) speechEnded(e SpeechEnded) {
	m.ear.hear(e.To)
	m.ear.speaking, m.ear.excused, m.ear.to, m.ear.cadence = false, false, e.To, e.Cadence
}

// hear opens the caller's turn. Speech may have begun before the conversation
// was opened, and then only its end is seen.
func (e *ear) hear(from media.Tick) {
	if !e.open {
		e.open, e.since = true, from
		e.forget()
	}
}

// forget forgets what is known of the words of the open turn.
func (e *ear) forget() {
	e.partial, e.confidence, e.known, e.over, e.hint = "", 0, 0, sure, NoHint
	e.said, e.private, e.guesses = consent.Heard{}, false, 0
}

// answered takes the final of a turn. Speech that it was taken out of is still
// the same turn.
func (e *ear) answered() {
	e.overtaken = e.overtaken && e.open && e.since == e.finalized
	e.finalizing = false
}

// finalize ends the caller's turn when the silence has lasted long enough. It
// takes the words of speech without a pause now and then, before recognition
// would lose its beginning; the turn goes on then.
func (m *Machine) finalize() {
	e := &m.ear
	switch {
	case e.finalizing:
		if m.now-e.finalized >= m.longestFinal() {
			e.finalizing, e.overtaken = false, false
			m.unheard()
		}
	case e.open && e.speaking && m.now-e.since >= media.TicksIn(m.set.EndOfTurn.Longest):
		e.length = m.now - e.since
		m.takeWords()
	case e.open && !e.speaking && m.now-e.to >= m.patience():
		e.length = e.to - e.since
		m.observe(StageEndpoint, e.to)
		m.takeWords()
	}
}

// takeWords asks for the final words of the open turn.
func (m *Machine) takeWords() {
	e := &m.ear
	e.open, e.since = e.speaking, m.now
	e.forget()
	e.finalizing, e.finalized = true, m.now
	m.act(Finalize{At: m.now})
}

// final takes that a final has come, and reports whether it is for the agent.
func (m *Machine) final(said consent.Heard) bool {
	e := &m.ear
	if m.suspended || e.void(said, m.now) {
		e.unwanted = max(0, e.unwanted-1)
		return false
	}
	e.unwanted = 0 // finals come in order
	if e.finalizing {
		m.observe(StageSTT, e.finalized)
	}
	e.answered()
	return true
}

// partial takes the words of the open turn so far. A hint counts until there is
// another one, or more speech.
func (m *Machine) partial(e Words) {
	m.ear.partial, m.ear.confidence, m.ear.said, m.ear.private = e.Said.String(), e.Confidence, e.Said, e.Private
	_, m.ear.known = e.Said.Span()
	if e.Hint != NoHint {
		m.ear.hint = e.Hint
	}
	m.ear.over = m.ending.Over(m.soFar(), m.Expecting())
}

// words takes what recognition made of the caller's turn.
func (m *Machine) words(e Words) {
	if !e.Final {
		// Until the final has come, partials are of the turn that it ends.
		if !m.ear.finalizing && !m.ear.void(e.Said, m.now) {
			m.partial(e)
		}
		return
	}
	overtaken, said := m.ear.overtaken, e.Said.String()
	if !m.final(e.Said) {
		return
	}
	if e.Lost {
		m.unheard()
		return
	}
	if len(wordsOf(said)) == 0 {
		m.misheard()
		return
	}
	m.act(CallerTurn{Said: e.Said, Confidence: e.Confidence})
	m.quiet.heard(m)
	words := m.weigh(said, e.Confidence)
	switch {
	case overtaken:
	case (words == listening || words == unsure) && m.floor.state != lost:
		m.reply.asides = append(m.reply.asides, e.Said)
	case words == slight && m.reply != nil && m.reply.audible() && m.floor.state != lost:
		// A noise, most likely, while the agent speaks.
	default:
		m.pending = append(m.pending, e.Said)
		if !m.attending() {
			m.interrupt()
		}
	}
}

// answer asks the replier when the caller's turn is over.
func (m *Machine) answer() {
	switch {
	case m.reply != nil && !m.attending():
	case m.untold:
		m.tell()
	case len(m.keys) > 0:
		m.answerKeys()
	case m.ear.busy():
	case len(m.pending) > 0:
		m.keepPending()
		m.start(Said)
	case m.owed != 0:
		m.start(m.owed)
	}
}

// keepPending puts what the caller said into the history.
func (m *Machine) keepPending() {
	for _, said := range m.pending {
		m.lines = append(m.lines, Line{Caller: said})
	}
	m.pending = nil
}

// start begins the agent's turn by asking the replier, unless that was done early.
// An input of words or keys is the last line of the history.
func (m *Machine) start(kind InputKind) {
	if kind == Said && m.adopt() {
		return
	}
	m.dropGuess()
	attended := m.attended()
	in := Input{Turn: m.turn, Kind: kind}
	n := len(m.lines)
	switch kind {
	case Said, Keyed:
		n--
		in.Said = m.lines[n].Caller
	case Silent:
		in.Silence = m.quiet.times
	}
	in.History = m.lines[:n:n]
	m.reply = &reply{turn: m.turn, kind: kind, live: true, asked: m.now, heard: max(m.ear.to, m.wrote), expect: m.expect, clips: attended}
	m.owed = 0
	if kind != Silent {
		m.owed = kind
	}
	m.act(StartReply{Input: in})
}
