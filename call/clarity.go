package call

import (
	"sidetone/transcribe"
	"sidetone/transcribe/vad"
)

// What tells a hum or a cough from words: voice activity detection, which was never
// this sure of it, and recognition, which thinks it at least that likely that there
// are none. Neither alone does.
const (
	leastClear = 0.85
	wordless   = 0.5
)

// lull is the probability of speech below which there is none.
const lull = 0.35

// clarity is how sure voice activity detection was of speech, at most.
type clarity struct {
	rise  float32 // since there was no speech
	open  float32 // in the open turn
	ended float32 // in those whose finals are on their way
}

// hear takes what the detector makes of the newest audio, and whether the caller is
// known to speak: the first moments of speech count before that is.
func (c *clarity) hear(state vad.State, speaks bool) {
	if !state.Speech && state.Probability < lull {
		c.rise = 0
	}
	c.rise = max(c.rise, state.Probability)
	if speaks {
		c.open = max(c.open, c.rise)
	}
}

// end ends the open turn. Where more than one final is on its way, the clearest counts
// for all.
func (c *clarity) end(more bool) {
	if !more {
		c.ended = 0
	}
	c.ended, c.open = max(c.ended, c.open), 0
}

// noise reports whether the words of an event were made of a sound that was none.
func (c *clarity) noise(e transcribe.Event) bool {
	peak := c.open
	if e.Kind == transcribe.Final {
		peak = c.ended
	}
	return e.Wordless > wordless && peak < leastClear
}
