package script

import "strings"

// verdict is what a phrase says to a yes or no question.
type verdict int8

const (
	isNo    verdict = -1
	unclear verdict = 0
	isYes   verdict = 1
)

// longestVerdict is the number of words of the longest phrase in verdicts.
const longestVerdict = 3

var verdicts = verdictTable(map[verdict][]string{
	isYes: {
		"yes", "yeah", "yea", "yep", "yup", "yah", "ya", "yas", "yess", "aye", "sure", "right", "correct", "absolutely", "definitely", "certainly",
		"indeed", "affirmative", "exactly", "ok", "okay", "fine", "mhm", "mm-hmm", "uh-huh", "alright", "true", "gladly",
		"of course", "no problem", "no worries", "why not", "i do", "i am", "i have", "i did", "i would", "i think so", "i guess so", "i suppose so",
		"that's right", "that is right", "it is", "that's correct", "go ahead", "please do", "sounds good", "you bet", "for sure", "all right", "mm hmm", "uh huh",
	},
	isNo: {
		"no", "nope", "nah", "naw", "never", "negative", "wrong", "incorrect", "false", "not", "don't", "didn't", "isn't", "haven't", "hasn't", "wasn't", "wouldn't", "won't", "can't",
		"of course not", "absolutely not", "definitely not", "certainly not", "not really", "not yet", "not at all", "no way", "no thanks", "no thank you",
		"i don't", "i do not", "i haven't", "i have not", "i didn't", "i did not", "i'm not", "i am not", "it isn't", "it is not", "it's not", "that's not", "that is not", "not right",
		"that isn't", "isn't right", "not correct", "i wouldn't", "i would not", "rather not", "i don't think", "not true", "that's wrong", "that's not right", "that's not correct",
	},
	unclear: {"maybe", "perhaps", "possibly", "depends", "not sure", "i'm not sure", "don't know", "i don't know", "sort of", "kind of"},
})

// alone are answers only where nothing else was said: mishearings, and keys
// that were said instead of pressed.
var alone = map[string]verdict{
	"know": isNo, "now": isNo, "na": isNo, "nay": isNo, "two": isNo, "2": isNo,
	"yet": isYes, "jess": isYes, "yeh": isYes, "one": isYes, "1": isYes, "please": isYes,
}

func verdictTable(lists map[verdict][]string) map[string]verdict {
	table := map[string]verdict{}
	for v, phrases := range lists {
		for _, p := range phrases {
			table[p] = v
		}
	}
	return table
}

// yesNo understands an answer to a yes or no question. Key 1 is yes, key 2 is
// no. Of "yes, I don't mind" the first word counts; what says both otherwise
// is not understood.
func yesNo(text string, keys bool) (answer, ok bool) {
	if keys {
		d := digitsOf(text)
		return d == "1", d == "1" || d == "2"
	}
	// A hyphen belongs to the word here: uh-huh.
	words := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(text, "’", "'")), func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '\'' || r == '-')
	})
	if len(words) == 1 {
		if v, ok := alone[words[0]]; ok {
			return v == isYes, true
		}
	}
	var found []verdict
	plain := false // the first verdict is the first word, and a single one
	for i := 0; i < len(words); {
		v, n, ok := verdictAt(words[i:])
		if !ok {
			i++
			continue
		}
		if v == unclear {
			return false, false
		}
		if len(found) == 0 {
			plain = i == 0 && n == 1
		}
		found = append(found, v)
		i += n
	}
	if len(found) == 0 {
		return false, false
	}
	for _, v := range found[1:] {
		if v != found[0] && !plain {
			return false, false
		}
	}
	return found[0] == isYes, true
}

// verdictAt returns the verdict of the longest phrase that words begin with.
func verdictAt(words []string) (v verdict, n int, ok bool) {
	for n := min(longestVerdict, len(words)); n > 0; n-- {
		if v, ok := verdicts[strings.Join(words[:n], " ")]; ok {
			return v, n, true
		}
	}
	return unclear, 0, false
}

// withoutNo drops the refusal that a correction begins with: "no, it is 42".
func withoutNo(text string) string {
	words := strings.Fields(text)
	for len(words) > 0 {
		w := strings.Trim(strings.ToLower(words[0]), ",.!")
		if w != "no" && w != "nope" && w != "sorry" && w != "wrong" && w != "not" {
			break
		}
		words = words[1:]
	}
	return strings.Join(words, " ")
}
