package dialog

import (
	"cmp"
	"slices"
	"strings"

	"sidetone/consent"
	"sidetone/media"
)

// afterReply is how close to the end of a reply a word such as "yeah" counts as
// an answer to it, and no longer as a sign of listening.
const afterReply = media.TickRate

// reply is the agent's turn: what it says and how much of it was played.
type reply struct {
	turn  TurnID
	kind  InputKind  // what it answers; 0 for the machine's own sentences
	asked media.Tick // when the replier was asked
	heard media.Tick // when the caller had fallen silent before that
	sign  media.Tick // when the replier last showed that it is at work, or until when it said it would be

	live     bool // the replier is at work
	broken   bool // it failed
	cut      bool // the caller took the turn; what was played has yet to be settled
	clips    []clip
	withheld []Part // sentences that wait until it is clear whose turn it is
	asides   []consent.Heard

	filled media.Tick // when a filler was last given to be said
	attend bool       // it is a filler alone, while the words of the caller's turn are awaited

	truth bool      // it tells the caller that the agent is a machine
	then  InputKind // what is owed when it was heard

	expect   Expect
	pause    bool // the recording, when all has been played
	resume   bool
	handOver string // to whom, when all has been played
	end      bool
	reason   Reason
	transfer string
	last     bool // nothing is said in its place where nobody can say it
}

// clip is a sentence on its way to the caller.
type clip struct {
	id             media.ClipID
	text           string
	protected      bool
	filler         bool       // said by the machine while the reply took its time
	given          media.Tick // when it was given to be said
	from, to       media.Tick // when it was played
	offset, length media.Tick // played, of length; 0 while that is unknown
	done           bool
	broken         bool // not all of it could be said
}

// clip returns the clip of that number, nil when there is none.
func (r *reply) clip(id media.ClipID) *clip {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.clips, func(c clip) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return &r.clips[i]
}

// current returns the clip that is being played or will be next, nil when all
// have been played.
func (r *reply) current() *clip {
	i := r.next()
	if i < 0 {
		return nil
	}
	return &r.clips[i]
}

// next returns the place of that clip, or -1.
func (r *reply) next() int { return slices.IndexFunc(r.clips, func(c clip) bool { return !c.done }) }

// farewell reports whether it ends the call for want of a caller or of words.
func (r *reply) farewell() bool { return r.kind == 0 && r.end }

// complete reports whether everything was said and played.
func (r *reply) complete() bool { return !r.live && len(r.withheld) == 0 && r.current() == nil }

// pausing reports whether the recording will be paused after it.
func (r *reply) pausing() bool { return r != nil && r.pause && !r.cut }

// incomplete reports whether the end of it is missing: the replier has failed, or its
// last sentence could not be said, or not to its end.
func (r *reply) incomplete() bool {
	for _, c := range slices.Backward(r.clips) {
		if !c.filler {
			return r.broken || c.broken
		}
	}
	return r.broken
}

// audible reports whether any of it was played.
func (r *reply) audible() bool {
	return slices.ContainsFunc(r.clips, func(c clip) bool { return c.offset > 0 })
}

// text returns what was played.
func (r *reply) text() string {
	var played []string
	for i := range r.clips {
		if text := r.clips[i].played(); text != "" {
			played = append(played, text)
		}
	}
	return strings.Join(played, " ")
}

// span returns the ticks between which it was played.
func (r *reply) span() (from, to media.Tick) {
	for i, first := range r.clips {
		if first.offset > 0 {
			for _, c := range r.clips[i:] {
				to = max(to, c.to)
			}
			return first.from, to
		}
	}
	return 0, 0
}

// replied takes a part of the reply.
func (m *Machine) replied(p Part) {
	r := m.reply
	if p.Minor {
		m.minor()
		return
	}
	if p.Answer != nil {
		m.act(Note{Answer: *p.Answer})
	}
	r.sign = max(r.sign, m.now+media.TicksIn(p.Busy))
	r.expect = p.Expect
	r.pause, r.resume, r.handOver = r.pause || p.Pause, r.resume || p.Resume, cmp.Or(p.HandOver, r.handOver)
	if p.End {
		r.end, r.reason, r.transfer = true, Completed, p.Transfer
		if p.Transfer != "" {
			r.reason = Transferred
		}
	}
	if strings.TrimSpace(p.Sentence) == "" {
		return
	}
	if r.kind == Said && !r.begun() && len(r.withheld) == 0 {
		if p.Token > 0 {
			m.observe(StageToken, r.asked+media.TicksIn(p.Token))
		}
		m.observe(StageLLM, r.asked)
	}
	if m.floor.state == awaited {
		r.withheld = append(r.withheld, p)
		return
	}
	m.say(p.Sentence, p.Protected)
}

