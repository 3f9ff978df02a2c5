package script

import "strings"

// repeats are the words that say the next digit several times.
var repeats = map[string]int{"double": 2, "triple": 3, "treble": 3}

// soundsLike are words that are digits between digits.
var soundsLike = map[string]int{"oh": 0, "o": 0, "won": 1, "to": 2, "too": 2, "for": 4, "fore": 4, "ate": 8}

// spokenDigits returns the digits that were said, one by one or in groups:
// "double five oh", "five fifty five", "eight hundred", "555-0142". A plus
// before the first one stays. Other words are passed over.
func spokenDigits(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '+' || r == '\'')
	})
	var out strings.Builder
	times, after := 1, false // after: the word before was a digit
	for i, w := range words {
		next := i+1 < len(words) && isSpokenDigit(words[i+1])
		digits := digitsIn(w, out.Len() > 0)
		if d, ok := soundsLike[w]; ok && (after && (next || i+1 == len(words)) || d == 0 && (after || next)) {
			digits = string(rune('0' + d))
		}
		if tens[w] > 0 && i+1 < len(words) && units[words[i+1]] > 0 {
			digits = digits[:1] // twenty five
		}
		if w == "plus" && out.Len() == 0 {
			out.WriteByte('+')
			continue
		}
		if n := repeats[w]; n > 0 {
			times = n
			continue
		}
		after = digits != ""
		if after {
			out.WriteString(strings.Repeat(digits, times))
			times = 1
		}
	}
	return strings.TrimSuffix(out.String(), "+")
}

// digitsIn returns the digits of a word: "five", "fifteen", "555"; and of
// "hundred" and "thousand" after others.
func digitsIn(w string, begun bool) string {
	if u, ok := units[w]; ok {
		return string(rune('0' + u))
	}
	if t, ok := teens[w]; ok && w != "dozen" {
		return "1" + string(rune('0'+t-10))
	}
	if t := tens[w]; t > 0 {
		return string(rune('0'+t/10)) + "0"
	}
	switch {
	case w == "hundred" && begun:
		return "00"
	case w == "thousand" && begun:
		return "000"
	case w[0] == '+' && !begun && digitsOf(w) != "":
		return "+" + digitsOf(w)
	case isDigit(w[0]) || w[0] == '+':
		return digitsOf(w)
	}
	return ""
}

func isSpokenDigit(w string) bool {
	_, alike := soundsLike[w]
	return alike || repeats[w] > 0 || digitsIn(w, false) != ""
}
