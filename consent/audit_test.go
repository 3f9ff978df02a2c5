package consent

import (
	"testing"

	"sidetone/media"
)

// TestAudit judges by rows alone: each case is a list of rows asked for and on
// disk, and of what may pass then.
func TestAudit(t *testing.T) {
	row := func(n int, event string, at media.Tick, open ...Purpose) Append {
		a := Append{Number: n, Keep: event == "granted", Row: Row{Event: event}, since: at, cut: at}
		for _, p := range open {
			a.valves[p] = true
		}
		return a
	}
	withdrawn := row(2, "withdrawn", 900, Converse)
	withdrawn.cut = 500
	inPause := row(3, "withdrawn", 900)
	inPause.cut = 300
	for _, c := range []struct {
		name     string
		do       func(*Audit)
		p        Purpose
		from, to media.Tick
		want     Invariant
	}{
		{"nothing asked for", func(*Audit) {}, Converse, 0, 1, BeforeConsent},
		{"asked for only", func(a *Audit) { a.Asked(row(1, "granted", 0, everything...)) }, Converse, 10, 20, BeforeConsent},
		{"another row on disk", func(a *Audit) {
			a.Asked(row(1, "granted", 0, everything...))
			a.Written(2, true)
		}, Converse, 10, 20, BeforeConsent},
		{"on disk", func(a *Audit) { grant(a, row(1, "granted", 100, everything...), true) }, Record, 100, 200, ""},
		{"before the row's tick", func(a *Audit) { grant(a, row(1, "granted", 100, everything...), true) }, Record, 99, 200, BeforeConsent},
		{"not recordable", func(a *Audit) { grant(a, row(1, "granted", 100, everything...), false) }, Record, 100, 200, BeforeConsent},
		{"not recordable, but said", func(a *Audit) { grant(a, row(1, "granted", 100, everything...), false) }, Converse, 100, 200, ""},
		{"a row that opens nothing", func(a *Audit) { grant(a, row(1, "asked", 100, everything...), true) }, Converse, 100, 200, BeforeConsent},
		{"a valve that the row leaves shut", func(a *Audit) { grant(a, row(1, "refused", 100, Converse), true) }, Transcript, 100, 200, BeforeConsent},
		{"taken back", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(withdrawn)
		}, Record, 400, 501, WhileShut},
		{"up to what was taken back", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(withdrawn)
		}, Record, 400, 500, ""},
		{"what is said goes on", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(withdrawn)
		}, Converse, 400, 1500, ""},
		{"taken back before a pause", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			a.Asked(inPause)
		}, Record, 300, 400, WhileShut},
		{"said before a pause", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			a.Asked(inPause)
		}, Converse, 300, 600, ""},
		{"in a pause", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			grant(a, row(3, "resumed", 900, everything...), false)
		}, Record, 599, 601, WhileShut},
		{"after a pause", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			grant(a, row(3, "resumed", 900, everything...), false)
		}, Record, 900, 1000, ""},
		{"of before it, late", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			grant(a, row(3, "resumed", 900, everything...), false)
		}, Record, 100, 600, ""},
		{"shut by a row that came later and was faster", func(a *Audit) {
			a.Asked(row(1, "granted", 100, everything...))
			a.Asked(row(2, "minor_suspected", 150))
			a.Written(2, true)
			a.Written(1, true)
		}, Converse, 200, 300, BeforeConsent},
		{"opened while an older row was on its way", func(a *Audit) {
			grant(a, row(1, "granted", 100, everything...), true)
			a.Asked(row(2, "paused", 600))
			a.Asked(row(3, "resumed", 900, everything...))
			a.Asked(row(4, "withdrawn", 950))
			a.Asked(row(5, "resumed", 950, Converse))
			a.Written(3, true)
			a.Written(5, true)
		}, Record, 960, 970, WhileShut},
	} {
		var a Audit
		c.do(&a)
		if got, bad := a.Check(c.p, c.from, c.to); got != c.want || bad != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, bad, c.want)
		}
	}
}

func grant(a *Audit, row Append, recordable bool) {
	a.Asked(row)
	a.Written(row.Number, recordable)
}
