package script

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/dialog"
	"sidetone/media"
)

// talk is a conversation with an interview, as the turn machine would hold it.
type talk struct {
	t         *testing.T
	gate      *consent.Gate
	interview *Interview
	at        media.Tick
	lines     []dialog.Line
	silences  int
	answers   map[string]any
	expect    dialog.Expect
	parts     []dialog.Part // of the newest reply
	ended     bool
}

func newTalk(t *testing.T, agent string) *talk {
	t.Helper()
	a, err := dialog.ParseAgent("test", []byte("notice: {parts: [{kind: recording, text: Recorded.}]}\n"+agent))
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, gate: gatetest.Open(), interview: New(a.Script), answers: map[string]any{}}
}

func (k *talk) mint(words string) consent.Heard {
	k.t.Helper()
	h, ok := k.gate.Heard(k.at, k.at+media.TickRate, words)
	if !ok {
		k.t.Fatal("the gate is shut")
	}
	k.at += media.TickRate
	return h
}

// reply gives the interview an input, whose reply is heard up to the end of
// its sentence number heard, and returns what it said.
func (k *talk) reply(kind dialog.InputKind, said string, heard int) string {
	k.t.Helper()
	in := dialog.Input{Kind: kind, History: slices.Clone(k.lines)}
	if kind == dialog.Silent {
		k.silences++
		in.Silence = k.silences
	}
	if said != "" {
		in.Said = k.mint(said)
		k.lines = append(k.lines, dialog.Line{Caller: in.Said})
	}
	var sentences []string
	k.parts = nil
	for p, err := range k.interview.Reply(context.Background(), in) {
		if err != nil {
			k.t.Fatal(err)
		}
		k.parts = append(k.parts, p)
		if p.Sentence != "" {
			sentences = append(sentences, p.Sentence)
		}
		if p.Answer != nil {
			if p.Answer.Said.String() == "" {
				k.t.Errorf("answer %s has no origin", p.Answer.Key)
			}
			k.answers[p.Answer.Key] = p.Answer.Value
		}
		k.expect, k.ended = p.Expect, p.End
	}
	if text := strings.Join(sentences[:min(heard, len(sentences))], " "); text != "" {
		k.lines = append(k.lines, dialog.Line{Agent: text})
	}
	return strings.Join(sentences, " ")
}

const whole = 99

// says checks that the reply to what the caller said holds a text.
func (k *talk) says(said, want string) {
	k.t.Helper()
	k.holds("to "+said, k.reply(dialog.Said, said, whole), want)
}

func (k *talk) presses(keys, want string) {
	k.t.Helper()
	for _, key := range keys[:len(keys)-1] {
		k.lines = append(k.lines, dialog.Line{Caller: k.mint(string(key))})
	}
	k.holds("to keys "+keys, k.reply(dialog.Keyed, keys[len(keys)-1:], whole), want)
}

func (k *talk) opens(want string) {
	k.t.Helper()
	k.holds("to the opening", k.reply(dialog.Opening, "", whole), want)
}

func (k *talk) waits(want string) {
	k.t.Helper()
	k.holds("to silence", k.reply(dialog.Silent, "", whole), want)
}

func (k *talk) holds(to, got, want string) {
	k.t.Helper()
	if !strings.Contains(got, want) {
		k.t.Fatalf("%s: the interview says %q, want %q in it", to, got, want)
	}
}

func (k *talk) ends(want map[string]any) {
	k.t.Helper()
	if !k.ended {
		k.t.Error("the interview goes on")
	}
	k.answered(want)
}

func (k *talk) answered(want map[string]any) {
	k.t.Helper()
	if !maps.Equal(k.answers, want) {
		k.t.Errorf("answers: got %v, want %v", k.answers, want)
	}
}

const survey = `
script:
  greeting: Welcome to the survey.
  goodbye: That was all. Goodbye!
  questions:
    - {key: owner, kind: yes_no, ask: "Do you own a bicycle?", reask: ["Yes or no: do you have a bike?", "A bike, do you have one?"]}
    - {key: rides, kind: number, min: 0, max: 500, ask: "How often did you ride it last year?", when: {key: owner, is: yes}}
    - key: color
      kind: choice
      ask: "Is it red, green or blue?"
      optional: true
      choices: [{value: red, next: serial}, {value: green}, {value: blue, next: goodbye}]
    - {key: wish, kind: text, ask: "What would you like to change?"}
    - {key: serial, kind: digits, min_digits: 4, max_digits: 8, confirm: true, ask: "What is the serial number?", give_up: end}
`

