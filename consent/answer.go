package consent

import "sidetone/media"

// How often the question is put again.
const (
	silencesAtMost = 2 // silences, of which the last decides
	unclearAtMost  = 2 // answers not understood, after which only a key counts
)

// question is how far the asking has come.
type question struct {
	since      media.Tick // when the newest part or prompt had been played
	opened     media.Tick // when the caller could first answer
	offered    bool       // the choice has been played
	repeats    int        // of the message
	talked     media.Tick // speech over it
	talkedOver bool
	silences   int
	unclear    int
	keyOnly    bool
	early      int // keys before the choice was played
	star       bool
	refused    bool // in mid-message, or while the row is on its way
	refuser    How
	whole      bool    // refused while the row is on its way, and for all of the call
	score      float64 // of the spoken answer
}

// key takes a key: an answer, a refusal, a withdrawal, or none of these.
func (m *Machine) key(e Key) []Action {
	star := m.star
	m.star = e.Digit == keyStar
	if m.paused {
		if e.Digit == m.until && m.until != 0 {
			return append([]Action{Taken{}}, m.unpause(e.At, HowKey)...)
		}
		return []Action{Taken{}}
	}
	if m.Asks() {
		return nil
	}
	switch m.state {
	case announcing, clearWait, asking:
		return m.answerKey(e, star)
	case settled, confirming, writing, leaving:
		return m.laterKey(e, star)
	}
	return nil
}

// answerKey takes a key while the question is open.
func (m *Machine) answerKey(e Key, star bool) []Action {
	refusal := e.Digit == keyRefuse && (m.mode == OptOutMode || star)
	switch {
	case m.mode.optIn() && m.state != asking && !refusal:
		m.early++
		return []Action{Taken{}}
	case m.mode.optIn() && e.Digit == keyYes:
		return append([]Action{Taken{}}, m.agree(e.At, HowKey)...)
	case refusal, m.mode.optIn() && (e.Digit == keyNo || e.Digit == keyRefuse):
		if !m.mode.optIn() {
			m.refused, m.refuser = true, HowKey
			return []Action{Taken{}}
		}
		return append([]Action{Taken{}}, m.refuse(e.At, HowKey)...)
	case m.mode.optIn():
		return []Action{Taken{}}
	}
	return nil
}

// spoken takes a spoken answer.
func (m *Machine) spoken(e Spoken) []Action {
	if since, ok := m.Hearing(); !ok || e.From < since {
		return nil
	}
	m.score = e.Score
	switch e.Answer {
	case Yes:
		return m.agree(e.At, HowSpeech)
	case No:
		return m.refuse(e.At, HowSpeech)
	}
	m.unclear++
	m.since = e.At
	actions := m.hush()
	if m.unclear < unclearAtMost {
		return append(actions, m.prompt(PromptUnclear)...)
	}
	m.keyOnly = true
	return append(actions, m.prompt(PromptKey)...)
}

// chose takes a button. One that was pressed under another message than this is
// no answer.
func (m *Machine) chose(e Chose) []Action {
	switch {
	case !m.Asks() || e.Message != m.message.ID:
		return nil
	case e.Keep && (m.state == announcing || m.state == asking):
		return m.agree(e.At, HowButton)
	case e.Keep:
		return nil
	}
	return m.withdraw(Withdraw{At: e.At, From: e.At, Whole: e.Whole, How: HowButton})
}

// waited decides when the caller has said nothing for long enough.
func (m *Machine) waited(at media.Tick) []Action {
	switch {
	case m.Asks():
		if at-m.asked < answerWithin {
			return nil
		}
		return m.neverAnswered(at)
	case m.state == clearWait && at-m.since >= m.message.Wait:
		return m.answered(m.since + m.message.Wait)
	case m.state != asking:
		return nil
	case at-m.opened >= AskedAtMost:
		return m.undecided(at, m.noAnswer())
	case m.voice.speaking || len(m.playing.queue) > 0 || at-max(m.since, m.voice.ceased) < AnswerWait:
		return nil
	}
	m.silences++
	if m.silences >= silencesAtMost || m.keyOnly {
		return m.undecided(at, m.noAnswer())
	}
	m.since = at
	return m.prompt(PromptAgain)
}

// noAnswer says why there is no answer.
func (m *Machine) noAnswer() How {
	if m.unclear > 0 {
		return HowUnclear
	}
	return HowSilent
}

// neverAnswered gives up on a page that shows the question and sends nothing.
func (m *Machine) neverAnswered(at media.Tick) []Action {
	if m.again {
		return m.undecided(at, HowSilent)
	}
	m.state = over
	return []Action{Settled{Abandoned, true}, m.row(string(Abandoned), at, HowSilent, [purposes]bool{}), Unanswered{}}
}

// answered takes a caller who went on after the message.
func (m *Machine) answered(at media.Tick) []Action {
	switch {
	case m.refused:
		return m.refuse(at, m.refuser)
	case m.mode == NoRecord:
		return m.decide(verdict{at: at, outcome: NotAsked, how: HowPolicy})
	}
	return m.agree(at, HowContinued)
}

func (m *Machine) agree(at media.Tick, how How) []Action {
	return m.decide(verdict{at: at, outcome: Granted, how: how})
}

func (m *Machine) refuse(at media.Tick, how How) []Action {
	return m.decide(verdict{at: at, outcome: Refused, how: how})
}

func (m *Machine) undecided(at media.Tick, how How) []Action {
	return m.decide(verdict{at: at, outcome: Undecided, how: how})
}
