package call

import (
	"slices"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/transcribe"
)

// anchorEvery is how often the recording ties the media clock to the wall.
const anchorEvery = 60 * media.TickRate

// anchor ties the media clock to the wall clock, once a minute.
func (c *Call) anchor(at media.Tick, now time.Time) {
	if c.recorder == nil || at-c.anchored < anchorEvery {
		return
	}
	c.anchored = at
	c.recorder.Anchor(recorder.Anchor{Tick: at, Wall: now.Round(0)})
}

// keepMetadata puts what came with the call into the transcript.
func (c *Call) keepMetadata(at media.Tick) {
	if text, ok := c.gate.Text(at, at, transcribe.NoteMetadata); ok && len(c.info.Metadata) > 0 {
		c.note(recorder.Note{Kind: transcribe.NoteMetadata, Text: text, Doc: c.info.Metadata})
	}
}

// keepOwn takes a stretch of the agent's voice for the recording. On the call's clock it
// may end some of a frame later than now, and what ends later than the recording stops is
// not kept.
func (c *Call) keepOwn(s media.Span) {
	if c.recorder != nil {
		c.eachFrame(s, func(f media.Frame) { c.own = append(c.own, f) })
	}
}

// settleOwn puts what has ended by a tick into the recording.
func (c *Call) settleOwn(at media.Tick) {
	n := 0
	for ; n < len(c.own) && c.own[n].End() <= at; n++ {
		if a, ok := c.gate.Own(c.own[n]); ok && c.recorder != nil && c.allowed(consent.Record, c.own[n]) {
			c.recorder.Write(recorder.Agent, a)
		}
	}
	c.own = slices.Delete(c.own, 0, n)
}

// eachFrame cuts a span into frames; the last may be short.
func (c *Call) eachFrame(s media.Span, do func(media.Frame)) {
	size := media.FrameSamples(c.info.Rate)
	for at, pcm := s.At, s.PCM; len(pcm) > 0; at += media.FrameTicks {
		n := min(size, len(pcm))
		do(media.Frame{At: at, PCM: pcm[:n]})
		pcm = pcm[n:]
	}
}

// keepCaller commits a caller's turn to the transcript.
func (c *Call) keepCaller(t dialog.CallerTurn) {
	from, to := t.Said.Span()
	text, ok := c.gate.Text(from, to, t.Said.String())
	if !ok {
		return
	}
	m := transcribe.Manner{Speaker: transcribe.Caller, Keyed: t.Keyed, Typed: t.Typed, Confidence: t.Confidence}
	if !t.Keyed && !t.Typed && c.Engine != nil {
		m.Engine = c.hearer
	}
	clip := consent.Clip{}
	if !t.Keyed && !t.Typed {
		c.voiced.add(from, to)
		clip = c.clip(dialog.TurnSnippets, from, to)
	}
	c.noteTurn(text, m, clip)
}

// keepAgent commits what was played of an agent's turn to the transcript.
func (c *Call) keepAgent(t dialog.AgentTurn) {
	if t.Interrupted && !c.notice.quiet {
		c.Metrics.bargeIns.Inc()
	}
	if text, ok := c.gate.OwnText(t.From, t.To, t.Text); ok {
		m := transcribe.Manner{Speaker: transcribe.Agent, Interrupted: t.Interrupted, Engine: c.Speaker.Name()}
		c.noteTurn(text, m, c.clip(dialog.TurnSnippets, t.From, t.To))
	}
}

// keepAnswer commits a structured answer. It may be kept only where the words
// may from which it was understood.
func (c *Call) keepAnswer(a dialog.Answer) {
	from, to := a.Said.Span()
	text, ok := c.gate.Text(from, to, a.Said.String())
	if !ok {
		return
	}
	m := transcribe.Meaning{Key: a.Key, Kind: string(a.Kind), Value: a.Value}
	clip := consent.Clip{}
	if c.voiced.any(from, to) {
		clip = c.clip(dialog.AnswerSnippets, from, to)
	}
	c.note(recorder.Note{Kind: transcribe.NoteAnswer, Text: text, Doc: m, Clip: clip, Side: recorder.Caller})
	c.watch(Update{Kind: Answered, Answer: &transcribe.Answer{From: from.Seconds(), To: to.Seconds(), Meaning: m}})
}

// noteTurn writes a turn into the recording, with the audio of it that becomes a
// snippet, and shows it to who watches.
func (c *Call) noteTurn(text consent.Text, m transcribe.Manner, clip consent.Clip) {
	side := recorder.Caller
	if m.Speaker == transcribe.Agent {
		side = recorder.Agent
	}
	c.note(recorder.Note{Kind: transcribe.NoteTurn, Text: text, Doc: m, Clip: clip, Side: side})
	from, to := text.Span()
	c.watch(Update{Kind: Spoke, Turn: &transcribe.Turn{From: from.Seconds(), To: to.Seconds(), Text: text.String(), Manner: m}})
}

func (c *Call) note(n recorder.Note) {
	if c.recorder == nil {
		return
	}
	if err := c.recorder.Note(n); err != nil {
		c.Log.Error("call: note lost", "call", c.info.ID, "kind", n.Kind, "err", err)
	}
}
