package recorder_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// TestManifestsAreWitnessed holds that a take leaves the spool only after what its
// manifest is was noted elsewhere, whatever fails in between.
func TestManifestsAreWitnessed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told []recorder.Witnessed
		fails, early := 3, false
		var r *rig
		witness := func(o *recorder.SpoolOptions) {
			o.Witness = func(_ context.Context, w recorder.Witnessed) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				_, done := r.stored["c t1"]
				early = early || done
				told = append(told, w)
				if len(told) <= fails {
					return errors.New("no row was written")
				}
				return nil
			}
		}
		r = newRig(t, witness)
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 2*time.Second, -20))
		k.finish(0)
		time.Sleep(100 * time.Millisecond) // the manifest is stored, its witness has failed
		if len(r.store.keys("rec/c/t1/manifest.json")) != 1 || len(r.spooled()) == 0 || len(r.stored) > 0 {
			t.Fatalf("stored %v, on the spool %v, told %v", r.store.keys(""), r.spooled(), r.stored)
		}
		r.stop()
		r.open(witness)
		if _, err := r.spool.Recover(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.drain()
		manifest := must[[]byte](t)(r.store.Get(r.ctx, recorder.ManifestObject("c", "t1")))
		want := recorder.Witnessed{Call: "c", Take: "t1", Manifest: sha256.Sum256(manifest), Complete: true}
		if len(told) != fails+1 || early {
			t.Errorf("told %d times, after the take was called stored: %v", len(told), early)
		}
		for _, w := range told {
			if w != want {
				t.Errorf("told of %+v, not %+v", w, want)
			}
		}
		if err, done := r.stored["c t1"]; !done || err != nil || len(r.spooled()) > 0 {
			t.Errorf("in the end: stored %v, %v, on the spool %v", done, err, r.spooled())
		}
	})
}
