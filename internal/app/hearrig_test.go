package app_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/consent/gatetest"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// shelf is an object store in memory.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *shelf) Put(_ context.Context, key string, body []byte, _ [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = append([]byte(nil), body...)
	return nil
}

func (s *shelf) Head(_ context.Context, key string) (int64, [32]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.objects[key]
	if !ok {
		return 0, [32]byte{}, store.ErrNotFound
	}
	return int64(len(b)), sha256.Sum256(b), nil
}

// toneOf is what is heard in a minute of what shelve has recorded, in Hz.
func toneOf(track recorder.Track, minute int) float64 {
	return 400 + 1000*float64(track) + 12*float64(minute)
}

// shelve leaves a recorded call in the stores of a gateway, as if it had served
// it: a tone a minute on each side, recorded in no time.
func (g *gateway) shelve(t *testing.T, id string, length time.Duration) {
	t.Helper()
	made := &shelf{objects: map[string][]byte{}}
	dir := t.TempDir()
	// What was made in a bubble stays in it: the bubble makes all that it needs.
	synctest.Test(t, func(t *testing.T) { record(t, g, made, dir, id, length) })
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	for key, body := range made.objects {
		if err := objects.Put(t.Context(), key, body, sha256.Sum256(body)); err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.OpenDB(t.Context(), filepath.Join(g.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := errors.Join(
		db.InsertCall(t.Context(), store.Call{ID: id, CarrierID: "CA" + id, Agent: "sentences", Kind: "phone", Direction: "inbound", Started: time.Now(),
			Consent: "granted", Recording: "stored", Takes: 1}),
		db.FinishCall(t.Context(), id, store.End{At: time.Now(), Duration: length, Outcome: "completed", Reason: "goodbye"}),
	); err != nil {
		t.Fatal(err)
	}
}

// record makes the objects of a take.
func record(t *testing.T, g *gateway, made *shelf, dir, id string, length time.Duration) {
	node, err := seal.OpenNode(app.NodeDir(g.config))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := seal.OpenKeyring(g.config.Keys.Dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewTakeKeys(t.Context(), keyring)
	if err != nil {
		t.Fatal(err)
	}
	spool, err := recorder.OpenSpool(recorder.SpoolOptions{Dir: dir, Node: node, Put: made,
		Sync: func(*os.File) error { return nil }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { spool.Run(ctx) })
	r, err := spool.Begin(recorder.TakeOptions{Call: id, Take: "t1", Rate: 8000, Coding: media.MuLaw, Played: "mark", Started: time.Now(), Clips: true, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { r.Run(ctx) })
	gate := gatetest.Open()
	var tones [2][]int16
	for at := media.Tick(0); at < media.TicksIn(length); at += media.FrameTicks {
		for track := range tones {
			if at%(60*media.TickRate) == 0 {
				tones[track] = media.Tone(8000, toneOf(recorder.Track(track), int(at/(60*media.TickRate))), time.Minute, -10)
			}
			a, _ := gate.Record(media.Frame{At: at, PCM: tones[track][:160]})
			r.Write(recorder.Track(track), a)
			tones[track] = tones[track][160:]
		}
		time.Sleep(media.FrameDuration)
	}
	words, _ := gate.Text(media.TickRate, 2*media.TickRate, "I said <this>.")
	clip, _ := gate.Clip(media.TickRate, 2*media.TickRate, 150*media.TickRate/1000)
	if err := r.Note(recorder.Note{Kind: "turn", Text: words, Clip: clip, Doc: map[string]any{"speaker": "caller", "engine": "test"}}); err != nil {
		t.Error(err)
	}
	if _, err := r.Finish(t.Context(), recorder.Ending{At: media.TicksIn(length), Outcome: "completed", Reason: "goodbye"}); err != nil {
		t.Error(err)
	}
	if err := spool.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
