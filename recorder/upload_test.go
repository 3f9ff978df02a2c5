package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// wantOrder is the order in which the objects of a take are stored.
func wantOrder(call string, segments int, notes bool) (keys []string) {
	for _, c := range []string{"audio", "snippets", "text"} {
		keys = append(keys, "keys/epoch-1/"+call+"/t1-"+c+".age")
	}
	for i := range segments {
		keys = append(keys, fmt.Sprintf("rec/%s/t1/seg/%06d.age", call, i+1))
	}
	if notes {
		keys = append(keys, "rec/"+call+"/t1/text/notes.age")
	}
	return append(keys, "rec/"+call+"/t1/meta.age", "rec/"+call+"/t1/manifest.json")
}

func TestObjectsAreStoredInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.say(0, second, "hello", nil)
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 40*time.Second, -20))
		k.finish(0)
		r.drain()
		if got := r.store.keys(""); !slices.Equal(got, wantOrder("c", 4, true)) {
			t.Errorf("stored %v", got)
		}
		if err, told := r.stored["c t1"]; !told || err != nil {
			t.Errorf("told: %v, %v", told, err)
		}
		if names := r.spooled(); len(names) > 0 || r.spool.Bytes() != 0 {
			t.Errorf("%d bytes stay on the spool: %v", r.spool.Bytes(), names)
		}
	})
}

// TestStoreDownForTenMinutes holds that an outage harms no call, whenever it
// begins, and that all is stored, once, after it.
func TestStoreDownForTenMinutes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.set(func(m *memStore) { m.fault = errDown })
		hum := media.Tone(8000, 300, 30*time.Second, -20)
		for i := range 3 {
			k := r.begin(phone(fmt.Sprint("c", i)))
			k.play(recorder.Caller, 0, hum)
			if sum := k.finish(0); !sum.Complete {
				t.Errorf("call %d misses %v", i, sum.Missing)
			}
		}
		time.Sleep(10 * time.Minute)
		if age := r.spool.Oldest(); age < 11*time.Minute || age > 12*time.Minute {
			t.Errorf("the oldest object waits for %v", age)
		}
		if r.store.puts > 3*60 {
			t.Errorf("%d attempts", r.store.puts)
		}
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		for i := range 3 {
			call := fmt.Sprint("c", i)
			got := slices.DeleteFunc(r.store.keys(""), func(k string) bool { return !strings.Contains(k, call) })
			if !slices.Equal(got, wantOrder(call, 3, false)) {
				t.Errorf("stored %v", got)
			}
			if left, _ := channels(t, phone(call), r.wav(call)); len(left) != len(hum) {
				t.Errorf("%d samples of %d", len(left), len(hum))
			}
		}
		if age := r.spool.Oldest(); age != 0 || r.spool.Bytes() != 0 {
			t.Errorf("after it %d bytes wait for %v", r.spool.Bytes(), age)
		}
	})
}

func TestUploadFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault, heal func(*memStore)
		want        error // nil: stored in the end
	}{
		"answer lost":    {func(m *memStore) { m.lose = true }, func(m *memStore) { m.lose = false }, nil},
		"slow":           {func(m *memStore) { m.delay = 20 * time.Second }, func(m *memStore) { m.delay = 0 }, nil},
		"slower than we": {func(m *memStore) { m.delay = 2 * time.Minute }, func(m *memStore) { m.delay = 0 }, nil},
		"half is stored": {func(m *memStore) { m.cut = true }, func(m *memStore) { m.cut = false }, recorder.ErrConflict},
		"other content": {func(m *memStore) { m.objects["rec/c/t1/seg/000001.age"] = []byte("theirs") },
			func(*memStore) {}, recorder.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.store.set(c.fault)
				k := r.begin(phone("c"))
				k.play(recorder.Caller, 0, media.Tone(8000, 300, time.Second, -20))
				k.finish(0)
				time.Sleep(15 * time.Minute)
				r.store.set(c.heal)
				r.drain()
				err, told := r.stored["c t1"]
				if !told || !errors.Is(err, c.want) {
					t.Fatalf("told: %v, %v", told, err)
				}
				if c.want == nil {
					r.wav("c")
					return
				}
				if !slices.Contains(r.spooled(), "manifest.json") {
					t.Errorf("what could not be stored is gone: %v", r.spooled())
				}
			})
		})
	}
}

// TestStoreHasItsOwnConflict has a store that knows nothing of this package.
func TestStoreHasItsOwnConflict(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *recorder.SpoolOptions) { o.Conflict = errDown })
		r.store.set(func(m *memStore) { m.fault = errDown })
		r.begin(phone("c")).finish(0)
		r.drain()
		if err := r.stored["c t1"]; !errors.Is(err, errDown) {
			t.Errorf("told %v", err)
		}
	})
}

// TestSpoiledFileIsNotStored changes a sealed file behind the uploader's back.
func TestSpoiledFileIsNotStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.set(func(m *memStore) { m.fault = errDown })
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, time.Second, -20))
		k.finish(0)
		path := filepath.Join(r.dir, "spool", "takes", "c.t1", "000001.age")
		b := must[[]byte](t)(os.ReadFile(path))
		b[len(b)-1] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		if err := r.stored["c t1"]; err == nil || !strings.Contains(err.Error(), "changed on the spool") {
			t.Errorf("told %v", err)
		}
		if keys := r.store.keys("rec/"); len(keys) > 0 {
			t.Errorf("stored %v", keys)
		}
	})
}

func TestUploadsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.set(func(m *memStore) { m.delay = 10 * time.Second })
		for i := range 20 {
			r.begin(phone(fmt.Sprint("c", i))).finish(0)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.spool.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain: %v", err)
		}
		time.Sleep(5 * time.Minute)
		r.drain()
		if r.store.most != 16 {
			t.Errorf("%d uploads at once", r.store.most)
		}
	})
}

// TestRestartDuringUploads stops the process at every count of stored objects.
func TestRestartDuringUploads(t *testing.T) {
	for stored := range len(wantOrder("c", 3, true)) {
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			r.store.set(func(m *memStore) { m.delay = time.Hour })
			k := r.begin(phone("c"))
			k.say(0, second, "hello", nil)
			k.play(recorder.Caller, 0, media.Tone(8000, 300, 25*time.Second, -20))
			k.finish(0)
			r.store.set(func(m *memStore) { m.delay = time.Second })
			for len(r.store.keys("")) < stored {
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
			}
			if rec := r.restart(); rec != (recorder.Recovery{Complete: 1}) {
				t.Errorf("recovered %+v", rec)
			}
			r.drain()
			if got := r.store.keys(""); !slices.Equal(got, wantOrder("c", 3, true)) {
				t.Errorf("after %d: stored %v", stored, got)
			}
			if m := r.recording("c").Manifest(); !m.Complete || m.Reason != "hung_up" {
				t.Errorf("manifest is complete: %v, reason %q", m.Complete, m.Reason)
			}
		})
	}
}
