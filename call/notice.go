package call

import (
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/transcribe"
)

// toneClips is the number of the first tone; those of clips stay below.
const toneClips = media.ClipID(1 << 31)

// source is whose voice a clip of the playout is.
type source struct {
	clip media.ClipID  // the agent's own number; 0 for what the gateway says
	turn dialog.TurnID // the agent's
	part *consent.Part // what the gateway says
	n    int           // by the number of its Play
	from media.Tick    // when its playing began
}

// number gives a clip the next number of the playout.
func (c *Call) number(s source) media.ClipID {
	if c.sources == nil {
		c.sources = map[media.ClipID]source{}
	}
	c.clips++
	c.sources[c.clips] = s
	return c.clips
}

// notices is what the loop knows of what the gateway itself says.
type notices struct {
	waiting []consent.Play // until the agent's voice has been cut
	leadIn  []lead         // what was played while nothing was kept, until the grant
	opened  bool           // the valves of the newest question stand
	quiet   bool           // the agent neither speaks nor hears
}

// lead is a stretch of a part as it was played.
type lead struct {
	span media.Span
	part *consent.Part
	from media.Tick // when the part began
}

// play plays a part of the notice, or a prompt.
func (c *Call) play(p consent.Play) {
	if c.notice.quiet && c.heard.held {
		c.notice.waiting = append(c.notice.waiting, p)
		return
	}
	c.playPart(p)
	if c.outcome != "" {
		c.showSentence(p.Part.Text)
	}
}

func (c *Call) playPart(p consent.Play) {
	audio, err := p.Part.Audio.At(c.info.Rate)
	if err != nil {
		c.fail(err)
		return
	}
	clip := c.number(source{part: p.Part, n: p.N})
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

// playedNotice takes a stretch of the notice or of a prompt.
func (c *Call) playedNotice(s media.Span, of source, at media.Tick) {
	if s.From == 0 {
		of.from = s.At
		c.sources[s.Clip] = of
	}
	stretch := lead{s, of.part, of.from}
	if c.notice.opened {
		c.keepNotice(stretch)
	} else {
		c.notice.leadIn = append(c.notice.leadIn, stretch)
	}
	if !s.Done {
		return
	}
	to := s.At + media.TickOfSample(int64(len(s.PCM)), c.info.Rate)
	c.step(consent.Played{At: at, From: of.from, To: to, N: of.n}, at)
}

// keepLeadIn puts the announcement into the recording and the transcript, at
// the ticks at which it was played.
func (c *Call) keepLeadIn() {
	if c.recorder != nil {
		var all []consent.RecordAudio
		for _, l := range c.notice.leadIn {
			c.eachOfNotice(l, func(a consent.RecordAudio) { all = append(all, a) })
		}
		c.recorder.WriteAll(recorder.Agent, all)
		for _, l := range c.notice.leadIn {
			c.noteNotice(l)
		}
	}
	c.notice.leadIn = nil
}

// keepNotice puts a stretch of the announcement into the recording and the transcript.
func (c *Call) keepNotice(l lead) {
	if c.recorder != nil {
		c.eachOfNotice(l, func(a consent.RecordAudio) { c.recorder.Write(recorder.Agent, a) })
		c.noteNotice(l)
	}
}

// eachOfNotice hands out the frames of a stretch of the announcement that may be kept.
func (c *Call) eachOfNotice(l lead, do func(consent.RecordAudio)) {
	c.eachFrame(l.span, func(f media.Frame) {
		if a, ok := c.gate.LeadIn(f); ok {
			do(a)
		}
	})
}

// noteNotice puts a part of the announcement into the transcript that was played to its
// end.
func (c *Call) noteNotice(l lead) {
	s := l.span
	if !s.Done {
		return
	}
	to := s.At + media.TickOfSample(int64(len(s.PCM)), c.info.Rate)
	if text, ok := c.gate.LeadInText(l.from, to, l.part.Text); ok {
		c.noteTurn(text, transcribe.Manner{Speaker: transcribe.Agent}, consent.Clip{})
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

// carryOn lets the agent go on, and nobody else.
func (c *Call) carryOn(at media.Tick) {
	c.successor = nil
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
	c.takeEarly()
}

// pause lets nobody hear the caller until they press the hash key. An agent that
// can not have a pause goes on without one.
func (c *Call) pause(at media.Tick) {
	c.step(consent.Pause{At: at, Until: '#', How: consent.HowAgent}, at)
	if !c.notice.quiet {
		c.turnTo(dialog.Restored{At: at})
	}
}

// flushWords has recognition forget the open turn: nobody will ask for it.
func (c *Call) flushWords(at media.Tick) {
	if c.session != nil && c.talking() {
		c.endTurn(at, false)
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
