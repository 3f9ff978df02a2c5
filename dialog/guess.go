package dialog

import (
	"slices"

	"sidetone/media"
)

// A reply is guessed after so much silence, so that a short pause does not cost one,
// and so often in one turn at most.
const (
	early   = 150 * media.TickRate / 1000
	guesses = 2
)

// guess is a reply that was asked for before the caller's turn was over. Until it is
// adopted nothing of it is said or noted, and it has no place in the conversation.
type guess struct {
	turn  TurnID
	words []string // that it answers
	lines int      // of the conversation before them
	kept  []Part
	ended bool // the replier is done
}

// of reports whether what comes of a turn belongs to the guess.
func (g *guess) of(turn TurnID) bool { return g != nil && g.turn == turn }

// supposes asks the replier early when the caller's turn is likely to be over, and
// takes that back when it turns out that it is not. Whatever happened in a step, it
// comes last: a guess outlives none in which anything else has begun.
func (m *Machine) supposes() {
	if m.guess != nil && !m.tenable() {
		m.dropGuess()
	}
	if m.guess == nil && m.timely() {
		m.startGuess()
	}
}

// quietly reports whether nothing is under way but the caller's turn, and the caller
// is silent.
func (m *Machine) quietly() bool {
	return m.reply == nil && !m.ear.speaking && !m.ear.overtaken && len(m.keys) == 0 && !m.untold
}

// tenable reports whether the words that were guessed upon may still be the turn's.
func (m *Machine) tenable() bool {
	e, g := &m.ear, m.guess
	switch {
	case !m.quietly(), g.lines != len(m.lines)+len(m.pending):
		return false
	case e.open:
		return e.hint != GoesOn && slices.Equal(g.words, wordsOf(e.partial))
	}
	return e.finalizing
}

// timely reports whether it is time for a guess: the words reach to the end of the
// speech, or the engine thinks that they do, and nothing is likely to follow them.
func (m *Machine) timely() bool {
	e := &m.ear
	if !m.set.Guess || !m.quietly() || !e.open || e.finalizing || e.private || e.guesses >= guesses || m.now-e.to < early {
		return false
	}
	whole := e.known >= e.to-fresh || e.hint == MayEnd || e.hint == Ended
	return whole && m.over() >= sure && len(wordsOf(e.partial)) > 0
}

// startGuess asks the replier for what it would say if the turn were over.
func (m *Machine) startGuess() {
	m.turn++
	m.ear.guesses++
	lines := slices.Clone(m.lines)
	for _, said := range m.pending {
		lines = append(lines, Line{Caller: said})
	}
	m.guess = &guess{turn: m.turn, words: wordsOf(m.ear.partial), lines: len(lines)}
	m.act(StartReply{Input: Input{Turn: m.turn, Kind: Said, Said: m.ear.said, History: lines, Guess: true}})
}

// dropGuess forgets the guess without a trace.
func (m *Machine) dropGuess() {
	if m.guess != nil {
		m.act(CancelReply{Turn: m.guess.turn})
		m.guess = nil
	}
}

// guessEnded takes that the replier is done. A guess that failed is none: the reply
// is asked for when the turn is over.
func (m *Machine) guessEnded(err error) {
	m.guess.ended = true
	if err != nil {
		m.guess = nil
	}
}

// adopt makes the guess the reply to the last line of the conversation, if those are
// the words that it answers, and reports whether it did. What was kept is said.
func (m *Machine) adopt() bool {
	g, n := m.guess, len(m.lines)-1
	if g == nil || m.reply != nil || n != g.lines || !slices.Equal(g.words, wordsOf(m.lines[n].Caller.String())) {
		return false
	}
	m.guess = nil
	m.reply = &reply{turn: g.turn, kind: Said, live: true, asked: m.now, heard: max(m.ear.to, m.wrote), expect: m.expect}
	m.owed = Said
	m.act(AdoptReply{Turn: g.turn, Said: m.lines[n].Caller})
	for _, p := range g.kept {
		if m.reply.cut {
			return true
		}
		m.replied(p)
	}
	m.reply.live = !g.ended
	return true
}
