package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestExpiries(t *testing.T) { onEachEngine(t, testExpiries) }

// endedAgo adds calls of an agent that ended so many days ago.
func endedAgo(t *testing.T, d *DB, now time.Time, agent, recording string, days map[string]int) {
	t.Helper()
	for id, n := range days {
		end := now.Add(-time.Duration(n) * 24 * time.Hour)
		err := errors.Join(
			d.InsertCall(t.Context(), Call{ID: id, CarrierID: "CA" + id, Agent: agent, Kind: "phone", Direction: "inbound", Started: end.Add(-time.Hour),
				Consent: "granted", Recording: recording, Takes: 1}),
			d.FinishCall(t.Context(), id, End{At: end, Duration: time.Hour, Outcome: "completed", Reason: "goodbye"}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func testExpiries(t *testing.T, location string) {
	d, ctx, now := openDB(t, location), t.Context(), time.Now()
	day := func(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
	endedAgo(t, d, now, "a", "stored", map[string]int{"a10": 10, "a40": 40, "held": 41, "asked": 42})
	endedAgo(t, d, now, "b", "stored", map[string]int{"b10": 10, "b40": 40})
	endedAgo(t, d, now, "a", "destroyed", map[string]int{"gone": 50})
	endedAgo(t, d, now, "a", "none", map[string]int{"unrecorded": 50})
	if err := errors.Join(d.InsertCall(ctx, Call{ID: "live", Agent: "a", Kind: "phone", Direction: "inbound", Started: day(60), Recording: "recording", Takes: 1}),
		d.Hold(ctx, "held", "case-7"), d.RequestErasure(ctx, "asked", false)); err != nil {
		t.Fatal(err)
	}
	due := func(rules ...Due) string {
		t.Helper()
		var ids []string
		for c := (Cursor{}); ; {
			found, err := d.DueCalls(ctx, rules, c, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				ids, c = append(ids, f.ID), Cursor{f.Ended, f.ID}
			}
			if len(found) < 2 {
				return strings.Join(ids, " ")
			}
		}
	}
	for _, test := range []struct {
		rules []Due
		want  string
	}{
		{nil, ""},
		{[]Due{{Class: "audio", Before: day(30)}}, ""}, // of nobody
		{[]Due{{Class: "audio", Except: true, Before: day(30)}}, "held a40 b40"},
		{[]Due{{Class: "audio", Agents: []string{"a"}, Before: day(5)}}, "held a40 a10"},
		{[]Due{{Class: "audio", Agents: []string{"a", "c"}, Except: true, Before: day(5)}}, "b40 b10"},
		{[]Due{{Class: "audio", Agents: []string{"a"}, Before: day(30)}, {Class: "text", Agents: []string{"b"}, Before: day(5)}}, "held a40 b40 b10"},
	} {
		if got := due(test.rules...); got != test.want {
			t.Errorf("%+v selects %q, want %q", test.rules, got, test.want)
		}
	}
	if err := d.BeginExpiry(ctx, "held", "audio", "n1", day(0)); !errors.Is(err, ErrHeld) {
		t.Errorf("a held call expires: %v", err)
	}
	if err := d.BeginExpiry(ctx, "asked", "audio", "n1", day(0)); !errors.Is(err, ErrErasing) {
		t.Errorf("a call that is to be erased expires: %v", err)
	}
	for _, id := range []string{"held", "asked"} {
		if c, err := d.Call(ctx, id); err != nil || c.Expired != (ExpiredClasses{}) {
			t.Errorf("%+v, %v", c, err)
		}
	}
	// Whoever has begun goes on, and another only when that was long ago.
	long, justNow := now.Add(-time.Hour), now.Add(time.Hour)
	if err := errors.Join(d.BeginExpiry(ctx, "a40", "audio", "n1", long), d.BeginExpiry(ctx, "a40", "audio", "n1", long)); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginExpiry(ctx, "a40", "audio", "n2", long); !errors.Is(err, ErrConflict) {
		t.Errorf("two nodes are at it: %v", err)
	}
	if err := d.BeginExpiry(ctx, "a40", "audio", "n2", justNow); err != nil {
		t.Errorf("nobody takes over: %v", err)
	}
	// A hold comes too late for what has begun, and in time for the rest.
	if err := d.Hold(ctx, "a40", ""); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginExpiry(ctx, "a40", "audio", "n2", long); err != nil {
		t.Errorf("what has begun does not go on: %v", err)
	}
	if err := d.BeginExpiry(ctx, "a40", "text", "n2", long); !errors.Is(err, ErrHeld) {
		t.Errorf("another class begins: %v", err)
	}
	rule := Due{Class: "audio", Agents: []string{"a"}, Before: day(30)}
	if got := due(rule); got != "held a40" {
		t.Errorf("what has begun and is not done: %q", got)
	}
	if err := errors.Join(d.FinishExpiry(ctx, "a40", "audio"), d.Release(ctx, "a40")); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginExpiry(ctx, "a40", "audio", "n2", justNow); !errors.Is(err, ErrConflict) {
		t.Errorf("what is done begins again: %v", err)
	}
	if got := due(rule); got != "held" {
		t.Errorf("what is done is due: %q", got)
	}
	c, err := d.Call(ctx, "a40")
	if err != nil || c.Expired != (ExpiredClasses{Audio: true}) || !c.Expired.Has("audio") || c.Expired.Has("text") || c.Recording != "stored" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, class := range []string{"text", "snippets"} {
		if err := errors.Join(d.BeginExpiry(ctx, "a40", class, "n2", long), d.FinishExpiry(ctx, "a40", class)); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := d.Call(ctx, "a40"); err != nil || c.Recording != ExpiredState || c.Expired != (ExpiredClasses{true, true, true}) {
		t.Errorf("%+v, %v", c, err)
	}
	all, err := d.Expiries(ctx, "a40")
	if err != nil || len(all) != 3 || all[0].Class != "audio" || all[0].Done.Before(all[0].Begun) {
		t.Errorf("%+v, %v", all, err)
	}
	if err := d.FinishExpiry(ctx, "b40", "audio"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what has not begun is done: %v", err)
	}
}
