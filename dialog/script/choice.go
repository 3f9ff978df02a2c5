package script

import (
	"strings"

	"sidetone/dialog"
)

// How alike a misheard word and a choice must be, as edits per letter, and how
// much better than the next choice.
const (
	farthest = 0.34
	margin   = 0.1
)

// ordinals are places in a list; the last place is found by its own word.
var ordinals = map[string]int{
	"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
	"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7, "8": 8, "9": 9,
	"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "7th": 7, "8th": 8, "9th": 9,
}

// longestPlace is how many words a place in the list is said with: "I'd take
// number two please".
const longestPlace = 6

// choose returns the choice that an utterance names: by one of its words, by
// its place in the list, or by something that sounds like it. What fits two
// choices fits none.
func choose(choices []dialog.Choice, text string, keys bool) (dialog.Choice, bool) {
	if keys {
		d := digitsOf(text)
		if len(d) == 1 && d[0] >= '1' && int(d[0]-'0') <= len(choices) {
			return choices[d[0]-'1'], true
		}
		return dialog.Choice{}, false
	}
	words := stemmed(text)
	if c, n := named(choices, words); n > 0 {
		return c, n == 1
	}
	if n := place(words, len(choices)); n > 0 {
		return choices[n-1], true
	}
	return alike(choices, words)
}

// phrases returns the words for a choice.
func phrases(c dialog.Choice) [][]string {
	var all [][]string
	for _, text := range append([]string{c.Name(), strings.ReplaceAll(c.Value, "_", " ")}, c.Also...) {
		if p := stemmed(text); len(p) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// stemmed returns the words of a text without the s of a plural.
func stemmed(text string) []string {
	words := wordsOf(text)
	for i, w := range words {
		if len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
			words[i] = w[:len(w)-1]
		}
	}
	return words
}

// named returns the choice that is named by the longest phrase, and how many
// choices are. "Not billing" does not name billing.
func named(choices []dialog.Choice, words []string) (named dialog.Choice, n int) {
	longest := 0
	for _, c := range choices {
		length := 0
		for _, p := range phrases(c) {
			if says(words, p) {
				length = max(length, len(p))
			}
		}
		switch {
		case length == 0 || length < longest:
		case length > longest:
			named, n, longest = c, 1, length
		default:
			n++
		}
	}
	return named, n
}

// says reports whether words hold a phrase that is not denied.
func says(words, phrase []string) bool {
	for i := range words {
		if startsWith(words[i:], phrase) && (i == 0 || words[i-1] != "not" && words[i-1] != "no") {
			return true
		}
	}
	return false
}

// place returns the place in a list of n that a short utterance names, from 1;
// 0 when it names none, or two.
func place(words []string, n int) int {
	if len(words) > longestPlace {
		return 0
	}
	found := 0
	for i, w := range words {
		p := ordinals[w]
		if w == "last" {
			p = n
		}
		if w == "one" && i > 0 && (ordinals[words[i-1]] > 0 || words[i-1] == "last" || words[i-1] == "that") {
			continue // the second one
		}
		if p == 0 || p > n {
			continue
		}
		if found != 0 && found != p {
			return 0
		}
		found = p
	}
	return found
}

// alike returns the choice that sounds like something in the utterance.
func alike(choices []dialog.Choice, words []string) (dialog.Choice, bool) {
	var best dialog.Choice
	nearest, next := 1.0, 1.0
	for _, c := range choices {
		d := 1.0
		for _, p := range phrases(c) {
			d = min(d, distanceTo(words, p))
		}
		switch {
		case d < nearest:
			best, nearest, next = c, d, nearest
		case d < next:
			next = d
		}
	}
	return best, nearest <= farthest && next-nearest >= margin
}

// distanceTo returns the least distance between a phrase and any run of about
// as many words, in edits per letter. Short phrases are like nothing else.
func distanceTo(words, phrase []string) float64 {
	want := []rune(strings.Join(phrase, ""))
	least := 1.0
	if len(want) < 4 {
		return least
	}
	for n := max(1, len(phrase)-1); n <= len(phrase)+1; n++ {
		for i := range len(words) - n + 1 {
			got := []rune(strings.Join(words[i:i+n], ""))
			if longer := max(len(got), len(want)); longer < 2*len(want) {
				least = min(least, float64(edits(got, want))/float64(longer))
			}
		}
	}
	return least
}

// edits returns the Levenshtein distance of two words.
func edits(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
