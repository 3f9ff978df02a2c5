package dialog

import "testing"

func TestSuspension(t *testing.T) {
	const halfAsked = `
		0 open
		0 part One two.
		0 part Three four?
		0 done
		500 played 1 500/500!
		750 played 2 250/500
	`
	const halfAskedTrace = `
		0 ask 1 opening
		0 say 1.1 One two.
		0 say 1.2 Three four?
	`
	const cutTrace = halfAskedTrace + `
		800 hold
		800 cancel 1
		800 drop
	`
	tests := []struct{ name, script, want string }{
		{"a question that was cut is asked again", halfAsked + `
			800 suspend
			840 played 2 300/500
			860 settled
			9000 pass
			9000 restore
			9000 part Three four?
			9000 done
			9500 played 3 500/500!
		`, cutTrace + `
			860 agent 1 [0-840] One two. Three /
			9000 ask 2 again | A: One two. Three
			9000 say 2.3 Three four?
			9500 agent 2 [9000-9500] Three four?
		`},
		{"what is reported by the end of the suspension counts", halfAsked + `
			800 suspend
			840 played 2 300/500
			2000 restore
			2020 played 2 500/500!
			2020 settled
		`, cutTrace + `
			2000 agent 1 [0-840] One two. Three /
			2000 ask 2 again | A: One two. Three
		`},
		{"the call ends in it", halfAsked + `
			800 suspend
			840 played 2 300/500
			900 close
			950 restore
			950 settled
		`, cutTrace + `900 agent 1 [0-840] One two. Three /`},
		{"nothing is said, asked or heard in it", greeted + `
			2000 suspend
			2100 speech
			2300 partial Stop
			2700 quiet
			3000 final Stop.
			3100 key 1
			3100 key #
			3200 typed Hello?
			3300 stirred
			3400 part Late.
			3500 asked! Are you real?
			3600 asked Are you real?
			30000 pass
		`, greetedTrace},
		{"silence begins anew after it", greeted + `
			8020 part Are you there?
			8020 done
			8520 played 2 500/500!
			15540 suspend
			15600 suspend
			20000 restore
			20100 restore
			20100 part How are you?
			20100 done
			20600 played 3 500/500!
			27580 pass
			27600 pass
			27600 part Are you there?
			27600 done
			28100 played 4 500/500!
			35100 pass
			35100 part Hello?
			35100 done
			35600 played 5 500/500!
			42600 pass
		`, greetedTrace + `
			8000 ask 2 silent 1 | A: How are you?
			8020 say 2.2 Are you there?
			8520 agent 2 [8020-8520] Are you there?
			15520 ask 3 silent 2 | A: How are you? | A: Are you there?
			15540 cancel 3
			20000 ask 4 again | A: How are you? | A: Are you there?
			20100 say 4.3 How are you?
			20600 agent 4 [20100-20600] How are you?
			27600 ask 5 silent 1 | A: How are you? | A: Are you there? | A: How are you?
			27600 say 5.4 Are you there?
			28100 agent 5 [27600-28100] Are you there?
			35100 ask 6 silent 2 | A: How are you? | A: Are you there? | A: How are you? | A: Are you there?
			35100 say 6.5 Hello?
			35600 agent 6 [35100-35600] Hello?
			42600 say 7.6 I can not hear you, so I will end the call here. Goodbye.
		`},
		{"a reply that was not heard is asked for again", greeted + `
			2000 typed Fine.
			2100 part Good.
			2200 suspend
			2300 part And you?
			2300 done
			4000 restore
		`, greetedTrace + `
			2000 typed Fine.
			2000 ask 2 said "Fine." | A: How are you?
			2100 say 2.2 Good.
			2200 hold
			2200 cancel 2
			2200 drop
			4000 ask 3 said "Fine." | A: How are you?
		`},
		{"before the conversation is opened", `
			0 suspend
			100 open
			300 key 4
			500 speech
			5000 quiet
			9000 restore
			9100 restore
		`, `
			9000 finalize
			9000 ask 1 opening
		`},
		{"over before the conversation is opened", `
			0 suspend
			100 restore
			200 open
		`, `200 ask 1 opening`},
		{"in a hold", halfAsked + `
			800 speech
			840 settled
			900 suspend
			1500 quiet
			3000 restore
		`, halfAskedTrace + `
			800 hold
			900 finalize
			900 cancel 1
			900 drop
			900 agent 1 [0-750] One two. Three /
			3000 finalize
			3000 ask 2 again | A: One two. Three
		`},
		{"while a cut is settled", halfAsked + `
			800 typed What?
			820 suspend
			860 settled
			3000 restore
		`, halfAskedTrace + `
			800 typed What?
			800 hold
			800 cancel 1
			820 drop
			860 agent 1 [0-750] One two. Three /
			3000 ask 2 said "What?" | A: One two. Three
		`},
		{"before the first sentence, while the caller goes on", `
			0 open
			100 speech
			200 part One.
			300 suspend
			400 quiet
			3000 restore
		`, `
			0 ask 1 opening
			300 finalize
			300 cancel 1
			3000 finalize
			3000 ask 2 opening
		`},
		{"a goodbye is said again", greeted + `
			2000 typed Bye.
			2000 part Goodbye then.
			2000 bye
			2000 done
			2500 played 2 600/1000
			2600 suspend
			2700 settled
			4000 restore
			4000 part Goodbye then.
			4000 bye
			4000 done
			5000 played 3 1000/1000!
		`, greetedTrace + `
			2000 typed Bye.
			2000 ask 2 said "Bye." | A: How are you?
			2000 say 2.2 Goodbye then.
			2600 hold
			2600 cancel 2
			2600 drop
			2700 agent 2 [1900-2500] Goodbye /
			4000 ask 3 again | A: How are you? | C: Bye. | A: Goodbye
			4000 say 3.3 Goodbye then.
			5000 agent 3 [4000-5000] Goodbye then.
			5000 end completed
		`},
		{"half a number is forgotten, a whole one is not", greeted + `
			2000 key 4
			2100 suspend
			3000 restore
			3000 part Your number?
			3000 done
			3500 played 2 500/1000
			3600 key 4
			3700 key #
			3700 suspend
			3700 settled
			5000 restore
		`, greetedTrace + `
			2000 key 4
			3000 ask 2 again | A: How are you?
			3000 say 2.2 Your number?
			3600 key 4
			3600 hold
			3600 cancel 2
			3700 key #
			3700 drop
			3700 agent 2 [3000-3500] Your /
			5000 ask 3 keyed "4 #" | A: How are you? | A: Your | C: 4
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

// TestVoidTurns checks that the words of a turn that a suspension has ended are
// for nobody, and that those after it are not lost.
func TestVoidTurns(t *testing.T) {
	const spoken = greeted + `
		2000 speech
		2400 partial My card is
		2500 suspend
	`
	const spokenTrace = greetedTrace + `
		2500 finalize
	`
	const again = `
		6000 ask 2 again | A: How are you?
	`
	tests := []struct{ name, script, want string }{
		{"a final that comes in time", spoken + `
			2800 final<2500 My card is
			3000 quiet
			6000 restore
			6100 final<2900 four one one
			6200 part So?
			6200 done
			6700 played 2 500/500!
			7000 speech
			7300 quiet
			7800 final Fine.
		`, spokenTrace + `
			6000 finalize
		` + again + `
			6200 say 2.2 So?
			6700 agent 2 [6200-6700] So?
			7760 finalize
			7800 caller Fine.
			7800 ask 3 said "Fine." | A: How are you? | A: So?
		`},
		{"one that comes late", spoken + `
			2600 quiet
			2620 restore
			2640 part So?
			2640 done
			3140 played 2 500/500!
			3200 speech
			3400 quiet
			3700 final<2500 My card is
			3750 partial<2500 My card
			3800 final
			3900 final<3400 Fine.
		`, spokenTrace + `
			2620 finalize
			2620 ask 2 again | A: How are you?
			2640 say 2.2 So?
			3140 agent 2 [2640-3140] So?
			3860 finalize
			3900 caller Fine.
			3900 ask 3 said "Fine." | A: How are you? | A: So?
		`},
		{"one without words that comes after the next Finalize", spoken + `
			2600 quiet
			2620 restore
			2700 speech
			3300 quiet
			3800 final
			3850 final
			3900 final<3300 Fine.
		`, spokenTrace + `
			2620 finalize
			2620 ask 2 again | A: How are you?
			3200 cancel 2
			3760 finalize
			3900 caller Fine.
			3900 ask 3 said "Fine." | A: How are you?
		`},
		{"one that is lost", spoken + `
			2600 quiet
			2620 restore
			2640 part So?
			2640 done
			3140 played 2 500/500!
			3200 speech
			3400 quiet
			3900 final<3400 Fine.
			4000 part Good.
			4000 done
			4500 played 3 500/500!
			4600 speech
			5200 quiet
			5700 final
			7700 pass
		`, spokenTrace + `
			2620 finalize
			2620 ask 2 again | A: How are you?
			2640 say 2.2 So?
			3140 agent 2 [2640-3140] So?
			3860 finalize
			3900 caller Fine.
			3900 ask 3 said "Fine." | A: How are you? | A: So?
			4000 say 3.3 Good.
			4500 agent 3 [4000-4500] Good.
			5660 finalize
			7700 ask 4 silent 1 | A: How are you? | A: So? | C: Fine. | A: Good.
		`},
		{"one that was on its way", greeted + `
			2000 speech
			2500 quiet
			2980 suspend
			3500 restore
			3600 final<2500 Fine.
		`, greetedTrace + `
			2960 finalize
			3500 ask 2 again | A: How are you?
		`},
		{"speech that goes on after it", spoken + `
			6000 restore
			6000 speech
			6100 final<2500 My card is
			6100 final<6000 four one one
			6200 quiet
			6700 final Fine.
		`, spokenTrace + `
			6000 finalize
			6000 ask 2 again | A: How are you?
			6660 finalize
			6700 caller Fine.
			6700 cancel 2
			6700 ask 3 said "Fine." | A: How are you?
		`},
		{"speech that goes on after it, of which nothing is understood", spoken + `
			6000 restore
			6000 speech
			6100 final
			6100 final
			6100 part So?
			6200 quiet
			6600 pass
			6700 final
		`, spokenTrace + `
			6000 finalize
			6000 ask 2 again | A: How are you?
			6560 say 2.2 So?
			6660 finalize
		`},
		{"speech whose end nobody has told", spoken + `
			6000 restore
			6100 part So?
			6100 done
			6600 played 2 500/500!
			13600 pass
		`, spokenTrace + `
			6000 finalize
			6000 ask 2 again | A: How are you?
			6100 say 2.2 So?
			6600 agent 2 [6100-6600] So?
			13600 ask 3 silent 1 | A: How are you? | A: So?
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
