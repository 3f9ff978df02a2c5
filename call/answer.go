package call

import (
	"context"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/transcribe/spoken"
)

// Limits of a spoken answer to the question of consent.
const (
	answerFrames  = 5 * 50                  // longer ones are no answer
	preRollFrames = 15                      // before the detected onset
	matchWithin   = 5 * time.Second         // shorter than consent.AnswerWait
	answerPause   = media.TickRate * 7 / 10 // silence within an answer: "yes", and then "I agree"
)

// Matcher tells a spoken yes from a no, on this machine, and keeps nothing.
type Matcher interface {
	Answer(ctx context.Context, pcm []int16, rate int) (spoken.Verdict, error)
}

// answering collects a spoken answer, in memory, while the question is open.
type answering struct {
	pcm    []int16 // pre-roll, or the answer so far
	frames int
	open   bool
	from   media.Tick // of the speech
	silent media.Tick // since when, in an answer; 0 while the caller speaks
}

// matched is what was made of an answer.
type matched struct {
	from    media.Tick
	verdict spoken.Verdict
	err     error
}

// overhear keeps a frame for the answer, if one is wanted.
func (c *Call) overhear(f media.Frame) {
	if _, wanted := c.Consent.Hearing(); !wanted || c.Matcher == nil {
		if c.yesno.pcm != nil {
			clear(c.yesno.pcm)
			c.yesno = answering{}
		}
		return
	}
	a := &c.yesno
	if !a.open && a.frames >= preRollFrames {
		a.pcm = append(a.pcm[:0], a.pcm[len(f.PCM):]...)
		a.frames--
	}
	if a.frames < answerFrames+preRollFrames {
		a.pcm = append(a.pcm, f.PCM...)
		a.frames++
	}
}

// answerSpeech takes the begin and the end of the caller's speech.
func (c *Call) answerSpeech(from media.Tick, on bool) {
	a := &c.yesno
	if on {
		since, wanted := c.Consent.Hearing()
		a.silent = 0
		if !a.open {
			a.open, a.from = wanted && from >= since && c.Matcher != nil, from
		}
		return
	}
	if a.open {
		a.silent = c.heard.newest
	}
}

// answerEnds has the answer matched, once the caller has been silent after it for
// long enough.
func (c *Call) answerEnds(at media.Tick) {
	a := &c.yesno
	if !a.open || a.silent == 0 || at-a.silent < answerPause {
		return
	}
	pcm, from := a.pcm, a.from
	long := a.frames >= answerFrames+preRollFrames
	*a = answering{}
	c.spawn("answer", func() error {
		defer clear(pcm)
		m := matched{from: from}
		if !long {
			ctx, cancel := context.WithTimeout(c.run, matchWithin)
			defer cancel()
			m.verdict, m.err = c.Matcher.Answer(ctx, pcm, c.info.Rate)
		} else {
			m.verdict.Answer = spoken.Unclear
		}
		put(c.run, c.matched, m)
		return m.err
	})
}

// match takes what was made of an answer into the loop. What could not be
// matched was not understood.
func (c *Call) match(m matched) {
	at := c.clock.Tick(time.Now())
	answer := consent.Unclear
	switch {
	case m.err != nil:
	case m.verdict.Answer == spoken.None:
		return
	case m.verdict.Answer == spoken.Yes:
		answer = consent.Yes
	case m.verdict.Answer == spoken.No:
		answer = consent.No
	}
	c.step(consent.Spoken{At: at, From: m.from, Answer: answer, Score: m.verdict.Score}, at)
}

// onsetMargin is how long after their beginning words are detected, at most.
const onsetMargin = media.TickRate / 2

// phrase acts on what the caller says about the recording, or about being a
// child, and reports whether the words are the agent's business no more. What
// destroys a recording or ends the call waits for the end of the sentence: "I am
// ten" may go on as "minutes away".
func (c *Call) phrase(text string, final bool, from, at media.Tick) bool {
	kind := spoken.Phrase(c.Language, text)
	if !final && kind != spoken.StopRecording {
		return false
	}
	switch kind {
	case spoken.StopRecording:
		c.step(consent.Withdraw{At: at, From: from, How: consent.HowSpeech}, at)
		return c.notice.quiet
	case spoken.DeleteRecording:
		c.step(consent.Withdraw{At: at, From: from, Whole: true, How: consent.HowSpeech}, at)
		return c.notice.quiet
	case spoken.Minor:
		c.step(consent.Minor{At: at, How: consent.HowSpeech}, at)
		return true
	}
	return false
}
