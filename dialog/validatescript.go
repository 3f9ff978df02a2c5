package dialog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// attempts is how often a question is asked where nothing else is said.
const attempts = 3

// validate checks a script, and fills in what its questions leave out.
func (s *Script) validate(f *faults) {
	if s.Attempts == 0 {
		s.Attempts = attempts
	}
	if s.GiveUp == "" {
		s.GiveUp = GiveUpSkip
	}
	checkPolicy(f, "script", s.Attempts, s.GiveUp)
	if strings.TrimSpace(s.Greeting) == "" {
		f.add("script.greeting", "a text is needed")
	}
	if strings.TrimSpace(s.Goodbye) == "" {
		f.add("script.goodbye", "a text is needed")
	}
	if len(s.Questions) == 0 {
		f.add("script.questions", "at least one is needed")
	}
	seen := map[string]bool{}
	for i := range s.Questions {
		q, path := &s.Questions[i], fmt.Sprintf("script.questions[%d]", i)
		if q.Attempts == 0 {
			q.Attempts = s.Attempts
		}
		if q.GiveUp == "" {
			q.GiveUp = s.GiveUp
		}
		checkKey(f, path, q.Key, seen)
		q.validate(f, path)
		s.checkBranches(f, path, i)
	}
}

func checkPolicy(f *faults, path string, attempts int, g GiveUp) {
	if attempts < 1 || attempts > 10 {
		f.add(path+".attempts", "%d is not between 1 and 10", attempts)
	}
	if g != GiveUpSkip && g != GiveUpEnd {
		f.add(path+".give_up", "%q is neither %s nor %s", g, GiveUpSkip, GiveUpEnd)
	}
}

func (q *Question) validate(f *faults, path string) {
	checkKind(f, path, q.Kind)
	checkPolicy(f, path, q.Attempts, q.GiveUp)
	if strings.TrimSpace(q.Ask) == "" {
		f.add(path+".ask", "a text is needed")
	}
	for i, text := range q.Reask {
		if strings.TrimSpace(text) == "" {
			f.add(fmt.Sprintf("%s.reask[%d]", path, i), "a text is needed")
		}
	}
	if (q.Kind == KindChoice) != (len(q.Choices) > 0) {
		f.add(path+".choices", "needed for kind %s, and for no other", KindChoice)
	}
	q.checkChoices(f, path)
	if q.Kind != KindNumber && (q.Min != nil || q.Max != nil) {
		f.add(path, "min and max are for kind %s; see min_digits and max_digits", KindNumber)
	}
	if q.Min != nil && q.Max != nil && *q.Min > *q.Max {
		f.add(path+".min", "is above max")
	}
	q.checkDigits(f, path)
	q.checkSensitive(f, path)
	q.checkAdult(f, path)
}

// checkSensitive checks a question whose answer nobody sees.
func (q *Question) checkSensitive(f *faults, path string) {
	if !q.Sensitive {
		return
	}
	if q.Kind != KindDigits {
		f.add(path+".sensitive", "only for kind %s: such an answer is keyed in", KindDigits)
	}
	if q.Confirm {
		f.add(path+".confirm", "nobody sees an answer that is sensitive, so it can not be read back")
	}
}

// checkAdult checks a question of age. Any age must be understood, so it has no
// lower bound but zero.
func (q *Question) checkAdult(f *faults, path string) {
	switch {
	case q.Adult == 0:
		return
	case q.Kind != KindNumber:
		f.add(path+".adult", "only for kind %s", KindNumber)
		return
	case q.Adult < 1 || q.Adult > 25:
		f.add(path+".adult", "%d is not between 1 and 25", q.Adult)
	}
	if q.Max != nil && *q.Max < float64(q.Adult) {
		f.add(path+".max", "no adult could answer: it is below adult")
	}
	if q.Min == nil {
		q.Min = new(float64)
	}
	if *q.Min > 0 {
		f.add(path+".min", "must be 0 or left out: of a child's answer the age has to be understood, too")
	}
}

func (q *Question) checkChoices(f *faults, path string) {
	values := map[string]bool{}
	for i, c := range q.Choices {
		path := fmt.Sprintf("%s.choices[%d]", path, i)
		if strings.TrimSpace(c.Value) == "" {
			f.add(path+".value", "a text is needed")
		}
		if values[c.Value] {
			f.add(path+".value", "%q is used twice", c.Value)
		}
		values[c.Value] = true
	}
}

// checkDigits checks how many digits an answer has, and fills in the defaults:
// a telephone number has 7 to 15 (ITU-T E.164), anything else 1 to 32.
func (q *Question) checkDigits(f *faults, path string) {
	least, most := 1, 32
	switch q.Kind {
	case KindPhone:
		least, most = 7, 15
	case KindDigits:
	default:
		if q.MinDigits != 0 || q.MaxDigits != 0 {
			f.add(path, "min_digits and max_digits are for the kinds %s and %s", KindDigits, KindPhone)
		}
		return
	}
	if q.MinDigits == 0 {
		q.MinDigits = least
	}
	if q.MaxDigits == 0 {
		q.MaxDigits = most
	}
	if q.MinDigits < 1 || q.MinDigits > q.MaxDigits || q.MaxDigits > 32 {
		f.add(path, "min_digits and max_digits must be 1 to 32 and in this order")
	}
}

// checkBranches checks where question i goes and when it is asked. A way leads
// only forward, so that every interview ends.
func (s *Script) checkBranches(f *faults, path string, i int) {
	q := s.Questions[i]
	s.checkNext(f, path+".next", i, q.Next)
	for n, c := range q.Choices {
		s.checkNext(f, fmt.Sprintf("%s.choices[%d].next", path, n), i, c.Next)
	}
	if q.When == nil {
		return
	}
	n := slices.IndexFunc(s.Questions[:i], func(e Question) bool { return e.Key == q.When.Key })
	if n < 0 {
		f.add(path+".when.key", "%q is no earlier question", q.When.Key)
		return
	}
	if s.Questions[n].Sensitive {
		f.add(path+".when.key", "nobody sees the answer to %q", q.When.Key)
		return
	}
	if len(q.When.Is) == 0 {
		f.add(path+".when.is", "at least one answer is needed")
	}
	for _, is := range q.When.Is {
		if !s.Questions[n].mayBe(is) {
			f.add(path+".when.is", "%q is no answer to %q", is, q.When.Key)
		}
	}
}

// mayBe reports whether an answer to the question can be what a condition says.
func (q *Question) mayBe(is string) bool {
	switch q.Kind {
	case KindYesNo:
		return is == "yes" || is == "no"
	case KindChoice:
		return slices.ContainsFunc(q.Choices, func(c Choice) bool { return c.Value == is })
	case KindNumber:
		_, err := strconv.ParseFloat(is, 64)
		return err == nil
	}
	return is != ""
}

func (s *Script) checkNext(f *faults, path string, i int, next string) {
	if next == "" || next == Goodbye {
		return
	}
	if !slices.ContainsFunc(s.Questions[i+1:], func(l Question) bool { return l.Key == next }) {
		f.add(path, "%q is neither a later question nor %q", next, Goodbye)
	}
}
