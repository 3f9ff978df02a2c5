// Package tts prepares text for speech: it cuts a stream of text into
// sentences, writes numbers, addresses and codes out as people say them, and
// keeps the audio of sentences that are said again and again. The voices
// themselves live in its subpackages.
//
// It refuses to make audio and to know a vendor. It starts no goroutine.
package tts

import (
	"regexp"
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
var rules = []rule{
	{regexp.MustCompile(`[A-Za-z0-9][\w.+%-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), sayAddress},
	{regexp.MustCompile(`(?i)\b(?:https?://|www\.)[^\s<>"]*[a-z0-9/]`), sayAddress},
	{regexp.MustCompile(`(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|dev|gov|edu|eu|uk|de|info)\b(?:/[\w./-]*[\w/])?`), sayAddress},
	{regexp.MustCompile(`\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b`), sayDate},
	{regexp.MustCompile(`\b([01]?\d|2[0-3])(?::([0-5]\d))?\s?([aApP])\.?[mM]\b\.?`), sayTime},
	{regexp.MustCompile(`\b([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?()\b`), sayTime},
	{regexp.MustCompile(`(-?)([$€£])\s?(\d(?:[\d,]*\d)?)(?:\.(\d+))?(?:\s?(thousand|million|billion|bn|[kKmM])\b)?`), func(m []string) string {
		return sayMoney(m[1], m[2], m[3], m[4], m[5])
	}},
	{regexp.MustCompile(`(-?)\b(\d(?:[\d,]*\d)?)(?:\.(\d\d))?\s?(€)`), func(m []string) string {
		return sayMoney(m[1], m[4], m[2], m[3], "")
	}},
	{regexp.MustCompile(`\+?\(?\b\d[\d ().-]{5,}\d\b`), sayPhone},
	{regexp.MustCompile(`(?i)\b((?:code|pin|passcode|extension|ext|id|number|account|ticket|reference|flight|room|booking|confirmation|zip|postcode)(?: (?:code|number|id|is))*[.:]? ?#?)([a-z]{0,3}\d{3,}[a-z]?)\b`), func(m []string) string {
		return m[1] + spell(m[2])
	}},
	{regexp.MustCompile(`\b[A-Z0-9]+(?:-[A-Z0-9]+)*\b`), sayCode},
	{regexp.MustCompile(`\b(\d+)(?:st|nd|rd|th)\b`), func(m []string) string { return ordinal(m[1]) }},
	{regexp.MustCompile(`(\d)\s?(°C|°F|%|°|km|kg|cm|mm|mph|GB|MB|lbs?|oz|ft)(?:\b|\s|$|([,.;:!?]))`), func(m []string) string {
		return m[1] + " " + units[m[2]] + m[3] + " "
	}},
	{regexp.MustCompile(`(?i)\b(mr|mrs|ms|dr|prof|vs|etc|approx|dept|ext|e\.g|i\.e)\.(,?)`), func(m []string) string {
		return abbreviations[strings.ToLower(m[1])] + m[2]
	}},
	{regexp.MustCompile(`(?i)\bno\.\s?(\d)`), func(m []string) string { return "number " + m[1] }},
	{regexp.MustCompile(`\b24/7\b`), func([]string) string { return "twenty-four seven" }},
	{regexp.MustCompile(`(^|\s)-(\d)`), func(m []string) string { return m[1] + "minus " + m[2] }},
	{regexp.MustCompile(`(\d)\s?-\s?(\d)`), func(m []string) string { return m[1] + " to " + m[2] }},
	{regexp.MustCompile(`(\d)/(\d)`), func(m []string) string { return m[1] + " slash " + m[2] }},
	{regexp.MustCompile(`(\d(?:[\d,]*\d)?)((?:\.\d+)*)`), sayNumber},
}

var units = map[string]string{
	"°C": "degrees Celsius", "°F": "degrees Fahrenheit", "°": "degrees", "%": "percent",
	"km": "kilometers", "kg": "kilograms", "cm": "centimeters", "mm": "millimeters", "mph": "miles an hour",
	"GB": "gigabytes", "MB": "megabytes", "lb": "pounds", "lbs": "pounds", "oz": "ounces", "ft": "feet",
}

var abbreviations = map[string]string{
	"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "vs": "versus",
	"etc": "et cetera", "approx": "approximately", "dept": "department", "ext": "extension",
	"e.g": "for example", "i.e": "that is",
}

// typewritten writes the typesetter's marks as those of a keyboard.
var typewritten = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "…", "...", "–", "-", "—", ", ")

// letters writes what is not ASCII in ASCII, and signs as words.
var letters = strings.NewReplacer(
	"×", " times ", "½", " and a half",
	"&", " and ", "@", " at ", "+", " plus ", "=", " equals ", "#", " number ", "~", " about ",
	"°", " degrees ", "%", " percent ", "(", ", ", ")", ", ", "/", " ",
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
)

// Normalize writes English text out for a voice: plain ASCII words and
// punctuation, without a digit or a sign in it. Markup and emoji are dropped;
// telephone numbers and codes are spoken digit by digit; addresses, money,
// dates, times and numbers as people say them.
func Normalize(text string) string {
	text = typewritten.Replace(Plain(text))
	for _, r := range rules {
		text = r.pattern.ReplaceAllStringFunc(text, func(match string) string {
			return r.say(r.pattern.FindStringSubmatch(match))
		})
	}
	text = letters.Replace(text)
	text = strings.Map(speakable, text)
	text = strings.Join(strings.Fields(text), " ")
	text = spaced.ReplaceAllString(text, "$1")
	text = repeated.ReplaceAllString(text, "$1")
	return strings.TrimLeft(text, " .,;:!?-")
}

// speakable keeps what a voice can use and makes the rest a space.
func speakable(r rune) rune {
	switch {
	case r < unicode.MaxASCII && (unicode.IsLetter(r) || strings.ContainsRune(".,;:!?'-", r)):
		return r
	case unicode.IsLetter(r), unicode.IsMark(r):
		return -1 // of another script: nothing to say
	}
	return ' '
}
