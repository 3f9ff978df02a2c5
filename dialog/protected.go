package dialog

import (
	"slices"
	"strings"
)

// leastProtected is how many words of a passage a sentence must have to be taken
// for a part of it: "thank you" may stand anywhere.
const leastProtected = 3

// protects reports whether a sentence belongs to a passage that callers are to
// hear whole: it is a part of one, or has one in it, whatever the case and the
// punctuation.
func (s Settings) protects(sentence string) bool {
	said := wordsOf(sentence)
	for passage := range strings.Lines(s.Protected) {
		words := wordsOf(passage)
		if len(words) == 0 {
			continue
		}
		if holds(said, words) || len(said) >= leastProtected && holds(words, said) {
			return true
		}
	}
	return false
}

// holds reports whether words has part in it.
func holds(words, part []string) bool {
	for i := range len(words) - len(part) + 1 {
		if slices.Equal(words[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
