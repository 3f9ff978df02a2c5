package dialog

import (
	"sidetone/consent"
	"sidetone/media"
)

// suspend stops the conversation. What the agent says is cut, and the caller's
// open turn is void: it may hold what nobody shall keep.
func (m *Machine) suspend() {
	if m.suspended {
		return
	}
	m.suspended = true
	if m.phase != open {
		return
	}
	m.dropGuess()
	m.dismiss()
	if !m.ended && m.Expecting() != ExpectKey {
		m.keys = nil // half a number
	}
	if m.reply == nil {
		return
	}
	if m.floor.state == agents {
		m.hold()
	}
	if !m.reply.cut {
		m.reply.cut = true
		m.act(CancelReply{Turn: m.reply.turn})
	}
	if m.floor.state >= held {
		m.floor.state = dropped
		m.act(Drop{})
	}
}

// restore goes on with the conversation: by what the suspension was for, by an
// input whose reply was not heard, or by what the agent had asked. What the
// caller said before is answered first.
func (m *Machine) restore() {
	if !m.suspended {
		return
	}
	m.suspended = false
	if m.phase != open {
		return
	}
	if m.reply != nil {
		m.commit(true) // what was not reported by now was not played
	}
	m.ear.deaf, m.ear.speaking = m.now, false
	if m.ear.open {
		m.dismiss()
	}
	m.quiet.heard(m)
	switch {
	case m.after != 0:
		m.keepPending()
		m.keys, m.ended = nil, false
		m.owed, m.after = m.after, 0
	case m.owed == 0 && len(m.lines) > 0:
		m.owed = Again
	}
}

// pause pauses the recording, and leaves the caller to the call.
func (m *Machine) pause() {
	m.suspend()
	m.after = Resumed
	m.act(PauseRecording{})
}

// handOver leaves the caller to another agent.
func (m *Machine) handOver(agent string) {
	m.suspend()
	m.after = Again
	m.act(HandOver{Agent: agent})
}

// minor leaves a child to the call. Its answer is not put to the replier again.
func (m *Machine) minor() {
	m.suspend()
	m.after = Again
	m.act(Minor{})
}

// dismiss makes the caller's open turn void. Recognition has to end it all the
// same; what it makes of it is not wanted.
func (m *Machine) dismiss() {
	e := &m.ear
	if e.finalizing {
		e.unwanted, e.dismissed = e.unwanted+1, e.finalized
	}
	if e.open {
		e.unwanted, e.dismissed = e.unwanted+1, m.now
		m.act(Finalize{At: m.now})
	}
	e.open, e.since = e.speaking, m.now
	e.forget()
	e.finalizing, e.overtaken = false, false
}

// void reports whether words are of a turn that was dismissed, as far as can be
// told: words by when they were said, none by whether such a final is awaited.
func (e *ear) void(said consent.Heard, now media.Tick) bool {
	from, to := said.Span()
	switch spoken := said.String() != ""; {
	case spoken && to <= e.deaf:
		return true
	case spoken && from >= e.deaf:
		return false
	}
	return e.unwanted > 0 && now-e.dismissed < finalLost
}
