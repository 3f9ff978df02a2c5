package script

import (
	"slices"
	"strconv"
	"strings"

	"sidetone/consent"
	"sidetone/dialog"
)

func (i *Interview) current() *dialog.Question { return &i.script.Questions[i.state.question] }

// proceed asks the first question from index n on that is to be asked, or says
// goodbye when there is none.
func (i *Interview) proceed(r *reply, n int) {
	i.state.attempts, i.state.wording, i.state.candidate = 0, 0, nil
	for i.state.question = n; i.state.question < len(i.script.Questions); i.state.question++ {
		if i.holds(i.current().When) {
			r.question(i.current().Ask)
			return
		}
	}
	i.goodbye(r)
}

// holds reports whether a condition holds.
func (i *Interview) holds(w *dialog.When) bool {
	if w == nil {
		return true
	}
	answer, ok := i.state.answers[w.Key]
	return ok && slices.ContainsFunc(w.Is, func(is string) bool { return strings.EqualFold(is, answer) })
}

// goodbye ends the interview. A caller who interrupts it hears it again.
func (i *Interview) goodbye(r *reply) {
	i.state.question = len(i.script.Questions)
	r.question(i.script.Goodbye)
	r.parts = append(r.parts, dialog.Part{End: true})
}

// listen takes what the caller said or pressed.
func (i *Interview) listen(r *reply, in dialog.Input) {
	words, q := in.Words(), i.current()
	if in.Kind == dialog.Said {
		if c := commandIn(words); c != none {
			i.obey(r, c, in.Said)
			return
		}
	}
	keys := in.Kind == dialog.Keyed
	if keys && digitsOf(words) == "" {
		i.repeat(r) // a star begins a command to the gateway: no answer, and no failure
		return
	}
	if i.state.candidate != nil {
		i.confirmed(r, words, keys, in.Said)
		return
	}
	value, ok := understand(q, words, keys)
	switch {
	case ok:
		i.offer(r, value, in.Said)
	case q.Kind != dialog.KindText && commandWithin(words) != none:
		i.obey(r, commandWithin(words), in.Said)
	default:
		i.retry(r, in.Said, sorry)
	}
}

// obey does what the caller asked for instead of answering.
func (i *Interview) obey(r *reply, c command, said consent.Heard) {
	switch c {
	case repeatIt:
		r.say(ofCourse)
		i.repeat(r)
	case leave:
		i.goodbye(r)
	case whatAreYou:
		r.say(aMachine)
		i.repeat(r)
	case skipIt, dontKnow:
		if i.current().Optional {
			r.say(pick(noProblem, i.state.thanks))
			i.skip(r, said)
			return
		}
		i.state.candidate = nil
		i.retry(r, said, needed)
	}
}

// repeat asks the same question once more.
func (i *Interview) repeat(r *reply) {
	if c := i.state.candidate; c != nil {
		i.readBack(r)
		return
	}
	r.question(i.current().Ask)
}

// nudge asks a silent caller again.
func (i *Interview) nudge(r *reply) {
	r.say(pick(stillThere, i.state.wording))
	if i.state.candidate != nil {
		i.readBack(r)
		return
	}
	i.askOtherwise(r)
}

// retry asks again after something that was no answer, until that has been
// tried often enough.
func (i *Interview) retry(r *reply, said consent.Heard, why []string) {
	q := i.current()
	i.state.attempts++
	if i.state.attempts < q.Attempts {
		r.say(pick(why, i.state.attempts-1))
		i.askOtherwise(r)
		return
	}
	if q.GiveUp == dialog.GiveUpEnd {
		i.goodbye(r)
		return
	}
	r.say(pick(leaveIt, i.state.thanks))
	i.skip(r, said)
}

// askOtherwise asks the question in other words, and tells of the keypad from
// the second time on.
func (i *Interview) askOtherwise(r *reply) {
	q := i.current()
	text := q.Ask
	if len(q.Reask) > 0 {
		text = pick(q.Reask, i.state.wording)
	}
	i.state.wording++
	r.question(text)
	if i.state.wording > 1 {
		r.say(keypad(q))
	}
}

// offer takes an answer that was understood; it counts once it is confirmed,
// where that is asked for.
func (i *Interview) offer(r *reply, value any, said consent.Heard) {
	i.state.candidate = &candidate{value: value, said: said}
	if i.current().Confirm {
		i.readBack(r)
		return
	}
	i.accept(r)
}

func (i *Interview) readBack(r *reply) {
	r.question(pick(iHave, i.state.attempts)+" "+readBack(i.current(), i.state.candidate.value)+".", pick(isItRight, i.state.attempts))
}

// confirmed takes the caller's verdict on the answer that was read back, or a
// better answer.
func (i *Interview) confirmed(r *reply, words string, keys bool, said consent.Heard) {
	q := i.current()
	verdict, clear := yesNo(words, keys)
	if clear && verdict {
		i.accept(r)
		return
	}
	if q.Kind != dialog.KindYesNo && q.Kind != dialog.KindText && !keys {
		if value, ok := understand(q, withoutNo(words), false); ok {
			i.state.attempts++
			i.offer(r, value, said)
			return
		}
	}
	if clear {
		i.state.candidate = nil
		i.retry(r, said, apology)
		return
	}
	i.state.attempts++
	if i.state.attempts < q.Attempts {
		i.readBack(r)
		return
	}
	i.state.candidate = nil
	i.retry(r, said, sorry)
}

// accept notes the answer and goes on. It keeps nothing of a child.
func (i *Interview) accept(r *reply) {
	q, c := i.current(), i.state.candidate
	if age, ok := c.value.(float64); ok && age < float64(q.Adult) {
		r.parts = []dialog.Part{{Minor: true}}
		return
	}
	i.note(r, c.value, c.said)
	i.state.answers[q.Key] = compared(c.value)
	i.thank(r)
	next := q.Next
	if q.Kind == dialog.KindChoice {
		for _, choice := range q.Choices {
			if choice.Value == c.value && choice.Next != "" {
				next = choice.Next
			}
		}
	}
	i.proceed(r, i.place(next))
}

// thank thanks for an answer, in other words each time.
func (i *Interview) thank(r *reply) {
	thanks := pick(thankYou, i.state.thanks)
	if len(i.script.Thanks) > 0 {
		thanks = pick(i.script.Thanks, i.state.thanks)
	}
	i.state.thanks++
	r.say(thanks)
}

// skip goes on without an answer.
func (i *Interview) skip(r *reply, said consent.Heard) {
	i.note(r, nil, said)
	i.proceed(r, i.place(i.current().Next))
}

// note hands on an answer; nil says that there is none.
func (i *Interview) note(r *reply, value any, said consent.Heard) {
	q := i.current()
	r.parts = append(r.parts, dialog.Part{Answer: &dialog.Answer{Key: q.Key, Kind: string(q.Kind), Value: value, Said: said}})
}

// place returns the index of the question that a label names.
func (i *Interview) place(next string) int {
	switch next {
	case "":
		return i.state.question + 1
	case dialog.Goodbye:
		return len(i.script.Questions)
	}
	return slices.IndexFunc(i.script.Questions, func(q dialog.Question) bool { return q.Key == next })
}

// compared returns a value as conditions compare it.
func compared(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return ""
}

// pick takes the nth of some texts, beginning again at their end.
func pick(texts []string, n int) string { return texts[n%len(texts)] }
