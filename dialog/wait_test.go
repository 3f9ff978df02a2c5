package dialog

import "testing"

func TestWait(t *testing.T) {
	const asked = greeted + `
		2000 speech
		2600 quiet
		3200 final Fine.
	`
	const askedTrace = greetedTrace + `
		3060 finalize
		3200 caller Fine.
		3200 ask 2 said "Fine." | A: How are you?
	`
	for _, test := range []struct{ name, script, want string }{
		{"a filler, and then the reply", asked + `
			4700 part Good.
			4700 part And now?
			4700 done
			5400 played 2 1000/1000!
			6000 played 3 500/500!
			7000 played 4 600/600!
			8000 typed Well.
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			4700 say 2.3 Good.
			4700 say 2.4 And now?
			7000 agent 2 [4400-7000] One moment, please. Good. And now?
			8000 typed Well.
			8000 ask 3 said "Well." | A: How are you? | C: Fine. | A: Good. And now?
		`},
		{"no sign of the replier", asked + `
			5400 played 2 1000/1000!
			12000 played 3 1000/1000!
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			9200 cancel 2
			9220 agent 2 [4400-5400] One moment, please.
			9220 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
			12000 agent 3 [11000-12000] I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"and then the way out", asked + `
			3300 fail
			5000 played 2 1000/1000!
			6000 typed Fine.
			6100 fail
			8000 played 3 1000/1000!
		`, askedTrace + `
			3300 say 3.2 I am sorry, something went wrong on my side. Could you say that again?
			5000 agent 3 [4000-5000] I am sorry, something went wrong on my side. Could you say that again?
			6000 typed Fine.
			6000 ask 4 said "Fine." | A: How are you? | C: Fine. | A: I am sorry, something went wrong on my side. Could you say that again?
			6100 say 5.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			8000 agent 5 [7000-8000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
			8000 end reply_lost +14155550100
		`},
		{"a failure after a filler", asked + `
			5400 played 2 1000/1000!
			5500 fail
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			5500 agent 2 [4400-5400] One moment, please.
			5500 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"a tool takes long", asked + `
			3300 busy 10000
			5400 played 2 1000/1000!
			9900 played 3 1000/1000!
			13000 part It is Friday.
			13000 done
			13400 played 4 400/900
			13900 played 4 900/900!
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			8900 say 2.3 One moment, please.
			13000 say 2.4 It is Friday.
			13900 agent 2 [4400-13900] One moment, please. One moment, please. It is Friday.
		`},
		{"the voice goes in the middle of it", asked + `
			3300 part Come at nine or at ten.
			3300 done
			3600 cut 2 Come at nine
			4400 played 2 900/900!
			5500 played 3 1000/1000!
			6000 typed Well?
		`, askedTrace + `
			3300 say 2.2 Come at nine or at ten.
			4400 agent 2 [3500-4400] Come at nine
			4400 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
			5500 agent 3 [4500-5500] I am sorry, something went wrong on my side. Could you say that again?
			6000 typed Well?
			6000 ask 4 said "Well?" | A: How are you? | C: Fine. | A: Come at nine | A: I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"and is back for the last sentence", asked + `
			3300 part Come at nine or at ten.
			3300 part Bye.
			3300 done
			3600 cut 2 Come at nine
			4400 played 2 900/900!
			5000 played 3 500/500!
		`, askedTrace + `
			3300 say 2.2 Come at nine or at ten.
			3300 say 2.3 Bye.
			5000 agent 2 [3500-5000] Come at nine Bye.
		`},
		{"the replier fails in the middle of it", asked + `
			3300 part Come at nine.
			3400 fail
			4400 played 2 900/900!
		`, askedTrace + `
			3300 say 2.2 Come at nine.
			4400 agent 2 [3500-4400] Come at nine.
			4400 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"there is no voice for it", asked + `
			4500 unsaid 2
			8000 unsaid 3
			9300 pass
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			7900 say 2.3 One moment, please.
			9200 cancel 2
			9220 say 3.4 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"a goodbye that nobody can say", asked + `
			3300 part Goodbye.
			3300 bye
			3400 done
			3500 unsaid 2
			6000 played 3 1000/1000!
		`, askedTrace + `
			3300 say 2.2 Goodbye.
			3500 say 3.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			6000 agent 3 [5000-6000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
			6000 end completed
		`},
		{"nor the farewell, before a transfer", asked + `
			3300 part One moment.
			3300 bye +14155550101
			3400 done
			3500 unsaid 2
			3600 unsaid 3
		`, askedTrace + `
			3300 say 2.2 One moment.
			3500 say 3.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			3600 end transferred +14155550101
		`},
		{"a goodbye of which one sentence is heard", asked + `
			3300 part Thanks.
			3300 part Goodbye.
			3300 bye
			3400 done
			3900 played 2 500/500!
			4000 unsaid 3
		`, askedTrace + `
			3300 say 2.2 Thanks.
			3300 say 2.3 Goodbye.
			4000 agent 2 [3400-3900] Thanks.
			4000 end completed
		`},
		{"it stalls in the middle", asked + `
			3300 part Good.
			4000 played 2 600/600!
			8500 played 3 1000/1000!
			10500 played 4 1000/1000!
		`, askedTrace + `
			3300 say 2.2 Good.
			7500 say 2.3 One moment, please.
			9300 cancel 2
			9320 agent 2 [3400-8500] Good. One moment, please.
			9320 say 3.4 I am sorry, something went wrong on my side. Could you say that again?
			10500 agent 3 [9500-10500] I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"the voice takes long", asked + `
			3300 part Good.
			3300 part And now?
			3300 done
			5400 played 4 1000/1000!
			5900 played 2 500/500!
			6400 played 3 500/500!
			8000 typed Well.
		`, askedTrace + `
			3300 say 2.2 Good.
			3300 say 2.3 And now?
			4400 say 2.4 One moment, please.
			6400 agent 2 [4400-6400] One moment, please. Good. And now?
			8000 typed Well.
			8000 ask 3 said "Well." | A: How are you? | C: Fine. | A: Good. And now?
		`},
		{"the voice takes long for a late reply", asked + `
			4300 part Good.
			4300 done
			6000 played 3 1000/1000!
			6500 played 2 500/500!
		`, askedTrace + `
			4300 say 2.2 Good.
			4900 say 2.3 One moment, please.
			6500 agent 2 [5000-6500] One moment, please. Good.
		`},
		{"the voice hangs, and is lost", asked + `
			3300 part Good.
			3300 done
			5400 played 3 1000/1000!
			8300 unsaid 2
		`, askedTrace + `
			3300 say 2.2 Good.
			4400 say 2.3 One moment, please.
			8300 agent 2 [4400-5400] One moment, please.
			8300 say 3.4 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"the voice hangs in the second sentence", asked + `
			3300 part Good.
			3300 part And now?
			3300 done
			4000 played 2 600/600!
			8500 played 4 1000/1000!
			9000 unsaid 3
		`, askedTrace + `
			3300 say 2.2 Good.
			3300 say 2.3 And now?
			7500 say 2.4 One moment, please.
			9000 agent 2 [3400-8500] Good. One moment, please.
			9000 say 3.5 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"nobody can say the filler either", asked + `
			3300 part Good.
			3300 done
			4450 unsaid 3
			5000 played 2 600/600!
		`, askedTrace + `
			3300 say 2.2 Good.
			4400 say 2.3 One moment, please.
			5000 agent 2 [4400-5000] Good.
		`},
		{"the caller goes on over it", asked + `
			4700 played 2 300/1000
			4800 speech
			4900 partial And thanks again
			4940 settled
			5000 quiet
			5600 final And thanks.
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			4800 hold
			4900 cancel 2
			4940 drop
			4940 agent 2 [4400-4700] One /
			5460 finalize
			5600 caller And thanks.
			5600 ask 3 said "Fine. And thanks." | A: How are you? | C: Fine.
		`},
		{"it was suspended meanwhile", asked + `
			4700 played 2 300/1000
			4800 suspend
			4840 settled
			6000 restore
		`, askedTrace + `
			4400 say 2.2 One moment, please.
			4800 hold
			4800 cancel 2
			4800 drop
			4840 agent 2 [4400-4700] One /
			6000 ask 3 said "Fine." | A: How are you?
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := plain()
			s.WayOut = "+14155550100"
			r := newRig(t, s)
			r.run(test.script)
			r.check(test.want)
		})
	}
}

// TestWaitIsOptional checks that who wants no filler hears none, and that a
// replier may have all the time.
func TestWaitIsOptional(t *testing.T) {
	s := plain()
	s.Wait.Filler, s.Wait.Lost = "", 0
	r := newRig(t, s)
	r.run(greeted + `
		2000 typed Fine.
		60000 part Good.
	`)
	r.check(greetedTrace + `
		2000 typed Fine.
		2000 ask 2 said "Fine." | A: How are you?
		60000 say 2.2 Good.
	`)
}

// TestFillerIsNoAnswer checks that the time to the first audio is that of the
// reply, and not of what covers for it.
func TestFillerIsNoAnswer(t *testing.T) {
	r := newRig(t, plain())
	r.observed = true
	r.run(greeted + `
		2000 typed Fine.
		4000 played 2 200/1000
		5000 part Good.
		5000 played 2 1000/1000!
		5600 played 3 500/500
	`)
	r.check(greetedTrace + `
		2000 typed Fine.
		2000 ask 2 said "Fine." | A: How are you?
		3800 say 2.2 One moment, please.
		5000 llm 3000
		5000 say 2.3 Good.
		5600 total 3100
	`)
}

// TestWaitForWords is what happens while recognition takes its time with what the
// caller said, and when nobody has heard it.
func TestWaitForWords(t *testing.T) {
	const spoken = greeted + `
		2000 speech
		3000 quiet
	`
	const spokenTrace = greetedTrace + `
		3460 finalize
	`
	for _, test := range []struct{ name, script, want string }{
		{"a filler, over which the reply begins", spoken + `
			5000 played 2 200/1000
			5600 final Yeah.
			5800 part Good.
			5800 done
			5900 played 2 1000/1000!
			7000 played 3 600/600!
			8000 typed Well.
		`, spokenTrace + `
			4800 say 2.2 One moment, please.
			5600 caller Yeah.
			5600 ask 2 said "Yeah." | A: How are you?
			5800 say 2.3 Good.
			7000 agent 2 [4800-7000] One moment, please. Good.
			8000 typed Well.
			8000 ask 3 said "Well." | A: How are you? | C: Yeah. | A: Good.
		`},
		{"a filler, and the words after it", spoken + `
			5800 played 2 1000/1000!
			6300 final Fine.
			6400 part Good.
			6400 done
			7000 played 3 600/600!
		`, spokenTrace + `
			4800 say 2.2 One moment, please.
			5800 agent 2 [4800-5800] One moment, please.
			6300 caller Fine.
			6300 ask 3 said "Fine." | A: How are you?
			6400 say 3.3 Good.
			7000 agent 3 [6400-7000] Good.
		`},
		{"the caller goes on over it", spoken + `
			5000 played 2 200/1000
			5100 speech
			5140 settled
			5200 final Fine.
			5300 settled
			6000 quiet
			6600 final And you?
		`, spokenTrace + `
			4800 say 2.2 One moment, please.
			5100 hold
			5200 caller Fine.
			5200 cancel 2
			5200 drop
			5200 agent 2 [4800-5000] One /
			6460 finalize
			6600 caller And you?
			6600 ask 3 said "Fine. And you?" | A: How are you? | C: Fine.
		`},
		{"nobody heard it", spoken + `
			3500 lost
			6000 played 2 1000/1000!
			7000 speech
			8000 quiet
			8500 lost
			10000 played 3 1000/1000!
		`, spokenTrace + `
			3500 say 2.2 I am sorry, something went wrong on my side. Could you say that again?
			6000 agent 2 [5000-6000] I am sorry, something went wrong on my side. Could you say that again?
			8460 finalize
			8500 say 3.3 I am sorry, I can not go on with this call. Please try again later. Goodbye.
			10000 agent 3 [9000-10000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
			10000 end reply_lost +14155550100
		`},
		{"nobody heard it, as turns out during the filler", spoken + `
			5000 played 2 200/1000
			5100 lost
			5800 played 2 1000/1000!
		`, spokenTrace + `
			4800 say 2.2 One moment, please.
			5800 agent 2 [4800-5800] One moment, please.
			5800 say 3.3 I am sorry, something went wrong on my side. Could you say that again?
		`},
		{"nobody heard a cough", greeted + `
			2000 speech
			2200 quiet
			2700 lost
			4000 pass
		`, greetedTrace + `
			2660 finalize
		`},
		{"keys in place of words", spoken + `
			5000 played 2 200/1000
			5100 key 5
			5140 settled
			7200 pass
		`, spokenTrace + `
			4800 say 2.2 One moment, please.
			5100 key 5
			5100 hold
			5100 cancel 2
			5140 drop
			5140 agent 2 [4800-5000] One /
			7100 ask 3 keyed "5" | A: How are you?
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := plain()
			s.WayOut = "+14155550100"
			r := newRig(t, s)
			r.run(test.script)
			r.check(test.want)
		})
	}
}

// TestWaitForWordsMutely checks that who hears no filler is told sooner.
func TestWaitForWordsMutely(t *testing.T) {
	s := plain()
	s.Wait.Filler = ""
	r := newRig(t, s)
	r.run(greeted + `
		2000 speech
		3000 quiet
		7000 pass
	`)
	r.check(greetedTrace + `
		3460 finalize
		6460 say 2.2 I am sorry, something went wrong on my side. Could you say that again?
	`)
}

// TestGiveUpAfter ends the call at the first failed reply, where the agent is told so.
func TestGiveUpAfter(t *testing.T) {
	set := plain()
	set.GiveUp, set.WayOut = 1, "+14155550100"
	r := newRig(t, set)
	r.run(greeted + `
		2000 speech
		3000 quiet
		3500 lost
		5000 played 2 1000/1000!
	`)
	r.check(greetedTrace + `
		3460 finalize
		3500 say 2.2 I am sorry, I can not go on with this call. Please try again later. Goodbye.
		5000 agent 2 [4000-5000] I am sorry, I can not go on with this call. Please try again later. Goodbye.
		5000 end reply_lost +14155550100
	`)
}
