package call

import (
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/transcribe"
)

// The numbers of clips: the agent's come first, then those of the choice of a
// language, of the notice and its prompts, and tones.
const (
	languageClips = media.ClipID(1 << 29)
	noticeClips   = media.ClipID(1 << 30)
	toneClips     = media.ClipID(1 << 31)
)

// notices is what the loop knows of what the gateway itself says.
type notices struct {
	parts   map[media.ClipID]*consent.Part
	waiting []consent.Play // until the agent's voice has been cut
	leadIn  []media.Span   // what was played while nothing was kept, until the grant
	opened  bool           // the valves of the newest question stand
	quiet   bool           // the agent neither speaks nor hears
}

// play plays a part of the notice, or a prompt.
func (c *Call) play(p consent.Play) {
	if c.notice.quiet && c.heard.held {
		c.notice.waiting = append(c.notice.waiting, p)
		return
	}
	c.playClip(noticeClips+media.ClipID(p.N), p.Part)
	if c.outcome != "" {
		c.showSentence(p.Part.Text)
	}
}

func (c *Call) playClip(clip media.ClipID, p *consent.Part) {
	audio, err := p.Audio.At(c.info.Rate)
	if err != nil {
		c.fail(err)
		return
	}
	if c.notice.parts == nil {
		c.notice.parts = map[media.ClipID]*consent.Part{}
	}
	c.notice.parts[clip] = p
	c.playout.Append(clip, audio.PCM)
	c.playout.Finish(clip)
}

// playWaiting plays what waited for the agent's voice to be cut.
func (c *Call) playWaiting() {
	waiting := c.notice.waiting
	c.notice.waiting = nil
	for _, p := range waiting {
		c.play(p)
	}
}

// playedNotice takes a stretch of the notice, of a prompt or of a tone.
func (c *Call) playedNotice(s media.Span, at media.Tick) {
	switch {
	case s.Clip >= toneClips:
		c.keepOwn(s)
		return
	case c.notice.opened:
		c.keepNotice(s)
	default:
		c.notice.leadIn = append(c.notice.leadIn, s)
	}
	if !s.Done {
		return
	}
	to := s.At + media.TickOfSample(int64(len(s.PCM)), c.info.Rate)
	from := to - media.TickOfSample(s.From.Sample(c.info.Rate)+int64(len(s.PCM)), c.info.Rate)
	base := noticeClips
	if s.Clip < noticeClips {
		base = languageClips
	}
	c.step(consent.Played{At: at, From: from, To: to, N: int(s.Clip - base)}, at)
}

// keepLeadIn puts the announcement into the recording and the transcript, at
// the ticks at which it was played.
func (c *Call) keepLeadIn() {
	for _, s := range c.notice.leadIn {
		c.keepNotice(s)
	}
	c.notice.leadIn = nil
}

// keepNotice puts a stretch of the announcement into the recording, and a part
// that was played to its end into the transcript.
func (c *Call) keepNotice(s media.Span) {
	if c.recorder == nil {
		return
	}
	c.eachFrame(s, func(f media.Frame) {
		if a, ok := c.gate.LeadIn(f); ok {
			c.recorder.Write(recorder.Agent, a)
		}
	})
	part := c.notice.parts[s.Clip]
	if !s.Done || part == nil {
		return
	}
	from := s.At - s.From
	to := s.At + media.TickOfSample(int64(len(s.PCM)), c.info.Rate)
	if text, ok := c.gate.LeadInText(from, to, part.Text); ok {
		c.noteTurn(text, transcribe.Manner{Speaker: transcribe.Agent})
	}
}

// quieten stops the agent, which neither speaks nor hears until it carries on.
func (c *Call) quieten(at media.Tick) {
	if c.notice.quiet {
		return
	}
	c.notice.quiet = true
	c.flushWords(at)
	c.turnTo(dialog.Suspended{At: at})
}

// carryOn lets the agent go on.
func (c *Call) carryOn(at media.Tick) {
	if !c.notice.quiet {
		return
	}
	c.notice.quiet = false
	c.playWaiting()
	if !c.talking() {
		return
	}
	c.turnTo(dialog.Restored{At: at})
	if c.heard.speech {
		c.begun(at)
	}
}

// flushWords has recognition forget the open turn: nobody will ask for it.
func (c *Call) flushWords(at media.Tick) {
	if c.session != nil && c.talking() {
		c.finals = append(c.finals, false)
		c.session.Finalize(at)
	}
}

// beepEvery is the time between two tones.
const beepEvery = 15 * media.TickRate

// beep lays a tone over the call now and then, while it is recorded.
func (c *Call) beep(at media.Tick) {
	if c.Beep == nil || c.recorder == nil || !c.gate.Open(consent.Record) || at-c.beeped < beepEvery {
		return
	}
	c.beeped = at
	c.tones++
	c.playout.Mix(toneClips+c.tones, c.Beep)
}