func TestInterview(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("Welcome to the survey. Do you own a bicycle?")
	k.says("Yes, I do.", "How often did you ride")
	k.says("About a hundred and twenty times.", "Is it red, green or blue?")
	k.says("It's green.", "What would you like to change?")
	k.says("I want a lighter frame.", "What is the serial number?")
	k.says("four two double seven", "four two seven seven. Is that right?")
	k.says("Yes.", "That was all. Goodbye!")
	k.ends(map[string]any{"owner": true, "rides": 120.0, "color": "green", "wish": "I want a lighter frame.", "serial": "4277"})
}

func TestKeypad(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.presses("*", "Do you own a bicycle?")
	k.presses("1", "How often")
	k.presses("12#", "red, green or blue")
	k.presses("1", "serial number")
	k.presses("0042#", "zero zero four two. Is that")
	k.presses("1", "Goodbye")
	k.ends(map[string]any{"owner": true, "rides": 12.0, "color": "red", "serial": "0042"})
}

func TestBranches(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("No.", "red, green or blue") // no bicycle, no rides
	k.says("blue", "Goodbye")           // blue goes to the goodbye
	k.ends(map[string]any{"owner": false, "color": "blue"})
}

// TestAskAgain checks that every other wording is used, and that a question is
// given up after three attempts.
func TestAskAgain(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("Bananas.", "Yes or no: do you have a bike?")
	k.says("Bananas.", "A bike, do you have one? You can also press one for yes, or two for no.")
	k.says("Bananas.", "red, green or blue")
	k.says("green", "change")
	k.says("nothing", "serial")
	k.says("twelve", "serial")
	k.says("twelve", "keypad")
	k.says("twelve", "Goodbye") // give_up: end
	k.ends(map[string]any{"owner": nil, "color": "green", "wish": "nothing"})
}

func TestSkipRepeatAndSilence(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("I don't know.", "I do need this one to go on.") // not optional
	k.says("Sorry, what was the question?", "Do you own a bicycle?")
	k.waits("A bike, do you have one?")
	k.waits("Yes or no")
	k.says("Are you a robot?", "I am an automated assistant, not a person. Do you own a bicycle?")
	k.says("no", "red, green or blue")
	k.says("Skip that please.", "change?")
	k.says("I have to go.", "Goodbye!")
	k.ends(map[string]any{"owner": false, "color": nil})
}

func TestConfirm(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("no", "red")
	k.says("red", "serial")
	k.says("one two three four", "one two three four. Is that right?")
	k.says("No, it is one two three five.", "one two three five. Is that correct?")
	k.waits("one two three five.")
	k.says("Hm, bananas", "one two three five.")
	k.says("No.", "Goodbye") // tried often enough
	k.ends(map[string]any{"owner": false, "color": "red"})

	k = newTalk(t, survey)
	k.opens("bicycle?")
	k.says("no", "red")
	k.says("red", "serial")
	k.says("one two three four", "Is that right?")
	k.says("that's not right", "What is the serial number?")
	k.says("five six seven eight", "five six seven eight.")
	k.presses("1", "Goodbye")
	k.ends(map[string]any{"owner": false, "color": "red", "serial": "5678"})
}

// TestUnheardReply checks that a reply of which nothing was heard counts for
// nothing: the caller went on, and both halves are one answer.
func TestUnheardReply(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("no", "red")
	k.says("red", "serial")
	k.reply(dialog.Said, "one two three four", 0)
	k.says("five six", "one two three, four five six. Is that right?")
	k.says("yes", "Goodbye")
	k.ends(map[string]any{"owner": false, "color": "red", "serial": "123456"})
}

// TestUnheardOpening checks that who speaks first is greeted all the same.
func TestUnheardOpening(t *testing.T) {
	k := newTalk(t, survey)
	k.reply(dialog.Opening, "", 0)
	k.says("Hello?", "Welcome to the survey. Do you own a bicycle?")
	k.says("yes", "How often")
}

// TestUnheardQuestion checks that nothing is taken for the answer to a question
// that was not asked yet.
func TestUnheardQuestion(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("no", "red")
	k.holds("to green", k.reply(dialog.Said, "green", 1), "Got it. What would you like to change?")
	k.says("You're welcome.", "What would you like to change?")
	k.says("the saddle", "serial")
	if k.answers["wish"] != "the saddle" {
		t.Errorf("wish: got %v", k.answers["wish"])
	}
}

