package sim

import (
	"strings"
	"unicode"
)

// WordErrors compares a transcript with what was said: the least number of words
// to insert, delete or replace, and the number of words said. Case and
// punctuation do not count; a hyphen parts words, an apostrophe does not. Summed
// over many sentences, errors/words is the word error rate.
func WordErrors(said, transcript string) (errors, words int) {
	ref, hyp := wordsOf(said), wordsOf(transcript)
	// Levenshtein's distance, one row of the table at a time.
	row := make([]int, len(hyp)+1)
	for j := range row {
		row[j] = j
	}
	for i, want := range ref {
		diagonal := row[0]
		row[0] = i + 1
		for j, got := range hyp {
			cost := diagonal
			if want != got {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(hyp)], len(ref)
}

func wordsOf(s string) []string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\'' || r == '’':
			return -1
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, s)
	return strings.Fields(s)
}
