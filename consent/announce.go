package consent

import (
	"slices"

	"sidetone/media"
)

// Talk-over: so much speech over the message, or over so much of a part of it,
// and the caller can not have heard it.
const (
	talkedAtMost = 2 * media.TickRate
	talkedShare  = 0.3
	spansKept    = 64
)

// playing is what is being played of the message and its prompts, in order.
type playing struct {
	next  int       // the next number
	queue []item    // played after one another
	parts []PartRow // what was played of the message to its end
}

// item is one thing that is being played.
type item struct {
	n    int
	part *Part
	ours bool // part of the message, not a prompt
}

// voice is when the caller spoke.
type voice struct {
	spans    []span // the newest; the last may be open
	speaking bool
	ceased   media.Tick
}

type span struct{ from, to media.Tick }

func (v *voice) hear(e Speech) {
	if e.On == v.speaking {
		return
	}
	v.speaking = e.On
	if e.On {
		if len(v.spans) == spansKept { // rather too much speech than too little
			v.spans[1].from = v.spans[0].from
			v.spans = slices.Delete(v.spans, 0, 1)
		}
		v.spans = append(v.spans, span{e.At, never})
		return
	}
	v.ceased = e.At
	v.spans[len(v.spans)-1].to = max(e.At, v.spans[len(v.spans)-1].from)
}

// over returns how much of [from, to) the caller spoke.
func (v *voice) over(from, to media.Tick) (n media.Tick) {
	for _, s := range v.spans {
		n += max(0, min(s.to, to)-max(s.from, from))
	}
	return n
}

// begin plays the message for the first time.
func (m *Machine) begin(at media.Tick) []Action {
	if m.state != waiting {
		return nil
	}
	return m.announce(at)
}

// announce puts the question.
func (m *Machine) announce(at media.Tick) []Action {
	m.state, m.asked, m.question = announcing, at, question{opened: at}
	m.playing.parts = nil
	if len(m.message.Parts) == 0 && !m.Asks() {
		return m.answered(at)
	}
	actions := []Action{Question{}}
	for i := range m.message.Parts {
		actions = append(actions, m.play(&m.message.Parts[i], true))
	}
	return actions
}

// repeat plays the short form: what is done, and how to answer. A message that
// says neither is played again as a whole.
func (m *Machine) repeat() (actions []Action) {
	m.repeats++
	m.state, m.talkedOver, m.talked = announcing, false, 0
	short := func(p Part) bool { return p.Kind == PartRecording || p.Kind == PartChoice }
	whole := !slices.ContainsFunc(m.message.Parts, short)
	for i, p := range m.message.Parts {
		if whole || short(p) {
			actions = append(actions, m.play(&m.message.Parts[i], true))
		}
	}
	return actions
}

func (m *Machine) play(p *Part, ours bool) Action {
	n := m.playing.next
	m.playing.next++
	m.playing.queue = append(m.playing.queue, item{n, p, ours})
	return Play{N: n, Part: p}
}

// prompt plays a prompt; nothing where the message has no such one.
func (m *Machine) prompt(name Prompt) []Action {
	p, ok := m.message.Prompts[name]
	if !ok {
		return nil
	}
	return []Action{m.play(&p, false)}
}

// hush stops what is being played.
func (m *Machine) hush() []Action {
	if len(m.playing.queue) == 0 {
		return nil
	}
	m.playing.queue = nil
	return []Action{Hush{}}
}

// played takes the end of a part or a prompt.
func (m *Machine) played(e Played) []Action {
	i := slices.IndexFunc(m.playing.queue, func(i item) bool { return i.n == e.N })
	if i < 0 {
		return nil
	}
	it := m.playing.queue[i]
	m.playing.queue = slices.Delete(m.playing.queue, i, i+1)
	if it.ours {
		m.heard(it.part, e)
	}
	if len(m.playing.queue) > 0 {
		return nil
	}
	return m.saidAll(e)
}

// heard notes how a part of the message was heard.
func (m *Machine) heard(p *Part, e Played) {
	talked := m.voice.over(e.From, e.To)
	m.playing.parts = append(m.playing.parts, PartRow{
		Kind: p.Kind, SHA256: p.SHA256, From: e.From.Seconds(), To: e.To.Seconds(),
		TalkedOver: talked.Seconds(), Confirmed: true,
	})
	m.talked += talked
	if m.talked > talkedAtMost || float64(talked) > talkedShare*float64(e.To-e.From) {
		m.talkedOver = true
	}
	if p.Kind == PartChoice {
		m.offered = true
	}
}

// saidAll goes on when all has been played.
func (m *Machine) saidAll(e Played) []Action {
	switch m.state {
	case announcing:
		return m.announced(e)
	case asking:
		m.since = e.To
	case confirming:
		return m.settle(e.At)
	case settled:
		return m.carryOn()
	case leaving:
		return m.left(e.At)
	}
	return nil
}

// left ends the conversation after its last prompt.
func (m *Machine) left(at media.Tick) []Action {
	m.state = over
	if m.verdict.outcome == LedgerFailed {
		return []Action{GiveUp{}}
	}
	for p := range purposes {
		m.gate.shut(p, at)
	}
	return []Action{m.row(rowEnded, at, HowPolicy, [purposes]bool{}), Leave{Minor: m.child}}
}

// announced goes on when the whole message has been played.
func (m *Machine) announced(e Played) []Action {
	switch {
	case m.Asks(): // read as well as heard
		m.state = asking
	case m.refused: // and needs to hear no more of it
		m.state, m.since, m.opened = clearWait, e.To, e.To
	case m.talkedOver && m.repeats == 0:
		return m.repeat()
	case m.talkedOver && m.mode != NoRecord:
		return m.undecided(e.At, HowTalked)
	case m.mode.optIn():
		m.state, m.since, m.opened = asking, e.To, e.To
	default:
		m.state, m.since, m.opened = clearWait, e.To, e.To
	}
	return nil
}
