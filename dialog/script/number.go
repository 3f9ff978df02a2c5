package script

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"sidetone/dialog"
)

// The words of numbers.
var (
	units = map[string]int{
		"zero": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	}
	teens = map[string]int{
		"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "dozen": 12,
	}
	tens = map[string]int{
		"twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	}
	scales = map[string]int{"hundred": 100, "thousand": 1000, "million": 1_000_000}
	// amounts are numbers in a word or two.
	amounts = map[string]float64{"none": 0, "nothing": 0, "nil": 0, "couple": 2}
	// homophones are what recognition writes for numbers, where nothing else was said.
	// An "a" for eight is not among them: it can be a mark.
	homophones = map[string]float64{"won": 1, "to": 2, "too": 2, "do": 2, "tree": 3, "for": 4, "fore": 4, "ate": 8}
)

// leads are what callers say before a number, and tails what they say after it. What
// goes on with "to" or "for" is none: "I would give it to", "that is too".
var (
	leads = phraseList(
		"um", "uh", "er", "erm", "hm", "hmm", "well", "oh", "ah", "okay", "yes", "yeah",
		"a", "an", "just", "only", "about", "around", "roughly", "maybe", "may be", "perhaps", "probably", "number",
		"say", "i say", "i'd say", "i would say", "i'll say", "i will say", "let's say", "let us say", "i think", "i guess",
		"give it a", "i give it a", "i'd give it a", "i would give it a", "i'll give it a", "i will give it a",
	)
	tails = phraseList("please", "thanks", "points", "point", "stars", "i think", "i guess", "i'd say", "i would say")
)

func phraseList(texts ...string) [][]string {
	var list [][]string
	for _, text := range texts {
		list = append(list, strings.Fields(text))
	}
	return list
}

// greatest is the number from which on a spoken one is not believed.
const greatest = 1e12

// number understands the answer to a question for a number: the only one that
// was said, the first of "eight of ten", or the only one in the range.
func number(q *dialog.Question, text string, keys bool) (any, bool) {
	if keys {
		n, err := strconv.ParseFloat(digitsOf(text), 64)
		return n, err == nil && inRange(q, n)
	}
	words, scaled := withoutScale(wordsOf(withoutGrouping(text)))
	found := spokenNumbers(words)
	if len(found) == 0 {
		found = impliedNumber(words)
	}
	if len(found) == 2 && !scaled && slices.Contains(words, "of") {
		found = found[:1]
	}
	found = slices.Compact(found)
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(n float64) bool { return !inRange(q, n) })
	}
	if len(found) != 1 {
		return nil, false
	}
	return found[0], inRange(q, found[0])
}

func inRange(q *dialog.Question, n float64) bool {
	return math.Abs(n) < greatest && (q.Min == nil || n >= *q.Min) && (q.Max == nil || n <= *q.Max)
}

// withoutScale drops the "out of ten" that a rating is on, which is no answer where the
// rating itself was not heard, and reports whether there was one.
func withoutScale(words []string) ([]string, bool) {
	for i := range words {
		if !startsWith(words[i:], []string{"out", "of"}) || i+2 == len(words) {
			continue
		}
		if _, used := cardinalAt(words[i+2:]); used > 0 {
			return slices.Concat(words[:i], words[i+2+used:]), true
		}
	}
	return words, false
}

// impliedNumber returns the number that an utterance without any stands for: "a
// couple", or "I would say for".
func impliedNumber(words []string) []float64 {
	if n := len(words); n > 0 && n < 3 {
		if amount, ok := amounts[words[n-1]]; ok {
			return []float64{amount}
		}
	}
	for cut := true; cut && len(words) > 1; {
		cut = false
		for _, p := range leads {
			if len(p) < len(words) && startsWith(words, p) {
				words, cut = words[len(p):], true
			}
		}
		for _, p := range tails {
			if rest := len(words) - len(p); rest > 0 && startsWith(words[rest:], p) {
				words, cut = words[:rest], true
			}
		}
	}
	if len(words) == 1 {
		if n, ok := homophones[words[0]]; ok {
			return []float64{n}
		}
	}
	return nil
}

// spokenNumbers returns the numbers among words: "twenty five", "a hundred and
// five", "minus two point five", "1200", "two five" (25).
func spokenNumbers(words []string) []float64 {
	var found []float64
	for i := 0; i < len(words); {
		n, used := numberAt(words[i:])
		if used == 0 {
			i++
			continue
		}
		if i > 0 && (words[i-1] == "minus" || words[i-1] == "negative") {
			n = -n
		}
		found = append(found, n)
		i += used
	}
	return found
}

