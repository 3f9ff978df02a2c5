package spoken

import (
	"slices"
	"strings"
)

// Kind is a kind of fixed phrase.
type Kind uint8

// The kinds of phrase.
const (
	NoPhrase        Kind = iota
	StopRecording        // the caller does not want to be recorded
	DeleteRecording      // what was recorded is to be deleted
	Minor                // the caller says to be younger than 18
	Machine              // the caller asks whether this is a machine
)

// String returns the name of the kind in logs and metrics.
func (k Kind) String() string {
	switch k {
	case StopRecording:
		return "stop_recording"
	case DeleteRecording:
		return "delete_recording"
	case Minor:
		return "minor"
	case Machine:
		return "machine"
	}
	return "none"
}

// clausesInPhrase is how many clauses a phrase may span: recognition puts
// commas where people pause.
const clausesInPhrase = 3

// Phrase finds a fixed phrase in recognised or typed text in a BCP 47 language.
// A phrase counts only as a whole clause, with words of politeness around it:
// "the recording studio stopped" holds none. Where a text holds several, Minor
// comes before DeleteRecording, StopRecording and Machine.
//
// Of words that may go on ("I am ten" minutes away), only the final tells.
func Phrase(language, text string) Kind {
	l := known(language)
	if l == nil {
		return NoPhrase
	}
	found := len(l.phrases)
	for _, clause := range l.clauses(l.normalise(text)) {
		for i, p := range l.phrases[:found] {
			if p.pattern.MatchString(clause) {
				found = i
				break
			}
		}
	}
	if found == len(l.phrases) {
		return NoPhrase
	}
	return l.phrases[found].kind
}

// clauses returns the clauses of normalised text without fillers, and each
// together with the next ones of its sentence. A comma parts clauses, and so
// does a conjunction; before a number neither does ("I am ten, fifteen minutes
// away").
func (l *language) clauses(text string) []string {
	var all []string
	for sentence := range strings.SplitSeq(text, " . ") {
		words := slices.DeleteFunc(strings.Fields(sentence), func(w string) bool { return slices.Contains(l.fillers, w) })
		parts := []string{""}
		for i, w := range words {
			counts := i+1 < len(words) && l.numbers.MatchString(words[i+1])
			switch {
			case w == "," && counts:
				parts[len(parts)-1] += " and"
			case w == ",":
				parts = append(parts, "")
			case slices.Contains(l.conjunctions, w) && !counts:
				parts = append(parts, w)
			default:
				parts[len(parts)-1] += " " + w
			}
		}
		for i := range parts {
			for n := 1; n <= clausesInPhrase && i+n <= len(parts); n++ {
				joined := strings.Join(parts[i:i+n], " ")
				all = append(all, strings.Join(strings.Fields(joined), " "))
			}
		}
	}
	return all
}
