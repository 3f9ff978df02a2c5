package consent

import "sidetone/media"

// Invariant is a promise that must hold, whatever happens; a metric label.
type Invariant string

// The invariants that a call watches.
const (
	BeforeConsent Invariant = "before_consent" // something was let through before the row that permits it was on disk
	WhileShut     Invariant = "while_shut"     // something was let through after a row that shuts it was asked for
)

// Invariants lists all of them.
var Invariants = []Invariant{BeforeConsent, WhileShut}

// Audit is a second opinion on what leaves the gate. It knows nothing but the
// rows of proof: which were asked for, and which are on disk. Its zero value
// allows nothing. It belongs to the call's goroutine.
type Audit struct {
	asked  map[int]Append // those that would open something
	valves [purposes]struct {
		shut  int        // the newest row that shuts it
		spans []interval // when it may have been open; the last may be so still
	}
}

// Asked takes a row that is on its way: what it shuts is shut as of now.
func (a *Audit) Asked(row Append) {
	if opening(row.Row.Event) {
		if a.asked == nil {
			a.asked = map[int]Append{}
		}
		a.asked[row.Number] = row
	}
	for p := range a.valves {
		if row.valves[p] {
			continue
		}
		at := row.since
		if Purpose(p) != Converse {
			at = row.cut
		}
		v := &a.valves[p]
		v.shut = row.Number
		for i := len(v.spans) - 1; i >= 0 && v.spans[i].to > at; i-- {
			v.spans[i].to = max(at, v.spans[i].from)
		}
	}
}

// Written takes a row that is on disk: what it opens, and no later one shuts, may
// be open as of its tick. Recordable is as in the event of that name.
func (a *Audit) Written(number int, recordable bool) {
	row, ok := a.asked[number]
	if !ok {
		return
	}
	delete(a.asked, number)
	for p := range a.valves {
		v := &a.valves[p]
		open := len(v.spans) > 0 && v.spans[len(v.spans)-1].to == never
		if row.valves[p] && !open && number > v.shut && (Purpose(p) == Converse || recordable || !row.Keep) {
			v.spans = append(v.spans, interval{row.since, never})
		}
	}
}

// Check returns the invariant that is broken where [from, to) passes the valve
// of p, and whether one is.
func (a *Audit) Check(p Purpose, from, to media.Tick) (Invariant, bool) {
	spans := a.valves[p].spans
	for i := len(spans) - 1; i >= 0; i-- {
		if from >= spans[i].from && to <= spans[i].to {
			return "", false
		}
	}
	if len(spans) == 0 || from < spans[0].from {
		return BeforeConsent, true
	}
	return WhileShut, true
}
