package call

import (
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/transcribe"
	"sidetone/transcribe/spoken"
	"sidetone/transcribe/vad"
)

// Limits of hearing.
const (
	stallAfter = media.FrameTicks * 20  // without a frame, the detector hears silence: frames that come later it would ignore
	quietEvery = media.FrameTicks * 5   // so often, then
	farAway    = media.FrameTicks * 5   // the first frame is so late
	echoAlike  = 0.75                   // correlation from which on it is our own voice
	echoBelow  = 10                     // dB below our voice: a person is louder
	echoLooks  = 3                      // frames between two looks at a suspected echo
	echoTail   = 600 * time.Millisecond // an echo may come so late
	heldFrames = 100                    // 2 s of frames wait for the ledger
)

// hearing is what the loop knows of the caller's side.
type hearing struct {
	newest  media.Tick // end of the newest frame
	quiet   media.Tick // up to where the detector has heard
	voice   vad.State
	speech  bool       // the caller speaks, and it is not our echo
	from    media.Tick // of that speech
	clarity clarity
	looks   int       // frames since the last look for an echo
	ours    time.Time // when our own voice was last playing
	doubted bool      // the newest look was in doubt
	held    bool      // playout is held by the turn machine
	settled bool      // and what was played before is known
}

// hear takes a frame of the caller: the clock, the detector, then the gate.
func (c *Call) hear(f media.Frame) {
	now := time.Now()
	if c.heard.newest == 0 && c.clock.Tick(now)-f.End() > farAway {
		c.clock.Reanchor() // the far end is far away: its clock began later
	}
	c.clock.Observe(f.End(), now)
	c.heard.newest, c.heard.quiet = f.End(), f.End()
	c.echo.Heard(f.PCM)
	state, err := c.Detector.Write(f)
	if err != nil {
		c.Metrics.detectorErrors.Inc()
	}
	c.overhear(f)
	c.voice(state, f.End())
	if from, pending := c.Consent.Pending(); pending && f.At >= from {
		if len(c.waiting) < heldFrames {
			c.waiting = append(c.waiting, f)
		}
		return
	}
	c.admit(f)
}

// admit gives a frame to those that the gate lets have it.
func (c *Call) admit(f media.Frame) {
	if c.session != nil && !c.notice.quiet {
		if a, ok := c.gate.Converse(f); ok && c.allowed(consent.Converse, f) {
			c.session.Write(a)
		}
	}
	if c.recorder != nil {
		if a, ok := c.gate.Record(f); ok && c.allowed(consent.Record, f) {
			c.recorder.Write(recorder.Caller, a)
		}
	}
}

// listen lets the detector hear silence when nothing has arrived for a while.
func (c *Call) listen(at media.Tick) {
	if at-c.heard.newest < stallAfter || at-c.heard.quiet < quietEvery {
		return
	}
	c.heard.quiet = at
	c.echo.Heard(nil)
	state, err := c.Detector.Silence(at)
	if err != nil {
		c.Metrics.detectorErrors.Inc()
	}
	c.voice(state, at)
}

// voice takes what the detector makes of the newest audio, and tells the turn
// machine and the session when the caller begins or ends to speak.
func (c *Call) voice(state vad.State, at media.Tick) {
	c.heard.voice = state
	c.heard.clarity.hear(state, c.heard.speech)
	if !state.Speech {
		c.heard.looks, c.heard.doubted = 0, false
	}
	speech := state.Speech && !c.ownVoice(state)
	if speech == c.heard.speech {
		return
	}
	c.heard.speech = speech
	edge := max(state.To, c.heard.from)
	if speech {
		c.heard.from = state.From
		edge = state.From
	}
	c.step(consent.Speech{At: edge, On: speech}, at)
	c.answerSpeech(c.heard.from, speech)
	if !c.talking() || c.notice.quiet {
		return
	}
	if speech {
		c.begun(at)
		return
	}
	c.ended(at)
}

