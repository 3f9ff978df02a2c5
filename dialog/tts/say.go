package tts

import (
	"strings"
	"time"
	"unicode"
)

// sayAddress says an e-mail address or a URL: without its scheme and "www",
// its marks by name and its digits one by one.
func sayAddress(m []string) string {
	s := m[0]
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "www."), "/")
	var out strings.Builder
	for _, r := range s {
		switch name, ok := marks[r]; {
		case ok:
			out.WriteString(" " + name + " ")
		case unicode.IsDigit(r):
			out.WriteString(" " + spell(string(r)) + " ")
		default:
			out.WriteRune(r)
		}
	}
	return " " + out.String()
}

var marks = map[rune]string{
	'.': "dot", '@': "at", '-': "dash", '_': "underscore", '/': "slash", '+': "plus", '?': "question mark",
	'=': "equals", '&': "and", '%': "percent", ':': "colon", '#': "hash", '~': "tilde",
}

// sayDate says an ISO date the American way.
func sayDate(m []string) string {
	day, err := time.Parse(time.DateOnly, m[0])
	if err != nil {
		return m[0] // such as 30 February: say what stands there
	}
	return day.Month().String() + " " + ordinal(m[3]) + ", " + year(m[1])
}

// sayTime says hour, minute and half of the day; the last two may be empty.
func sayTime(m []string) string {
	hour, minute, half := cardinal(m[1]), m[2], strings.ToUpper(m[3])
	switch {
	case minute == "" || minute == "00":
		minute = ""
		if half == "" {
			minute = " o'clock"
		}
	case minute[0] == '0':
		minute = " oh " + cardinal(minute)
	default:
		minute = " " + cardinal(minute)
	}
	if half != "" {
		half = " " + half + " M "
	}
	return hour + minute + half
}

var currencies = map[string]struct{ one, many, cent, cents string }{
	"$": {"dollar", "dollars", "cent", "cents"},
	"€": {"euro", "euros", "cent", "cents"},
	"£": {"pound", "pounds", "penny", "pence"},
}

var scales = map[string]string{
	"thousand": "thousand", "million": "million", "billion": "billion",
	"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion",
}

func sayMoney(sign, currency, whole, fraction, scale string) string {
	c := currencies[currency]
	if sign != "" {
		sign = "minus "
	}
	if scale != "" || fraction != "" && len(fraction) != 2 {
		amount := cardinal(whole)
		if fraction != "" {
			amount += " point " + spell(fraction)
		}
		if scale != "" {
			amount += " " + scales[scale]
		}
		return sign + amount + " " + c.many
	}
	big := cardinal(whole)
	small := cardinal(fraction)
	unit, cent := c.many, c.cents
	if big == "one" {
		unit = c.one
	}
	if small == "one" {
		cent = c.cent
	}
	switch {
	case small == "" || small == "zero":
		return sign + big + " " + unit
	case big == "zero":
		return sign + small + " " + cent
	}
	return sign + big + " " + unit + " and " + small + " " + cent
}

// sayPhone says a telephone number digit by digit, group by group.
func sayPhone(m []string) string {
	digits := 0
	for _, r := range m[0] {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	separated := strings.ContainsAny(strings.TrimSpace(m[0]), " ().-+")
	if digits < 7 || digits > 15 || !separated {
		return m[0]
	}
	groups := strings.FieldsFunc(m[0], func(r rune) bool { return !unicode.IsDigit(r) })
	for i, g := range groups {
		groups[i] = spell(g)
	}
	plus := ""
	if m[0][0] == '+' {
		plus = "plus "
	}
	return " " + plus + strings.Join(groups, ", ")
}

// sayCode spells what mixes letters and digits, such as a booking reference. A
// run of more than three letters is a word, as in COVID-19.
func sayCode(m []string) string {
	var digits, alphas, run, longest int
	for _, r := range m[0] {
		switch {
		case unicode.IsDigit(r):
			digits, run = digits+1, 0
		case r != '-':
			alphas, run = alphas+1, run+1
			longest = max(longest, run)
		default:
			run = 0
		}
	}
	if digits == 0 || alphas == 0 || digits+alphas < 4 || longest > 3 {
		return m[0]
	}
	parts := strings.Split(m[0], "-")
	for i, p := range parts {
		parts[i] = spell(p)
	}
	return strings.Join(parts, ", ")
}

// sayNumber says what is left: years, amounts, decimals, version numbers, and
// digit by digit what is no amount because it begins with zero or is long.
func sayNumber(m []string) string {
	digits := strings.ReplaceAll(m[1], ",", "")
	grouped := digits != m[1]
	var said string
	switch fractions := strings.Split(m[2], "."); {
	case len(fractions) == 2:
		said = cardinal(digits) + " point " + spell(fractions[1])
	case len(fractions) > 2:
		said = cardinal(digits)
		for _, f := range fractions[1:] {
			said += " dot " + cardinal(f)
		}
	case grouped:
		said = cardinal(digits)
	case len(digits) > 4 || len(digits) > 1 && digits[0] == '0':
		said = spell(digits)
	case len(digits) == 4:
		said = year(digits)
	default:
		said = cardinal(digits)
	}
	return " " + said + " "
}
