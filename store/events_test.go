package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// untold returns the events that wait, as text.
func untold(t *testing.T, d *DB) (names []string) {
	t.Helper()
	events, err := d.UntoldEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		names = append(names, fmt.Sprintf("%s %s %s %s", e.Name, e.Call, e.Take, e.State))
	}
	return names
}

func TestEvents(t *testing.T) { onEachEngine(t, testEvents) }

func testEvents(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	stored := Event{Name: "recording.stored", Call: "c1", Take: "t1", State: "complete", At: began}
	for range 2 { // the second changes nothing
		if err := d.NoteEvent(ctx, stored); err != nil {
			t.Fatal(err)
		}
		stored.State = "incomplete"
	}
	second := Event{Name: "recording.stored", Call: "c1", Take: "t2", State: "complete", At: began.Add(time.Second)}
	if err := d.NoteEvent(ctx, second); err != nil {
		t.Fatal(err)
	}
	if got := untold(t, d); !slices.Equal(got, []string{"recording.stored c1 t1 complete", "recording.stored c1 t2 complete"}) {
		t.Errorf("waiting are %q", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDB(t, location)
	if events, err := d.UntoldEvents(ctx); err != nil || len(events) != 2 || !events[0].At.Equal(began) {
		t.Errorf("after opening it again: %+v, error %v", events, err)
	}
	if err := d.EventTold(ctx, stored); err != nil {
		t.Fatal(err)
	}
	if err := d.NoteEvent(ctx, stored); err != nil { // what is told is no news
		t.Fatal(err)
	}
	if got := untold(t, d); !slices.Equal(got, []string{"recording.stored c1 t2 complete"}) {
		t.Errorf("waiting are %q", got)
	}
}

// The end of a call and its event stand or fall together.
func TestEndNotesItsEvent(t *testing.T) { onEachEngine(t, testEndNotesItsEvent) }

func testEndNotesItsEvent(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	for id, node := range map[string]string{"c1": "n1", "c2": "n1", "c3": "n2", "c4": "n1"} {
		if err := d.InsertCall(ctx, Call{ID: id, Started: began, Node: node}); err != nil {
			t.Fatal(err)
		}
	}
	end := End{At: began.Add(time.Minute), Outcome: "completed", Event: "call.finished"}
	if err := d.FinishCall(ctx, "c1", end); err != nil {
		t.Fatal(err)
	}
	if got := untold(t, d); !slices.Equal(got, []string{"call.finished c1  "}) {
		t.Errorf("waiting are %q", got)
	}
	if err := d.FinishCall(ctx, "c1", end); !errors.Is(err, ErrConflict) {
		t.Errorf("a second end: %v", err)
	}
	if err := d.FinishCall(ctx, "c9", end); !errors.Is(err, ErrNotFound) {
		t.Errorf("the end of nothing: %v", err)
	}
	quiet := end
	quiet.Event = ""
	if err := d.FinishCall(ctx, "c4", quiet); err != nil {
		t.Fatal(err)
	}
	if n, err := d.EndLive(ctx, "n1", end); err != nil || n != 1 {
		t.Errorf("%d calls ended, error %v", n, err)
	}
	if got := untold(t, d); !slices.Equal(got, []string{"call.finished c1  ", "call.finished c2  "}) {
		t.Errorf("waiting are %q", got)
	}
}

// Where the end of a call cannot be written, there is no event of it, and where
// its event cannot, the call has not ended.
func TestEndAndEventFailTogether(t *testing.T) { onEachEngine(t, testEndAndEventFailTogether) }

func testEndAndEventFailTogether(t *testing.T, location string) {
	d := openDB(t, location)
	ctx := t.Context()
	if err := d.InsertCall(ctx, Call{ID: "c1", Started: began}); err != nil {
		t.Fatal(err)
	}
	note := noteEnded(End{At: began, Event: "call.finished"}, "id", "c1")
	if _, err := d.sql.execAfter(ctx, note, `update nothing set x = 1`); err == nil {
		t.Error("a table that is not there was updated")
	}
	if got := untold(t, d); len(got) > 0 {
		t.Errorf("waiting are %q, of an end that failed", got)
	}
	if _, err := d.sql.ExecContext(ctx, `drop table events`); err != nil {
		t.Fatal(err)
	}
	if err := d.FinishCall(ctx, "c1", End{At: began, Event: "call.finished"}); err == nil {
		t.Error("a call ended without its event")
	}
	if c, err := d.Call(ctx, "c1"); err != nil || !c.Ended.IsZero() {
		t.Errorf("ended at %v, error %v", c.Ended, err)
	}
	// The connection is as good as before.
	if err := d.FinishCall(ctx, "c1", End{At: began}); err != nil {
		t.Error(err)
	}
}
