package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOver(t *testing.T) {
	tests := []struct {
		language string
		expect   Expect
		least    float64
		most     float64
		said     []string
	}{
		{"en", ExpectWords, 0, 0, []string{
			"I would like to", "Monday and", "because", "Um.", "My name is", "They are currently,", "The time will be exactly.", "I need it for my", "I want to...", "to —-",
		}},
		{"en", ExpectWords, seldom, seldom, []string{"My order number.", "It does not meet.", "I want", "my e-mail address"}},
		{"en", ExpectWords, even, even, []string{
			"Hello.", "I'm sorry,", "Good morning.", "Monday, Tuesday.", "January, June,", "It is four one five.", "J. O. H.", "A four.", "555",
		}},
		{"en", ExpectWords, perhaps, likely, []string{"Tuesday.", "January,", "The conference,", "John Smith", "eight", "Twenty five.", "There is somebody at the door,"}},
		{"en", ExpectWords, sure, sure, []string{
			"", "I want a table for two.", "Yes, please.", "No.", "Monday, Tuesday and Friday, please.", "two zero two five five five zero one four one",
			"+1 202-555-0141", "ada at example dot com", "ada@example.com", "They went home early.", "I live in Vienna.", "It costs about twenty dollars.",
		}},
		{"en", ExpectDigits, 0, 0, []string{"ada at", "ada at example dot", "it is"}},
		{"en", ExpectDigits, even, even, []string{"four one", "seven", "b o b", "five five five zero one seven seven", "ada"}},
		{"en", ExpectDigits, sure, sure, []string{"2025550141", "b o b at x dot c o m", "ada at example dot org"}},
		{"en", ExpectKey, 1, 1, []string{"Yes.", "No,", "an eight", "Three.", "the second", "nope", "twenty five"}},
		{"en", ExpectKey, 0, 0, []string{"yes but", "the", "No, I"}},
		{"en", ExpectKey, sure, sure, []string{"Tomorrow,", "I do not think that I can come.", "Bluetooth mobile,"}},
		{"de", ExpectWords, 0, 0, []string{"Ich hätte gern einen Tisch und", "weil"}},
		{"de", ExpectKey, 1, 1, []string{"Nein.", "Ja", "drei"}},
		{"es", ExpectWords, 0, 0, []string{"una mesa para"}},
		{"fr", ExpectKey, 1, 1, []string{"Oui."}},
		{"ja", ExpectWords, sure, sure, []string{"はい、お願いします"}},
	}
	for _, test := range tests {
		for _, said := range test.said {
			if got := lexiconOf(test.language).Over(said, test.expect); got < test.least || got > test.most {
				t.Errorf("%s, %d: %q is over by %v, want %v to %v", test.language, test.expect, said, got, test.least, test.most)
			}
		}
	}
}

