package main

import (
	"fmt"
	"strings"

	"sidetone/internal/sim"
)

// takes are the recorded stretches of a tried call, from a grant to its end.
type takes struct {
	begun   int
	deleted int // so many of them, from the first
}

func (t *takes) begin() { t.begun++ }

// chose takes what the caller has chosen.
func (t *takes) chose(c sim.Choice) {
	if c == sim.Delete {
		t.deleted = t.begun
	}
}

// text tells how to get at what a call has left; the gateway names it call.
func (t *takes) text(call string) string {
	var b strings.Builder
	switch {
	case call == "":
		return ""
	case t.begun == 0:
		b.WriteString("\nNothing of this call was kept, but for the rows of proof:\n\n")
	case t.deleted == t.begun:
		b.WriteString("\nThe deletion of what was kept was asked for. The rows of proof tell what has become of it:\n\n")
	default:
		b.WriteString("\nThe recording and the transcript, once they are stored, and the rows of proof:\n\n")
		for n := t.deleted + 1; n <= t.begun; n++ {
			take, file := "", "call.wav"
			if n > 1 {
				take, file = fmt.Sprintf(" --take t%d", n), fmt.Sprintf("call-t%d.wav", n)
			}
			fmt.Fprintf(&b, "  bin/sidetone recordings get %s%s -o %s\n  bin/sidetone recordings transcript %s%s\n", call, take, file, call, take)
		}
	}
	fmt.Fprintf(&b, "  bin/sidetone calls show %s\n", call)
	return b.String()
}

// turnsOf are a caller's turns as they are printed.
func turnsOf(turns []sim.Turn) []triedTurn {
	all := []triedTurn{}
	for _, t := range turns {
		turn := triedTurn{From: t.From.Seconds(), To: t.To.Seconds()}
		if t.Reply >= 0 {
			took := (t.Reply - t.To).Seconds()
			turn.Reply = &took
		}
		all = append(all, turn)
	}
	return all
}

// printEnd prints how fast the agent replied, and what was saved.
func printEnd(turns []triedTurn, saved string) {
	for i, t := range turns {
		if t.Reply != nil {
			fmt.Printf("; reply %d after %.0f ms", i+1, *t.Reply*1000)
		}
	}
	fmt.Println()
	if saved != "" {
		fmt.Printf("What the caller heard: %s\n", saved)
	}
}
