package tts

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxSentence bounds a sentence in bytes: a longer one is cut at a clause, at a
// space, or anywhere.
const MaxSentence = 300

// Sentences cuts a stream of text into sentences. How the stream is chunked
// makes no difference, and no character other than white space is lost. The
// zero value is ready to use.
type Sentences struct{ rest string }

// Feed takes the next piece of the stream and returns the sentences that are
// whole now. A sentence is whole when what follows cannot belong to it: at the
// white space after its mark, except where the next word must be seen first.
func (s *Sentences) Feed(delta string) []string {
	s.rest += delta
	var out []string
	for {
		n := end(s.rest)
		if n == 0 {
			return out
		}
		if sentence := strings.TrimSpace(s.rest[:n]); sentence != "" {
			out = append(out, sentence)
		}
		s.rest = s.rest[n:]
	}
}

// Flush returns what is left at the end of the stream, which may be empty, and
// forgets it.
func (s *Sentences) Flush() string {
	rest := strings.TrimSpace(s.rest)
	s.rest = ""
	return rest
}

// end returns the length of the first sentence of text, 0 when more text is
// needed to tell. More text never changes an answer other than 0: it looks at
// the first MaxSentence bytes and at whether there are more.
func end(text string) int {
	window := whole(text[:min(len(text), MaxSentence)])
	full := len(text) >= MaxSentence
	clause, space := 0, 0
	for i, r := range window {
		switch {
		case r == '\n':
			return i + 1
		case strings.ContainsRune("。！？", r):
			return i + utf8.RuneLen(r)
		case unicode.IsSpace(r):
			space = i
			if i > 0 && strings.IndexByte(",;:", window[i-1]) >= 0 {
				clause = i
			}
		case r == '.' || r == '!' || r == '?' || r == '…':
			switch verdict, n := closes(window, i, i+utf8.RuneLen(r)); {
			case verdict == yes:
				return n
			case verdict == unknown && !full:
				return 0
			}
		}
	}
	if full {
		return cutAt(len(window), clause, space)
	}
	return 0
}

// whole returns text without a character of which only the beginning is there.
func whole(text string) string {
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if tail := text[len(text)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				return text[:len(text)-back]
			}
			break
		}
	}
	return text
}

func cutAt(limit, clause, space int) int {
	switch {
	case clause > limit/3:
		return clause
	case space > 0:
		return space
	}
	return limit
}

type verdict uint8

const (
	no verdict = iota
	yes
	unknown // more text is needed
)

// closes tells whether the mark at text[at:after] ends a sentence, and how long
// that sentence is with the marks, quotes and brackets that follow.
func closes(text string, at, after int) (verdict, int) {
	rest := strings.TrimLeft(text[after:], `.!?…"'”’)]*_`)
	n := len(text) - len(rest)
	if rest == "" {
		return unknown, 0
	}
	if r, _ := utf8.DecodeRuneInString(rest); !unicode.IsSpace(r) {
		return no, 0 // 3.5, example.com, e.g.
	}
	if text[at] == '!' || text[at] == '?' {
		return yes, n
	}
	ellipsis := text[at] != '.' || strings.HasPrefix(text[after:], ".") || strings.HasSuffix(text[:at], ".")
	word := lastWord(text[:at])
	short := shortened(word)
	if place(text[:at], word) {
		short = always
	}
	if !ellipsis && short == never {
		return yes, n
	}
	if !ellipsis && short == always {
		return no, 0
	}
	next := strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsSpace(r) && r != '\n' || strings.ContainsRune(`"'“‘([*_`, r) })
	if next == "" {
		return unknown, 0
	}
	r, _ := utf8.DecodeRuneInString(next)
	switch {
	case r == '\n':
		return yes, n
	case !ellipsis && short == beforeDigit:
		return opposite(unicode.IsDigit(r)), n
	}
	return opposite(unicode.IsLower(r) || unicode.IsDigit(r)), n
}

// articles stand before a place in a row, which German writes with a dot: "am 5. März".
var articles = strings.Fields("der die das dem den des am im vom zum zur beim ab bis seit")

// place reports whether a text ends in a number that is one.
func place(text, word string) bool {
	if len(word) > 2 || !numeral(word) {
		return false
	}
	before := strings.ToLower(lastWord(strings.TrimRight(text[:len(text)-len(word)], " ")))
	return slices.Contains(articles, before)
}

func numeral(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}

func opposite(goesOn bool) verdict {
	if goesOn {
		return no
	}
	return yes
}

func lastWord(text string) string {
	return text[strings.LastIndexFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`"'“‘([-–—/`, r)
	})+1:]
}

// abbreviation says when a word with a dot does not end its sentence.
type abbreviation uint8

const (
	never       abbreviation = iota
	always                   // a name or more follows: "Dr."
	beforeLower              // unless a capital follows: "p.m.", "etc."
	beforeDigit              // "No. 5"
)

func shortened(word string) abbreviation {
	switch w := strings.ToLower(strings.TrimLeft(word, "—–")); w {
	case "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "gen", "sen", "rep", "hon", "rev", "capt", "sgt", "mt", "ft",
		"z", "d", "h", "bzw", "ca", "sr", "sra", "srta", "dra", "ud":
		return always
	case "a.m", "p.m", "etc", "approx", "usw", "dept", "inc", "ltd", "co", "corp", "jr", "u.s", "u.k", "est", "min", "max",
		"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec":
		return beforeLower
	case "no", "nr", "núm", "fig", "p", "pp", "ext", "vol":
		return beforeDigit
	}
	if len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z' && word != "I" {
		return always // an initial
	}
	return never
}
