package tts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// language is how numbers, dates and addresses are said in a language other than
// English, whose rules are normalize.go's. What stands in words already, such as names
// and most measures, is left to the voice.
type language struct {
	cardinal func(n int64, g gender) string
	year     func(n int64) string // 1100 to 1999

	marks   map[rune]string // of addresses
	signs   *strings.Replacer
	comma   string // of a decimal
	until   string // between two numbers
	minus   string
	months  []string
	date    func(day int64, month, year string) string
	time    func(hour, minute int64) string
	units   map[string]noun
	money   map[string]noun // by sign and by code
	and     string          // between money and its hundredths
	grouped string          // a number with marks between thousands, as a regular expression
	called  string          // words before a code, alternatives of a regular expression
	own     func(*language) []rule
}

// gender is that of what is counted.
type gender uint8

const (
	alone gender = iota // nothing is counted
	masculine
	feminine
	neuter
)

// noun is what is counted, of one and of many.
type noun struct {
	one, many string
	gender    gender
}

// speller is what writes a language out.
type speller struct {
	rules func() []rule
	signs *strings.Replacer // of what is left of signs then
}

// spellers are by the first part of a language's tag.
var spellers = map[string]speller{
	"en": {func() []rule { return rules }, signs},
	"de": {sync.OnceValue(german.rules), german.signs},
	"es": {sync.OnceValue(spanish.rules), spanish.signs},
	"fr": {sync.OnceValue(french.rules), french.signs},
}

// WriteOut returns what writes text of a language (BCP 47) out for voices that know
// more letters than ASCII has: numbers, dates, money, addresses, telephone numbers and
// codes in words, without markup and emoji. Of languages other than English, German,
// Spanish and French only markup and emoji are taken out.
func WriteOut(tag string) func(text string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	l, ok := spellers[base]
	if !ok {
		return Plain
	}
	return func(text string) string { return tidy(strings.Map(writable, l.out(text))) }
}

// out is text without markup, its numbers and signs in words.
func (l speller) out(text string) string {
	text = typewritten.Replace(Plain(text))
	for _, r := range l.rules() {
		text = r.pattern.ReplaceAllStringFunc(text, func(match string) string {
			return r.say(r.pattern.FindStringSubmatch(match))
		})
	}
	return l.signs.Replace(text)
}

// rules returns the language's, in the order in which they run.
func (l *language) rules() []rule {
	return slices.Concat(l.addresses(), l.clocks(), l.own(l), l.dates(), l.amounts(), l.codes(), l.quantities())
}

func (l *language) addresses() (all []rule) {
	for _, r := range addresses {
		all = append(all, rule{r.pattern, func(m []string) string { return spellAddress(m[0], l.marks, l.spell) }})
	}
	return all
}

// clocks part the day from the time, as ISO 8601 has them, and a time from another.
func (l *language) clocks() []rule {
	return []rule{
		{regexp.MustCompile(`\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?\b`), func(m []string) string { return m[1] + ", " + m[2] }},
		{regexp.MustCompile(`\b(\d{1,2}(?:[:.]\d\d| ?h(?:\d\d)?)?) ?- ?(\d{1,2}(?::\d\d| ?h(?:\d\d)?|(?:\.\d\d)? Uhr)\b)`), func(m []string) string {
			return m[1] + " " + l.until + " " + m[2]
		}},
	}
}

// dates are those in digits alone. The day comes first, but for those of ISO 8601.
func (l *language) dates() []rule {
	return []rule{
		{regexp.MustCompile(`\b(\d{4})-(\d\d)-(\d\d)\b`), func(m []string) string { return l.sayDate(m[0], m[3], m[2], m[1]) }},
		{regexp.MustCompile(`\b(\d{1,2})[./](\d{1,2})[./](\d{4}|\d{2})\b`), func(m []string) string { return l.sayDate(m[0], m[1], m[2], m[3]) }},
	}
}

// sayDate says a day that there is; otherwise it leaves what is written.
func (l *language) sayDate(written, day, month, year string) string {
	t, ok := dayOf(day, month, year)
	if !ok {
		return written
	}
	return l.date(int64(t.Day()), l.months[t.Month()-1], l.sayYear(int64(t.Year())))
}

// dayOf is the day that there is of that name; a year of two digits is of this century.
func dayOf(day, month, year string) (time.Time, bool) {
	if len(year) == 2 {
		year = "20" + year
	}
	t, err := time.Parse("2006-1-2", year+"-"+strings.TrimPrefix(month, "0")+"-"+strings.TrimPrefix(day, "0"))
	return t, err == nil
}

func (l *language) sayTime(hour, minute string) string {
	h, _ := integer(hour)
	m, _ := integer(minute)
	return l.time(h, m) + " "
}

func (l *language) sayYear(n int64) string {
	if n >= 1100 && n < 2000 {
		return l.year(n)
	}
	return l.cardinal(n, alone)
}

