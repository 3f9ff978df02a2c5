package tts

import (
	"strconv"
	"strings"
	"unicode"
)

var (
	small = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen " +
		"fourteen fifteen sixteen seventeen eighteen nineteen")
	tens   = strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")
	powers = strings.Fields("thousand million billion trillion")
)

// cardinal writes a number out; digits may hold thousands separators. What has
// more than 15 digits is spelled. It returns "" for "".
func cardinal(digits string) string {
	digits = strings.ReplaceAll(digits, ",", "")
	if digits == "" {
		return ""
	}
	if len(digits) > 15 {
		return spell(digits)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return spell(digits)
	}
	return words(n)
}

func words(n int64) string {
	switch {
	case n < 20:
		return small[n]
	case n < 100:
		if n%10 == 0 {
			return tens[n/10-2]
		}
		return tens[n/10-2] + "-" + small[n%10]
	case n < 1000:
		return join(small[n/100]+" hundred", n%100)
	}
	unit, power := int64(1000), 0
	for n/unit >= 1000 && power < len(powers)-1 {
		unit, power = unit*1000, power+1
	}
	return join(words(n/unit)+" "+powers[power], n%unit)
}

func join(head string, rest int64) string {
	if rest == 0 {
		return head
	}
	return head + " " + words(rest)
}

var irregular = map[string]string{
	"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}

// ordinal writes a number out as a place in a row.
func ordinal(digits string) string {
	said := cardinal(digits)
	at := strings.LastIndexAny(said, " -") + 1
	head, last := said[:at], said[at:]
	switch place, ok := irregular[last]; {
	case ok:
		return head + place
	case strings.HasSuffix(last, "y"):
		return head + strings.TrimSuffix(last, "y") + "ieth"
	}
	return said + "th"
}

// year says four digits in pairs when they can be a year, such as
// "nineteen oh five", and as an amount when not.
func year(digits string) string {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1100 || n > 2099 || n >= 2000 && n < 2010 {
		return cardinal(digits)
	}
	century, rest := words(int64(n/100)), int64(n%100)
	switch {
	case rest == 0:
		return century + " hundred"
	case rest < 10:
		return century + " oh " + words(rest)
	}
	return century + " " + words(rest)
}

// spell says letters and digits one by one, long runs of digits in groups of
// three, the last of four.
func spell(s string) string {
	var out strings.Builder
	allDigits := !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) })
	group := 0
	for i, r := range s {
		if left := len(s) - i; allDigits && len(s) > 4 && group >= 3 && left != 1 {
			out.WriteByte(',')
			group = 0
		}
		if i > 0 {
			out.WriteByte(' ')
		}
		group++
		if r >= '0' && r <= '9' {
			out.WriteString(small[r-'0'])
		} else {
			out.WriteRune(unicode.ToUpper(r))
		}
	}
	return out.String()
}
