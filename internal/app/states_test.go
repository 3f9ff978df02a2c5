package app

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/configs"
	"sidetone/internal/webhooks"
	"sidetone/recorder"
	"sidetone/store"
)

// stateRig is the part of a gateway that notes what becomes of recordings.
func stateRig(t *testing.T) *App {
	t.Helper()
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c := configs.Default()
	c.Recorder.SpoolDir = t.TempDir()
	return &App{db: db, node: "n", config: c, settled: newSettled(prometheus.NewRegistry()), ledger: ledgerIn(t, store.LedgerOptions{}), log: newLog(io.Discard),
		hooks: &hooks{db: db, wake: make(chan struct{}, 1), config: configs.Webhooks{Endpoints: []configs.Webhook{{Name: "one"}}}}}
}

// anchored writes the row of a stored manifest.
func (a *App) anchored(t *testing.T, id, take string, complete bool) {
	t.Helper()
	if err := a.witness(t.Context(), recorder.Witnessed{Call: id, Take: take, Manifest: sha256.Sum256([]byte(id + take)), Complete: complete}); err != nil {
		t.Fatal(err)
	}
}

// TestStatesOfTakes: the state of a recording is that of all its takes, in whichever
// order they are stored.
func TestStatesOfTakes(t *testing.T) {
	type step struct{ do, want string }
	a, ctx := stateRig(t), t.Context()
	for name, steps := range map[string][]step{
		"one":                 {{"begin", "recording"}, {"end", "uploading"}, {"t1 whole", "stored"}},
		"one-cut":             {{"begin", "recording"}, {"end", "uploading"}, {"t1 cut", "incomplete"}},
		"stored-before-end":   {{"begin", "recording"}, {"t1 whole", "stored"}, {"end", "stored"}},
		"two":                 {{"begin", "recording"}, {"begin", "recording"}, {"t1 whole", "recording"}, {"end", "uploading"}, {"t2 whole", "stored"}},
		"two-the-last-first":  {{"begin", "recording"}, {"begin", "recording"}, {"end", "uploading"}, {"t2 whole", "uploading"}, {"t1 cut", "incomplete"}},
		"again-after-stored":  {{"begin", "recording"}, {"t1 whole", "stored"}, {"begin", "recording"}, {"end", "uploading"}, {"t2 whole", "stored"}},
		"one-fails":           {{"begin", "recording"}, {"begin", "recording"}, {"end", "uploading"}, {"t1 fails", "failed"}, {"t2 whole", "failed"}},
		"mended":              {{"begin", "recording"}, {"end", "uploading"}, {"t1 fails", "failed"}, {"t1 whole", "stored"}},
		"the-first-destroyed": {{"begin", "recording"}, {"destroy t1", "destroyed"}, {"begin", "recording"}, {"end", "uploading"}, {"t2 whole", "stored"}},
		"destroyed-late":      {{"begin", "recording"}, {"destroy t1", "destroyed"}, {"end", "destroyed"}, {"t1 whole", "destroyed"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := a.db.InsertCall(ctx, store.Call{ID: name, Started: time.Now(), Node: "n"}); err != nil {
				t.Fatal(err)
			}
			takes := 0
			for _, s := range steps {
				var err error
				switch s.do {
				case "begin":
					takes++
					err = a.db.SetRecording(ctx, name, recordingLive, takes)
				case "end":
					err = a.db.FinishCall(ctx, name, store.End{At: time.Now()})
				case "destroy t1":
					err = errors.Join(a.db.RequestDeletion(ctx, name, "t1"), a.db.FinishDeletion(ctx, name, "t1"), a.db.SetRecording(ctx, name, recordingDestroyed, 0))
				default:
					take, how := s.do[:2], s.do[3:]
					if how == "fails" {
						a.stored(name, take, errors.New("conflict"))
					} else {
						a.anchored(t, name, take, how == "whole")
						a.stored(name, take, nil)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				if c, err := a.db.Call(ctx, name); err != nil || c.Recording != s.want || c.Takes != takes {
					t.Fatalf("after %q: %s with %d takes, %v; want %s", s.do, c.Recording, c.Takes, err, s.want)
				}
			}
		})
	}
}

// TestStatesAfterACrash: at the start, recordings that are stored, though their row
// does not say so yet, are said to be; those of which nothing is anywhere have failed.
func TestStatesAfterACrash(t *testing.T) {
	a, ctx := stateRig(t), t.Context()
	for id, state := range map[string]string{"stored": recordingUploading, "older": recordingLive, "lost": recordingUploading, "spooled": recordingUploading,
		"live": recordingLive, "elsewhere": recordingUploading, "done": recordingStored} {
		c := store.Call{ID: id, Started: time.Now(), Node: "n"}
		if id == "elsewhere" {
			c.Node = "another"
		}
		if err := a.db.InsertCall(ctx, c); err != nil {
			t.Fatal(err)
		}
		if id != "live" {
			if err := a.db.FinishCall(ctx, id, store.End{At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.db.SetRecording(ctx, id, state, 1); err != nil {
			t.Fatal(err)
		}
	}
	a.anchored(t, "stored", "t1", true)
	a.anchored(t, "older", "t1", false)
	if err := os.MkdirAll(filepath.Join(a.config.Recorder.SpoolDir, "takes", "spooled.t1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.settleLeft(ctx)
		for id, want := range map[string]string{"stored": "stored", "older": "incomplete", "lost": "failed", "spooled": "uploading", "live": "recording",
			"elsewhere": "uploading", "done": "stored"} {
			if c, err := a.db.Call(ctx, id); err != nil || c.Recording != want {
				t.Errorf("%s is %s, %v; want %s", id, c.Recording, err, want)
			}
		}
	}
	events, err := a.db.UntoldEvents(ctx)
	told := map[string]int{}
	for _, e := range events {
		told[e.Name+" "+e.Call]++
	}
	if err != nil || len(told) != 3 || told[webhooks.RecordingFailed+" lost"] != 1 {
		t.Errorf("told %v, %v", told, err)
	}
	if n := testutil.ToFloat64(a.settled.WithLabelValues(recordingFailed)); n != 1 {
		t.Errorf("%v takes have failed", n)
	}
}
