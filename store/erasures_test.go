package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestErasures(t *testing.T) { onEachEngine(t, testErasures) }

func testErasures(t *testing.T, location string) {
	d, ctx := openDB(t, location), t.Context()
	lookup := bytes.Repeat([]byte("n"), 32)
	subject, err := d.Subject(ctx, lookup)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c1", "c2"} {
		if err := d.InsertCall(ctx, Call{ID: id, CarrierID: "CA" + id, Agent: "a", Kind: "phone", Direction: "inbound", Subject: subject, Started: time.Now(),
			Consent: "granted", Recording: "stored", Takes: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Hold(ctx, "c1", "case-7"), d.RequestErasure(ctx, "c1", false), d.RequestErasure(ctx, "c2", false)); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginErasure(ctx, "c1"); !errors.Is(err, ErrHeld) {
		t.Errorf("a held call begins to be erased: %v", err)
	}
	if c, err := d.Call(ctx, "c1"); err != nil || !c.Held || !c.Erasing {
		t.Errorf("%+v, %v", c, err)
	}
	if err := d.BeginErasure(ctx, "c2"); err != nil {
		t.Fatal(err)
	}
	if err := d.Hold(ctx, "c2", ""); !errors.Is(err, ErrErasing) {
		t.Errorf("a hold comes in time: %v", err)
	}
	if err := errors.Join(d.NoteErased(ctx, "c2", Erased{1, 7, 900}), d.NoteErased(ctx, "c2", Erased{1, 3, 100}), d.FinishErasure(ctx, "c2")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.KnownSubject(ctx, lookup); err != nil {
		t.Errorf("the mapping went while a call of theirs is there: %v", err)
	}
	// What comes late of a live call changes nothing.
	late := errors.Join(d.SetConsent(ctx, "c2", "granted"), d.SetAgent(ctx, "c2", "a"), d.SetRecording(ctx, "c2", "stored", 1), d.SetSubject(ctx, "c2", subject),
		d.FinishCall(ctx, "c2", End{At: time.Now(), Duration: time.Second, Outcome: "completed", Reason: "hung_up"}))
	if late != nil {
		t.Error(late)
	}
	c, err := d.Call(ctx, "c2")
	c.Started, c.Ended = time.Time{}, time.Time{}
	want := Call{ID: "c2", Kind: "phone", Direction: "inbound", Duration: time.Second, Consent: "erased", Recording: "erased", Takes: 1, Begun: true}
	if err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := d.Call(ctx, "CAc2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("by the carrier's id: %v", err)
	}
	if err := d.SaveReceipt(ctx, "r1", []byte("signed\n"), []string{"c2"}); err != nil {
		t.Fatal(err)
	}
	e, err := d.Erasure(ctx, "c2")
	if err != nil || e.Done.IsZero() || e.Erased != (Erased{1, 7, 900}) || e.Receipt != "r1" {
		t.Errorf("%+v, %v", e, err)
	}
	if b, err := d.Receipt(ctx, "r1"); err != nil || string(b) != "signed\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := errors.Join(d.Release(ctx, "c1"), d.BeginErasure(ctx, "c1"), d.FinishErasure(ctx, "c1")); err != nil {
		t.Error(err)
	}
	if err := d.Release(ctx, "c1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second release: %v", err)
	}
	if _, err := d.KnownSubject(ctx, lookup); !errors.Is(err, ErrNotFound) {
		t.Errorf("the mapping outlives the last call: %v", err)
	}
	unseen, err := d.UnseenErasures(ctx, time.Now().Add(time.Second))
	if err != nil || len(unseen) != 2 {
		t.Errorf("%+v, %v", unseen, err)
	}
	// A backup brings one back: it is erased again, whatever holds it.
	if err := errors.Join(d.LookedAgain(ctx, "c2"), d.RequestErasure(ctx, "c2", true), d.BeginErasure(ctx, "c2")); err != nil {
		t.Error(err)
	}
	pending, err := d.PendingErasures(ctx)
	if err != nil || len(pending) != 1 || pending[0].Call != "c2" || pending[0].Erased != (Erased{}) {
		t.Errorf("%+v, %v", pending, err)
	}
}

// TestLastCallsOfACaller erases all calls of a caller at once: their mapping goes.
func TestLastCallsOfACaller(t *testing.T) {
	onEachEngine(t, func(t *testing.T, location string) {
		d, ctx := openDB(t, location), t.Context()
		lookup := bytes.Repeat([]byte("m"), 32)
		subject, err := d.Subject(ctx, lookup)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		const calls = 20
		for i := range calls {
			id := fmt.Sprintf("c%d", i)
			if err := d.InsertCall(ctx, Call{ID: id, Agent: "a", Kind: "phone", Direction: "inbound", Subject: subject, Started: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range calls {
			go func() { done <- d.FinishErasure(ctx, fmt.Sprintf("c%d", i)) }()
		}
		for range calls {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if _, err := d.KnownSubject(ctx, lookup); !errors.Is(err, ErrNotFound) {
			t.Errorf("the mapping outlives the last call: %v", err)
		}
	})
}
