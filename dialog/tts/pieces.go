package tts

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cutter says how long the pieces are that an engine makes of a sentence, in
// bytes. The first piece is the shortest that may be, so that it can be heard
// while the rest is made.
type Cutter struct {
	Min   int // no cut before it
	First int // the most of the first piece; each further one may be twice as long as the last
	Max   int // the most of any piece: bounds the time of one synthesis
}

// joints are words before which a voice may take a breath.
var joints = strings.Fields("about after and as at because before between but by for from if in into of on or so than that to until what when where which while who with")

// Pieces cuts text at its clauses: the first piece is the shortest
// whole clause, what follows is made of as many clauses as fit. Where no clause
// ends in time, the cut is before a word of joints, else at a space, else
// between any two characters. Pieces without a letter or a digit, which no voice can
// speak, are left out.
func (c Cutter) Pieces(text string) []string {
	var out []string
	limit := min(c.First, c.Max)
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := c.cut(text, limit, len(out) == 0)
		if strings.ContainsFunc(text[:n], spoken) {
			out = append(out, strings.TrimSpace(text[:n]))
			limit = min(2*limit, c.Max)
		}
		text = text[n:]
	}
	return out
}

// cut returns the length of the next piece.
func (c Cutter) cut(text string, limit int, first bool) int {
	clause, joint, space := 0, 0, 0
	for i := 0; i < len(text) && i < limit; i++ {
		if text[i] != ' ' {
			continue
		}
		space = i
		if word, _, _ := strings.Cut(text[i+1:], " "); i >= c.Min && slices.Contains(joints, word) {
			joint = i
		}
		if strings.IndexByte(",;:.!?", text[i-1]) < 0 {
			continue
		}
		clause = i
		if first && i >= c.Min {
			return clause
		}
	}
	switch {
	case len(text) <= limit:
		return len(text)
	case clause > 0:
		return clause
	case joint > 0:
		return joint
	case space > 0:
		return space
	}
	for limit > 1 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}

// spoken reports whether a voice can make something of a character.
func spoken(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// Sayable reports whether there is anything in text that a voice can say.
func Sayable(text string) bool { return strings.ContainsFunc(text, spoken) }
