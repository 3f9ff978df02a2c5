package spoken

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// language is what one language needs. Its patterns match normalised text.
type language struct {
	contractions map[string]string // whole words
	endings      map[string]string // of words, after a stem

	hesitations []string       // words that add nothing to an answer
	lost        *regexp.Regexp // whole utterances that hold a negation and are no answer
	negation    *regexp.Regexp // somewhere in the utterance: no
	agreement   *regexp.Regexp // with reserve somewhere in the utterance: no
	reserve     *regexp.Regexp
	yes         *regexp.Regexp // whole utterances

	fillers      []string // words that add nothing to a phrase
	conjunctions []string // words that begin a clause, not before a number
	numbers      *regexp.Regexp
	phrases      []phrase // the first that matches a clause counts
}

// phrase is what a whole clause must match.
type phrase struct {
	kind    Kind
	pattern *regexp.Regexp
}

// languages holds the lists by the primary part of their BCP 47 tag.
var languages = map[string]func() *language{"en": sync.OnceValue(english)}

// known returns the lists of a BCP 47 language; nil if there are none.
func known(tag string) *language {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if l, ok := languages[primary]; ok {
		return l()
	}
	return nil
}

// answer tells what an utterance answers, if these are its words.
func (l *language) answer(text string) Answer {
	words := slices.DeleteFunc(strings.Fields(l.normalise(text)), func(w string) bool {
		return w == "," || w == "." || slices.Contains(l.hesitations, w)
	})
	said := strings.Join(words, " ")
	switch {
	case said == "":
		return Unclear
	case l.lost.MatchString(said):
		return Unclear
	case l.negation.MatchString(said), l.agreement.MatchString(said) && l.reserve.MatchString(said):
		return No
	case strings.Contains(text, "?"): // who asks has not answered
		return Unclear
	case l.yes.MatchString(said):
		return Yes
	}
	return Unclear
}

// whole makes a pattern of alternatives that must match all of a text.
func whole(alternatives ...string) *regexp.Regexp {
	return regexp.MustCompile(`^(?:` + strings.Join(alternatives, "|") + `)$`)
}

// anywhere makes a pattern of words, one of which must be in a text.
func anywhere(words ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^| )(?:` + strings.Join(words, "|") + `)(?: |$)`)
}
