package flite

import (
	"strings"
	"unicode"
)

// The lengths of a piece in bytes. The first piece is the shortest whole
// clause, so that it can be heard while the rest is made; what follows is made
// of as many clauses as fit. pieceMax bounds the time of one synthesis.
const (
	firstMin = 12
	pieceMax = 160
)

// pieces cuts normalised text at its clauses. Pieces without a letter, which
// Flite can not speak, are left out.
func pieces(text string) []string {
	var out []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := cut(text, len(out) == 0)
		if strings.ContainsFunc(text[:n], unicode.IsLetter) {
			out = append(out, strings.TrimSpace(text[:n]))
		}
		text = text[n:]
	}
	return out
}

// cut returns the length of the next piece: up to a clause border if there is
// one, else to a space, else anywhere.
func cut(text string, first bool) int {
	clause, space := 0, 0
	for i := 0; i < len(text) && i < pieceMax; i++ {
		if text[i] != ' ' {
			continue
		}
		space = i
		if strings.IndexByte(",;:.!?", text[i-1]) < 0 {
			continue
		}
		clause = i
		if first && i >= firstMin {
			return clause
		}
	}
	switch {
	case len(text) <= pieceMax:
		return len(text)
	case clause > 0:
		return clause
	case space > 0:
		return space
	}
	return pieceMax
}
