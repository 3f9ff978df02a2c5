package consent

import (
	"math/rand/v2"
	"slices"
	"testing"

	"sidetone/media"
)

const second = media.TickRate

// message has two parts; the machine never looks at their audio.
var message = Message{ID: "m", Language: "en", Wait: ClearWait, Parts: []Part{{Kind: PartAI}, {Kind: PartRecording}}}

func machine(t *testing.T, mode Mode) *Machine {
	t.Helper()
	_, policy, err := ParseMode(string(mode))
	if err != nil {
		t.Fatal(err)
	}
	return NewMachine(mode, policy, message)
}

// announceWhole plays both parts, which end at 2 s.
func announceWhole(t *testing.T, m *Machine) {
	t.Helper()
	if a := m.Step(Answered{}); !slices.Equal(a, []Action{Play{0}, Play{1}}) {
		t.Fatalf("answered: %v, want to play both parts", a)
	}
	if a := m.Step(PartPlayed{At: second, To: second, Part: 0}); len(a) != 0 {
		t.Fatalf("part 0 played: %v, want nothing yet", a)
	}
	if a := m.Step(PartPlayed{At: 2*second + 100, From: second, To: 2 * second, Part: 1}); len(a) != 0 {
		t.Fatalf("part 1 played: %v, want nothing yet", a)
	}
}

// appended returns the single Append of actions.
func appended(t *testing.T, actions []Action) Append {
	t.Helper()
	for _, a := range actions {
		if row, ok := a.(Append); ok {
			return row
		}
	}
	t.Fatalf("no row is appended: %v", actions)
	return Append{}
}

func open(m *Machine) (open []Purpose) {
	for p := range purposes {
		if m.gate.Open(p) {
			open = append(open, p)
		}
	}
	return open
}

func TestModes(t *testing.T) {
	all := []Purpose{Converse, Record, Transcript, Snippet}
	for _, c := range []struct {
		mode    Mode
		key     byte // pressed during the announcement
		outcome Outcome
		event   string
		keep    bool
		open    []Purpose
	}{
		{NoRecord, 0, NotAsked, "not_asked", false, []Purpose{Converse}},
		{NoticeMode, 0, Granted, "granted", true, all},
		{NoticeMode, '9', Granted, "granted", true, all},
		{OptOutMode, 0, Granted, "granted", true, all},
		{OptOutMode, '1', Granted, "granted", true, all},
		{OptOutMode, '9', Refused, "refused", false, []Purpose{Converse}},
	} {
		m := machine(t, c.mode)
		announceWhole(t, m)
		if c.key != 0 {
			m.Step(Key{At: 2*second + 200, Digit: c.key})
		}
		if a := m.Step(Passed{At: 2*second + ClearWait - 1}); len(a) != 0 {
			t.Errorf("%s: %v before the clear wait is over", c.mode, a)
		}
		row := appended(t, m.Step(Passed{At: 2*second + ClearWait + 500}))
		if row.Row.Event != c.event || row.Keep != c.keep {
			t.Errorf("%s, key %q: row %q keep %v, want %q %v", c.mode, c.key, row.Row.Event, row.Keep, c.event, c.keep)
		}
		if got := open(m); len(got) != 0 {
			t.Errorf("%s: %v open before the row is on disk", c.mode, got)
		}
		if from, pending := m.Pending(); !pending || from != 2*second+ClearWait {
			t.Errorf("%s: pending %v from %d, want from the end of the clear wait", c.mode, pending, from)
		}
		actions := m.Step(Written{At: 4 * second, Row: row.Number, Recordable: true})
		if len(actions) != 1 || actions[0] != (Settled{c.outcome}) {
			t.Errorf("%s, key %q: %v, want settled %s", c.mode, c.key, actions, c.outcome)
		}
		if got := open(m); !slices.Equal(got, c.open) {
			t.Errorf("%s, key %q: open %v, want %v", c.mode, c.key, got, c.open)
		}
		if since, _ := m.gate.Since(Converse); since != 2*second+ClearWait {
			t.Errorf("%s: converse open since %d, want the grant's tick", c.mode, since)
		}
	}
}

