package app

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/store"
)

// TestCallsAreFound holds what the query of a request selects.
func TestCallsAreFound(t *testing.T) {
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key := []byte("a key of numbers, long enough")
	caller, err := db.Subject(t.Context(), hashOf(key, "+12125550123"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)
	for i, c := range []store.Call{
		{ID: "a", Agent: "support", Subject: caller, Consent: "granted"},
		{ID: "b", Agent: "interview", Consent: "refused"},
		{ID: "c", Agent: "support", Consent: "granted"},
		{ID: "d", Agent: "support", Subject: caller, Consent: "refused"},
	} {
		c.Started = began.Add(time.Duration(i) * 40 * time.Minute)
		if err := db.InsertCall(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		end := store.End{At: c.Started, Duration: time.Duration(i+1) * 30 * time.Second, Outcome: []string{"completed", "caller"}[i%2]}
		if err := db.FinishCall(t.Context(), c.ID, end); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":                                      "d c b a",
		"agent=support":                         "d c a",
		"outcome=caller":                        "d b",
		"consent=granted&agent=support":         "c a",
		"caller=%2B12125550123":                 "d a",
		"caller=+12125550123&outcome=completed": "a",
		"caller=%2B12125550199":                 "",
		"from=2026-11-22":                       "d c",
		"to=2026-11-22":                         "b a",
		"from=2026-11-21T23:30:00Z&to=2026-11-22T00:30:00%2B00:00": "c b",
		"min=60":                      "d c b",
		"max=60.5":                    "b a",
		"min=45&max=100":              "c b",
		"limit=2":                     "d c",
		"limit=2&before=c":            "b a",
		"limit=2&before=b&agent=none": "",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := queryOf(values)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		calls, err := q.find(t.Context(), db, key)
		var ids []string
		for _, c := range calls {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != want || calls == nil {
			t.Errorf("%s: %q, want %q; error %v", query, got, want, err)
		}
	}
	for _, query := range []string{"caller=anonymous", "caller=4930901820", "from=yesterday", "to=2026-13-01", "min=-1", "min=NaN", "max=1e99",
		"max=x", "limit=0", "limit=x"} {
		values, _ := url.ParseQuery(query)
		q, err := queryOf(values)
		if err == nil {
			_, err = q.find(t.Context(), db, key)
		}
		if !errors.Is(err, errQuery) {
			t.Errorf("%s: %v", query, err)
		}
		if _, text, _ := strings.Cut(query, "="); err != nil && len(text) > 4 && strings.Contains(err.Error(), text) && !strings.HasPrefix(query, "to") {
			t.Errorf("%s: the error repeats it: %v", query, err)
		}
	}
	if _, err := db.KnownSubject(t.Context(), hashOf(key, "+12125550199")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who was asked about has been made known: %v", err)
	}
}
