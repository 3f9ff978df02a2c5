package spoken

import (
	"context"
	"fmt"
	"time"
)

// views are how much hiss a clip gets around it, one recognition each. A model
// that is sure of words that nobody said may change its mind when what lies
// around them changes.
//
// That does not save it from a word alone: over the telephone it takes "guess",
// "desk" and the end of "thirtieth" for "yes" in each view, with a score of 0.98.
// So the lists have no yes of a single word. In thousands of pieces of other
// speech it has found no "yes, I do".
var views = []time.Duration{200 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond}

const (
	sureOfYes     = 0.5  // the least mean score of the views; those without a yes count as 0
	sureOfNothing = 0.98 // from which on there are no words; in noise it is 0.99
)

// Matcher tells a spoken yes from a no in one language. All calls share it.
type Matcher struct {
	recogniser Recogniser
	language   *language
}

// New returns a Matcher for a BCP 47 language, such as "en-GB". The error wraps
// ErrLanguage when the language has no lists.
func New(r Recogniser, language string) (*Matcher, error) {
	l := known(language)
	if l == nil {
		return nil, fmt.Errorf("%w: %q", ErrLanguage, language)
	}
	return &Matcher{recogniser: r, language: l}, nil
}

// Answer tells what one utterance of mono PCM, at 8000 or 16000 Hz, answers.
// Silence may surround it. It takes one recognition, and two more before it says
// Yes; the score of a Yes is the mean of the three.
//
// An utterance of more than 4 s is Unclear. A clip in which nothing is loud or
// long enough for a word is None, and so is noise. The error is that of the
// Recogniser, wrapped; the verdict is then Unclear.
func (m *Matcher) Answer(ctx context.Context, pcm []int16, rate int) (Verdict, error) {
	if rate != 8000 && rate != 16000 {
		return Verdict{Answer: Unclear}, fmt.Errorf("spoken: a rate of %d Hz is neither 8000 nor 16000", rate)
	}
	said := speech(pcm, rate)
	if said == nil {
		return Verdict{Answer: None}, nil
	}
	if len(said) > samplesIn(longest, rate) {
		return Verdict{Answer: Unclear}, nil
	}
	mean := 0.0
	for i, around := range views {
		view := framed(said, rate, around)
		text, score, err := m.recogniser.Recognise(ctx, view, rate)
		clear(view)
		if err != nil {
			return Verdict{Answer: Unclear}, fmt.Errorf("spoken: recognise an answer: %w", err)
		}
		switch answer := m.language.answer(text); {
		case answer == No:
			return Verdict{No, score}, nil
		case answer == Yes:
			mean += score / float64(len(views))
		case i == 0 && text == "" && score >= sureOfNothing:
			return Verdict{None, score}, nil
		case i == 0:
			return Verdict{Unclear, score}, nil
		}
	}
	if mean < sureOfYes {
		return Verdict{Unclear, mean}, nil
	}
	return Verdict{Yes, mean}, nil
}
