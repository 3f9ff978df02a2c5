package consent

import (
	"reflect"
	"slices"
	"testing"

	"sidetone/media"
)

var keeping = []Purpose{Converse, Record, Transcript, Snippet}

// asked returns a machine that has put its question on a screen.
func asked(t *testing.T, mode Mode) *Machine {
	t.Helper()
	m := machine(t, mode).OnScreen()
	if !m.Asks() {
		t.Fatalf("mode %s asks nothing", mode)
	}
	m.Step(Answered{})
	return m
}

// granting answers the row of a grant at 3 s.
func granting(t *testing.T, m *Machine, actions []Action) (Row, []Action) {
	t.Helper()
	row := appended(t, actions)
	return row.Row, m.Step(Written{At: 3 * second, Row: row.Number, Recordable: true})
}

// Only the button opens anything, whatever has been played, pressed or waited for.
func TestNothingButTheButtonOpens(t *testing.T) {
	for _, mode := range []Mode{NoticeMode, OptOutMode} {
		m := machine(t, mode).OnScreen()
		announceWhole(t, m)
		for at := media.Tick(0); at < answerWithin; at += second {
			if a := m.Step(Passed{At: at}); len(a) > 0 {
				t.Fatalf("%s: at %v: %v", mode, at.Seconds(), a)
			}
		}
		m.Step(Key{At: 5 * second, Digit: '9'})
		m.Step(Key{At: 5 * second, Digit: '1'})
		if a := m.Step(Chose{At: 6 * second, Keep: true, Message: "another"}); len(a) > 0 || len(open(m)) > 0 {
			t.Fatalf("%s: the button of another message: %v, open %v", mode, a, open(m))
		}
		row, settled := granting(t, m, m.Step(Chose{At: 7 * second, Keep: true, Message: "m"}))
		if row.Event != "granted" || row.How != "button" || !row.Message.Shown || len(row.Message.Parts) != 2 || row.At != 7 {
			t.Errorf("%s: row %+v", mode, row)
		}
		if !slices.Equal(settled, []Action{Settled{Granted}}) || !slices.Equal(open(m), keeping) {
			t.Errorf("%s: %v, open %v", mode, settled, open(m))
		}
		if since, _ := m.gate.Since(Record); since != 7*second {
			t.Errorf("%s: open since %v, want 7 s", mode, since.Seconds())
		}
	}
}

// An answer before the end of the message stops it, and the row says how much of
// it was heard.
func TestButtonBeforeTheEnd(t *testing.T) {
	m := asked(t, NoticeMode)
	m.Step(PartPlayed{At: second, To: second, Part: 0})
	actions := m.Step(Chose{At: second, Keep: true, Message: "m"})
	if len(actions) != 2 || actions[0] != (Hush{}) {
		t.Fatalf("chose: %v, want a hush and a row", actions)
	}
	row, _ := granting(t, m, actions)
	if len(row.Message.Parts) != 1 || !row.Message.Shown {
		t.Errorf("row %+v", row)
	}
}

func TestButtonRefuses(t *testing.T) {
	m := asked(t, NoticeMode)
	row, settled := granting(t, m, m.Step(Chose{At: second, Message: "m"}))
	if row.Event != "refused" || row.How != "button" || row.Valves["record"] || !row.Valves["converse"] {
		t.Errorf("row %+v", row)
	}
	if !slices.Equal(settled, []Action{Settled{Refused}}) || !slices.Equal(open(m), []Purpose{Converse}) {
		t.Errorf("%v, open %v", settled, open(m))
	}
	if a := m.Step(Chose{At: 4 * second, Keep: true, Message: "m"}); len(a) > 0 || len(open(m)) > 1 {
		t.Errorf("agreeing after a refusal: %v, open %v", a, open(m))
	}
}

// Who agreed may take it back at any time, also while the row is on its way.
func TestButtonWithdraws(t *testing.T) {
	m := asked(t, NoticeMode)
	granting(t, m, m.Step(Chose{At: second, Keep: true, Message: "m"}))
	actions := m.Step(Chose{At: 9 * second, Message: "m"})
	if row := appended(t, actions).Row; row.Event != "withdrawn" || row.How != "button" || row.Valves["record"] {
		t.Errorf("row %+v", row)
	}
	if !slices.Contains(actions, Action(Withdrawn{9 * second})) || !slices.Equal(open(m), []Purpose{Converse}) {
		t.Errorf("%v, open %v", actions, open(m))
	}
	if again := m.Step(Chose{At: 10 * second, Message: "m"}); len(again) > 0 {
		t.Errorf("withdrawn twice: %v", again)
	}

	m = asked(t, NoticeMode)
	grant := m.Step(Chose{At: second, Keep: true, Message: "m"})
	m.Step(Chose{At: second + 100, Message: "m"})
	_, settled := granting(t, m, grant)
	if !slices.Contains(settled, Action(Settled{Refused})) || !slices.Equal(open(m), []Purpose{Converse}) {
		t.Errorf("%v, open %v", settled, open(m))
	}
	if row := appended(t, settled).Row; row.Event != "withdrawn" || row.Valves["record"] {
		t.Errorf("row %+v", row)
	}
}

func TestButtonNeverPressed(t *testing.T) {
	m := asked(t, OptOutMode)
	actions := m.Step(Passed{At: answerWithin})
	if row := appended(t, actions).Row; row.Event != "abandoned" || row.How != "silent" {
		t.Errorf("row %+v", row)
	}
	if len(actions) != 3 || actions[0] != (Settled{Abandoned}) || !reflect.DeepEqual(actions[2], Unanswered{}) || len(open(m)) > 0 {
		t.Errorf("%v, open %v", actions, open(m))
	}
}

// Where nothing is kept there is nothing to ask.
func TestNothingToAsk(t *testing.T) {
	m := machine(t, NoRecord).OnScreen()
	if m.Asks() {
		t.Fatal("it asks")
	}
	announceWhole(t, m)
	row, settled := granting(t, m, m.Step(Passed{At: 2*second + ClearWait}))
	if row.Event != "not_asked" || !slices.Equal(settled, []Action{Settled{NotAsked}}) {
		t.Errorf("row %+v, %v", row, settled)
	}
}
