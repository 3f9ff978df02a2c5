package dialog

import "testing"

func TestTyped(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"a written line is a turn at once", greeted + `
			2000 typed Fine, thanks.
		`, greetedTrace + `
			2000 typed Fine, thanks.
			2000 ask 2 said "Fine, thanks." | A: How are you?
		`},
		{"it interrupts, and the agent's turn is cut where it was heard", `
			0 open
			0 part How are you on this fine day?
			0 done
			500 played 1 400/1000
			600 typed Fine.
			700 played 1 600/1000
			700 settled
		`, `
			0 ask 1 opening
			0 say 1.1 How are you on this fine day?
			600 typed Fine.
			600 hold
			600 cancel 1
			700 drop
			700 agent 1 [100-700] How are you on /
			700 ask 2 said "Fine." | A: How are you on
		`},
		{"in a protected sentence it waits", `
			0 open
			0 part! You must hear this.
			0 done
			300 typed Why?
			1000 played 1 1000/1000!
		`, `
			0 ask 1 opening
			0 say 1.1 You must hear this.
			300 typed Why?
			1000 agent 1 [0-1000] You must hear this.
			1000 ask 2 said "Why?" | A: You must hear this.
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

// A caller who writes is not asked whether they are still there.
func TestStirredIsNotSilent(t *testing.T) {
	s := plain()
	s.SilenceAfter = 2e9
	r := newRig(t, s)
	r.run(greeted + `
		2500 stirred
		4000 stirred
		5980 pass
		6000 pass
	`)
	r.check(greetedTrace + `6000 ask 2 silent 1 | A: How are you?`)
}

func TestProgress(t *testing.T) {
	r := newRig(t, plain())
	r.run(`
		0 open
		0 part How are you on this fine day?
		0 done
		500 played 1 500/1000
	`)
	got, ok := r.m.Progress(1)
	if want := (Progress{Turn: 1, Text: "How are you on this fine day?", Played: "How are you on"}); !ok || got != want {
		t.Errorf("Progress = %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := r.m.Progress(2); ok {
		t.Error("progress of a clip that was never said")
	}
}
