package dialog

import "testing"

// greeted is a conversation in which the agent has asked something, up to 1 s.
const greeted = `
	0 open
	0 part How are you?
	0 done
	1000 played 1 1000/1000!
`

const greetedTrace = `
	0 ask 1 opening
	0 say 1.1 How are you?
	1000 agent 1 [0-1000] How are you?
`

func TestMachine(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"a turn of each", greeted + `
			2000 speech
			2500 partial Fine
			2600 quiet
			3200 final Fine, thanks.
			3300 part Good.
			3400 part Goodbye.
			3400 answer mood
			3400 bye
			3400 done
			4000 played 2 600/600!
			4500 played 3 500/500!
		`, greetedTrace + `
			3060 finalize
			3200 caller Fine, thanks.
			3200 ask 2 said "Fine, thanks." | A: How are you?
			3300 say 2.2 Good.
			3400 say 2.3 Goodbye.
			3400 note mood
			4500 agent 2 [3400-4500] Good. Goodbye.
			4500 end completed
		`},
		{"a pause within a sentence does not end it", greeted + `
			2000 speech
			2400 quiet
			2700 speech
			3000 quiet
			3440 pass
			3450 pass
		`, greetedTrace + `3450 finalize`},
		{"more patience after a word that goes on", greeted + `
			2000 speech
			2300 partial I would like to
			2400 quiet
			4399 pass
			4400 pass
		`, greetedTrace + `4400 finalize`},
		{"more patience with digits", `
			0 open
			0 part Your number?
			0 expect digits
			0 done
			1000 played 1 1000/1000!
			2000 speech
			2300 partial four two
			2400 quiet
			3599 pass
			3600 pass
		`, `
			0 ask 1 opening
			0 say 1.1 Your number?
			1000 agent 1 [0-1000] Your number?
			3600 finalize
		`},
		{"speech without a pause is taken in pieces", greeted + `
			2000 speech
			26899 pass
			26900 pass
			27100 final one two
			28000 quiet
			28450 pass
			28600 final three
		`, greetedTrace + `
			26900 finalize
			27100 caller one two
			28450 finalize
			28600 caller three
			28600 ask 2 said "one two three" | A: How are you? | C: one two
		`},
		{"an empty final is no turn", greeted + `
			2000 speech
			2100 quiet
			2700 final
			7900 pass
			8000 pass
		`, greetedTrace + `
			2560 finalize
			8000 ask 2 silent 1 | A: How are you?
		`},
		{"long speech that is not understood is asked for soon", greeted + `
			2000 speech
			3000 quiet
			3500 final .
			5480 pass
			5500 pass
		`, greetedTrace + `
			3460 finalize
			5500 ask 2 silent 1 | A: How are you?
		`},
		{"a final that never comes leaves nobody in silence", greeted + `
			2000 speech
			2500 quiet
			5300 played 2 1000/1000!
			10000 played 3 600/1000
			10100 final Late.
			10140 settled
		`, greetedTrace + `
			2960 finalize
			4300 say 2.2 One moment, please.
			5300 agent 2 [4300-5300] One moment, please.
			8460 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
			10100 caller Late.
			10100 hold
			10100 cancel 3
			10140 drop
			10140 agent 3 [9400-10000] I am sorry, something went wrong on my /
			10140 ask 4 said "Late." | A: How are you? | A: I am sorry, something went wrong on my
		`},
		{"silence is asked about twice, then ended", greeted + `
			8000 pass
			8010 part Hello?
			8010 done
			9000 played 2 1000/1000!
			16000 pass
			16010 part Are you there?
			16010 done
			17000 played 3 1000/1000!
			24000 pass
			25000 played 4 1000/1000!
		`, greetedTrace + `
			8000 ask 2 silent 1 | A: How are you?
			8010 say 2.2 Hello?
			9000 agent 2 [8000-9000] Hello?
			16000 ask 3 silent 2 | A: How are you? | A: Hello?
			16010 say 3.3 Are you there?
			17000 agent 3 [16000-17000] Are you there?
			24000 say 4.4 I can not hear you, so I will end the call here. Goodbye.
			25000 agent 4 [24000-25000] I can not hear you, so I will end the call here. Goodbye.
			25000 end no_speech
		`},
		{"a word makes the silence start anew", greeted + `
			8000 pass
			8010 part Hello?
			8010 done
			9000 played 2 1000/1000!
			10000 speech
			10500 quiet
			11000 final Yes.
			11000 part And?
			11000 done
			12000 played 3 1000/1000!
			19000 pass
		`, greetedTrace + `
			8000 ask 2 silent 1 | A: How are you?
			8010 say 2.2 Hello?
			9000 agent 2 [8000-9000] Hello?
			10960 finalize
			11000 caller Yes.
			11000 ask 3 said "Yes." | A: How are you? | A: Hello?
			11000 say 3.3 And?
			12000 agent 3 [11000-12000] And?
			19000 ask 4 silent 1 | A: How are you? | A: Hello? | C: Yes. | A: And?
		`},
		{"a transfer", `
			0 open
			0 part One moment.
			0 bye +15550142
			0 done
			1000 played 1 1000/1000!
		`, `
			0 ask 1 opening
			0 say 1.1 One moment.
			1000 agent 1 [0-1000] One moment.
			1000 end transferred +15550142
		`},
		{"an end without a word", `
			0 open
			100 bye
			200 done
		`, `
			0 ask 1 opening
			200 end completed
		`},
		{"a failed reply, and a second one", greeted + `
			2000 speech
			2500 quiet
			3000 final Fine.
			3100 fail
			4000 played 2 900/900!
			5000 speech
			5500 quiet
			6000 final I said fine.
			6100 fail
			7000 played 3 900/900!
		`, greetedTrace + `
			2960 finalize
			3000 caller Fine.
			3000 ask 2 said "Fine." | A: How are you?
			3100 say 3.2 I am sorry, something went wrong on my side. Could you say that again?
			4000 agent 3 [3100-4000] I am sorry, something went wrong on my side. Could you say that again?
			5960 finalize
			6000 caller I said fine.
			6000 ask 4 said "I said fine." | A: How are you? | C: Fine. | A: I am sorry, something went wrong on my side. Could you say that again?
			6100 say 5.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			7000 agent 5 [6100-7000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
			7000 end reply_lost
		`},
		{"a reply that works forgives the one before", greeted + `
			2000 speech
			2500 quiet
			3000 final Fine.
			3100 fail
			4000 played 2 900/900!
			5000 speech
			5500 quiet
			6000 final I said fine.
			6000 part Good.
			6000 done
			7000 played 3 1000/1000!
			8000 speech
			8500 quiet
			9000 final Yes.
			9000 fail
		`, greetedTrace + `
			2960 finalize
			3000 caller Fine.
			3000 ask 2 said "Fine." | A: How are you?
			3100 say 3.2 I am sorry, something went wrong on my side. Could you say that again?
			4000 agent 3 [3100-4000] I am sorry, something went wrong on my side. Could you say that again?
			5960 finalize
			6000 caller I said fine.
			6000 ask 4 said "I said fine." | A: How are you? | C: Fine. | A: I am sorry, something went wrong on my side. Could you say that again?
			6000 say 4.3 Good.
			7000 agent 4 [6000-7000] Good.
			8960 finalize
			9000 caller Yes.
			9000 ask 5 said "Yes." | A: How are you? | C: Fine. | A: I am sorry, something went wrong on my side. Could you say that again? | C: I said fine. | A: Good.
			9000 say 6.4 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"a voice that is lost ends the call", `
			0 open
			0 part Hello.
			0 done
			100 unsaid 1
			200 unsaid 2
			300 unsaid 3
		`, `
			0 ask 1 opening
			0 say 1.1 Hello.
			100 say 2.2 I am sorry, something went wrong on my side. Could you say that again?
			200 say 3.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			300 end reply_lost
		`},
		{"a sentence that is lost is not in the history", `
			0 open
			0 part One.
			0 part Two.
			0 part Three.
			0 done
			500 played 1 500/500!
			600 unsaid 2
			1100 played 3 500/500!
		`, `
			0 ask 1 opening
			0 say 1.1 One.
			0 say 1.2 Two.
			0 say 1.3 Three.
			1100 agent 1 [0-1100] One. Three.
		`},
		{"the far end hangs up", `
			0 open
			0 part One two three four.
			500 played 1 500/1000
			600 close
			700 part Five.
			800 pass
		`, `
			0 ask 1 opening
			0 say 1.1 One two three four.
			600 agent 1 [0-500] One two /
		`},
		{"what comes of an old turn is dropped", greeted + `
			2000 speech
			2500 quiet
			3000 final Fine.
			3100 part@1 Old.
			3150 part Good.
			3160 played 1 1000/1000!
			3200 played 9 1000/1000!
		`, greetedTrace + `
			2960 finalize
			3000 caller Fine.
			3000 ask 2 said "Fine." | A: How are you?
			3150 say 2.2 Good.
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

// TestFirstClip checks that the announcement's clips are left alone.
func TestFirstClip(t *testing.T) {
	s := plain()
	s.FirstClip = 6
	r := newRig(t, s)
	r.run(`
		0 open
		0 part One.
		0 part Two.
	`)
	r.check(`
		0 ask 1 opening
		0 say 1.6 One.
		0 say 1.7 Two.
	`)
}

// TestStages checks the stages of a turn and of a false interruption.
func TestStages(t *testing.T) {
	r := newRig(t, plain())
	r.observed = true
	r.run(greeted + `
		2000 speech
		2600 quiet
		3200 final Fine.
		3300 part+80 Good.
		3400 part+150 Goodbye.
		3600 played 2 100/600
		3700 speech
		3800 quiet
		3900 settled
		4150 pass
	`)
	r.check(greetedTrace + `
		3060 endpoint 460
		3060 finalize
		3200 stt 140
		3200 caller Fine.
		3200 ask 2 said "Fine." | A: How are you?
		3300 token 20
		3300 llm 100
		3300 say 2.2 Good.
		3400 say 2.3 Goodbye.
		3600 total 900
		3700 hold
		3700 barge_in 100
		4150 resume
		4150 held 450
	`)
}
