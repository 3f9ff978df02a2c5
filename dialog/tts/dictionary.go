package tts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sidetone/dialog"
)

// Dictionary says how words are pronounced, by others that sound so. It is
// immutable.
type Dictionary struct {
	byFirst map[rune][]pronunciation // by the first letter, folded; the longest first
}

// pronunciation is what is said for a word, or for several.
type pronunciation struct {
	written, said string
	exact         bool // in this case only
}

// NewDictionary returns the dictionary of a map from what is written to what is
// said. What is written with a capital is meant as it is written, the rest in any
// case.
func NewDictionary(words map[string]string) *Dictionary {
	d := &Dictionary{map[rune][]pronunciation{}}
	for _, written := range slices.Sorted(maps.Keys(words)) {
		first, _ := utf8.DecodeRuneInString(written)
		p := pronunciation{written, words[written], strings.ContainsFunc(written, unicode.IsUpper)}
		d.byFirst[unicode.ToLower(first)] = append(d.byFirst[unicode.ToLower(first)], p)
	}
	for _, list := range d.byFirst {
		slices.SortStableFunc(list, func(a, b pronunciation) int {
			if n := cmp.Compare(len(b.written), len(a.written)); n != 0 || a.exact == b.exact {
				return n
			}
			if a.exact {
				return -1
			}
			return 1
		})
	}
	return d
}

// Apply returns text with the words of the dictionary written as they are said.
// Whole words only, the longest first, each once; none in an address.
func (d *Dictionary) Apply(text string) string {
	if len(d.byFirst) == 0 {
		return text
	}
	skip := addressesIn(text)
	var out strings.Builder
	before := ' '
	for at := 0; at < len(text); {
		if len(skip) > 0 && at == skip[0][0] {
			out.WriteString(text[at:skip[0][1]])
			at, before, skip = skip[0][1], 'a', skip[1:]
			continue
		}
		limit := len(text)
		if len(skip) > 0 {
			limit = skip[0][0]
		}
		r, n := utf8.DecodeRuneInString(text[at:])
		if p, length := d.at(text[at:limit], r, before); length > 0 {
			out.WriteString(p.said)
			at += length
			before, _ = utf8.DecodeLastRuneInString(text[:at])
			continue
		}
		out.WriteString(text[at : at+n])
		at, before = at+n, r
	}
	return out.String()
}

// at returns what text begins with, and the bytes that takes; 0 for nothing.
func (d *Dictionary) at(text string, first, before rune) (p pronunciation, length int) {
	if inWord(first) && inWord(before) {
		return p, 0
	}
	for _, p := range d.byFirst[unicode.ToLower(first)] {
		n, ok := prefix(text, p)
		if !ok {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(text[:n])
		next, _ := utf8.DecodeRuneInString(text[n:])
		if n < len(text) && inWord(last) && inWord(next) {
			continue
		}
		return p, n
	}
	return p, 0
}

// prefix reports how many bytes of text are what p says is written.
func prefix(text string, p pronunciation) (int, bool) {
	if p.exact {
		return len(p.written), strings.HasPrefix(text, p.written)
	}
	n := 0
	for range p.written {
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return n, strings.EqualFold(text[:n], p.written)
}

// inWord reports whether a character is part of a word.
func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || r == '_'
}

// addressesIn returns where addresses of e-mail and the web are, in order.
func addressesIn(text string) (found [][]int) {
	for _, r := range addresses {
		found = append(found, r.pattern.FindAllStringIndex(text, -1)...)
	}
	slices.SortFunc(found, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	kept := found[:0]
	for _, f := range found {
		if len(kept) == 0 || f[0] >= kept[len(kept)-1][1] {
			kept = append(kept, f)
		}
	}
	return kept
}

// Reading is how the words of one agent are read out.
type Reading struct {
	Pronounce map[string]string   // what is written, and what is said for it; may be empty
	WriteOut  func(string) string // puts text in words for a voice that does not, such as WriteOut or Plain; may be nil
}

// By returns a voice that reads so. What it is told to say and what others keep of
// it, such as transcripts, stays as it is written.
func (r Reading) By(next dialog.Speaker) dialog.Speaker {
	if len(r.Pronounce) == 0 && r.WriteOut == nil {
		return next
	}
	return reader{next, NewDictionary(r.Pronounce), r.WriteOut}
}

// Named returns the name of how a voice of that name sounds when it reads so.
func (r Reading) Named(voice string) string {
	if len(r.Pronounce) == 0 {
		return voice
	}
	h := sha256.New()
	for _, written := range slices.Sorted(maps.Keys(r.Pronounce)) {
		h.Write([]byte(written + "\x00" + r.Pronounce[written] + "\x00"))
	}
	return voice + "#" + hex.EncodeToString(h.Sum(nil)[:4])
}

type reader struct {
	dialog.Speaker
	dictionary *Dictionary
	writeOut   func(string) string
}

// Speak implements dialog.Speaker.
func (r reader) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	text = r.dictionary.Apply(text)
	if r.writeOut != nil {
		text = r.writeOut(text)
	}
	return r.Speaker.Speak(ctx, text, rate)
}
