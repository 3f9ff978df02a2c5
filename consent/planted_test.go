package consent

import (
	"strings"
	"testing"

	"sidetone/media"
)

// planted is a machine with a fault.
type planted struct {
	*Machine
	step func(Event) []Action
}

func (p planted) Step(e Event) []Action { return p.step(e) }

// before plants what happens to events on their way to the machine; nil is lost.
func before(change func(*Machine, Event) Event) func(*Machine) gateway {
	return func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			if e = change(m, e); e == nil {
				return nil
			}
			return m.Step(e)
		}}
	}
}

// afterwards plants what happens to the gate after each step.
func afterwards(change func(m *Machine, e Event, opened [purposes]bool)) func(*Machine) gateway {
	return func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			was := m.valves()
			did := m.Step(e)
			opened := m.valves()
			for p := range opened {
				opened[p] = opened[p] && !was[p]
			}
			change(m, e, opened)
			return did
		}}
	}
}

func lose[E Event](when func(*Machine) bool) func(*Machine) gateway {
	return before(func(m *Machine, e Event) Event {
		if _, ok := e.(E); ok && when(m) {
			return nil
		}
		return e
	})
}

func always(*Machine) bool { return true }

// faults are what the model check must find.
var faults = map[string]func(*Machine) gateway{
	"a row counts as written when it is asked for": func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			did := m.Step(e)
			for _, a := range did {
				if row, ok := a.(Append); ok {
					did = append(did, m.Step(Written{At: row.since, Row: row.Number, Recordable: true})...)
				}
			}
			return did
		}}
	},
	"a valve opens a frame early": afterwards(func(m *Machine, _ Event, opened [purposes]bool) {
		for p, v := range m.gate.valves {
			if opened[p] {
				v[len(v)-1].from -= media.FrameTicks
			}
		}
	}),
	"a second grant reaches back": afterwards(func(m *Machine, _ Event, opened [purposes]bool) {
		for p, v := range m.gate.valves {
			if opened[p] && len(v) > 1 && p > int(Converse) {
				v[len(v)-1].from = v[len(v)-2].to
			}
		}
	}),
	"a pause lets the recogniser hear": afterwards(func(m *Machine, e Event, _ [purposes]bool) {
		if _, ok := e.(Pause); ok && m.paused {
			v := m.gate.valves[Converse]
			v[len(v)-1].to = never
		}
	}),
	"a withdrawal is ignored":      lose[Withdraw](func(m *Machine) bool { return m.state == settled }),
	"a child is ignored":           lose[Minor](always),
	"a lost ledger is ignored":     lose[LedgerLost](always),
	"a row that failed is ignored": lose[Failed](always),
	"nobody hears the caller":      lose[Speech](always),
	"frames wait for ever":         lose[Passed](func(m *Machine) bool { return m.state == writing }),
	"a hang-up is ignored":         lose[Ended](always),
	"a pause does not end":         lose[Unpause](always),
	"a withdrawal does not cut back": before(func(_ *Machine, e Event) Event {
		if w, ok := e.(Withdraw); ok {
			w.From = w.At
			return w
		}
		return e
	}),
	"a withdrawal reaches back over its grant": afterwards(func(m *Machine, e Event, _ [purposes]bool) {
		if w, ok := e.(Withdraw); ok && m.state == settled && !m.keeping() {
			m.gate.shut(Record, w.From)
		}
	}),
	"what can not be recorded is": before(func(_ *Machine, e Event) Event {
		if w, ok := e.(Written); ok {
			w.Recordable = true
			return w
		}
		return e
	}),
	"who refuses while the row is written is kept": before(func(m *Machine, e Event) Event {
		if _, ok := e.(Written); ok {
			m.refused = false
		}
		return e
	}),
	"another message's button counts": before(func(m *Machine, e Event) Event {
		if c, ok := e.(Chose); ok {
			c.Message = m.message.ID
			return c
		}
		return e
	}),
	"a key counts before the message ends": func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			if k, ok := e.(Key); ok && k.Digit == '1' && m.state == announcing && m.mode.optIn() && !m.Asks() {
				return m.agree(k.At, HowKey)
			}
			return m.Step(e)
		}}
	},
	"a word counts where only a key does": func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			if s, ok := e.(Spoken); ok && s.Answer == Yes && m.state == asking && !m.Asks() {
				return m.agree(s.At, HowSpeech)
			}
			return m.Step(e)
		}}
	},
	"what was withdrawn in a pause comes back": func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			was, paused := m.verdict.valves, m.paused
			did := m.Step(e)
			if _, ok := e.(Withdraw); ok && paused && m.state == settled {
				m.verdict.valves = was
			}
			return did
		}}
	},
	"a row does not say what was played": func(m *Machine) gateway {
		return planted{m, func(e Event) []Action {
			did := m.Step(e)
			for i, a := range did {
				if row, ok := a.(Append); ok {
					row.Row.Message.Parts = nil
					did[i] = row
				}
			}
			return did
		}}
	},
}

// TestModelFindsFaults plants faults, one at a time, and wants each to be found.
func TestModelFindsFaults(t *testing.T) {
	for name, plant := range faults {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) { find(t, plant, false) })
	}
}

// TestRowsAloneFindFaults does the same while the reference looks away: the audit
// of a call, the rows on disk, and CheckRows find what contradicts them.
func TestRowsAloneFindFaults(t *testing.T) {
	for _, name := range []string{
		"a row counts as written when it is asked for",
		"a valve opens a frame early",
		"a second grant reaches back",
		"a pause lets the recogniser hear",
		"what can not be recorded is",
		"what was withdrawn in a pause comes back",
		"a word counts where only a key does",
		"a key counts before the message ends",
		"a row does not say what was played",
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) { find(t, faults[name], true) })
	}
}

// find wants a fault to be found by few orders.
func find(t *testing.T, plant func(*Machine) gateway, blind bool) {
	t.Helper()
	for i := range uint64(5000) {
		o := newOrder(i)
		o.blind = blind
		if err := run(o, plant, map[string]int{}); err != nil {
			t.Logf("found by order %d: %v", i+1, err)
			return
		}
	}
	t.Error("not found by 5000 orders")
}
