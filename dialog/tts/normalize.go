// Package tts prepares text for speech: it cuts a stream of text into
// sentences, writes numbers, addresses and codes out as people say them, knows how
// agents want words pronounced, and keeps the audio of sentences that are said
// again and again. The voices themselves live in its subpackages; what those on this
// machine have in common is Workers.
//
// It refuses to make audio and to know a vendor. Its only goroutines are those of
// Workers, whose Close waits for them.
package tts

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// rule rewrites every match of a pattern; m holds the match and its groups.
type rule struct {
	pattern *regexp.Regexp
	say     func(m []string) string
}

// rules run in this order: what is recognised as a whole comes before what
// would take it for its parts.
var rules = slices.Concat(addresses, dates, amounts, codes, quantities)

// addresses are those of e-mail and the web.
var addresses = []rule{
	{regexp.MustCompile(`[A-Za-z0-9][\w.+%-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), sayAddress},
	{regexp.MustCompile(`(?i)\b(?:https?://|www\.)[^\s<>"]*[a-z0-9/]`), sayAddress},
	{regexp.MustCompile(`(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|dev|gov|edu|eu|uk|de|info|fr|es|at|ch|app|ai|shop|store|biz|health)\b(?:/[\w./-]*[\w/])?`), sayAddress},
}

// amounts are those of money.
var amounts = []rule{
	{regexp.MustCompile(`\b(USD|EUR|GBP|JPY)\s?(\d(?:[\d,]*\d)?(?:\.\d+)?)\b`), func(m []string) string { return currencySigns[m[1]] + m[2] }},
	{regexp.MustCompile(`\b(\d(?:[\d,]*\d)?(?:\.\d+)?)\s?(USD|EUR|GBP|JPY)\b`), func(m []string) string { return currencySigns[m[2]] + m[1] }},
	{regexp.MustCompile(`\b(\d+),(\d\d)\s?€`), func(m []string) string { return sayMoney("", "€", m[1], m[2], "") }},
	{regexp.MustCompile(`(-?)([$€£¥])\s?(\d(?:[\d,]*\d)?)(?:\.(\d+))?(?:\s?(thousand|million|billion|bn|[kKmM])\b)?`), func(m []string) string {
		return sayMoney(m[1], m[2], m[3], m[4], m[5])
	}},
	{regexp.MustCompile(`(-?)\b(\d(?:[\d,]*\d)?)(?:\.(\d\d))?\s?(€)`), func(m []string) string {
		return sayMoney(m[1], m[4], m[2], m[3], "")
	}},
}

// codes are what is said digit by digit, or letter by letter.
var codes = []rule{
	{regexp.MustCompile(`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b`), func(m []string) string { return " " + spellGroups(m[0]) }},
	{regexp.MustCompile(`\b\d{4}(?:[ -]\d{4}){2,4}\b`), func(m []string) string { return " " + spellGroups(m[0]) }},
	{regexp.MustCompile(`\b1-(8\d\d)-([A-Z]+)\b`), func(m []string) string { return "one " + cardinal(m[1]) + ", " + strings.ToLower(m[2]) }},
	{regexp.MustCompile(`\+?\(?\b\d[\d ().-]{5,}\d\b`), sayPhone},
	{regexp.MustCompile(`\b(?:911|(?i:(call|dial|text) (\d{3,6})))\b`), func(m []string) string {
		if m[1] == "" {
			return spell(m[0])
		}
		return m[1] + " " + spell(m[2])
	}},
	{regexp.MustCompile(`(?i)\b((?:code|pin|passcode|extension|ext|id|number|account|ticket|reference|flight|room|booking|confirmation|zip|postcode|ending in|ends in|digits)(?: (?:code|number|id|is|are))*[.:]? ?#?)([a-z]{0,3}\d{3,}[a-z]?)\b`), func(m []string) string {
		return m[1] + spell(m[2])
	}},
	{regexp.MustCompile(`\b[A-Z0-9]+(?:-[A-Z0-9]+)*\b`), sayCode},
}

// quantities are all other numbers, and what is written short.
var quantities = []rule{
	{regexp.MustCompile(`\b(\d+)(?:st|nd|rd|th)\b`), func(m []string) string { return ordinal(m[1]) }},
	{regexp.MustCompile(`\b(\d)'\s?(\d{1,2})"`), func(m []string) string { return m[1] + " foot " + m[2] }},
	{unitPattern, sayUnit},
	{regexp.MustCompile(`([A-Z][a-z]+) (St|Ave|Rd|Blvd)\.([^ ]|$| [^A-Z])`), func(m []string) string { return m[1] + " " + streets[m[2]] + m[3] }},
	{regexp.MustCompile(`\bSt\. ([A-Z])`), func(m []string) string { return "Saint " + m[1] }},
	{regexp.MustCompile(`\bApt\.? ?#?(\d)`), func(m []string) string { return "apartment " + m[1] }},
	{regexp.MustCompile(`(?i)\b(mr|mrs|ms|dr|prof|vs|etc|approx|dept|ext|e\.g|i\.e)\.(,?)`), func(m []string) string {
		return abbreviations[strings.ToLower(m[1])] + m[2]
	}},
	{regexp.MustCompile(`(?i)\bno\.\s?(\d)`), func(m []string) string { return "number " + m[1] }},
	{regexp.MustCompile(`\b24/7\b`), func([]string) string { return "twenty-four seven" }},
	{regexp.MustCompile(`\bC#`), func([]string) string { return "C sharp" }},
	{regexp.MustCompile(`(\b\d+ )?\b(\d)/(\d)\b`), sayFraction},
	{regexp.MustCompile(`(^|\s)-(\d)`), func(m []string) string { return m[1] + "minus " + m[2] }},
	{regexp.MustCompile(`(\d)\s?-\s?(\d)`), func(m []string) string { return m[1] + " to " + m[2] }},
	{regexp.MustCompile(`(\d)/(\d)`), func(m []string) string { return m[1] + " slash " + m[2] }},
	{regexp.MustCompile(`(\d(?:[\d,]*\d)?)((?:\.\d+)*)`), sayNumber},
}

var streets = map[string]string{"St": "Street", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard"}

var abbreviations = map[string]string{
	"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "vs": "versus",
	"etc": "et cetera", "approx": "approximately", "dept": "department", "ext": "extension",
	"e.g": "for example", "i.e": "that is",
}

// typewritten writes the typesetter's marks as those of a keyboard.
var typewritten = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "…", "...", "–", "-", "—", ", ")

// signs writes signs as words.
var signs = strings.NewReplacer(
	"×", " times ", "½", " and a half",
	"&", " and ", "@", " at ", "+", " plus ", "=", " equals ", "#", " number ", "~", " about ",
	"°", " degrees ", "%", " percent ", "(", ", ", ")", ", ", "/", " ",
)

// letters writes letters that are not ASCII in ASCII.
var letters = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue",
	"à", "a", "á", "a", "â", "a", "ã", "a", "å", "a", "æ", "ae", "ç", "c", "è", "e", "é", "e", "ê", "e", "ë", "e",
	"ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ø", "o",
	"ù", "u", "ú", "u", "û", "u", "ý", "y", "ÿ", "y", "œ", "oe", "š", "s", "ž", "z", "č", "c", "ł", "l",
	"À", "A", "Á", "A", "Â", "A", "Å", "A", "Æ", "Ae", "Ç", "C", "È", "E", "É", "E", "Ê", "E", "Í", "I", "Î", "I",
	"Ñ", "N", "Ó", "O", "Ô", "O", "Ø", "O", "Ú", "U", "Š", "S", "Ž", "Z", "Č", "C", "Ł", "L",
)

var (
	spaced   = regexp.MustCompile(`\s+([.,;:!?])`)
	repeated = regexp.MustCompile(`[,;:](?:\s*[,;:])*\s*([.,;:!?])`)
	hanging  = regexp.MustCompile(`(\pL)- | -(\pL)`)
)

// Normalize writes English text out for the built-in voices: plain ASCII words and
// punctuation, without a digit or a sign in it. Markup and emoji are dropped;
// telephone numbers and codes are spoken digit by digit; addresses, money,
// dates, times and numbers as people say them.
func Normalize(text string) string {
	return tidy(strings.Map(speakable, letters.Replace(spellers["en"].out(text))))
}

// tidy puts spaces and marks where they belong.
func tidy(text string) string {
	text = hanging.ReplaceAllString(text, "$1 $2")
	text = strings.Join(strings.Fields(text), " ")
	text = spaced.ReplaceAllString(text, "$1")
	text = repeated.ReplaceAllString(text, "$1")
	return strings.TrimLeft(text, " .,;:!?-")
}

const punctuation = ".,;:!?'-"

// speakable keeps what a built-in voice can use and makes the rest a space.
func speakable(r rune) rune {
	switch {
	case r < unicode.MaxASCII && (unicode.IsLetter(r) || strings.ContainsRune(punctuation, r)):
		return r
	case unicode.IsLetter(r), unicode.IsMark(r):
		return -1 // of another script: nothing to say
	}
	return ' '
}

// writable keeps letters of every script, and the digits of those that have others.
func writable(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || strings.ContainsRune(punctuation, r) {
		return r
	}
	return ' '
}
