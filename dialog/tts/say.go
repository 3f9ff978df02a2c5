package tts

import (
	"strings"
	"unicode"
)

func sayAddress(m []string) string { return spellAddress(m[0], marks, spell) }

// spellAddress says an e-mail address or a URL: without its scheme and "www",
// its marks by name and its digits one by one.
func spellAddress(s string, marks map[rune]string, spell func(string) string) string {
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

var currencies = map[string]struct{ one, many, cent, cents string }{
	"$": {"dollar", "dollars", "cent", "cents"},
	"€": {"euro", "euros", "cent", "cents"},
	"£": {"pound", "pounds", "penny", "pence"},
	"¥": {"yen", "yen", "sen", "sen"},
}

// currencySigns are those of the codes that stand for a currency.
var currencySigns = map[string]string{"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}

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

// telephone reports whether digits with marks between them are a telephone number.
func telephone(s string) bool {
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits >= 7 && digits <= 15 && strings.ContainsAny(strings.TrimSpace(s), " ().-+/")
}

// sayPhone says a telephone number digit by digit, group by group.
func sayPhone(m []string) string {
	if !telephone(m[0]) {
		return m[0]
	}
	groups := strings.FieldsFunc(m[0], func(r rune) bool { return !unicode.IsDigit(r) })
	for i, g := range groups {
		groups[i] = spell(g)
		if len(g) == 3 && g[0] != '0' && strings.HasSuffix(g, "00") {
			groups[i] = cardinal(g) // "one eight hundred"
		}
	}
	plus := ""
	if m[0][0] == '+' {
		plus = "plus "
	}
	return " " + plus + strings.Join(groups, ", ")
}

// code reports whether letters and digits are mixed as in a booking reference. A run of
// more than three letters is a word, as in COVID-19.
func code(s string) bool {
	var digits, alphas, run, longest int
	for _, r := range s {
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
	return digits > 0 && alphas > 0 && digits+alphas >= 4 && longest <= 3
}

// sayCode spells a code.
func sayCode(m []string) string {
	if !code(m[0]) {
		return m[0]
	}
	parts := strings.Split(m[0], "-")
	for i, p := range parts {
		parts[i] = spell(p)
	}
	return strings.Join(parts, ", ")
}

// spellGroups says groups of letters and digits one by one, as of an IBAN.
func spellGroups(s string) string {
	groups := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '-' })
	for i, g := range groups {
		groups[i] = spell(g)
	}
	return strings.Join(groups, ", ")
}

// sayNumber says what is left: years, amounts, decimals, version numbers, lists
// without spaces, and digit by digit what is no amount because it begins with zero
// or is long and not round.
func sayNumber(m []string) string {
	parts := strings.Split(m[1], ",")
	grouped := len(parts) > 1 && len(parts[0]) <= 3
	for _, p := range parts[1:] {
		grouped = grouped && len(p) == 3
	}
	if len(parts) > 1 && !grouped {
		for i, p := range parts[:len(parts)-1] {
			parts[i] = strings.TrimSpace(sayNumber([]string{p, p, ""}))
		}
		last := parts[len(parts)-1]
		return " " + strings.Join(parts[:len(parts)-1], ", ") + "," + sayNumber([]string{last, last, m[2]})
	}
	digits := strings.Join(parts, "")
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
	case len(digits) > 1 && digits[0] == '0', len(digits) > 4 && !strings.HasSuffix(digits, "00"), len(digits) > 9:
		said = spell(digits)
	case len(digits) == 4:
		said = year(digits)
	default:
		said = cardinal(digits)
	}
	return " " + said + " "
}
