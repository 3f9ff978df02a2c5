package tts

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// pace is how long a voice takes for a weight of text; zero until it has said a
// sentence.
type pace float64 // seconds

const (
	usualPace = pace(0.062) // seconds
	freshness = 0.3         // of a new sentence, against those before it
)

// weigh estimates how long a word takes to say, in letters: digits are words of their
// own, and marks are pauses.
func weigh(word string) (weight float64) {
	for _, r := range word {
		switch {
		case unicode.IsDigit(r):
			weight += 4
		case strings.ContainsRune(",;:.!?", r):
			weight += 3
		default:
			weight++
		}
	}
	return weight + 1
}

func weighAll(text string) (weight float64) {
	for word := range strings.FieldsSeq(text) {
		weight += weigh(word)
	}
	return weight
}

// learn takes that the voice took so long for a text.
func (v *voice) learn(text string, took time.Duration) {
	weight := weighAll(text)
	if weight < 10 {
		return // too little to tell
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p := pace(took.Seconds() / weight)
	if v.pace > 0 {
		p = v.pace + freshness*(p-v.pace)
	}
	v.pace = p
}

// unsaid estimates what of a text has yet to be said after the voice has said so much
// of it, from a word on. A word that may be whole is said again; none is left out.
func (v *voice) unsaid(text string, said time.Duration) string {
	v.mu.Lock()
	p := v.pace
	v.mu.Unlock()
	if p == 0 {
		p = usualPace
	}
	return restAfter(text, said.Seconds()/float64(p))
}

// restAfter returns a text without the words that lie within a weight, but for the
// last of them.
func restAfter(text string, weight float64) string {
	rest, before := strings.TrimSpace(text), ""
	for rest != "" {
		n := strings.IndexFunc(rest, unicode.IsSpace)
		if n < 0 {
			n = len(rest)
		}
		if weight -= weigh(rest[:n]); weight < 0 {
			break
		}
		before, rest = rest, strings.TrimSpace(rest[n:])
	}
	if before != "" {
		return before
	}
	return rest
}

// before returns what of a text lies before its rest.
func before(text, rest string) string {
	text = strings.TrimSpace(text)
	n := max(0, len(text)-len(rest))
	for n > 0 && !utf8.RuneStart(text[min(n, len(text)-1)]) {
		n--
	}
	return strings.TrimSpace(text[:n])
}