// withoutGrouping drops the commas of 1,200, and says the signs of -3 and 8/10.
func withoutGrouping(text string) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		before, after := i > 0 && isDigit(text[i-1]), i+1 < len(text) && isDigit(text[i+1])
		switch {
		case c == ',' && before && i+3 < len(text) && isDigit(text[i+1]) && isDigit(text[i+2]) && isDigit(text[i+3]):
		case c == '-' && after && (i == 0 || text[i-1] == ' '):
			out.WriteString("minus ")
		case c == '/':
			out.WriteString(" of ")
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// numberAt returns the number that words begin with and how many of them it
// takes. Numbers below a hundred that follow one another are run together, as
// years and codes are spoken: nineteen eighty four, five oh five.
func numberAt(words []string) (float64, int) {
	n, used := cardinalAt(words)
	if used == 0 {
		return 0, 0
	}
	whole := n < 100 && n == math.Trunc(n)
	for whole && used < len(words) && n < greatest/100 {
		next, more := cardinalAt(words[used:])
		if d, ok := digitAt(words[used]); ok {
			next, more = float64(d), 1
		}
		if more == 0 || next >= 100 || next != math.Trunc(next) {
			break
		}
		if n *= 10; next >= 10 {
			n *= 10
		}
		n, used = n+next, used+more
	}
	if f, more := fractionAt(words[used:]); more > 0 {
		n, used = n+f, used+more
	}
	return n, used
}

// cardinalAt returns the cardinal number that words begin with, in digits or in
// words.
func cardinalAt(words []string) (float64, int) {
	if isDigit(words[0][0]) {
		n, err := strconv.ParseFloat(words[0], 64)
		switch {
		case err != nil || n >= greatest:
			return 0, 0
		case len(words) > 1 && scales[words[1]] > 0:
			return n * float64(scales[words[1]]), 2
		}
		return n, 1
	}
	total, used := 0, 0
	for _, scale := range []string{"million", "thousand"} {
		n, u := hundredsAt(words[used:])
		if u == 0 || used+u >= len(words) || words[used+u] != scale {
			continue
		}
		total += n * scales[scale]
		used += u + 1
		used += andAt(words[used:])
	}
	n, u := hundredsAt(words[used:])
	return float64(total + n), used + u
}

// hundredsAt returns the number below 10,000 that words begin with: "a hundred
// and five", "twelve hundred". The "a" of "a thousand" is one.
func hundredsAt(words []string) (int, int) {
	n, used := tensAt(words)
	if len(words) > 1 && words[0] == "a" && scales[words[1]] > 0 {
		n, used = 1, 1
	}
	if n == 0 || used >= len(words) || words[used] != "hundred" {
		return n, used
	}
	used++
	used += andAt(words[used:])
	rest, more := tensAt(words[used:])
	return n*100 + rest, used + more
}

// andAt returns 1 when words begin with an "and" that a number goes on after.
func andAt(words []string) int {
	if len(words) > 1 && words[0] == "and" {
		if _, used := tensAt(words[1:]); used > 0 {
			return 1
		}
	}
	return 0
}

// tensAt returns the number below a hundred that words begin with.
func tensAt(words []string) (int, int) {
	if len(words) == 0 {
		return 0, 0
	}
	if n, ok := teens[words[0]]; ok {
		return n, 1
	}
	if n, ok := units[words[0]]; ok {
		return n, 1
	}
	n, ok := tens[words[0]]
	if !ok {
		return 0, 0
	}
	if len(words) > 1 && units[words[1]] > 0 {
		return n + units[words[1]], 2
	}
	return n, 1
}

// fractionAt returns what "point two five" or "and a half" adds.
func fractionAt(words []string) (float64, int) {
	if startsWith(words, []string{"and", "a", "half"}) {
		return 0.5, 3
	}
	if len(words) < 2 || words[0] != "point" {
		return 0, 0
	}
	sum, unit, used := 0.0, 0.1, 1
	for used < len(words) {
		d, ok := digitAt(words[used])
		if !ok {
			break
		}
		sum, unit, used = sum+float64(d)*unit, unit/10, used+1
	}
	if used == 1 {
		return 0, 0
	}
	return math.Round(sum*1e9) / 1e9, used
}

// digitAt returns the single digit that a word is.
func digitAt(w string) (int, bool) {
	if len(w) == 1 && isDigit(w[0]) {
		return int(w[0] - '0'), true
	}
	if w == "oh" || w == "o" {
		return 0, true
	}
	d, ok := units[w]
	return d, ok
}
