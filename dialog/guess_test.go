package dialog

import "testing"

// guessing are plain settings with guesses.
func guessing() Settings {
	s := plain()
	s.Guess = true
	return s
}

// met is the begin of a call whose greeting was heard.
const met = `
	0 open
	20 part Hello.
	30 done
	500 played 1 400/400!
`

const metTrace = `
	0 ask 1 opening
	20 say 1.1 Hello.
	500 agent 1 [100-500] Hello.
`

// TestGuess steps a machine that guesses through whatever may become of it. The
// patience is 450 ms, and a guess is made after 150 ms.
func TestGuess(t *testing.T) {
	const spoken = `
		1000 speech
		1900 partial I want a table.
		2000 quiet
	`
	for name, c := range map[string]struct{ script, want string }{
		"adopted, what was kept is said at once, the rest as it comes": {spoken + `
			2300 part At what time?
			2350 answer size
			2600 final I want a table
			2620 part Or tomorrow?
			2640 done
			3000 played 2 400/400!
			3400 played 3 400/400!
		`, `
			2160 guess 2 said "I want a table." | A: Hello.
			2460 finalize
			2600 caller I want a table
			2600 adopt 2 I want a table
			2600 say 2.2 At what time?
			2600 note size
			2620 say 2.3 Or tomorrow?
			3400 agent 2 [2600-3400] At what time? Or tomorrow?
		`},
		"not while the voice stops as in the middle": {`
			1000 speech
			1900 partial I want a table.
			2000 quiet held
			2400 pass
		`, ``},
		"other words in the final": {spoken + `
			2300 part At what time?
			2600 final I want a cable
			2610 part@2 Late.
			2620 part@3 Which one?
		`, `
			2160 guess 2 said "I want a table." | A: Hello.
			2460 finalize
			2600 caller I want a cable
			2600 cancel 2
			2600 ask 3 said "I want a cable" | A: Hello.
			2620 say 3.2 Which one?
		`},
		"the caller goes on": {spoken + `
			2300 part At what time?
			2400 speech
			2420 part@2 Or tomorrow?
			2700 partial I want a table for two.
			2800 quiet
			3400 final I want a table for two.
		`, `
			2160 guess 2 said "I want a table." | A: Hello.
			2400 cancel 2
			2960 guess 3 said "I want a table for two." | A: Hello.
			3260 finalize
			3400 caller I want a table for two.
			3400 adopt 3 I want a table for two.
		`},
		"two in a turn, and two in the next": {spoken + `
			2300 speech
			2390 partial I want a table.
			2400 quiet
			2700 speech
			2790 partial I want a table.
			2800 quiet
			3400 final I want a table.
			3410 speech
			3490 partial Today.
			3500 quiet
			3700 pass
		`, `
			2160 guess 2 said "I want a table." | A: Hello.
			2300 cancel 2
			2560 guess 3 said "I want a table." | A: Hello.
			2700 cancel 3
			3260 finalize
			3400 caller I want a table.
			3400 ask 4 said "I want a table." | A: Hello.
			3490 cancel 4
			3660 guess 5 said "I want a table. Today." | A: Hello. | C: I want a table.
		`},
		"a key": {spoken + "2300 key 5", `
			2160 guess 2 said "I want a table." | A: Hello.
			2300 key 5
			2300 cancel 2
		`},
		"a line": {spoken + "2300 typed A chair.", `
			2160 guess 2 said "I want a table." | A: Hello.
			2300 typed A chair.
			2300 cancel 2
			2300 guess 3 said "A chair. I want a table." | A: Hello. | C: A chair.
		`},
		"a suspension": {spoken + "2300 part Late.\n2320 suspend", `
			2160 guess 2 said "I want a table." | A: Hello.
			2320 cancel 2
			2320 finalize
		`},
		"the question whether it is a machine": {spoken + "2500 asked Are you a machine", `
			2160 guess 2 said "I want a table." | A: Hello.
			2460 finalize
			2500 caller Are you a machine
			2500 say 3.2 Yes. I am an automated assistant, not a person.
			2500 cancel 2
		`},
		"an empty final": {spoken + "2500 final", `
			2160 guess 2 said "I want a table." | A: Hello.
			2460 finalize
			2500 cancel 2
		`},
		"a guess that fails is made again when the turn is over": {`
			1000 speech
			1900 partial I want a table.
			2000 quiet
			2420 fail
			2600 final I want a table.
		`, `
			2160 guess 2 said "I want a table." | A: Hello.
			2420 guess 3 said "I want a table." | A: Hello.
			2460 finalize
			2600 caller I want a table.
			2600 adopt 3 I want a table.
		`},
		"the engine says that it goes on": {spoken + "2300 goeson I want a table.", `
			2160 guess 2 said "I want a table." | A: Hello.
			2300 cancel 2
		`},
		"other words of the same speech": {spoken + "2300 partial I want a table, please.", `
			2160 guess 2 said "I want a table." | A: Hello.
			2300 cancel 2
			2300 guess 3 said "I want a table, please." | A: Hello.
		`},
		"words that go on":                 {"1000 speech\n1900 partial I want a table and\n2000 quiet\n2600 pass", ""},
		"words that end before the speech": {"1000 speech\n1500 partial I want a table.\n2000 quiet\n2400 pass", ""},
		"and the engine thinks that they do not": {"1000 speech\n1500 mayend I want a table.\n2000 quiet\n2400 pass",
			`2160 guess 2 said "I want a table." | A: Hello.`},
		"words that may be for the gateway": {"1000 speech\n1900 private Delete it.\n2000 quiet\n2400 pass", ""},
		"a short pause":                     {"1000 speech\n1900 partial I want a table.\n2000 quiet\n2130 speech", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, guessing())
			r.run(met + c.script)
			r.check(metTrace + c.want)
		})
	}
}

// TestGuessHasTheWholeTurn checks that a guess gets the words of a turn that nobody
// has answered yet as its reply would.
func TestGuessHasTheWholeTurn(t *testing.T) {
	script := met + `
		1000 speech
		1900 partial I want a table.
		2000 quiet
		2600 final I want a table.
		2610 speech
		2990 partial For two.
		3000 quiet
		3600 final For two.
	`
	r := newRig(t, guessing())
	r.run(script)
	r.check(metTrace + `
		2160 guess 2 said "I want a table." | A: Hello.
		2460 finalize
		2600 caller I want a table.
		2600 adopt 2 I want a table.
		2990 cancel 2
		3160 guess 3 said "I want a table. For two." | A: Hello. | C: I want a table.
		3460 finalize
		3600 caller For two.
		3600 adopt 3 For two.
	`)
}

// TestNoGuess checks that agents whose repliers do not guess are asked when a turn is
// over, and not before.
func TestNoGuess(t *testing.T) {
	r := newRig(t, plain())
	r.run(met + "1000 speech\n1900 partial I want a table.\n2000 quiet\n2600 final I want a table.")
	r.check(metTrace + "2460 finalize\n2600 caller I want a table.\n2600 ask 2 said \"I want a table.\" | A: Hello.")
}
