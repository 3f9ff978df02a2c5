package dialog

import (
	"testing"
	"time"

	"sidetone/media"
)

// speaking is an agent in the middle of its third sentence, at 1.5 s.
const speaking = `
	0 open
	0 part One two.
	0 part Three four.
	0 part Five six seven eight.
	0 done
	500 played 1 500/500!
	1000 played 2 500/500!
	1500 played 3 500/1000
`

const speakingTrace = `
	0 ask 1 opening
	0 say 1.1 One two.
	0 say 1.2 Three four.
	0 say 1.3 Five six seven eight.
`

func TestInterruption(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"speech that lasts takes the turn", speaking + `
			1500 speech
			1540 settled
			2399 pass
			2400 pass
			2420 quiet
			2900 final What?
		`, speakingTrace + `
			1500 hold
			2400 cancel 1
			2400 drop
			2400 agent 1 [0-1500] One two. Three four. Five six /
			2880 finalize
			2900 caller What?
			2900 ask 2 said "What?" | A: One two. Three four. Five six
		`},
		{"a word takes the turn", speaking + `
			1500 speech
			1540 settled
			1700 partial stop
			1800 quiet
			2300 final Stop.
		`, speakingTrace + `
			1500 hold
			1700 cancel 1
			1700 drop
			1700 agent 1 [0-1500] One two. Three four. Five six /
			2260 finalize
			2300 caller Stop.
			2300 ask 2 said "Stop." | A: One two. Three four. Five six
		`},
		{"what was played is waited for", speaking + `
			1500 speech
			1700 partial stop
			1720 played 3 750/1000
			1740 settled
		`, speakingTrace + `
			1500 hold
			1700 cancel 1
			1740 drop
			1740 agent 1 [0-1720] One two. Three four. Five six seven /
		`},
		{"a cough does not", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			2049 pass
			2050 pass
			2200 final
			2600 played 3 1000/1000!
		`, speakingTrace + `
			1500 hold
			2050 resume
			2160 finalize
			2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
		`},
		{"a sign of listening does not, however long", speaking + `
			1500 speech
			1540 settled
			1800 partial Mhm, yeah
			2400 quiet
			2750 pass
			3200 final<2400 Mhm, yeah.
			4000 played 3 1000/1000!
			10900 pass
			11000 pass
		`, speakingTrace + `
			1500 hold
			2100 resume
			3160 finalize
			3200 caller Mhm, yeah.
			4000 agent 1 [0-4000] One two. Three four. Five six seven eight.
			11000 ask 2 silent 1 | A: One two. Three four. Five six seven eight.
		`},
		{"but at the end of the reply it is the answer", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			2050 pass
			2200 final Yeah.
			2600 played 3 1000/1000!
		`, speakingTrace + `
			1500 hold
			2050 resume
			2160 finalize
			2200 caller Yeah.
			2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
			2600 ask 2 said "Yeah." | A: One two. Three four. Five six seven eight.
		`},
		{"a sound that ends late holds the agent for 600 ms", speaking + `
			1500 speech
			1540 settled
			1880 quiet
			2099 pass
			2100 pass
		`, speakingTrace + `
			1500 hold
			2100 resume
		`},
		{"speech that is long enough to have words is given time for them", speaking + `
			1500 speech
			1540 settled
			1900 quiet
			2120 partial Hello?
		`, speakingTrace + `
			1500 hold
			2120 cancel 1
			2120 drop
			2120 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"signs of listening that go on hold the agent once", speaking + `
			1500 speech
			1540 settled
			1900 partial Mhm, yeah.
			2099 pass
			2100 pass
			2600 played 3 1000/1000!
		`, speakingTrace + `
			1500 hold
			2100 resume
			2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
		`},
		{"a word that is known when the agent speaks on takes the turn", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			2100 pass
			2120 partial Wait.
			2140 settled
		`, speakingTrace + `
			1500 hold
			2060 resume
			2120 hold
			2120 cancel 1
			2140 drop
			2140 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"what recognition makes of a noise does not", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			1800 partial You
			2060 pass
			2300 final You
			2600 played 3 1000/1000!
			4000 pass
		`, speakingTrace + `
			1500 hold
			2060 resume
			2160 finalize
			2300 caller You
			2600 agent 1 [0-2600] One two. Three four. Five six seven eight.
		`},
		{"so does one after signs of listening", speaking + `
			1500 speech
			1540 settled
			1900 partial Mhm, yeah.
			2100 pass
			2200 partial Mhm, yeah, but wait
			2240 settled
		`, speakingTrace + `
			1500 hold
			2100 resume
			2200 hold
			2200 cancel 1
			2240 drop
			2240 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"the agent resumes only once it is known where it stopped", speaking + `
			1500 speech
			1600 quiet
			2100 pass
			2150 settled
		`, speakingTrace + `
			1500 hold
			2060 finalize
			2150 resume
		`},
		{"a word that is known only when the agent speaks on", speaking + `
			1500 speech
			1540 settled
			1700 quiet
			2050 pass
			2300 final No.
			2340 played 3 750/1000
			2360 settled
		`, speakingTrace + `
			1500 hold
			2050 resume
			2160 finalize
			2300 caller No.
			2300 hold
			2300 cancel 1
			2360 drop
			2360 agent 1 [0-2340] One two. Three four. Five six seven /
			2360 ask 2 said "No." | A: One two. Three four. Five six seven
		`},
		{"sentences that come during a hold wait in the playout", `
			0 open
			0 part One two.
			100 played 1 100/1000
			200 speech
			240 settled
			300 part Three four.
			320 done
			340 quiet
			690 pass
		`, `
			0 ask 1 opening
			0 say 1.1 One two.
			200 hold
			300 say 1.2 Three four.
			690 resume
		`},
		{"noise that takes the turn is followed by a question soon", speaking + `
			1500 speech
			1540 settled
			2000 pass
			3000 quiet
			3600 final
			5560 pass
			5600 pass
		`, speakingTrace + `
			1500 hold
			2400 cancel 1
			2400 drop
			2400 agent 1 [0-1500] One two. Three four. Five six /
			3460 finalize
			5600 ask 2 silent 1 | A: One two. Three four. Five six
		`},
		{"nothing was left to say", speaking + `
			1500 speech
			1520 played 3 1000/1000!
			1540 settled
			1900 quiet
			2400 final Good.
		`, speakingTrace + `
			1500 hold
			1520 resume
			1520 agent 1 [0-1520] One two. Three four. Five six seven eight.
			2360 finalize
			2400 caller Good.
			2400 ask 2 said "Good." | A: One two. Three four. Five six seven eight.
		`},
		{"hang-up during a hold", speaking + `
			1500 speech
			1600 close
		`, speakingTrace + `
			1500 hold
			1600 drop
			1600 agent 1 [0-1500] One two. Three four. Five six /
		`},
		{"a protected sentence is said to its end", `
			0 open
			0 part! This is the law.
			0 part And this is not.
			0 done
			500 played 1 500/1000
			600 speech
			900 quiet
			1400 final Stop.
			1500 played 1 1000/1000!
			1540 settled
		`, `
			0 ask 1 opening
			0 say 1.1 This is the law.
			0 say 1.2 And this is not.
			1360 finalize
			1400 caller Stop.
			1500 hold
			1500 cancel 1
			1540 drop
			1540 agent 1 [0-1500] This is the law. /
			1540 ask 2 said "Stop." | A: This is the law.
		`},
		{"speech that outlasts a protected sentence", `
			0 open
			0 part! This is the law.
			0 part And this is not.
			0 done
			500 played 1 500/1000
			600 speech
			1500 played 1 1000/1000!
			1520 settled
			2400 pass
		`, `
			0 ask 1 opening
			0 say 1.1 This is the law.
			0 say 1.2 And this is not.
			1500 hold
			2400 cancel 1
			2400 drop
			2400 agent 1 [0-1500] This is the law. /
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

// TestGoingOn checks a caller who goes on before the agent was heard: nothing
// of the reply stays, and the next one answers all of the turn.
func TestGoingOn(t *testing.T) {
	const thinking = greeted + `
		2000 speech
		2500 quiet
		3000 final I want
	`
	const thinkingTrace = greetedTrace + `
		2960 finalize
		3000 caller I want
		3000 ask 2 said "I want" | A: How are you?
	`
	tests := []struct{ name, script, want string }{
		{"before the final", greeted + `
			2000 speech
			2500 quiet
			3000 speech
			3100 final I want
			3500 quiet
			4000 final a table.
		`, greetedTrace + `
			2960 finalize
			3100 caller I want
			3960 finalize
			4000 caller a table.
			4000 ask 2 said "I want a table." | A: How are you? | C: I want
		`},
		{"before the final, with noise", greeted + `
			2000 speech
			2500 quiet
			3000 speech
			3100 final I want
			3500 quiet
			4000 final
		`, greetedTrace + `
			2960 finalize
			3100 caller I want
			3960 finalize
			4000 ask 2 said "I want" | A: How are you?
		`},
		{"before the first sentence", thinking + `
			3100 speech
			3200 part Anything else?
			3200 done
			3600 pass
			3800 quiet
			4300 final a table.
		`, thinkingTrace + `
			3600 cancel 2
			4260 finalize
			4300 caller a table.
			4300 ask 3 said "I want a table." | A: How are you? | C: I want
		`},
		{"before the first sentence, with a cough", thinking + `
			3100 speech
			3200 part Anything else?
			3200 done
			3300 quiet
			3650 pass
			3900 final
			3900 played 2 250/1000
			4650 played 2 1000/1000!
		`, thinkingTrace + `
			3650 say 2.2 Anything else?
			3760 finalize
			4650 agent 2 [3650-4650] Anything else?
		`},
		{"before the first sentence, with noise", thinking + `
			3100 speech
			3600 pass
			3800 quiet
			4300 final
		`, thinkingTrace + `
			3600 cancel 2
			4260 finalize
			4300 ask 3 said "I want" | A: How are you?
		`},
		{"before the first sentence was heard", thinking + `
			3100 part Anything else?
			3100 done
			3200 speech
			3240 settled
			3400 partial table
			3600 quiet
			4100 final a table.
		`, thinkingTrace + `
			3100 say 2.2 Anything else?
			3200 hold
			3400 cancel 2
			3400 drop
			4060 finalize
			4100 caller a table.
			4100 ask 3 said "I want a table." | A: How are you? | C: I want
		`},
		{"over the opening", `
			0 open
			100 speech
			600 pass
			700 quiet
			1200 final Hello?
		`, `
			0 ask 1 opening
			600 cancel 1
			1160 finalize
			1200 caller Hello?
			1200 ask 2 said "Hello?"
		`},
		{"over the opening, with noise", `
			0 open
			100 speech
			600 pass
			700 quiet
			1200 final
		`, `
			0 ask 1 opening
			600 cancel 1
			1160 finalize
			1200 ask 2 opening
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

// TestNoBargeIn checks an agent that may not be interrupted: what the caller
// says meanwhile is answered after it.
func TestNoBargeIn(t *testing.T) {
	s := plain()
	s.BargeIn = false
	r := newRig(t, s)
	r.run(speaking + `
		1500 speech
		2400 quiet
		2900 final Stop.
		3000 key 5
		3100 played 3 1000/1000!
		6000 pass
	`)
	r.check(speakingTrace + `
		2860 finalize
		2900 caller Stop.
		3000 key 5
		3100 agent 1 [0-3100] One two. Three four. Five six seven eight.
		5000 ask 2 keyed "5" | A: One two. Three four. Five six seven eight. | C: Stop.
	`)
}

func TestKeys(t *testing.T) {
	const asked = `
		0 open
		0 part Press now.
	`
	const askedTrace = `
		0 ask 1 opening
		0 say 1.1 Press now.
		1000 agent 1 [0-1000] Press now.
	`
	const heard = `
		0 done
		1000 played 1 1000/1000!
	`
	tests := []struct{ name, script, want string }{
		{"a number ends with the hash key", asked + heard + `
			2000 key 4
			3500 key 2
			3600 key #
		`, askedTrace + `
			2000 key 4
			3500 key 2
			3600 key #
			3600 ask 2 keyed "4 2 #" | A: Press now. | C: 4 | C: 2
		`},
		{"or after a pause", asked + "0 expect digits" + heard + `
			2000 key 4
			3500 key 2
			5499 pass
			5500 pass
		`, askedTrace + `
			2000 key 4
			3500 key 2
			5500 ask 2 keyed "4 2" | A: Press now. | C: 4
		`},
		{"a single key counts at once", asked + "0 expect key" + heard + `
			2000 key 4
		`, askedTrace + `
			2000 key 4
			2000 ask 2 keyed "4" | A: Press now.
		`},
		{"a key interrupts", asked + `
			0 expect key
			0 done
			500 played 1 500/1000
			600 key 4
			640 settled
		`, `
			0 ask 1 opening
			0 say 1.1 Press now.
			600 key 4
			600 hold
			600 cancel 1
			640 drop
			640 agent 1 [0-500] Press /
			640 ask 2 keyed "4" | A: Press
		`},
		{"words over keys are kept, not answered", asked + "0 expect key" + heard + `
			2000 speech
			2200 key 4
			2300 quiet
			2900 final Four.
			2900 part Thanks.
		`, askedTrace + `
			2200 key 4
			2200 ask 2 keyed "4" | A: Press now.
			2760 finalize
			2900 caller Four.
			2900 say 2.2 Thanks.
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

// TestExpecting checks that digits are known to be asked for as soon as the
// question is on its way: keys pressed into it are digits, too.
func TestExpecting(t *testing.T) {
	r := newRig(t, plain())
	r.run(`
		0 open
		0 part Your number?
		0 expect digits
	`)
	if got := r.m.Expecting(); got != ExpectDigits {
		t.Errorf("in the question: got %v", got)
	}
	r.run(`
		0 done
		1000 played 1 1000/1000!
	`)
	if got := r.m.Expecting(); got != ExpectDigits {
		t.Errorf("after the question: got %v", got)
	}
}

// TestPlayed checks how much of a sentence counts as heard.
func TestPlayed(t *testing.T) {
	const text = "The quick brown fox." // 20 characters
	tests := []struct {
		offset, length time.Duration
		done           bool
		want           string
	}{
		{0, time.Second, false, ""},
		{100 * time.Millisecond, time.Second, false, ""},
		{150 * time.Millisecond, time.Second, false, "The"},
		{449 * time.Millisecond, time.Second, false, "The"},
		{450 * time.Millisecond, time.Second, false, "The quick"},
		{999 * time.Millisecond, time.Second, false, "The quick brown"},
		{time.Second, time.Second, false, text},
		{900 * time.Millisecond, time.Second, true, text},
		{700 * time.Millisecond, 0, false, "The quick"}, // 14 characters a second
		{3 * time.Second, 0, false, text},
		{0, 0, true, ""}, // never made
	}
	for _, test := range tests {
		c := clip{text: text, offset: media.TicksIn(test.offset), length: media.TicksIn(test.length), done: test.done}
		if got := c.played(); got != test.want {
			t.Errorf("%v of %v: got %q, want %q", test.offset, test.length, got, test.want)
		}
	}
	if got := (&clip{text: "Grüße, schöne", offset: 6, length: 13}).played(); got != "Grüße," {
		t.Errorf("characters, not bytes: got %q", got)
	}
}

func TestBackChannel(t *testing.T) {
	tests := []struct {
		language, said string
		want           bool
	}{
		{"en", "Mhm.", true}, {"en-US", "Uh-huh, yeah, right.", true}, {"en", "I see. All right.", true}, {"en", "Okay, got it", true},
		{"en", "No.", false}, {"en", "Yeah, but", false}, {"en", "Stop", false}, {"en", "Wait", false}, {"en", "I", false},
		{"de", "Ja, genau.", true}, {"de", "Alles klar", true}, {"de", "Nein", false},
		{"es", "Sí, claro.", true}, {"fr", "D’accord.", true}, {"fr", "Non", false},
		{"ja", "Mhm", true}, {"ja", "yeah", false},
	}
	for _, test := range tests {
		if got := lexiconOf(test.language).backChannel(test.said); got != test.want {
			t.Errorf("%s %q: got %v, want %v", test.language, test.said, got, test.want)
		}
	}
}
