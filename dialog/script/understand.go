package script

import (
	"strings"
	"unicode"

	"sidetone/dialog"
)

// understand returns the answer to a question that words or keys hold.
func understand(q *dialog.Question, words string, keys bool) (any, bool) {
	switch q.Kind {
	case dialog.KindText:
		text := strings.TrimSpace(words)
		return text, text != "" && !keys
	case dialog.KindYesNo:
		return yesNo(words, keys)
	case dialog.KindNumber:
		return number(q, words, keys)
	case dialog.KindDigits, dialog.KindPhone:
		digits := spokenDigits(words)
		if keys {
			digits = digitsOf(words)
		}
		if q.Kind == dialog.KindDigits {
			digits = strings.TrimPrefix(digits, "+")
		}
		n := len(strings.TrimPrefix(digits, "+"))
		return digits, n >= q.MinDigits && n <= q.MaxDigits
	case dialog.KindChoice:
		c, ok := choose(q.Choices, words, keys)
		return c.Value, ok
	case dialog.KindEmail:
		address, ok := spokenEmail(words)
		return address, ok && !keys
	}
	return nil, false
}

// wordsOf returns the words of an utterance in lower case, without punctuation
// but for what stands inside a word: "i don't", "3.5". A word such as
// twenty-five becomes two.
func wordsOf(text string) []string {
	text = strings.ReplaceAll(strings.ToLower(text), "’", "'")
	fields := strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("-–—/,;:!?\"()", r)
	})
	words := fields[:0]
	for _, w := range fields {
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		if w != "" {
			words = append(words, w)
		}
	}
	return words
}

// digitsOf returns the digits of keys that were pressed.
func digitsOf(keys string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, keys)
}

// contains reports whether words holds phrase as a run.
func contains(words, phrase []string) bool {
	for i := range len(words) - len(phrase) + 1 {
		if startsWith(words[i:], phrase) {
			return true
		}
	}
	return false
}

func startsWith(words, phrase []string) bool {
	if len(words) < len(phrase) {
		return false
	}
	for i, w := range phrase {
		if words[i] != w {
			return false
		}
	}
	return true
}