func (c *Call) begun(at media.Tick) {
	if c.session != nil {
		c.session.Speech(c.heard.from, true)
	}
	c.turnTo(dialog.SpeechStarted{At: at, From: c.heard.from})
}

func (c *Call) ended(at media.Tick) {
	to := max(c.heard.voice.To, c.heard.from)
	if c.session != nil {
		c.session.Speech(to, false)
	}
	c.turnTo(dialog.SpeechEnded{At: at, To: to, Cadence: cadences[c.heard.voice.Cadence]})
}

// cadences are how voices end, for the turn machine.
var cadences = map[vad.Cadence]dialog.Cadence{vad.Held: dialog.Held, vad.Faded: dialog.Faded}

// ownVoice reports whether detected speech is our own voice coming back. It
// looks again now and then while that speech lasts, since a caller may start
// to speak over an echo.
func (c *Call) ownVoice(state vad.State) bool {
	now := time.Now()
	if c.playout.Playing(now) {
		c.heard.ours = now
	}
	if c.heard.speech || now.Sub(c.heard.ours) > echoTail {
		return false
	}
	if c.heard.looks--; c.heard.looks > 0 {
		return true
	}
	c.heard.looks = echoLooks
	alike, below := c.echo.Compare()
	if alike < echoAlike && (below < echoBelow || c.heard.doubted) {
		c.heard.looks, c.heard.doubted = 0, false
		return false
	}
	// What is faint and unlike our voice may still be it, between two words: it
	// takes two looks to make it a person.
	c.heard.doubted = alike < echoAlike
	c.Metrics.echoes.Inc()
	return true
}

// hints are what an engine makes of a turn, for the turn machine.
var hints = map[transcribe.Hint]dialog.Hint{transcribe.MayEnd: dialog.MayEnd, transcribe.GoesOn: dialog.GoesOn, transcribe.Ended: dialog.Ended}

// understand takes what speech recognition made of the caller's words.
func (c *Call) understand(e transcribe.Event) {
	now := time.Now()
	at := c.clock.Tick(now)
	final := e.Kind == transcribe.Final
	noise := c.heard.clarity.noise(e)
	if final {
		wanted := c.answeredFinal()
		c.turn.recognised(e.Took)
		c.recognised(e, noise)
		if !wanted {
			return
		}
	}
	if c.notice.quiet && !final || c.talking() && c.phrase(e.Text, final, max(0, e.From-onsetMargin), at) && !final {
		return
	}
	if noise {
		e.Text = "" // neither a turn nor in the transcript
	}
	from := e.From
	if since, ok := c.gate.Since(consent.Converse); ok {
		from = max(from, since)
	}
	said, _ := c.gate.Heard(from, max(from, e.To), e.Text)
	if c.talking() && final && spoken.Phrase(c.Language, e.Text) == spoken.Machine {
		c.showHearing(said, final)
		c.turnTo(dialog.AskedMachine{At: at, Said: said, Confidence: e.Confidence})
		return
	}
	if c.talking() {
		c.showHearing(said, final)
		private := !final && spoken.Phrase(c.Language, e.Text) != spoken.NoPhrase
		c.turnTo(dialog.Words{At: at, Said: said, Final: final, Lost: e.Lost, Confidence: e.Confidence, Hint: hints[e.Hint], Private: private})
	}
}

// endTurn ends the open turn of recognition, whose final is wanted or not.
func (c *Call) endTurn(at media.Tick, wanted bool) {
	c.heard.clarity.end(len(c.finals) > 0)
	c.finals = append(c.finals, wanted)
	c.session.Finalize(at)
}

// answeredFinal takes a Finalize off the list, and reports whether its final is
// wanted.
func (c *Call) answeredFinal() bool {
	if len(c.finals) == 0 {
		return true
	}
	wanted := c.finals[0]
	c.finals = c.finals[1:]
	return wanted
}