func TestWithdrawalShutsAtOnce(t *testing.T) {
	m := machine(t, OptOutMode)
	announceWhole(t, m)
	row := appended(t, m.Step(Passed{At: 4 * second}))
	m.Step(Written{At: 4 * second, Row: row.Number, Recordable: true})
	actions := m.Step(Key{At: 6 * second, Digit: '9'})
	if got := appended(t, actions).Row; got.Event != "withdrawn" || got.How != "key" {
		t.Errorf("row %q by %q, want withdrawn by key", got.Event, got.How)
	}
	if got := open(m); !slices.Equal(got, []Purpose{Converse}) {
		t.Errorf("open %v, want converse only", got)
	}
	if _, ok := m.gate.Record(media.Frame{At: 6 * second}); ok {
		t.Error("audio after the withdrawal was admitted")
	}
	if _, ok := m.gate.Record(media.Frame{At: 5 * second}); !ok {
		t.Error("audio before the withdrawal was refused")
	}
}

func TestNothingOpensWithoutTheLedger(t *testing.T) {
	m := machine(t, NoticeMode)
	announceWhole(t, m)
	row := appended(t, m.Step(Passed{At: 4 * second}))
	actions := m.Step(Failed{At: 4 * second, Row: row.Number})
	if !slices.Contains(actions, Action(GiveUp{})) || len(open(m)) != 0 {
		t.Errorf("a failed row: %v with %v open, want to give up with all shut", actions, open(m))
	}

	m = machine(t, NoticeMode)
	announceWhole(t, m)
	appended(t, m.Step(Passed{At: 4 * second}))
	if actions := m.Step(Passed{At: 6 * second}); !slices.Contains(actions, Action(GiveUp{})) || len(open(m)) != 0 {
		t.Errorf("a silent ledger: %v with %v open, want to give up with all shut", actions, open(m))
	}
}

func TestUnrecordableStillConverses(t *testing.T) {
	m := machine(t, NoticeMode)
	announceWhole(t, m)
	row := appended(t, m.Step(Passed{At: 4 * second}))
	actions := m.Step(Written{At: 4 * second, Row: row.Number})
	if len(actions) != 1 || actions[0] != (Settled{Unrecordable}) {
		t.Errorf("%v, want unrecordable", actions)
	}
	if got := open(m); !slices.Equal(got, []Purpose{Converse}) {
		t.Errorf("open %v, want converse only", got)
	}
}

func TestHangUpInTheAnnouncementIsAbandoned(t *testing.T) {
	m := machine(t, NoticeMode)
	m.Step(Answered{})
	m.Step(PartPlayed{At: second, To: second, Part: 0})
	actions := m.Step(Ended{At: second + 500})
	row := appended(t, actions).Row
	if row.Event != "abandoned" || len(row.Message.Parts) != 1 {
		t.Errorf("row %q with %d parts, want abandoned with the one that was played", row.Event, len(row.Message.Parts))
	}
	if len(open(m)) != 0 || len(m.Step(Passed{At: 10 * second})) != 0 {
		t.Error("something still happens after the end")
	}
}

// TestRandomOrders steps machines with random events and holds that no valve
// opens before its row was written, that none stays open after a refusal, and
// that a grant never reaches back.
func TestRandomOrders(t *testing.T) {
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 1))
		mode := []Mode{NoRecord, NoticeMode, OptOutMode}[r.IntN(3)]
		m := machine(t, mode)
		var at media.Tick
		granted, refused := false, false
		wait := -1
		for range 40 {
			at += media.Tick(r.IntN(second))
			var e Event
			switch r.IntN(9) {
			case 0:
				e = Answered{At: at}
			case 1, 2:
				e = PartPlayed{At: at, To: at, Part: r.IntN(2)}
			case 3:
				e = Key{At: at, Digit: "19"[r.IntN(2)]}
			case 4:
				if wait >= 0 {
					e = Written{At: at, Row: wait, Recordable: r.IntN(4) > 0}
					granted = true
				}
			case 5:
				if wait >= 0 && r.IntN(4) == 0 {
					e = Failed{At: at, Row: wait}
				}
			case 6:
				if r.IntN(10) == 0 {
					e = Ended{At: at}
				}
			default:
				e = Passed{At: at}
			}
			if e == nil {
				continue
			}
			if k, ok := e.(Key); ok && k.Digit == '9' && mode == OptOutMode {
				refused = true
			}
			for _, a := range m.Step(e) {
				if row, ok := a.(Append); ok {
					wait = row.Number
				}
			}
			if len(open(m)) > 0 && !granted {
				t.Fatalf("seed %d: %v open without a row on disk", seed, open(m))
			}
			if m.gate.Open(Record) && (refused || mode == NoRecord) {
				t.Fatalf("seed %d: record open in %s after a refusal", seed, mode)
			}
			if since, ok := m.gate.Since(Record); ok && since > at {
				t.Fatalf("seed %d: open since %d at %d", seed, since, at)
			}
		}
	}
}
