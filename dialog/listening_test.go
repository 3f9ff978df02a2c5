package dialog

import "testing"

// TestListening checks words said over an agent that show no more than that the caller
// listens, or may be that, and those that take the turn.
func TestListening(t *testing.T) {
	const held = speaking + `
		1500 speech
		1540 settled
	`
	const heldTrace = speakingTrace + `
		1500 hold
	`
	const goesOn = `
		2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
	`
	const taken = `
		1900 cancel 1
		1900 drop
		1900 agent 1 [0-1500] One two. Three four. Five six /
	`
	const lasts = `
		2400 cancel 1
		2400 drop
		2400 agent 1 [0-1500] One two. Three four. Five six /
	`
	tests := []struct{ name, script, want string }{
		{"words that come late", `
			2040 quiet
			2240 partial I see.
			2600 played 3 1000/1000!
		`, `
			2240 resume
			2500 finalize
		` + goesOn},
		{"the first word of two", `
			1900 partial I
			2060 quiet
			2150 partial I see.
			2600 played 3 1000/1000!
		`, `
			2150 resume
			2520 finalize
		` + goesOn},
		{"a sign of listening that may be the first word of two", `
			1900 partial Mm
			2099 pass
			2100 pass
			2600 played 3 1000/1000!
		`, `
			2100 resume
		` + goesOn},
		{"a sign of listening that has just ended", `
			2080 quiet
			2090 partial I see.
			2600 played 3 1000/1000!
		`, `
			2100 resume
			2540 finalize
		` + goesOn},
		{"a word, and the first of two", `
			1900 partial Okay, all
			2000 pass
			2160 partial Okay, all right.
			2600 played 3 1000/1000!
		`, `
			2160 resume
		` + goesOn},
		{"the first word of two, which goes on otherwise", `
			1700 partial All
			1900 partial All I want
		`, taken},
		{"the first word of two, in speech that lasts", `
			1900 partial All
			2399 pass
			2400 pass
		`, lasts},
		{"a small word, in speech that lasts", `
			1700 partial So
			2399 pass
			2400 pass
		`, lasts},
		{"the begin of words that are known as others in the end", `
			1900 partial I say
			2000 quiet
			2140 partial I see.
			2600 played 3 1000/1000!
		`, `
			2140 resume
			2460 finalize
		` + goesOn},
		{"the begin of words of which no more is known", `
			1700 partial I say
			1750 quiet
			1999 pass
			2000 pass
		`, `
			2000 cancel 1
			2000 drop
			2000 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"words that are likely to be others", `
			1900 partial~64 Don't eat.
			1950 quiet
			2299 pass
			2300 pass
			2520 final~64 Don't eat.
			4000 played 3 1000/1000!
			5000 pass
		`, `
			2300 resume
			2400 finalize
			2520 caller Don't eat.
			4000 agent 1 [0-4000] One two. Three four. Five six seven eight.
		`},
		{"words that are likely to be others, and go on after a pause", `
			1850 partial~64 Don't eat.
			2100 quiet
			2180 speech
			2300 partial~64 Don't eat this.
		`, `
			2300 cancel 1
			2300 drop
			2300 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"words that are likely to be others, in speech that lasts", `
			1900 partial~64 Don't eat.
			2399 pass
			2400 pass
		`, lasts},
		{"a few words that are sure", `
			1850 quiet
			1900 partial~70 Tuesday.
		`, taken},
		{"words of an engine that does not say how sure it is", `
			1850 quiet
			1900 partial~0 Tuesday.
		`, taken},
		{"three words that are unsure", `
			1900 partial~30 Is it far?
		`, taken},
		{"a word that people interrupt with, however unsure", `
			1900 partial~10 Stop.
		`, taken},
		{"a number, however unsure", `
			1900 partial~10 9.
		`, taken},
		{"an answer, however unsure", `
			1700 quiet
			2200 final~10 No, dear.
			2220 settled
		`, `
			2060 resume
			2160 finalize
			2200 caller No, dear.
			2200 hold
			2200 cancel 1
			2220 drop
			2220 agent 1 [0-1500] One two. Three four. Five six /
			2220 ask 2 said "No, dear." | A: One two. Three four. Five six
		`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, plain())
			r.run(held + test.script)
			r.check(heldTrace + test.want)
		})
	}
}

// TestUnsureAnswer checks that words are not doubted where there is nothing to listen
// to: the agent is silent, expects digits or a key, or has not been heard yet.
func TestUnsureAnswer(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"to a silent agent", greeted + `
			2000 speech
			2300 quiet
			2800 final~20 Mustard.
		`, greetedTrace + `
			2760 finalize
			2800 caller Mustard.
			2800 ask 2 said "Mustard." | A: How are you?
		`},
		{"into a question for digits", `
			0 open
			0 part Your number?
			0 expect digits
			0 done
			500 played 1 500/1000
			600 speech
			640 settled
			700 partial~20 Mustard.
		`, `
			0 ask 1 opening
			0 say 1.1 Your number?
			600 hold
			700 cancel 1
			700 drop
			700 agent 1 [0-500] Your /
		`},
		{"before the agent is heard", `
			0 open
			0 part How are you?
			100 speech
			140 settled
			200 partial~20 Mustard.
		`, `
			0 ask 1 opening
			0 say 1.1 How are you?
			100 hold
			200 cancel 1
			200 drop
		`},
		{"the first word of two, before the agent is heard", `
			0 open
			0 part How are you?
			100 speech
			140 settled
			200 partial All
		`, `
			0 ask 1 opening
			0 say 1.1 How are you?
			100 hold
			200 cancel 1
			200 drop
		`},
		{"which lasts, before the agent is heard", `
			0 open
			0 part How are you?
			100 speech
			140 settled
			599 pass
			600 pass
		`, `
			0 ask 1 opening
			0 say 1.1 How are you?
			100 hold
			600 cancel 1
			600 drop
		`},
		{"at the end of what the agent says", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			2200 final~20 Mustard.
			2600 played 3 1000/1000!
		`, speakingTrace + `
			1500 hold
			2060 resume
			2160 finalize
			2200 caller Mustard.
			2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
			2600 ask 2 said "Mustard." | A: One two. Three four. Five six seven eight.
		`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, plain())
			r.run(test.script)
			r.check(test.want)
		})
	}
}

// TestInterrupts checks that a language without words doubts none.
func TestInterrupts(t *testing.T) {
	tests := []struct {
		language, said string
		want           bool
	}{
		{"en", "No, dear.", true}, {"en", "please stop", true}, {"en", "nine", true}, {"en", "twenty", true}, {"en", "42", true}, {"en", "wait", true},
		{"en", "mustard", false}, {"en", "Don't eat.", false},
		{"de", "Halt!", true}, {"de", "Senf", false}, {"es", "Espera", true}, {"es", "mostaza", false}, {"fr", "Attendez", true}, {"fr", "moutarde", false},
		{"it", "senape", true},
	}
	for _, test := range tests {
		if got := lexiconOf(test.language).interrupts(wordsOf(test.said)); got != test.want {
			t.Errorf("%s %q: got %v, want %v", test.language, test.said, got, test.want)
		}
	}
}
