// Package spoken tells a spoken yes from a no, and finds the few phrases by
// which a caller speaks about the recording, about being a child, or asks
// whether this is a machine. What counts is a closed list for each language.
//
// It refuses to guess: whatever is not on a list, or was not heard beyond doubt,
// is Unclear. It writes nothing, and keeps neither audio nor words after a call
// returns. It has no goroutines.
package spoken

import (
	"context"
	"errors"
)

// ErrLanguage says that a language has no lists here.
var ErrLanguage = errors.New("spoken: no yes and no are known in this language")

// Recogniser turns one short clip of mono PCM at rate Hz into words, on this
// machine. It must be free to answer with no words at all. The score, 0 to 1,
// is the probability of exactly these words, whatever the punctuation; of an
// empty text, that there are no words. moonshine.Engine is one.
type Recogniser interface {
	Recognise(ctx context.Context, pcm []int16, rate int) (text string, score float64, err error)
}

// Answer is what a caller answered.
type Answer uint8

// The answers.
const (
	None    Answer = iota // nothing was said
	Unclear               // something was said; it is no answer, or was not understood
	Yes
	No
)

// String returns the name of the answer in logs and metrics.
func (a Answer) String() string {
	switch a {
	case None:
		return "none"
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "unclear"
}

// Verdict is an answer and how sure the recogniser was of its words, 0 to 1.
// The score is 0 where nothing was recognised.
type Verdict struct {
	Answer Answer
	Score  float64
}
