package dialog

import (
	"slices"
	"strings"
	"unicode"
)

// lexicon is what the machine knows of a language.
type lexicon struct {
	listening  []string // phrases of one word or two that say no more than that somebody listens
	protesting []string // words that people interrupt with

	open       []string // words that no sentence ends with
	wanting    []string // those that few end with: verbs that want an object
	announcing []string // those after which one is told something
	openers    []string // what is said before the matter itself
	adverbs    string   // how many of them end
	noise      []string // what recognition makes of sounds that are no words
	answers    []string // words that a whole answer may begin with
	digits     []string // from zero to nine
	numbers    []string // other numbers of one word
}

// lexicons are by the first part of a language tag. A language that is not
// there has the sounds that all share.
var lexicons = map[string]lexicon{
	"": {listening: []string{"mhm", "mm", "mmm", "mm-h", "mm-m", "hm", "hmm", "uh-huh", "uh huh", "mm-hmm", "mm hmm", "aha", "ah", "oh", "ok", "okay"}},
	"en": {
		listening: []string{
			"yeah", "yep", "yup", "yes", "right", "sure", "i see", "all right", "alright", "got it", "of course",
			"great", "good", "fine", "cool", "nice", "wow", "really", "true", "exactly", "thanks", "thank you", "go on",
			"i c", "bright", // as recognition writes "I see" and "right"
		},
		protesting: []string{
			"no", "nope", "not", "never", "stop", "wait", "hold", "hang", "but", "sorry", "excuse", "pardon", "hello", "hey", "listen", "actually",
			"what", "who", "why", "how", "when", "where", "which", "question", "wrong", "help", "please", "repeat", "again", "cancel", "goodbye",
			"moment", "minute", "second", "human", "person", "agent", "operator",
		},
		open: []string{
			"and", "or", "but", "so", "because", "if", "that", "which", "who", "when", "while", "um", "uh", "er", "erm", "like", "well",
			"the", "a", "an", "my", "your", "his", "her", "our", "their", "of", "to", "for", "with", "from", "in", "on", "at", "by", "than",
			"is", "are", "was", "were", "i", "i'm", "it's", "i'd", "i'll", "i've", "would", "could", "should", "can", "very",
			"this", "these", "be", "been", "am", "has", "had", "will", "might", "must", "may", "into", "about", "between", "during",
			"less", "more", "rather", "quite", "until", "unless", "whether", "where", "as", "its", "we", "he", "she", "they", "we're", "you're", "he's", "she's", "they're",
			"called", "named", "following", "every", "each", "hmm", "mmm", "dot",
		},
		wanting: []string{
			"want", "need", "have", "get", "give", "take", "make", "put", "bring", "send", "buy", "find", "tell", "ask", "show", "use", "keep", "let",
			"enter", "press", "dial", "reach", "meet", "accept", "locate", "receive", "include", "require", "prefer", "expect", "mean", "lasts", "contains",
			"not", "cannot", "don't", "doesn't", "didn't", "isn't", "wasn't", "won't", "just", "only", "also", "even", "maybe", "then",
		},
		announcing: []string{"number", "name", "address", "code", "extension", "date", "email", "e-mail"},
		openers: []string{
			"hello", "hi", "hey", "hello there", "good morning", "good afternoon", "good evening", "sorry", "i'm sorry", "i am sorry", "excuse me",
			"thank you", "thanks", "okay", "ok", "all right", "alright", "right", "listen", "look", "you know", "let me see", "let's see", "one moment",
		},
		adverbs: "ly",
		noise:   []string{"you", "bye"},
		answers: []string{
			"yes", "yeah", "yep", "yup", "no", "nope", "sure", "correct", "right", "wrong", "okay", "ok", "neither", "both", "either", "none",
			"first", "second", "third", "fourth", "fifth", "last",
		},
		digits: []string{"zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
		numbers: []string{
			"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
			"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "double", "triple",
		},
	},
	"de": {
		listening: []string{"ja", "jo", "genau", "gut", "klar", "stimmt", "richtig", "verstehe", "ach so", "alles klar", "super", "danke"},
		protesting: []string{
			"nein", "nicht", "nie", "stopp", "stop", "halt", "warte", "warten", "aber", "moment", "entschuldigung", "verzeihung", "hallo", "hilfe", "bitte",
			"was", "wer", "wie", "warum", "wann", "wo", "welche", "falsch", "frage", "nochmal", "mensch", "mitarbeiter",
		},
		open:    []string{"und", "oder", "aber", "weil", "dass", "wenn", "äh", "ähm", "der", "die", "das", "ein", "eine", "mein", "meine", "mit", "von", "zu", "ich", "also", "ist", "sind", "dem", "den", "einen", "einem", "einer", "für", "bei", "auf", "in", "punkt"},
		answers: []string{"ja", "nein", "genau", "richtig", "falsch", "stimmt", "erste", "zweite", "dritte", "letzte"},
		digits:  []string{"null", "eins", "zwei", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"},
	},
	"es": {
		listening: []string{"sí", "si", "ya", "claro", "vale", "bueno", "bien", "de acuerdo", "entiendo", "perfecto", "gracias"},
		protesting: []string{
			"no", "nunca", "pare", "para", "alto", "espere", "espera", "pero", "perdón", "disculpe", "hola", "oiga", "ayuda", "momento", "minuto",
			"qué", "quién", "cómo", "cuándo", "dónde", "pregunta", "repita", "otra", "persona", "agente",
		},
		open:    []string{"y", "o", "pero", "porque", "que", "si", "eh", "este", "el", "la", "los", "las", "un", "una", "mi", "con", "de", "para", "por", "yo", "es", "del", "al", "en", "punto"},
		answers: []string{"sí", "si", "no", "correcto", "claro", "primero", "segundo", "tercero", "último"},
		digits:  []string{"cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"},
	},
	"fr": {
		listening: []string{"oui", "ouais", "d'accord", "bien", "voilà", "bon", "très bien", "je vois", "parfait", "merci", "exactement"},
		protesting: []string{
			"non", "pas", "jamais", "stop", "arrêtez", "attendez", "attends", "mais", "pardon", "excusez", "allô", "aide", "moment", "minute", "seconde",
			"quoi", "qui", "comment", "pourquoi", "quand", "où", "question", "répétez", "personne", "conseiller",
		},
		open:    []string{"et", "ou", "mais", "parce", "que", "qui", "si", "euh", "le", "la", "les", "un", "une", "mon", "ma", "avec", "de", "pour", "je", "donc", "est", "du", "des", "au", "aux", "en", "dans", "sur", "point"},
		answers: []string{"oui", "ouais", "non", "exact", "correct", "premier", "deuxième", "troisième", "dernier"},
		digits:  []string{"zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"},
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

// slight reports whether a text is one word that nobody interrupts with, but
// which recognition makes of a cough, a hum or the beginning of speech.
func (l lexicon) slight(text string) bool {
	words := wordsOf(text)
	return len(words) == 1 && (slices.Contains(l.open, words[0]) || slices.Contains(l.noise, words[0]))
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

// interrupts reports whether one of a few words is one that people interrupt with, or
// answer, however unsure it is that it was said. A language whose words are not there
// has all of them.
func (l lexicon) interrupts(words []string) bool {
	return len(l.protesting) == 0 || slices.ContainsFunc(words, func(w string) bool {
		return !slices.Contains(l.listening, w) && (numeral(w) || slices.Contains(l.protesting, w) || slices.Contains(l.answers, w) || slices.Contains(l.digits, w) || slices.Contains(l.numbers, w))
	})
}
