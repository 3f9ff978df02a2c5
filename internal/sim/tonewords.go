package sim

import (
	"slices"
	"strings"
	"time"

	"sidetone/media"
)

// A ToneWord is a word of a language that fakes of speech recognition understand
// without a model: each word is a tone. What they report they must have heard,
// in the right coding, once, and where it was said.
type ToneWord struct {
	Text     string
	From, To float64 // seconds
}

// toneWords are the words; each is 150 Hz above the one before it.
var toneWords = []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"}

const (
	toneLowest  = 400.0
	toneStep    = 150.0
	toneLength  = 200 * time.Millisecond
	tonePause   = 60 * time.Millisecond
	toneLevel   = -14.0
	toneShort   = 5 // blocks of 20 ms that make a word
	toneQuiet   = -45.0
	tonePurity  = 3.0 // dB that a tone may lie below all of its block
	toneUnknown = -1
)

// SayTones says words of the tone language, with a short pause after each; it
// panics for a word that there is not.
func SayTones(rate int, words string) []int16 {
	var pcm []int16
	for _, w := range strings.Fields(words) {
		i := slices.Index(toneWords, w)
		if i < 0 {
			panic("sim: " + w + " is no word of the tone language")
		}
		pcm = append(pcm, media.Tone(rate, toneLowest+toneStep*float64(i), toneLength, toneLevel)...)
		pcm = append(pcm, make([]int16, media.TicksIn(tonePause).Sample(rate))...)
	}
	return pcm
}

// toneEar hears words of the tone language in a stream.
type toneEar struct {
	rate    int
	pending []int16
	blocks  int // of 20 ms that were heard
	tone    int // of the blocks now; toneUnknown is none
	since   int // block
	words   []ToneWord
	noise   int // blocks that are loud and no tone: the coding is another
}

func newToneEar(rate int) *toneEar { return &toneEar{rate: rate, tone: toneUnknown} }

// hear takes the next audio.
func (e *toneEar) hear(pcm []int16) {
	e.pending = append(e.pending, pcm...)
	n := e.rate / 50
	for len(e.pending) >= n {
		e.block(e.pending[:n])
		e.pending = e.pending[n:]
	}
}

func (e *toneEar) block(pcm []int16) {
	tone := toneUnknown
	if level := media.RMS(pcm); level > toneQuiet {
		best := media.SilenceDBFS
		for i := range toneWords {
			if l := media.ToneLevel(pcm, e.rate, toneLowest+toneStep*float64(i)); l > best {
				tone, best = i, l
			}
		}
		if best < level-tonePurity {
			tone = toneUnknown
			e.noise++
		}
	}
	if tone != e.tone {
		e.flush()
		e.tone, e.since = tone, e.blocks
	}
	e.blocks++
}

// flush ends the tone that sounds.
func (e *toneEar) flush() {
	if w, ok := e.sounding(); ok {
		e.words = append(e.words, w)
	}
	e.tone = toneUnknown
}

// sounding is the word that is being said, if there is enough of it.
func (e *toneEar) sounding() (ToneWord, bool) {
	if e.tone == toneUnknown || e.blocks-e.since < toneShort {
		return ToneWord{}, false
	}
	return ToneWord{toneWords[e.tone], float64(e.since) / 50, float64(e.blocks) / 50}, true
}

// between returns the words that begin between two seconds, also the one that is
// being said.
func (e *toneEar) between(from, to float64) (words []ToneWord) {
	all := e.words
	if w, ok := e.sounding(); ok {
		all = append(slices.Clip(all), w)
	}
	for _, w := range all {
		if w.From >= from && w.From < to {
			words = append(words, w)
		}
	}
	return words
}

// seconds is how much was heard.
func (e *toneEar) seconds() float64 { return float64(e.blocks) / 50 }

// quietFor is how many seconds ago the newest tone ended.
func (e *toneEar) quietFor() float64 {
	if e.tone != toneUnknown {
		return 0
	}
	if len(e.words) == 0 {
		return e.seconds()
	}
	return e.seconds() - e.words[len(e.words)-1].To
}

func textOf(words []ToneWord) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	return strings.Join(texts, " ")
}
