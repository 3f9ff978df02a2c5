package dialog

import "testing"

func TestPause(t *testing.T) {
	const asking = `
		0 open
		0 pauses
		0 part! Your code, please.
		0 done
		500 played 1 500/1000
	`
	const askingTrace = `
		0 ask 1 opening
		0 say 1.1 Your code, please.
	`
	tests := []struct{ name, script, want string }{
		{"when the question has been played", asking + `
			1000 played 1 1000/1000!
			1500 key 4
			2000 suspend
			2500 key 2
			3000 speech
			3500 quiet
			4000 key #
			4000 restore
			4000 part Thank you.
		`, askingTrace + `
			1000 agent 1 [0-1000] Your code, please.
			1000 pause recording
			4000 finalize
			4000 ask 2 resumed | A: Your code, please.
			4000 say 2.2 Thank you.
		`},
		{"another agent is to go on", `
			0 open
			0 hands baker
			0 part One moment.
			0 done
			500 played 1 500/1000
			1000 played 1 1000/1000!
			2000 key 4
		`, `
			0 ask 1 opening
			0 say 1.1 One moment.
			1000 agent 1 [0-1000] One moment.
			1000 hand over to baker
		`},
		{"and can not", `
			0 open
			0 hands baker
			0 done
			100 restore
		`, `
			0 ask 1 opening
			0 hand over to baker
			100 ask 2 again
		`},
		{"then the replier goes on", asking + `
			1000 played 1 1000/1000!
			4000 restore
			4000 part Thank you.
			4200 typed Wait!
		`, askingTrace + `
			1000 agent 1 [0-1000] Your code, please.
			1000 pause recording
			4000 ask 2 resumed | A: Your code, please.
			4000 say 2.2 Thank you.
			4200 typed Wait!
			4200 hold
			4200 cancel 2
		`},
		{"a key that comes before is seen by nobody, and begins it", asking + `
			600 key 4
			620 key 2
			650 played 1 600/1000
			660 settled
			4000 restore
		`, askingTrace + `
			600 hold
			600 cancel 1
			600 drop
			600 pause recording
			660 agent 1 [0-650] Your code, /
			4000 ask 2 resumed | A: Your code,
		`},
		{"nor is one that comes before the first word", `
			0 open
			0 pauses
			0 part! Your code, please.
			0 done
			300 key 4
			1300 played 1 1000/1000!
		`, askingTrace + `
			1300 agent 1 [300-1300] Your code, please.
			1300 pause recording
		`},
		{"what is said into the question is answered by nobody", asking + `
			600 typed Which one?
			1000 played 1 1000/1000!
			4000 restore
		`, askingTrace + `
			600 typed Which one?
			1000 agent 1 [0-1000] Your code, please.
			1000 pause recording
			4000 ask 2 resumed | A: Your code, please. | C: Which one?
		`},
		{"an unprotected question may be interrupted, and then there is none", `
			0 open
			0 part Your code, please.
			0 pauses
			0 done
			500 played 1 500/1000
			600 typed Which one?
			640 settled
		`, askingTrace + `
			600 typed Which one?
			600 hold
			600 cancel 1
			640 drop
			640 agent 1 [0-500] Your /
			640 ask 2 said "Which one?" | A: Your
		`},
		{"without a word", greeted + `
			2000 typed My card?
			2100 pauses
			2100 done
			9000 restore
		`, greetedTrace + `
			2000 typed My card?
			2000 ask 2 said "My card?" | A: How are you?
			2100 pause recording
			9000 ask 3 resumed | A: How are you? | C: My card?
		`},
		{"a question that was not heard is no reason for it", asking[:len(asking)-len("500 played 1 500/1000\n\t")] + `
			400 unsaid 1
		`, askingTrace + `
			400 say 2.2 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"resumed when all has been played", greeted + `
			2000 typed Done.
			2100 part Thank you.
			2100 resumes
			2100 done
			2600 played 2 500/500!
		`, greetedTrace + `
			2000 typed Done.
			2000 ask 2 said "Done." | A: How are you?
			2100 say 2.2 Thank you.
			2600 resume recording
			2600 agent 2 [2100-2600] Thank you.
		`},
		{"resumed also when the caller interrupts", greeted + `
			2000 typed Done.
			2100 part Thank you.
			2100 resumes
			2600 played 2 500/1000
			2600 typed And?
			2620 settled
		`, greetedTrace + `
			2000 typed Done.
			2000 ask 2 said "Done." | A: How are you?
			2100 say 2.2 Thank you.
			2600 typed And?
			2600 hold
			2600 cancel 2
			2620 drop
			2620 resume recording
			2620 agent 2 [2100-2600] Thank /
			2620 ask 3 said "And?" | A: How are you? | C: Done. | A: Thank
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

// A key that is meant for a pause must not be taken for anything else.
func TestPauseExpectsDigits(t *testing.T) {
	r := newRig(t, plain())
	r.run(`
		0 open
		0 pauses
		0 part! Your code, please.
	`)
	if got := r.m.Expecting(); got != ExpectDigits {
		t.Errorf("before the pause: got %v", got)
	}
	r.run(`
		0 done
		1000 played 1 1000/1000!
	`)
	if got := r.m.Expecting(); got != ExpectDigits {
		t.Errorf("in the pause: got %v", got)
	}
	r.run(`4000 restore`)
	if got := r.m.Expecting(); got != ExpectWords {
		t.Errorf("after the pause: got %v", got)
	}
}

func TestMinor(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"nothing more is said", greeted + `
			2000 typed I am twelve.
			2100 part Oh, twelve.
			2200 played 2 100/500
			2200 minor
			2210 part Never mind.
			2210 done
			2240 settled
			3000 typed Hello?
			30000 pass
		`, greetedTrace + `
			2000 typed I am twelve.
			2000 ask 2 said "I am twelve." | A: How are you?
			2100 say 2.2 Oh, twelve.
			2200 hold
			2200 cancel 2
			2200 drop
			2200 minor
		`},
		{"and the answer is not put to the replier again", greeted + `
			2000 typed I am twelve.
			2200 minor
			3000 restore
		`, greetedTrace + `
			2000 typed I am twelve.
			2000 ask 2 said "I am twelve." | A: How are you?
			2200 cancel 2
			2200 minor
			3000 ask 3 again | A: How are you? | C: I am twelve.
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
