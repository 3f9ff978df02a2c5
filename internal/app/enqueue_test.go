package app

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/store"
)

// A process that dies between the making of a job and the note of it makes no
// second one.
func TestEventBecomesOneJob(t *testing.T) {
	dir := t.TempDir()
	db, err := store.OpenDB(t.Context(), filepath.Join(dir, "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := &hooks{db: db, wake: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler), metrics: newHookMetrics(prometheus.NewRegistry()),
		config: configs.Webhooks{Endpoints: []configs.Webhook{{Name: "one"}, {Name: "two", Events: []string{webhooks.RecordingStored}}, {Name: "three", Events: []string{webhooks.CallFinished}}}}}
	if h.jobs, err = store.OpenJobs(t.Context(), filepath.Join(dir, "jobs.db"), store.JobsOptions{Queues: h.queues(nil)}); err != nil {
		t.Fatal(err)
	}
	defer h.jobs.Stop(t.Context())
	if err := db.InsertCall(t.Context(), store.Call{ID: "c1", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	e := store.Event{Name: webhooks.RecordingStored, Call: "c1", Take: "t1", State: "complete", At: time.Now()}
	for range 3 {
		if err := h.enqueue(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	h.measure(t.Context())
	for name, want := range map[string]int{"one": 1, "two": 1, "three": 0} {
		jobs, err := h.jobs.List(t.Context(), hookQueue+name, "", 10)
		if err != nil || len(jobs) != want {
			t.Errorf("%s: %d jobs, error %v", name, len(jobs), err)
		}
	}
	if h.event(webhooks.RecordingFailed) == "" || (&hooks{}).event(webhooks.CallFinished) != "" {
		t.Error("an event is noted that nobody wants, or one is not that somebody does")
	}
}

// What becomes of a recording is noted before its take leaves the spool, or is not
// told at all: not of a take that is to be destroyed.
func TestRecordingsAreTold(t *testing.T) {
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	a := &App{db: db, settled: newSettled(prometheus.NewRegistry()), ledger: ledgerIn(t, store.LedgerOptions{}), log: slog.New(slog.DiscardHandler),
		hooks: &hooks{db: db, wake: make(chan struct{}, 1), config: configs.Webhooks{Endpoints: []configs.Webhook{{Name: "one"}}}}}
	for _, id := range []string{"whole", "cut", "lost", "withdrawn"} {
		if err := db.InsertCall(t.Context(), store.Call{ID: id, Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RequestDeletion(t.Context(), "withdrawn", "t1"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // as after a crash
		for id, complete := range map[string]bool{"whole": true, "cut": false, "withdrawn": true} {
			if err := a.witness(t.Context(), recorder.Witnessed{Call: id, Take: "t1", Manifest: sha256.Sum256([]byte(id)), Complete: complete}); err != nil {
				t.Fatal(err)
			}
			a.stored(id, "t1", nil)
		}
		a.stored("lost", "t1", errors.New("conflict"))
		a.stored("withdrawn", "t1", errors.New("conflict"))
	}
	events, err := db.UntoldEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Name+" "+e.Call+" "+e.Take+" "+e.State)
	}
	slices.Sort(got)
	want := []string{"recording.failed lost t1 failed", "recording.stored cut t1 incomplete", "recording.stored whole t1 complete"}
	if !slices.Equal(got, want) || len(a.hooks.wake) != 1 {
		t.Errorf("noted %q, want %q", got, want)
	}
	for id, want := range map[string]string{"whole": "stored", "cut": "incomplete", "lost": "failed", "withdrawn": "none"} {
		if c, err := db.Call(t.Context(), id); err != nil || c.Recording != want {
			t.Errorf("the recording of %s is %s, %v", id, c.Recording, err)
		}
		if want == "none" {
			continue
		}
		if n := testutil.ToFloat64(a.settled.WithLabelValues(want)); n != 2 {
			t.Errorf("%v takes are counted as %s", n, want)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if a.witness(t.Context(), recorder.Witnessed{Call: "late", Take: "t1", Manifest: sha256.Sum256(nil)}) == nil {
		t.Error("a take may leave the spool though nobody will be told of it")
	}
}

// The configuration and what sends must know the same events and secrets.
func TestEventsOfTheConfiguration(t *testing.T) {
	for _, event := range webhooks.Events {
		c := configs.Default()
		c.Webhooks.Endpoints = []configs.Webhook{{Name: "one", URL: "https://example.com", Events: []string{event},
			Secrets: []configs.Secret{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}}
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
		h := &hooks{config: c.Webhooks}
		if _, err := webhooks.New(h.options(Options{})); err != nil {
			t.Error(err)
		}
	}
}
