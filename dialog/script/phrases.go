package script

import (
	"fmt"
	"strings"

	"sidetone/dialog"
)

// What the interview says of its own. Short sentences: a plain voice reads
// them well.
var (
	thankYou   = []string{"Thank you.", "Got it.", "All right.", "Good, thanks."}
	sorry      = []string{"Sorry, I did not get that.", "I am afraid I missed that.", "I still did not get it."}
	apology    = []string{"Sorry about that.", "My mistake."}
	needed     = []string{"I do need this one to go on.", "I can not go on without it."}
	noProblem  = []string{"No problem.", "That is fine."}
	leaveIt    = []string{"Let us leave that for now.", "We will leave that open."}
	stillThere = []string{"Are you still there?", "I can not hear you."}
	iHave      = []string{"I have", "So that is"}
	isItRight  = []string{"Is that right?", "Is that correct? Please say yes or no."}
)

const (
	ofCourse = "Of course."
	aMachine = "I am an automated assistant, not a person."
)

// keypad says how a question can be answered by keys.
func keypad(q *dialog.Question) string {
	if q.Sensitive {
		return "Please enter it on your keypad, and then press the hash key."
	}
	switch q.Kind {
	case dialog.KindYesNo:
		return "You can also press one for yes, or two for no."
	case dialog.KindNumber:
		return "You can also use your keypad, and then press the hash key."
	case dialog.KindDigits, dialog.KindPhone:
		return "You can also enter it on your keypad, and then press the hash key."
	case dialog.KindChoice:
		if len(q.Choices) > 9 {
			return ""
		}
		var ways []string
		for i, c := range q.Choices {
			ways = append(ways, fmt.Sprintf("%s for %s", cardinals[i+1], c.Name()))
		}
		return "You can also press " + strings.Join(ways, ", or ") + "."
	case dialog.KindEmail:
		return "Please say it slowly, with at and dot, like jane dot doe at example dot com."
	}
	return ""
}

// cardinals are the names of the digits.
var cardinals = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}

// readBack says an answer for the caller to check.
func readBack(q *dialog.Question, value any) string {
	text := compared(value)
	switch q.Kind {
	case dialog.KindDigits, dialog.KindPhone:
		return sayDigits(text)
	case dialog.KindEmail:
		return sayEmail(text)
	case dialog.KindChoice:
		for _, c := range q.Choices {
			if c.Value == text {
				return c.Name()
			}
		}
	case dialog.KindText:
		return strings.TrimRight(text, ".!? ")
	}
	return text
}

// sayDigits says digits one by one, in groups of three and a rest of up to
// four.
func sayDigits(digits string) string {
	var said strings.Builder
	if rest, ok := strings.CutPrefix(digits, "+"); ok {
		said.WriteString("plus ")
		digits = rest
	}
	for i := range len(digits) {
		if i > 0 {
			if left := len(digits) - i; i%3 == 0 && left > 1 {
				said.WriteString(",")
			}
			said.WriteString(" ")
		}
		said.WriteString(cardinals[digits[i]-'0'])
	}
	return said.String()
}

var marks = map[rune]string{'.': "dot", '@': "at", '-': "dash", '_': "underscore", '+': "plus", '%': "percent"}

// sayEmail says an address as people do.
func sayEmail(address string) string {
	var said strings.Builder
	for _, r := range address {
		switch name, mark := marks[r]; {
		case mark:
			said.WriteString(" " + name + " ")
		case r >= '0' && r <= '9':
			said.WriteString(" " + cardinals[r-'0'] + " ")
		default:
			said.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(said.String()), " ")
}