func (m *Machine) say(text string, protected bool) {
	m.utter(clip{text: text, protected: protected || m.set.protects(text)})
}

// utter gives a sentence to be said; a filler goes before what has not been played.
func (m *Machine) utter(c clip) {
	r := m.reply
	c.id, c.given = m.clip, m.now
	at := len(r.clips)
	if i := r.next(); c.filler && i >= 0 {
		at = i
	}
	r.clips = slices.Insert(r.clips, at, c)
	m.act(Say{Turn: r.turn, Clip: c.id, Text: c.text, Filler: c.filler})
	m.clip++
}

// sayOwn begins a turn in which the machine itself speaks, and ends the call
// after it where there is a reason.
func (m *Machine) sayOwn(text string, reason Reason) {
	m.turn++
	m.reply = &reply{turn: m.turn, asked: m.now, expect: m.expect, end: reason != "", reason: reason}
	if text != "" {
		m.say(text, false)
	}
}

// played takes how far a clip was played.
func (m *Machine) played(e Played) {
	c := m.reply.clip(e.Clip)
	c.length = max(c.length, e.Length)
	c.done = c.done || e.Done
	if e.Offset <= c.offset {
		return
	}
	if !c.filler && !m.reply.sounded() && m.reply.kind == Said {
		m.act(Observe{Stage: StageTotal, Took: max(0, e.From-m.reply.heard)})
	}
	if c.offset == 0 {
		c.from = e.From
	}
	c.to = e.From + e.Offset - c.offset
	c.offset = e.Offset
}

// conclude ends the agent's turn when it was played to its end, or was cut and
// all that was played is known.
func (m *Machine) conclude() {
	r := m.reply
	switch {
	case r == nil:
		return
	case r.cut:
		if m.floor.state >= lost && !m.floor.settled {
			return
		}
		if m.floor.state == lost {
			m.act(Drop{})
		}
		m.commit(true)
		return
	case !r.complete():
		return
	}
	if m.floor.state == held {
		m.act(Resume{}) // nothing is left to be held
	}
	m.commit(false)
	for _, said := range r.asides {
		if from, _ := said.Span(); from >= m.quiet.since-afterReply {
			m.pending = append(m.pending, said)
		}
	}
	switch {
	case r.end && r.begun() && !r.told() && !r.last:
		m.leave(r.reason, r.transfer)
	case r.end:
		m.end(r.reason, r.transfer)
	case r.attend:
	case !r.told() && (r.begun() || !r.pause && r.handOver == ""),
		r.incomplete() && r.kind != 0 && !r.pause && r.handOver == "":
		m.apologise()
	case r.kind != 0:
		m.failures = 0
		switch {
		case r.handOver != "":
			m.handOver(r.handOver)
		case r.pause:
			m.pause()
		}
	}
}

// commit puts what was played of the agent's turn into the transcript and the
// history, and gives the turn to the caller. A turn of which nothing was heard
// leaves no trace.
func (m *Machine) commit(interrupted bool) {
	r := m.reply
	m.reply, m.floor = nil, floor{}
	if r.resume {
		m.act(ResumeRecording{})
	}
	m.quiet.since, m.quiet.wait = m.now, media.TicksIn(m.set.SilenceAfter)
	heard := r.text()
	m.untold = m.untold || r.truth && (interrupted || heard == "")
	if heard == "" {
		return
	}
	from, to := r.span()
	m.act(AgentTurn{Turn: r.turn, From: from, To: to, Text: heard, Interrupted: interrupted})
	m.quiet.since = to
	if r.told() {
		m.lines = append(m.lines, Line{Agent: r.words()})
		m.expect, m.owed = r.expect, r.then
	}
}

// apologise speaks for a replier or a voice that failed; when that has happened too
// often in a row it ends the call. The truth is tried again instead.
func (m *Machine) apologise() {
	m.failures++
	switch {
	case m.failures >= m.set.GiveUp:
		m.leave(ReplyLost, m.set.WayOut)
	case !m.untold:
		m.sayOwn(m.set.Apology, "")
	}
}

// leave says the farewell, and ends the call: for want of replies, or since nobody
// could say what was to be the last of it.
func (m *Machine) leave(reason Reason, transfer string) {
	m.sayOwn(m.set.Farewell, reason)
	m.reply.transfer, m.reply.last = transfer, true
}
