package spoken

import (
	"strings"
	"unicode"
)

// normalise brings recognised or typed text into one spelling: lower case, words
// parted by single spaces, contractions written out, and "," and "." as words of
// their own between clauses and sentences. Normalised text stays as it is.
func (l *language) normalise(text string) string {
	var words []string
	mark := "" // between the word before and the next
	for _, w := range strings.Fields(split(text)) {
		if w == "," || w == "." {
			mark = max(mark, w) // the sentence's end is the stronger one
			continue
		}
		if mark != "" && len(words) > 0 {
			words = append(words, mark)
		}
		mark = ""
		words = l.spellOut(words, w)
	}
	return strings.Join(words, " ")
}

// spellOut appends a word without its contractions.
func (l *language) spellOut(words []string, w string) []string {
	if whole, ok := l.contractions[w]; ok {
		return append(words, strings.Fields(whole)...)
	}
	for end, whole := range l.endings {
		if stem, ok := strings.CutSuffix(w, end); ok && stem != "" {
			return append(l.spellOut(words, stem), whole)
		}
	}
	return append(words, w)
}

// split parts words and marks by spaces.
func split(text string) string {
	runes := []rune(strings.ToLower(text))
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return ' '
		}
		return runes[i]
	}
	var b strings.Builder
	for i, r := range runes {
		before, after := at(i-1), at(i+1)
		between := func(is func(rune) bool) bool { return is(before) && is(after) }
		switch {
		case spells(r):
			b.WriteRune(r)
		case (r == '\'' || r == '\u2019') && between(unicode.IsLetter):
			b.WriteByte('\'')
		case r == '.' && between(unicode.IsLetter) && !spells(at(i-2)) && !spells(at(i+2)): // A.I.
		case (r == '.' || r == ',') && between(unicode.IsDigit): // 1,000 and 2.5 are no ages
			b.WriteString(" point ")
		case r == ',':
			b.WriteString(" , ")
		case strings.ContainsRune(".?!;:\u2026", r):
			b.WriteString(" . ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// spells says whether a rune is part of a word.
func spells(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
