package recorder_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/recorder"
	"sidetone/seal"
)

// rewrap moves the wrapped identities of a call to the current epoch, as a
// rotation does, and returns how many.
func (r *rig) rewrap(from, call string) (n int) {
	r.t.Helper()
	for _, key := range r.store.keys("keys/" + from + "/" + call + "/") {
		b := must[[]byte](r.t)(r.store.Get(r.ctx, key))
		id := must[seal.Identity](r.t)(r.keys.Unwrap(r.ctx, from, b))
		epoch, wrapped, err := r.keys.Wrap(r.ctx, id)
		if err != nil {
			r.t.Fatal(err)
		}
		r.store.set(func(m *memStore) {
			delete(m.objects, key)
			moved := strings.Replace(key, from, epoch, 1)
			m.objects[moved], m.order = wrapped, append(m.order, moved)
		})
		n++
	}
	return n
}

// TestReadAfterRotation: a take is read whose manifest names an epoch that is
// destroyed, since its keys are wrapped to a later one.
func TestReadAfterRotation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.record(phone("c"), 12)
		r.drain()
		want := r.wav("c")
		old := must[[]byte](t)(r.store.Get(r.ctx, "keys/epoch-1/c/t1-audio.age"))
		for range 2 {
			from := r.keys.Current().ID
			must[seal.Epoch](t)(r.keys.Rotate(seal.Plan{Here: true}))
			if n := r.rewrap(from, "c"); n != 3 {
				t.Fatalf("%d keys in %s", n, from)
			}
			must[seal.Epoch](t)(r.keys.Destroy(from, ""))
			if got := r.wav("c"); string(got) != string(want) {
				t.Errorf("%d bytes become %d after %s", len(want), len(got), from)
			}
		}
		r.store.set(func(m *memStore) { m.objects["keys/epoch-1/c/t1-audio.age"] = old }) // from a backup
		if got := r.wav("c"); string(got) != string(want) {
			t.Errorf("%d bytes become %d with a key of an epoch that is destroyed", len(want), len(got))
		}
	})
}

func TestSpooledEpochs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.set(func(m *memStore) { m.fault = errDown })
		r.record(phone("c"), 12)
		must[seal.Epoch](t)(r.keys.Rotate(seal.Plan{Here: true}))
		r.begin(phone("d"))
		r.begin(phone("e"))
		spool := filepath.Join(r.dir, "spool")
		check := func(when string, want map[string]int) {
			t.Helper()
			if got := must[map[string]int](t)(recorder.SpooledEpochs(spool)); !maps.Equal(got, want) {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		check("live and waiting", map[string]int{"epoch-1": 1, "epoch-2": 2})
		if err := os.Rename(filepath.Join(spool, "takes", "e.t1"), filepath.Join(spool, "quarantine", "e.t1")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(spool, "takes", "d.t1", "take.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		check("one put aside, one damaged", map[string]int{"epoch-1": 1, "epoch-2": 1, "": 1})
		if got := must[map[string]int](t)(recorder.SpooledEpochs(filepath.Join(r.dir, "none"))); len(got) != 0 {
			t.Errorf("of no spool: %v", got)
		}
	})
}

// rotating is an object store in which a rotation is at work: as the keys of an
// epoch are erased, those of the epoch after it appear.
type rotating struct {
	*memStore
	appear map[string]string // an object, by the prefix with whose erasure it comes
}

func (s *rotating) Erase(ctx context.Context, prefix string) error {
	if key := s.appear[prefix]; key != "" {
		delete(s.appear, prefix)
		s.set(func(m *memStore) { m.objects[key] = []byte("rewrapped") })
	}
	return s.memStore.Erase(ctx, prefix)
}

// TestDestroyMeetsRotation: a key that is put under another epoch while Destroy
// is at work does not stay, whichever of the epochs it comes to first.
func TestDestroyMeetsRotation(t *testing.T) {
	for _, next := range []string{"epoch-2", "epoch-0"} { // later and earlier in the list, like epoch-10 after epoch-9
		bubble(t, func(t *testing.T) {
			s := &rotating{memStore: newMemStore(), appear: map[string]string{
				"keys/epoch-1/c/t1-": "keys/" + next + "/c/t1-audio.age"}}
			r := newRig(t, func(o *recorder.SpoolOptions) { o.Put, o.Erase = s, s })
			r.store = s.memStore
			r.record(phone("c"), 12)
			r.drain()
			if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
				t.Fatal(err)
			}
			if len(s.appear) > 0 || len(s.objects) > 0 {
				t.Errorf("left: %v", s.objects)
			}
		})
	}
}
