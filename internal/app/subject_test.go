package app

import (
	"path/filepath"
	"testing"
	"time"

	"sidetone/store"
	"sidetone/telephony"
)

// TestCallerWhoIsErasedWhileTheyCall: a call that is answered while the last call of
// its caller is erased can still be found by the number.
func TestCallerWhoIsErasedWhileTheyCall(t *testing.T) {
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := &App{db: db, ctx: t.Context(), policy: policies{lookup: []byte("a key of numbers, long enough")}}
	const number = "+12125550123"
	subject, err := db.Subject(t.Context(), a.policy.number(number))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []store.Call{{ID: "last", Subject: subject}, {ID: "now"}} {
		c.Started = time.Now()
		if err := db.InsertCall(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.FinishErasure(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	if err := a.noteSubject(telephony.Info{ID: "now", From: number}, subject); err != nil {
		t.Fatal(err)
	}
	found, err := Query{Caller: number}.find(t.Context(), db, a.policy.lookup)
	if err != nil || len(found) != 1 || found[0].ID != "now" {
		t.Errorf("%+v, %v", found, err)
	}
}