// TestPatience looks after which silence a turn ends whose speech ends at 2 s, with
// the cadence that a line of its own names.
func TestPatience(t *testing.T) {
	tests := []struct {
		name, expect, script string
		want                 int // ms
	}{
		{"words", "", "1990 partial I want a table.", 550},
		{"no words at all", "", "", 550},
		{"no words, where digits are expected", "digits", "", 1200},
		{"words that go on", "", "1990 partial I want a", 2000},
		{"words that may go on are in between", "", "1990 partial Monday, Tuesday,", 1275},
		{"a short answer to a closed question", "key", "1990 partial No.", 300},
		{"the same, where any words are expected", "", "1990 partial No.", 550},
		{"digits", "digits", "1990 partial four one five", 1200},
		{"an address that is whole", "digits", "1990 partial ada at example dot com", 550},
		{"an address that is not", "digits", "1990 partial ada at", 2000},
		{"words of the newest speech are waited for", "", "1500 partial I want a table.", 850},
		{"until they come", "", "1500 partial I want a table.\n2300 partial I want a table for two.", 550},
		{"the engine says that it may end", "", "2100 mayend I want a", 550},
		{"and then that it goes on", "", "2050 mayend Yes.\n2100 goeson Yes.", 2000},
		{"that it has ended", "", "2100 ended I want a", 300},
		{"that it has ended, in the middle of digits", "digits", "2100 ended four one five", 550},
		{"a hint counts until more is said", "", "1800 mayend I want a\n1850 quiet\n1900 speech\n2000 partial I want a", 2000},
		{"a voice that stops as in the middle", "", "1990 partial I want a table.\nheld", 1689},
		{"and the engine says that it may end", "", "1990 partial I want a table.\nheld\n2100 mayend I want a table.", 550},
		{"and the answer is whole", "key", "1990 partial No.\nheld", 300},
		{"and a word was asked for", "key", "1990 partial Yes, I have.\nheld", 550},
		{"and it is a question", "", "1990 partial Is there a table?\nheld", 550},
		{"and the words go on", "", "1990 partial I want a\nheld", 2000},
		{"and there are no words", "", "held", 550},
		{"a comma", "", "1990 partial There is somebody at the door,", 653},
		{"and a voice that fades", "", "1990 partial There is somebody at the door,\nfaded", 550},
		{"a voice that fades after words that go on", "", "1990 partial I want a\nfaded", 2000},
		{"or may go on", "", "1990 partial Monday, Tuesday,\nfaded", 1275},
		{"the cadence of speech before does not count", "", "1500 partial I want a table.\n1550 quiet held\n1700 speech\n1990 partial I want a table for two.", 550},
		{"what was said before counts", "", "1200 partial I want a table.\n1250 quiet\n1820 final I want a table.\n1850 speech\n1990 partial and", 2000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, DefaultSettings("en"))
			expect := test.expect
			if expect != "" {
				expect = "0 expect " + expect
			}
			before, after, voice := "", "", ""
			for _, line := range strings.Split(test.script, "\n") {
				switch {
				case line == "held" || line == "faded":
					voice = line
				case line < "2000":
					before += line + "\n"
				default:
					after += line + "\n"
				}
			}
			r.run("0 open\n0 part Yes?\n" + expect + "\n0 done\n500 played 1 500/500!\n1100 speech\n" + before + "2000 quiet " + voice + "\n" + after)
			began := len(r.trace)
			for r.m.ear.open {
				r.run(fmt.Sprintf("%d pass", r.now+5))
				if r.now > 6000 {
					t.Fatalf("the turn goes on: %q", r.trace[began:])
				}
			}
			if got := r.now - 2000; got < test.want || got > test.want+5 {
				t.Errorf("the turn ends after %d ms, want %d", got, test.want)
			}
		})
	}
}

// TestEndingOfItsOwn gives the machine a model for ends of turns.
func TestEndingOfItsOwn(t *testing.T) {
	s := DefaultSettings("en")
	s.Ending = never{}
	r := newRig(t, s)
	r.run(greeted + `
		2000 speech
		2290 partial That is all, thank you.
		2300 quiet
		4290 pass
		4300 pass
	`)
	r.check(greetedTrace + `4300 finalize`)
}

type never struct{}

func (never) Over(string, Expect) float64 { return 0 }

// FuzzOver looks for words that are no probability.
func FuzzOver(f *testing.F) {
	for _, said := range []string{"Yes.", "a, b, c", "4 1 5", "ada at example dot com", "...", ",", "é-"} {
		f.Add(said, byte(ExpectWords))
		f.Add(said, byte(ExpectDigits))
	}
	f.Fuzz(func(t *testing.T, said string, expect byte) {
		for _, language := range []string{"en", "de", "ja"} {
			if p := lexiconOf(language).Over(said, Expect(expect%4)); !(p >= 0 && p <= 1) {
				t.Errorf("%q: %v", said, p)
			}
		}
	})
}

// BenchmarkOver is what a partial costs the call's goroutine.
func BenchmarkOver(b *testing.B) {
	l := lexiconOf("en")
	for b.Loop() {
		l.Over("The person you are calling is not at their desk, so I will try to locate them for you,", ExpectWords)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Microsecond), "us/partial")
}
