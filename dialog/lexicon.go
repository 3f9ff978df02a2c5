package dialog

import (
	"slices"
	"strings"
	"unicode"
)

// lexicon is what the machine knows of a language.
type lexicon struct {
	listening []string // phrases that say no more than that somebody listens
	open      []string // words that no sentence ends with
}

// lexicons are by the first part of a language tag. A language that is not
// there has the sounds that all share.
var lexicons = map[string]lexicon{
	"": {listening: []string{"mhm", "mm", "mmm", "hm", "hmm", "uh-huh", "uh huh", "mm-hmm", "mm hmm", "aha", "ah", "oh", "ok", "okay"}},
	"en": {
		listening: []string{
			"yeah", "yep", "yup", "yes", "right", "sure", "i see", "all right", "alright", "got it", "of course",
			"great", "good", "fine", "cool", "nice", "wow", "really", "true", "exactly", "thanks", "thank you", "go on",
		},
		open: []string{
			"and", "or", "but", "so", "because", "if", "that", "which", "who", "when", "while", "um", "uh", "er", "erm", "like", "well",
			"the", "a", "an", "my", "your", "his", "her", "our", "their", "of", "to", "for", "with", "from", "in", "on", "at", "by", "than",
			"is", "are", "was", "were", "i", "i'm", "it's", "i'd", "i'll", "i've", "would", "could", "should", "can", "very",
		},
	},
	"de": {
		listening: []string{"ja", "jo", "genau", "gut", "klar", "stimmt", "richtig", "verstehe", "ach so", "alles klar", "super", "danke"},
		open:      []string{"und", "oder", "aber", "weil", "dass", "wenn", "äh", "ähm", "der", "die", "das", "ein", "eine", "mein", "meine", "mit", "von", "zu", "ich", "also"},
	},
	"es": {
		listening: []string{"sí", "si", "ya", "claro", "vale", "bueno", "bien", "de acuerdo", "entiendo", "perfecto", "gracias"},
		open:      []string{"y", "o", "pero", "porque", "que", "si", "eh", "este", "el", "la", "los", "las", "un", "una", "mi", "con", "de", "para", "por", "yo"},
	},
	"fr": {
		listening: []string{"oui", "ouais", "d'accord", "bien", "voilà", "bon", "très bien", "je vois", "parfait", "merci", "exactement"},
		open:      []string{"et", "ou", "mais", "parce", "que", "qui", "si", "euh", "le", "la", "les", "un", "une", "mon", "ma", "avec", "de", "pour", "je", "donc"},
	},
}

// lexiconOf returns the lexicon of a language tag such as en-US.
func lexiconOf(language string) lexicon {
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	l, shared := lexicons[base], lexicons[""]
	l.listening = slices.Concat(shared.listening, l.listening)
	return l
}

// wordsOf returns the words of a text in lower case, without punctuation.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("'’-+#*@", r)
	})
	kept := words[:0]
	for _, w := range words {
		if w = strings.Trim(strings.ReplaceAll(w, "’", "'"), "'-"); w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}

// backChannel reports whether a text says no more than that somebody listens.
func (l lexicon) backChannel(text string) bool {
	words := wordsOf(text)
	for len(words) > 0 {
		switch {
		case len(words) > 1 && slices.Contains(l.listening, words[0]+" "+words[1]):
			words = words[2:]
		case slices.Contains(l.listening, words[0]):
			words = words[1:]
		default:
			return false
		}
	}
	return true
}

// goesOn reports whether a text ends in a word that no sentence ends with.
func (l lexicon) goesOn(text string) bool {
	words := wordsOf(text)
	return len(words) > 0 && slices.Contains(l.open, words[len(words)-1])
}
