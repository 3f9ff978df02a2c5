package enginetest

import (
	"strings"
	"unicode"
)

// WordErrors counts the words that must be replaced, added or taken away to
// make heard from said, and the words of said: their quotient is the word error
// rate. Case and punctuation do not count; how a number or a title is written
// does.
func WordErrors(said, heard string) (errors, words int) {
	a, b := Words(said), Words(heard)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, word := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, other := range b {
			cost := diagonal
			if word != other {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)], len(a)
}

// Words splits a text into lower case words; hyphens part words.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}
