package script

import (
	"regexp"
	"slices"
	"strings"
)

// address is what an e-mail address looks like: not all that RFC 5321 allows,
// but what people have and say.
var address = regexp.MustCompile(`^[a-z0-9]+([._%+-]+[a-z0-9]+)*@([a-z0-9]+(-+[a-z0-9]+)*\.)+[a-z]{2,}$`)

// written finds an address in an utterance that recognition wrote as one.
var written = regexp.MustCompile(`[a-z0-9][a-z0-9._%+-]*@[a-z0-9.-]+\.[a-z]{2,}`)

// symbols are the words of an address that are no letters.
var symbols = map[string]string{
	"at": "@", "dot": ".", "point": ".", "period": ".", "dash": "-", "hyphen": "-", "minus": "-", "underscore": "_", "plus": "+",
}

// leadIns are the last words before an address begins.
var leadIns = []string{"is", "it's", "its", "email", "e-mail", "mail", "address", "that's", "to", "me", "my", "um", "uh", "er", "okay", "ok", "yes", "yeah", "sure", "so", "well", "think"}

// spokenEmail understands an e-mail address as people say it: "jane dot doe at
// example dot com", spelled letters, "double l", "b as in bravo".
func spokenEmail(text string) (string, bool) {
	text = strings.ToLower(strings.ReplaceAll(text, "’", "'"))
	if a := written.FindString(text); a != "" {
		return a, address.MatchString(a)
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n,;:!?\"()", r) })
	pieces := make([]string, 0, len(words))
	for i, w := range words {
		w = strings.TrimRight(w, ".")
		if i > 0 && strings.TrimRight(words[i-1], ".") == "under" && w == "score" {
			pieces[len(pieces)-1] = "_"
			continue
		}
		if s, ok := symbols[w]; ok {
			w = s
		}
		if w != "" {
			pieces = append(pieces, w)
		}
	}
	at := lastAt(pieces)
	if at < 0 {
		return "", false
	}
	begin := max(0, at-1)
	for begin > 0 && !slices.Contains(leadIns, pieces[begin-1]) {
		begin--
	}
	a := spelled(pieces[begin:at]) + "@" + domain(pieces[at+1:])
	return a, address.MatchString(a)
}

// lastAt returns the last "@" that a dot follows, -1 when there is none.
func lastAt(pieces []string) int {
	dotted := false
	for i, p := range slices.Backward(pieces) {
		if p == "@" && dotted {
			return i
		}
		dotted = dotted || strings.Contains(p, ".")
	}
	return -1
}

// domain joins what follows the "@", up to the first word after the part that a
// dot introduced: "example dot com thank you".
func domain(pieces []string) string {
	last := len(pieces)
	for i, p := range pieces {
		if p == "." {
			last = min(i+2, len(pieces))
		}
	}
	for last < len(pieces) && len(pieces[last]) == 1 && len(pieces[last-1]) == 1 {
		last++ // a spelled ending: dot c o m
	}
	return spelled(pieces[:last])
}

// spelled joins the pieces of one side of an address.
func spelled(pieces []string) string {
	var out strings.Builder
	times := 1
	for i := 0; i < len(pieces); i++ {
		p := pieces[i]
		if n := repeats[p]; n > 0 && i+1 < len(pieces) {
			times = n
			continue
		}
		if p == "capital" && i+1 < len(pieces) {
			continue
		}
		if d := digitsIn(p, false); d != "" {
			if tens[p] > 0 && i+1 < len(pieces) && units[pieces[i+1]] > 0 {
				d = d[:1]
			}
			p = strings.TrimPrefix(d, "+")
		}
		out.WriteString(strings.Repeat(p, times))
		times = 1
		if len(p) == 1 && i+3 < len(pieces) && pieces[i+1] == "as" && pieces[i+2] == "in" {
			i += 3
		} else if len(p) == 1 && i+2 < len(pieces) && pieces[i+1] == "for" && strings.HasPrefix(pieces[i+2], p) {
			i += 2
		}
	}
	return out.String()
}
