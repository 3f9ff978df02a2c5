package script

import (
	"slices"
	"testing"

	"sidetone/dialog"
)

const secrets = `
script:
  greeting: Welcome.
  goodbye: Goodbye!
  questions:
    - {key: age, kind: number, adult: 18, ask: "How old are you?"}
    - {key: card, kind: digits, sensitive: true, optional: true, ask: "Please enter your card number."}
    - {key: code, kind: digits, sensitive: true, ask: "And the code on its back.", reask: "The code, please.", next: reason}
    - {key: never, kind: text, ask: "Never asked."}
    - {key: reason, kind: text, ask: "What is it for?"}
`

func (k *talk) again(kind dialog.InputKind, want string) {
	k.t.Helper()
	k.holds("to a break", k.reply(kind, "", whole), want)
}

// paused checks that the newest reply pauses the recording, and that its
// question is heard whole; or that it does neither.
func (k *talk) paused(want bool) {
	k.t.Helper()
	if len(k.parts) == 0 || k.parts[0].Pause != want || k.parts[len(k.parts)-1].Pause != want || k.parts[len(k.parts)-1].Protected != want {
		k.t.Fatalf("want pause %v, got %+v", want, k.parts)
	}
}

// TestSensitive checks that a sensitive question pauses the recording, and that
// the interview goes on after the pause as if it had been answered.
func TestSensitive(t *testing.T) {
	k := newTalk(t, secrets)
	k.opens("How old")
	k.paused(false)
	k.says("thirty", "card number")
	k.paused(true)
	if k.expect != dialog.ExpectDigits {
		t.Errorf("expects %v", k.expect)
	}
	k.again(dialog.Resumed, "Got it. And the code on its back.")
	k.paused(true)
	k.again(dialog.Resumed, "What is it for?")
	k.paused(false)
	k.says("A present.", "Goodbye!")
	k.ends(map[string]any{"age": 30.0, "reason": "A present."})
}

// TestSensitiveAgain checks that a sensitive question is asked again, with its
// pause, until the caller had the time to answer it, and not afterwards.
func TestSensitiveAgain(t *testing.T) {
	k := newTalk(t, secrets)
	k.opens("How old")
	k.holds("to an answer, cut", k.reply(dialog.Said, "thirty", 1), "card number")
	k.again(dialog.Again, "Please enter your card number.")
	k.paused(true)
	k.says("Which one?", "Please enter your card number.")
	k.paused(true)
	k.presses("4", "Please enter your card number.")
	k.paused(true)
	k.waits("Please enter your card number.")
	k.paused(true)
	k.waits("Please enter it on your keypad, and then press the hash key.")
	k.paused(true)
	k.says("Skip that.", "code")
	k.paused(true)
	k.reply(dialog.Resumed, "", 0) // not heard
	k.says("Hello?", "What is it for?")
	k.paused(false)
	k.answered(map[string]any{"age": 30.0, "card": nil})
}

// TestMinor checks that a child's age is handed on and not kept.
func TestMinor(t *testing.T) {
	for said, minor := range map[string]bool{
		"I'm twelve.": true, "seventeen and a half": true, "three": true, "zero": true,
		"eighteen": false, "I am forty two": false, "a hundred and one": false,
	} {
		k := newTalk(t, secrets)
		k.opens("How old")
		k.reply(dialog.Said, said, whole)
		got := slices.ContainsFunc(k.parts, func(p dialog.Part) bool { return p.Minor })
		if got != minor || minor && (len(k.parts) != 1 || len(k.answers) != 0) {
			t.Errorf("%s: got %+v, answers %v", said, k.parts, k.answers)
		}
		if minor {
			k.again(dialog.Again, "How old are you?")
		}
	}
	k := newTalk(t, secrets)
	k.opens("How old")
	k.says("Guess.", "How old")
	k.says("minus five", "How old")
}

// TestMinorConfirmed checks that an age that was misheard makes nobody a child.
func TestMinorConfirmed(t *testing.T) {
	k := newTalk(t, `
script:
  greeting: Welcome.
  goodbye: Goodbye!
  questions:
    - {key: age, kind: number, adult: 18, confirm: true, ask: "How old are you?"}
`)
	k.opens("How old")
	k.says("eight", "8. Is that right?")
	k.says("No, eighty.", "80.")
	k.says("Yes.", "Goodbye!")
	k.ends(map[string]any{"age": 80.0})
}

// TestAgain checks that a conversation that was interrupted goes on with the
// question that is open.
func TestAgain(t *testing.T) {
	k := newTalk(t, survey)
	k.opens("bicycle?")
	k.again(dialog.Again, "Do you own a bicycle?")
	k.says("Bananas.", "Yes or no: do you have a bike?")
	k.again(dialog.Again, "Do you own a bicycle?")
	k.says("no", "red")
	k.says("red", "serial")
	k.says("one two three four", "one two three four. Is that right?")
	k.again(dialog.Again, "one two three four. Is that right?")
	k.reply(dialog.Said, "yes", 1)
	k.again(dialog.Again, "That was all. Goodbye!")
	k.ends(map[string]any{"owner": false, "color": "red", "serial": "1234"})
}