// TestSentenceWithoutVoice checks that a question counts as asked whose reply lacks a
// sentence, or the end of one, since no voice could say it.
func TestSentenceWithoutVoice(t *testing.T) {
	for _, heard := range []string{"What would you like to change?", "Got What would you like to change?"} {
		k := newTalk(t, survey)
		k.opens("bicycle?")
		k.says("no", "red")
		k.holds("to green", k.reply(dialog.Said, "green", whole), "Got it. What would you like to change?")
		k.lines[len(k.lines)-1].Agent = heard
		k.says("the saddle", "serial")
		if k.answers["wish"] != "the saddle" || k.answers["color"] != "green" {
			t.Errorf("after %q: the answers are %v", heard, k.answers)
		}
	}
}

// TestWithin checks how far in a reply a line ends that is some of it.
func TestWithin(t *testing.T) {
	reply := []string{"Thank you.", "Thank you again.", "What is it?"}
	for line, want := range map[string]int{
		"Thank": 5, "Thank you.": 10, "Thank you. Thank you again.": 27, "Thank you. Thank you again. What is it?": 39,
		"What is it?": 39, "Thank you. What is": 35, "Thank you again. What is it?": 39, "Thank What is it?": 39,
		"Thank you. Thank What": 32, "One moment.": 0, "Thank you. Goodbye.": 0, "What is it? Thank you.": 0, "Thank you, sir.": 0,
	} {
		if got := within(line, reply, 0); got != want {
			t.Errorf("%q: got %d, want %d", line, got, want)
		}
	}
}

// TestQuestionHeardBefore checks that who answers into a reminder, before it has
// come to the question that they know, is taken at their word.
func TestQuestionHeardBefore(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("no", "red")
	k.says("green", "What would you like to change?")
	k.reply(dialog.Silent, "", 1)
	k.says("the saddle", "serial")
	if k.answers["wish"] != "the saddle" {
		t.Errorf("wish: got %v", k.answers["wish"])
	}
}

func TestExpect(t *testing.T) {
	k := newTalk(t, survey)
	for _, step := range []struct {
		said string
		want dialog.Expect
	}{
		{"", dialog.ExpectKey},                // yes or no
		{"yes", dialog.ExpectNumber},          // a number of up to three digits
		{"five", dialog.ExpectKey},            // one of three
		{"green", dialog.ExpectWords},         // text
		{"nothing", dialog.ExpectDigits},      // digits
		{"one two three 4", dialog.ExpectKey}, // yes or no
	} {
		kind := dialog.Said
		if step.said == "" {
			kind = dialog.Opening
		}
		if k.reply(kind, step.said, whole); k.expect != step.want {
			t.Errorf("after %q: expects %v, want %v", step.said, k.expect, step.want)
		}
	}
}

// TestGoodbyeTwice checks that a caller who interrupts the goodbye hears it
// again.
func TestGoodbyeTwice(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.says("goodbye", "Goodbye!")
	k.says("wait", "Goodbye!")
	k.ends(map[string]any{})
}

// TestShippedAgents walks through the agents that ship.
func TestShippedAgents(t *testing.T) {
	agents, err := dialog.LoadAgents("../../configs/agents")
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string) *talk {
		return &talk{t: t, gate: gatetest.Open(), interview: New(agents[name].Script), answers: map[string]any{}}
	}
	k := start("interview")
	k.opens("Have you used our product before?")
	k.says("Yeah, for two years.", "zero to ten")
	k.says("I'd give it a nine.", "price, quality, or service")
	k.says("the quality", "one thing that you would change")
	k.says("It should be lighter.", "May we write to you")
	k.says("Sure.", "What is your e-mail address?")
	k.says("jane dot doe at example dot com", "jane dot doe at example dot com. Is that right?")
	k.says("Yes.", "Goodbye!")
	k.ends(map[string]any{
		"used_before": true, "rating": 9.0, "matters_most": "quality", "improvement": "It should be lighter.", "contact": true, "email": "jane.doe@example.com",
	})

	k = start("support")
	k.opens("What is your call about")
	k.says("My parcel has not come.", "order number")
	k.presses("004217#", "zero zero four, two one seven. Is that right?")
	k.says("That's correct.", "what happened")
	k.says("I have been waiting for two weeks.", "Which phone number")
	k.says("five five five, zero one four two", "five five five, zero one four two. Is that")
	k.presses("1", "Goodbye!")
	k.ends(map[string]any{"topic": "order", "order_number": "004217", "details": "I have been waiting for two weeks.", "phone": "5550142"})

	k = start("support")
	k.opens("What is your call about")
	k.says("a refund", "what happened") // no order number
}
