package scenario

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Phrases are words that are listened for: one text, or a list of them.
type Phrases []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *Phrases) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return n.Decode((*[]string)(p))
	}
	var one string
	if err := n.Decode(&one); err != nil {
		return err
	}
	*p = Phrases{one}
	return nil
}

// small are the numbers that are read as words.
var small = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")

// wordsOf are the words of a text, in small letters, numbers as they are said: those
// above twenty digit by digit. Apostrophes do not count, hyphens part words.
func wordsOf(text string) (words []string) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\'' || r == '’':
			return -1
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, text)
	for _, w := range strings.Fields(text) {
		words = append(words, spelled(w)...)
	}
	return words
}

// spelled says a number as words.
func spelled(word string) []string {
	if strings.Trim(word, "0123456789") != "" {
		return []string{word}
	}
	if n := len(word); n <= 2 {
		value := 0
		for _, d := range word {
			value = 10*value + int(d-'0')
		}
		if value < len(small) && (n == 1 || word[0] != '0') {
			return []string{small[value]}
		}
	}
	digits := make([]string, len(word))
	for i, d := range word {
		digits[i] = small[d-'0']
	}
	return digits
}

// contains reports whether a text has a phrase: whole words whose letters, one after
// another, are those of the phrase, but for one of four. Recognition is not perfect,
// and parts words as it likes.
func contains(text, phrase string) bool {
	want := strings.Join(wordsOf(phrase), "")
	var got []byte
	edge := []bool{true} // before each letter of got, and behind the last: a word begins or ends
	for _, w := range wordsOf(text) {
		for i := range len(w) {
			got, edge = append(got, w[i]), append(edge, i == len(w)-1)
		}
	}
	// Sellers' algorithm: the least edits that make a part of got into want, one row
	// of the table at a time. A part may begin at the edge of a word.
	row := make([]int, len(got)+1)
	for j := range row {
		if row[j] = 0; !edge[j] {
			row[j] = row[j-1] + 1
		}
	}
	for i := range len(want) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range got {
			cost := diagonal
			if want[i] != got[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	for j, edits := range row {
		if edge[j] && edits <= len(want)/4 {
			return true
		}
	}
	return false
}
