package app

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"sidetone/consent"
	"sidetone/recorder"
	"sidetone/store"
)

// ledgerIn opens a ledger in a folder of the test's own.
func ledgerIn(t testing.TB, o store.LedgerOptions) *store.Ledger {
	t.Helper()
	l, err := store.OpenLedger(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestManifestIsAnchoredOnce holds that a manifest has one row, however often it is
// told of, and that the row and others about recordings are none of consent.
func TestManifestIsAnchoredOnce(t *testing.T) {
	l := ledgerIn(t, store.LedgerOptions{})
	w := recorder.Witnessed{Call: "c", Take: "t1", Manifest: sha256.Sum256([]byte("one")), Complete: true}
	second := recorder.Witnessed{Call: "c", Take: "t2", Manifest: sha256.Sum256([]byte("two"))}
	for _, w := range []recorder.Witnessed{w, w, second, w} {
		if err := anchor(t.Context(), l, w); err != nil {
			t.Fatal(err)
		}
	}
	for range 300 { // more than a call may have rows of consent
		if _, err := l.Append(t.Context(), "c", "accessed", []byte(`{"what":"recording"}`)); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := l.Rows(t.Context(), "c")
	if err != nil || len(rows) != 302 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := fmt.Sprintf(`{"take":"t1","manifest":"%x","complete":true}`, sha256.Sum256([]byte("one")))
	if string(rows[0].Body) != want || rows[0].Event != "sealed" {
		t.Errorf("the row is %s %s, not %s", rows[0].Event, rows[0].Body, want)
	}
	if anchors, err := anchorsOf(rows); err != nil || anchors["t1"].Manifest != w.Manifest || anchors["t2"].Complete || len(anchors) != 2 {
		t.Errorf("anchored %v, %v", anchors, err)
	}
	if err := checkCall("c", rows); err != nil {
		t.Error(err)
	}
}

// TestRowsOfManifests forges rows of a call, and wants its check to fail.
func TestRowsOfManifests(t *testing.T) {
	row := func(event, body string) store.Row {
		return store.Row{Seq: 1, Call: "c", Event: event, Body: []byte(body)}
	}
	right := row("sealed", fmt.Sprintf(`{"take":"t1","manifest":"%x","complete":true}`, sha256.Sum256(nil)))
	other := row("sealed", fmt.Sprintf(`{"take":"t1","manifest":"%x","complete":true}`, sha256.Sum256([]byte("other"))))
	for name, test := range map[string]struct {
		rows []store.Row
		want error
	}{
		"right":             {[]store.Row{right, right}, nil},
		"another manifest":  {[]store.Row{right, other}, errAnchors},
		"no manifest":       {[]store.Row{row("sealed", `{"take":"t1","complete":true}`)}, errAnchors},
		"no take":           {[]store.Row{row("sealed", fmt.Sprintf(`{"manifest":"%x"}`, sha256.Sum256(nil)))}, errAnchors},
		"unknown field":     {[]store.Row{row("sealed", `{"take":"t1","words":"hello"}`)}, errAnchors},
		"no JSON":           {[]store.Row{row("sealed", `sealed`)}, errAnchors},
		"an unknown event":  {[]store.Row{right, row("opened", `{}`)}, consent.ErrRows},
		"a row of no proof": {[]store.Row{row("granted", `{}`)}, consent.ErrRows},
	} {
		if err := checkCall("c", test.rows); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSealedRow(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"take":"t1","manifest":"%x","complete":true}`, sha256.Sum256(nil))))
	f.Fuzz(func(t *testing.T, b []byte) {
		row, err := parseSealed(store.Row{Body: b})
		if err != nil {
			return
		}
		again, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseSealed(store.Row{Body: again}); err != nil || back != row {
			t.Errorf("%s is read as %+v, written as %s and read as %+v, %v", b, row, again, back, err)
		}
	})
}
