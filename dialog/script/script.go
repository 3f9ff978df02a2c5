// Package script is an interviewer that needs no language model: it asks the
// questions of an agent file in order, understands answers said or pressed,
// asks again in other words, and says goodbye.
//
// It understands English; dialog.ParseAgent refuses scripts in a language that
// it does not. It refuses to guess: what two answers fit is asked again. It
// starts no goroutine, and nothing in it blocks.
package script

import (
	"context"
	"iter"
	"maps"
	"strings"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
)

// Interview asks one caller the questions of a script. It is a
// dialog.Replier.
type Interview struct {
	script *dialog.Script
	state  state

	// The last reply, which counts for nothing when nothing of it was heard.
	before state
	seen   int      // lines of the history that it was given
	said   []string // its sentences
	asked  int      // where its question begins, in bytes

	entered int // the sensitive questions before this one have been answered
}

// New returns an interview for one call. The script must come from
// dialog.ParseAgent, which fills in what it leaves out.
func New(s *dialog.Script) *Interview {
	return &Interview{script: s, state: state{question: greeting, answers: map[string]string{}}}
}

// The places of an interview that are no question.
const greeting = -1

// state is where an interview stands.
type state struct {
	question  int               // greeting, or an index of the script's; beyond the last one is the goodbye
	attempts  int               // how often the question was asked in vain
	wording   int               // how many other wordings were used
	thanks    int               // how many answers were thanked for
	unasked   bool              // the caller took the turn before the question was heard
	candidate *candidate        // an answer that waits for a yes
	answers   map[string]string // so far, as conditions compare them
}

// candidate is an answer that is read back before it counts.
type candidate struct {
	value any
	said  consent.Heard
}

func (s state) clone() state {
	s.answers = maps.Clone(s.answers)
	return s
}

// reply is what the interview says to one input.
type reply struct {
	parts []dialog.Part
	asked int // the first sentence of the question
}

func (r *reply) say(texts ...string) {
	for _, text := range texts {
		var s tts.Sentences
		for _, sentence := range append(s.Feed(text), s.Flush()) {
			if sentence != "" {
				r.parts = append(r.parts, dialog.Part{Sentence: sentence})
			}
		}
	}
}

// question says what the caller is asked to answer.
func (r *reply) question(texts ...string) {
	r.asked = len(r.parts)
	r.say(texts...)
}

// Reply implements dialog.Replier. It never fails.
func (i *Interview) Reply(ctx context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	parts := i.answer(in)
	return func(yield func(dialog.Part, error) bool) {
		for _, p := range parts {
			if ctx.Err() != nil || !yield(p, nil) {
				return
			}
		}
	}
}

func (i *Interview) answer(in dialog.Input) []dialog.Part {
	heard := i.heard(in.History)
	if heard == 0 {
		i.state = i.before.orFirst(i.state)
	}
	if heard > 0 {
		i.state.unasked = heard <= i.asked && !i.askedBefore()
	}
	if in.Kind == dialog.Resumed && i.sensitive() {
		i.entered = i.state.question + 1
	}
	i.before, i.seen = i.state.clone(), len(in.History)
	var r reply
	switch {
	case i.state.question == greeting:
		r.say(i.script.Greeting)
		i.proceed(&r, 0)
	case i.state.question >= len(i.script.Questions):
		i.goodbye(&r)
	case i.state.question < i.entered:
		i.thank(&r)
		i.proceed(&r, i.place(i.current().Next))
	case in.Kind == dialog.Silent:
		i.nudge(&r)
	case in.Kind == dialog.Again, in.Kind == dialog.Resumed:
		i.repeat(&r)
	case (i.state.unasked || i.sensitive()) && commandIn(in.Words()) == none:
		i.repeat(&r) // the caller can not have answered what was not asked yet
	default:
		i.listen(&r, in)
	}
	return i.keep(&r)
}

// askedBefore reports whether the last reply only asked again what the caller
// had heard already.
func (i *Interview) askedBefore() bool {
	b, s := &i.before, &i.state
	return b.answers != nil && b.question == s.question && !b.unasked && (b.candidate == nil) == (s.candidate == nil)
}

// orFirst returns s, or first where there was no reply yet.
func (s state) orFirst(first state) state {
	if s.answers == nil {
		return first
	}
	return s.clone()
}

// heard returns how many bytes of the last reply the caller heard.
func (i *Interview) heard(history []dialog.Line) int {
	heard := 0
	for _, line := range history[min(i.seen, len(history)):] {
		if line.Agent != "" {
			heard = max(heard, within(line.Agent, i.said, 0))
		}
	}
	return heard
}

// within returns how far in a text, whose sentences these are from at on, a line ends
// that holds them: whole, but for the last, those that nobody could say, and those that
// somebody could not say to their end. It is 0 for any other line.
func within(line string, sentences []string, at int) int {
	if len(sentences) == 0 {
		return 0
	}
	s, others, next := sentences[0], sentences[1:], at+len(sentences[0])+1
	if strings.HasPrefix(s, line) {
		return at + len(line)
	}
	same := 0
	for same < min(len(s), len(line)) && s[same] == line[same] {
		same++
	}
	if same < len(s) || line[same] != ' ' {
		same = strings.LastIndexByte(line[:same], ' ')
	}
	if same > 0 {
		if n := within(line[same+1:], others, next); n > 0 {
			return n
		}
	}
	return within(line, others, next)
}

// sensitive reports whether nobody may see the answer to the current question,
// and it has not been given.
func (i *Interview) sensitive() bool {
	n := i.state.question
	return n >= i.entered && n < len(i.script.Questions) && i.current().Sensitive
}

// keep remembers what a reply says, and tells the turn machine how to listen. A
// sensitive question is heard whole, and then answered while nothing is recorded.
func (i *Interview) keep(r *reply) []dialog.Part {
	expect, sensitive := i.expect(), i.sensitive()
	i.said = nil
	length := 0
	for n := range r.parts {
		p := &r.parts[n]
		p.Expect, p.Pause, p.Protected = expect, sensitive, sensitive && n >= r.asked
		if n == r.asked {
			i.asked = length
		}
		if p.Sentence != "" {
			i.said = append(i.said, p.Sentence)
			length += len(p.Sentence) + 1
		}
	}
	return r.parts
}

// expect says what kind of input comes next. Where a 9 can be the answer, it
// must not be one of the keys that are understood at once: it refuses recording.
func (i *Interview) expect() dialog.Expect {
	if i.state.question < 0 || i.state.question >= len(i.script.Questions) {
		return dialog.ExpectWords
	}
	if i.state.candidate != nil {
		return dialog.ExpectKey
	}
	switch q := i.current(); q.Kind {
	case dialog.KindYesNo:
		return dialog.ExpectKey
	case dialog.KindChoice:
		if len(q.Choices) < 9 {
			return dialog.ExpectKey
		}
		return dialog.ExpectNumber
	case dialog.KindNumber:
		if q.Max != nil && *q.Max < 9 {
			return dialog.ExpectKey
		}
		return dialog.ExpectNumber
	case dialog.KindDigits, dialog.KindPhone, dialog.KindEmail:
		return dialog.ExpectDigits
	}
	return dialog.ExpectWords
}
