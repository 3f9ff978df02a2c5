package tts

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

var (
	link      = regexp.MustCompile(`!?\[([^\[\]]*)\]\([^()\s]*\)`)
	tableRule = regexp.MustCompile(`(?m)^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t:-]*)*$`)
	tableEdge = regexp.MustCompile(`(?m)^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$`)
	tableCell = regexp.MustCompile(`[ \t]+\|[ \t]+`)
	tag       = regexp.MustCompile(`</?[A-Za-z][^<>]*>`)
	lineMark  = regexp.MustCompile(`(?m)^[ \t]*(?:#{1,6}|[-*+>•]|` + "```" + `\w*)(?:[ \t]+|$)`)
	emphasis  = regexp.MustCompile(`\*+|~~+|` + "`+" + `|(^|\W)_+|_+(\W|$)`)
)

// Plain returns text without Markdown, tags, emoji and invisible characters,
// its white space collapsed: what a person would read out.
func Plain(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = tableRule.ReplaceAllString(text, "")
	text = tableEdge.ReplaceAllString(text, "")
	text = tableCell.ReplaceAllString(text, ", ")
	text = link.ReplaceAllString(text, "$1")
	text = html.UnescapeString(tag.ReplaceAllString(text, " "))
	text = lineMark.ReplaceAllString(text, "")
	text = emphasis.ReplaceAllString(text, "$1$2")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r >= 0x2000 && (unicode.Is(unicode.So, r) || unicode.Is(unicode.Cf, r)),
			r >= 0x1F3FB && r <= 0x1F3FF, // skin tones
			unicode.Is(unicode.Me, r),    // keycaps
			unicode.Is(unicode.Variation_Selector, r),
			unicode.Is(unicode.Co, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
