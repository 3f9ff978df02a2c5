package dialog

import (
	"slices"
	"time"

	"sidetone/media"
)

// Wait is what the machine does while a reply takes its time. A caller who
// hears nothing for long thinks that the line is dead.
type Wait struct {
	Filler string        // said meanwhile; empty: nothing
	First  time.Duration // silence before it
	Again  time.Duration // silence before it is said once more
	Lost   time.Duration // without a sign of the replier, after which it is given up; 0: never
}

// unexplained is the longest silence that nothing explains.
const unexplained = 4 * media.TickRate

// grace is how long a replier has that was asked late, or a recogniser, or a voice,
// before a filler is said.
const grace = 600 * media.TickRate / 1000

// company says the filler while the replier or the voice is at work and nobody speaks,
// and gives a replier up that shows no sign of life.
func (m *Machine) company() {
	r := m.reply
	if r == nil {
		m.attend()
		return
	}
	if r.kind == 0 || r.cut || m.floor.state != agents {
		return
	}
	said := r.current()
	if said == nil && !r.live || said != nil && (said.filler || said.offset > 0 || m.now-said.given < grace) {
		return
	}
	lost := max(r.asked, r.sign) + media.TicksIn(m.set.Wait.Lost)
	mortal := said == nil && m.set.Wait.Lost > 0
	if mortal && m.now >= lost {
		r.live, r.broken = false, true
		m.act(CancelReply{Turn: r.turn})
		return
	}
	wait := m.set.Wait.First
	if r.filled > 0 || r.audible() {
		wait = m.set.Wait.Again
	}
	if m.set.Wait.Filler == "" || m.now-r.silent() < media.TicksIn(wait) || m.now-r.asked < grace {
		return
	}
	if !mortal || lost-r.silent() > unexplained { // else the apology comes soon enough
		r.filled = m.now
		m.utter(clip{text: m.set.Wait.Filler, filler: true})
	}
}

// silent returns since when the caller has waited for the reply.
func (r *reply) silent() media.Tick {
	since := r.asked
	if r.kind == Said {
		since = r.heard
	}
	for i := range r.clips {
		since = max(since, r.clips[i].to)
	}
	return max(since, r.filled)
}

// begun reports whether anything of the reply itself was given to be said.
func (r *reply) begun() bool {
	for i := range r.clips {
		if !r.clips[i].filler {
			return true
		}
	}
	return false
}

// sounded reports whether any sound of the reply itself was played, be it less than a
// word.
func (r *reply) sounded() bool {
	return slices.ContainsFunc(r.clips, func(c clip) bool { return !c.filler && c.offset > 0 })
}

// told reports whether any of the reply itself was played, and not only a filler.
func (r *reply) told() bool {
	for i := range r.clips {
		if c := &r.clips[i]; !c.filler && c.played() != "" {
			return true
		}
	}
	return false
}

// words returns what was played of the reply itself, for the history: the model
// need not know how it was covered for.
func (r *reply) words() string {
	own := reply{clips: make([]clip, 0, len(r.clips))}
	for _, c := range r.clips {
		if !c.filler {
			own.clips = append(own.clips, c)
		}
	}
	return own.text()
}

// How long the words of a turn may take: where a filler is said meanwhile, and where
// none is.
const (
	wordsLost = 5500 * media.TickRate / 1000
	mutely    = 3000 * media.TickRate / 1000
)

// longestFinal is how long a final may take.
func (m *Machine) longestFinal() media.Tick {
	if m.set.Wait.Filler == "" {
		return mutely
	}
	return wordsLost
}

// spoke reports whether the turn that was finalized was long enough to be speech.
func (m *Machine) spoke() bool { return m.ear.length >= media.TicksIn(m.set.Commit) }

// attend says the filler while recognition takes its time with what the caller said.
func (m *Machine) attend() {
	e := &m.ear
	if !e.finalizing || e.open || e.overtaken || e.attended == e.finalized || !m.spoke() ||
		m.set.Wait.Filler == "" || m.now-e.to < media.TicksIn(m.set.Wait.First) || m.now-e.finalized < grace {
		return
	}
	e.attended = e.finalized
	m.turn++
	m.reply = &reply{turn: m.turn, asked: m.now, expect: m.expect, filled: m.now, attend: true}
	m.utter(clip{text: m.set.Wait.Filler, filler: true})
}

// attending reports whether nothing but a filler is being said, over which the reply
// may begin.
func (m *Machine) attending() bool {
	return m.reply != nil && m.reply.attend && !m.reply.cut && m.floor.state == agents && !m.ear.busy() &&
		len(m.keys) == 0 && !m.untold
}

// attended begins a turn, and returns the filler that it goes on from.
func (m *Machine) attended() []clip {
	if m.reply != nil {
		return m.reply.clips
	}
	m.turn++
	return nil
}

// unheard takes that nobody has heard, or will hear, what the caller said: the caller
// is told, and asked to say it again; the second time in a row the call ends.
func (m *Machine) unheard() {
	switch {
	case m.ear.busy(), !m.spoke(): // more is to come, or there was little
	case m.reply == nil:
		m.apologise()
	case m.reply.attend:
		m.reply.attend = false // its end is that of a reply of which nothing came
	}
}
