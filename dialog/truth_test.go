package dialog

import "testing"

// TestTruth checks that the machine itself answers whether the agent is one,
// that this is never put to the replier, and that nothing else gets lost by it.
func TestTruth(t *testing.T) {
	const yes = "Yes. I am an automated assistant, not a person."
	tests := []struct{ name, script, want string }{
		{"then the question is asked again", greeted + `
			2000 speech
			2500 quiet
			3000 asked Are you a robot?
			5000 played 2 2000/2000!
		`, greetedTrace + `
			2960 finalize
			3000 caller Are you a robot?
			3000 say 2.2 ` + yes + `
			5000 agent 2 [3000-5000] ` + yes + `
			5000 ask 3 again | A: How are you? | C: Are you a robot? | A: ` + yes + `
		`},
		{"typed, while the final of something else is on its way", greeted + `
			2000 speech
			2500 quiet
			3000 asked! Are you a robot?
			3100 final Fine.
			5100 played 2 2000/2000!
		`, greetedTrace + `
			2960 finalize
			3000 typed Are you a robot?
			3100 caller Fine.
			3100 say 2.2 ` + yes + `
			5100 agent 2 [3100-5100] ` + yes + `
			5100 ask 3 said "Fine." | A: How are you? | C: Are you a robot? | A: ` + yes + `
		`},
		{"over the agent, who is cut", `
			0 open
			0 part One two.
			0 part Three four?
			0 done
			500 played 1 500/500!
			750 played 2 250/500
			800 asked! Are you a robot?
			840 settled
			3000 played 3 2000/2000!
		`, `
			0 ask 1 opening
			0 say 1.1 One two.
			0 say 1.2 Three four?
			800 typed Are you a robot?
			800 hold
			800 cancel 1
			840 drop
			840 agent 1 [0-750] One two. Three /
			840 say 2.3 ` + yes + `
			3000 agent 2 [1000-3000] ` + yes + `
			3000 ask 3 again | A: One two. Three | C: Are you a robot? | A: ` + yes + `
		`},
		{"over a sentence that nobody may interrupt, and before the one after it", `
			0 open
			0 part! Three four?
			0 part Five six.
			0 done
			500 played 1 500/1000
			800 asked! Are you a robot?
			1000 played 1 1000/1000!
			1040 settled
		`, `
			0 ask 1 opening
			0 say 1.1 Three four?
			0 say 1.2 Five six.
			800 typed Are you a robot?
			1000 hold
			1000 cancel 1
			1040 drop
			1040 agent 1 [0-1000] Three four? /
			1040 say 2.3 ` + yes + `
		`},
		{"over the opening", `
			0 open
			300 asked! Are you a robot?
			2300 played 1 2000/2000!
		`, `
			0 ask 1 opening
			300 typed Are you a robot?
			300 cancel 1
			300 say 2.1 ` + yes + `
			2300 agent 2 [300-2300] ` + yes + `
			2300 ask 3 opening | C: Are you a robot? | A: ` + yes + `
		`},
		{"nobody interrupts it", greeted + `
			2000 asked! Are you a robot?
			2500 played 2 500/2000
			2600 speech
			3200 quiet
			3600 key 7
			3700 final Fine.
			4000 played 2 2000/2000!
			5600 pass
		`, greetedTrace + `
			2000 typed Are you a robot?
			2000 say 2.2 ` + yes + `
			3600 key 7
			3660 finalize
			3700 caller Fine.
			4000 agent 2 [2000-4000] ` + yes + `
			5600 ask 3 keyed "7" | A: How are you? | C: Are you a robot? | A: ` + yes + ` | C: Fine.
		`},
		{"asked again meanwhile, it is answered once", greeted + `
			2000 asked! Are you a robot?
			2500 played 2 500/2000
			2600 asked! A computer?
			4000 played 2 2000/2000!
			4100 asked! Really?
		`, greetedTrace + `
			2000 typed Are you a robot?
			2000 say 2.2 ` + yes + `
			2600 typed A computer?
			4000 agent 2 [2000-4000] ` + yes + `
			4000 ask 3 again | A: How are you? | C: Are you a robot? | C: A computer? | A: ` + yes + `
			4100 typed Really?
			4100 cancel 3
			4100 say 4.3 ` + yes + `
		`},
		{"what the caller had said before is answered then", greeted + `
			2000 typed I want
			2050 typed a table.
			2100 part Fine.
			2200 asked! Are you a robot?
			2240 settled
			4200 played 3 2000/2000!
		`, greetedTrace + `
			2000 typed I want
			2000 ask 2 said "I want" | A: How are you?
			2050 typed a table.
			2050 cancel 2
			2050 ask 3 said "I want a table." | A: How are you? | C: I want
			2100 say 3.2 Fine.
			2200 typed Are you a robot?
			2200 hold
			2200 cancel 3
			2240 drop
			2240 say 4.3 ` + yes + `
			4200 agent 4 [2200-4200] ` + yes + `
			4200 ask 5 said "I want a table." | A: How are you? | C: Are you a robot? | A: ` + yes + ` | C: I want
		`},
		{"and what they had keyed in", greeted + `
			2000 typed Well,
			2000 key 4
			2100 key 2
			2150 key #
			2200 asked! Are you a robot?
			4200 played 2 2000/2000!
		`, greetedTrace + `
			2000 typed Well,
			2000 ask 2 said "Well," | A: How are you?
			2000 key 4
			2000 cancel 2
			2100 key 2
			2150 key #
			2150 ask 3 keyed "4 2 #" | A: How are you? | C: Well, | C: 4 | C: 2
			2200 typed Are you a robot?
			2200 cancel 3
			2200 say 4.2 ` + yes + `
			4200 agent 4 [2200-4200] ` + yes + `
			4200 ask 5 keyed "4 2 #" | A: How are you? | C: Are you a robot? | A: ` + yes + ` | C: Well, | C: 4 | C: 2
		`},
		{"a number that is being keyed in goes on", greeted + `
			2000 key 4
			2200 asked! Are you a robot?
			4200 played 2 2000/2000!
			4400 key 2
			4500 key #
		`, greetedTrace + `
			2000 key 4
			2200 typed Are you a robot?
			2200 say 2.2 ` + yes + `
			4200 agent 2 [2200-4200] ` + yes + `
			4200 ask 3 keyed "4" | A: How are you? | C: Are you a robot? | A: ` + yes + `
			4400 key 2
			4400 cancel 3
			4500 key #
			4500 ask 4 keyed "4 2 #" | A: How are you? | C: Are you a robot? | A: ` + yes + ` | C: 4 | C: 2
		`},
		{"a suspension cuts it, and it is said whole afterwards", greeted + `
			2000 asked! Are you a robot?
			3000 played 2 1000/2000
			3000 suspend
			3040 settled
			9000 restore
			11000 played 3 2000/2000!
		`, greetedTrace + `
			2000 typed Are you a robot?
			2000 say 2.2 ` + yes + `
			3000 hold
			3000 cancel 2
			3000 drop
			3040 agent 2 [2000-3000] Yes. I am an automated /
			9000 say 3.3 ` + yes + `
			11000 agent 3 [9000-11000] ` + yes + `
			11000 ask 4 again | A: How are you? | C: Are you a robot? | A: Yes. I am an automated | A: ` + yes + `
		`},
		{"a voice that fails tries it again, and ends the call", greeted + `
			2000 asked! Are you a robot?
			2100 unsaid 2
			2200 unsaid 3
			4000 played 4 500/500!
		`, greetedTrace + `
			2000 typed Are you a robot?
			2000 say 2.2 ` + yes + `
			2100 say 3.3 ` + yes + `
			2200 say 4.4 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			4000 agent 4 [3500-4000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
			4000 end reply_lost
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

// Who asks into the goodbye to a silent caller is there after all.
func TestTruthOverGoodbye(t *testing.T) {
	s := plain()
	s.Reprompts, s.Goodbye = 0, "Goodbye then."
	r := newRig(t, s)
	r.run(greeted + `
		8000 pass
		8600 played 2 600/1000
		8600 asked! Are you a robot?
		8640 settled
	`)
	r.check(greetedTrace + `
		8000 say 2.2 Goodbye then.
		8600 typed Are you a robot?
		8600 hold
		8600 cancel 2
		8640 drop
		8640 agent 2 [8000-8600] Goodbye /
		8640 say 3.3 Yes. I am an automated assistant, not a person.
	`)
}
