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
	asked  map[int]Append
	valves [purposes]struct {
		open     bool
		from, to media.Tick
		been     bool
	}
}

// Asked takes a row that is on its way: what it shuts is shut as of now.
func (a *Audit) Asked(row Append) {
	if a.asked == nil {
		a.asked = map[int]Append{}
	}
	a.asked[row.Number] = row
	for p := range a.valves {
		if v := &a.valves[p]; v.open && !row.valves[p] {
			v.open, v.to = false, row.since
		}
	}
}

// Written takes a row that is on disk: what it opens may be open as of its tick.
func (a *Audit) Written(number int, recordable bool) {
	row, ok := a.asked[number]
	if !ok {
		return
	}
	delete(a.asked, number)
	if row.Number < a.newest() {
		return // a later row has shut it before it could open
	}
	for p := range a.valves {
		v := &a.valves[p]
		if row.valves[p] && !v.open && (Purpose(p) == Converse || recordable) {
			v.open, v.been, v.from, v.to = true, true, row.since, never
		}
	}
}

// newest returns the number of the newest row that is still on its way.
func (a *Audit) newest() (n int) {
	for number := range a.asked {
		n = max(n, number)
	}
	return n
}

// Check returns the invariant that is broken where [from, to) passes the valve
// of p, and whether one is.
func (a *Audit) Check(p Purpose, from, to media.Tick) (Invariant, bool) {
	v := &a.valves[p]
	switch {
	case !v.been || from < v.from:
		return BeforeConsent, true
	case to > v.to:
		return WhileShut, true
	}
	return "", false
}