// amounts are those of money.
func (l *language) amounts() []rule {
	number := `(-?)(` + l.grouped + `|\d+)(?:,(\d\d))?`
	return []rule{
		{regexp.MustCompile(`(€|\$|£|\b(?:EUR|USD|GBP|CHF)\b)\s?` + number + `\b`), func(m []string) string { return l.sayMoney(m[2], m[1], m[3], m[4]) }},
		{regexp.MustCompile(number + `\s?(€|\$|£|\b(?:EUR|USD|GBP|CHF)\b)`), func(m []string) string { return l.sayMoney(m[1], m[4], m[2], m[3]) }},
	}
}

func (l *language) sayMoney(sign, currency, whole, hundredths string) string {
	n, ok := integer(whole)
	if !ok {
		return l.spell(whole)
	}
	said := " " + l.count(n, l.money[currency])
	if sign != "" {
		said = " " + l.minus + said
	}
	if cents, _ := integer(hundredths); cents > 0 {
		said += l.and + l.cardinal(cents, alone)
	}
	return said + " "
}

// count says so many of something.
func (l *language) count(n int64, of noun) string {
	if n == 1 {
		return l.cardinal(1, of.gender) + " " + of.one
	}
	return l.cardinal(n, of.gender) + " " + of.many
}

// codes are what is said digit by digit, or letter by letter.
func (l *language) codes() []rule {
	groups := func(m []string) string { return " " + l.spellGroups(m[0]) + " " }
	amount := regexp.MustCompile(`^(?:` + l.grouped + `)$`)
	return []rule{
		{regexp.MustCompile(`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b`), groups},
		{regexp.MustCompile(`\b\d{4}(?:[ -]\d{4}){2,4}\b`), groups},
		{regexp.MustCompile(`(?:\+|\(|\b)\d[\d ()./-]{5,}\d\b`), func(m []string) string {
			if !telephone(m[0]) || amount.MatchString(m[0]) {
				return m[0]
			}
			return groups(m)
		}},
		{regexp.MustCompile(`(?i)\b((?:` + l.called + `)(?: (?:ist|es|est|lautet))?[.:]? ?(?:Nr\.|n°|#)? ?)([a-z]{0,3}\d{3,}[a-z]?)\b`), func(m []string) string {
			return m[1] + l.spell(m[2])
		}},
		{regexp.MustCompile(`\b[A-Z0-9]+(?:-[A-Z0-9]+)*\b`), func(m []string) string {
			if !code(m[0]) {
				return m[0]
			}
			return l.spellGroups(m[0])
		}},
	}
}

// quantities are all other numbers.
func (l *language) quantities() []rule {
	var names []string
	for name := range l.units {
		names = append(names, regexp.QuoteMeta(name))
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	number := `(` + l.grouped + `|\d+)(?:,(\d+))?`
	return []rule{
		{regexp.MustCompile(`(^|\s)-(\d)`), func(m []string) string { return m[1] + l.minus + " " + m[2] }},
		{regexp.MustCompile(`(\d)\s?-\s?(\d)`), func(m []string) string { return m[1] + " " + l.until + " " + m[2] }},
		{regexp.MustCompile(number + `\s?(` + strings.Join(names, "|") + `)(\s|$|[.,;:!?)])`), func(m []string) string {
			u := l.units[m[3]]
			if n, ok := integer(m[1]); ok && m[2] == "" {
				return l.count(n, u) + m[4]
			}
			return l.sayNumber(m[1], m[2]) + u.many + m[4]
		}},
		{regexp.MustCompile(number), func(m []string) string { return l.sayNumber(m[1], m[2]) }},
	}
}

// sayNumber says an amount, a year, or digit by digit what is neither because it begins
// with zero or is long and not round.
func (l *language) sayNumber(whole, fraction string) string {
	n, ok := integer(whole)
	plain := !strings.ContainsFunc(whole, func(r rune) bool { return !unicode.IsDigit(r) })
	var said string
	switch {
	case !ok, plain && len(whole) > 1 && whole[0] == '0', plain && len(whole) > 4 && !strings.HasSuffix(whole, "00"):
		said = l.spell(whole)
	case plain && len(whole) == 4 && fraction == "":
		said = l.sayYear(n)
	default:
		said = l.cardinal(n, alone)
	}
	if fraction != "" {
		said += " " + l.comma + " " + l.spell(fraction)
	}
	return " " + said + " "
}

// spell says letters and digits one by one, and nothing else of s.
func (l *language) spell(s string) string {
	var each []string
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			each = append(each, l.cardinal(int64(r-'0'), alone))
		case unicode.IsLetter(r):
			each = append(each, string(unicode.ToUpper(r)))
		}
	}
	return strings.Join(each, " ")
}

// spellGroups spells what stands in groups, group by group.
func (l *language) spellGroups(s string) string {
	groups := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) && !unicode.IsLetter(r) })
	for i, g := range groups {
		groups[i] = l.spell(g)
	}
	plus := ""
	if s[0] == '+' {
		plus = l.marks['+'] + " "
	}
	return plus + strings.Join(groups, ", ")
}

// integer is what digits with marks between them stand for, up to 15 of them.
func integer(digits string) (int64, bool) {
	digits = strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, digits)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && len(digits) <= 15
}
