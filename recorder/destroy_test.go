package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// record makes a finished take of n seconds, with a note.
func (r *rig) record(o recorder.TakeOptions, n media.Tick) *taking {
	r.t.Helper()
	k := r.begin(o)
	k.say(second, 2*second, "hello", nil)
	k.both(0, n)
	k.finish(n * second)
	return k
}

// stages bring a take of call "c" to where Destroy may find it.
var stages = map[string]func(r *rig){
	"never was": func(*rig) {},
	"just begun": func(r *rig) {
		r.begin(phone("c"))
	},
	"recording": func(r *rig) {
		k := r.begin(phone("c"))
		k.say(second, 2*second, "hello", nil)
		k.both(0, 8)
	},
	"recording, some is sealed": func(r *rig) {
		r.begin(web("c")).both(0, 27)
	},
	"recording, some is cut": func(r *rig) {
		k := r.begin(phone("c"))
		k.both(0, 8)
		k.Cut(5*second, 8*second)
	},
	"stopped": func(r *rig) { // by the end of the process, before Finish
		k := r.begin(phone("c"))
		k.both(0, 8)
		k.kill()
	},
	"finished, nothing is uploaded": func(r *rig) {
		r.store.set(func(m *memStore) { m.fault = errDown })
		r.record(phone("c"), 12)
		time.Sleep(time.Minute)
		r.store.set(func(m *memStore) { m.fault = nil })
	},
	"an upload is under way": func(r *rig) {
		r.store.set(func(m *memStore) { m.delay = 20 * time.Second })
		r.record(phone("c"), 12)
		time.Sleep(10 * time.Second)
	},
	"half is uploaded": func(r *rig) {
		r.store.set(func(m *memStore) { m.delay = time.Second })
		r.record(phone("c"), 32)
		for len(r.store.keys("rec/c/")) < 2 {
			time.Sleep(100 * time.Millisecond)
		}
	},
	"stored": func(r *rig) {
		r.record(phone("c"), 12)
		r.drain()
	},
	"stored by an earlier process": func(r *rig) {
		r.record(phone("c"), 12)
		r.drain()
		r.restart()
	},
	"stored, then wrapped to the next epoch": func(r *rig) {
		r.record(phone("c"), 12)
		r.drain()
		r.store.set(func(m *memStore) { m.objects["keys/epoch-2/c/t1-audio.age"] = m.objects["keys/epoch-1/c/t1-audio.age"] })
	},
	"refused by the store": func(r *rig) {
		r.store.set(func(m *memStore) { m.objects["rec/c/t1/seg/000001.age"] = []byte("theirs") })
		r.record(phone("c"), 12)
		r.drain()
	},
	"left by a crash": func(r *rig) {
		r.begin(phone("c")).both(0, 12)
		r.crash()
		r.open()
	},
	"recovered": func(r *rig) {
		r.store.set(func(m *memStore) { m.fault = errDown })
		r.begin(phone("c")).both(0, 12)
		r.crash()
		r.restart()
		r.store.set(func(m *memStore) { m.fault = nil })
	},
	"cannot be recovered": func(r *rig) {
		k := r.begin(phone("c"))
		k.both(0, 12)
		if err := os.Mkdir(filepath.Join(r.dir, "spool", "takes", "c.t1", "000002.age.tmp"), 0o700); err != nil {
			r.t.Fatal(err)
		}
		if _, err := k.Finish(r.ctx, recorder.Ending{}); err == nil {
			r.t.Error("no error")
		}
	},
	"a part is put aside": func(r *rig) {
		r.begin(phone("c")).both(0, 12)
		r.crash()
		r.spoil("000001.spool", 5000)
		r.spoil("000002.spool", 0)
		r.restart()
	},
	"all is put aside": func(r *rig) {
		r.begin(phone("c")).both(0, 12)
		r.crash()
		r.spoil("take.json", 0)
		r.open()
		if _, err := r.spool.Recover(r.ctx); !errors.Is(err, recorder.ErrSpoolFile) {
			r.t.Error("recovered: ", err)
		}
	},
}

// spoil changes a byte of a file of the take.
func (r *rig) spoil(name string, at int) {
	r.t.Helper()
	path := filepath.Join(r.dir, "spool", "takes", "c.t1", name)
	b := must[[]byte](r.t)(os.ReadFile(path))
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// hold keeps the files of the spool that have keys in them, under whatever name
// or none.
func (r *rig) hold() (files []*os.File) {
	r.t.Helper()
	synctest.Wait()
	walk(r.t, filepath.Join(r.dir, "spool"), func(path string, _ []byte) {
		if name := filepath.Base(path); strings.Contains(path, "c.t1") && (strings.Contains(name, ".spool") || strings.HasPrefix(name, "key-")) {
			files = append(files, must[*os.File](r.t)(os.Open(path)))
		}
	})
	return files
}

// checkWiped holds that no key is in the files.
func checkWiped(t *testing.T, files []*os.File) {
	t.Helper()
	for _, f := range files {
		b := make([]byte, 4096)
		n, _ := f.ReadAt(b, 0)
		if bytes.Contains(b[:n], []byte("age-encryption.org")) {
			t.Errorf("%s was not overwritten", filepath.Base(f.Name()))
		}
		f.Close()
	}
}

// checkDestroyed holds that nothing is left of call "c", and that nothing comes.
func (r *rig) checkDestroyed() {
	r.t.Helper()
	time.Sleep(10 * time.Minute)
	for _, key := range slices.Concat(r.store.keys("keys/"), r.store.keys("rec/")) {
		if strings.Contains(key, "/c/") {
			r.t.Errorf("the store has %s", key)
		}
	}
	if _, err := recorder.Open(r.ctx, r.openOptions("c")); !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("opened: %v", err)
	}
	if names := r.spooled(); len(names) > 0 || r.spool.Doomed() != 0 || r.spool.Bytes() != 0 {
		r.t.Errorf("the spool has %v, %d bytes, %d doomed takes", names, r.spool.Bytes(), r.spool.Doomed())
	}
}

func TestDestroyAtEveryStage(t *testing.T) {
	for name, prepare := range stages {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.record(phone("d"), 12)
				r.drain()
				prepare(r)
				held := r.hold()
				if name == "recording" && len(held) != 2 {
					t.Errorf("%d files hold keys: no test", len(held))
				}
				for range 2 {
					if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
						t.Fatal(err)
					}
				}
				checkWiped(t, held)
				r.checkDestroyed()
				if rec := r.restart(); rec != (recorder.Recovery{}) {
					t.Errorf("recovered %+v", rec)
				}
				r.checkDestroyed()
				if left, _ := channels(t, phone("d"), r.wav("d")); len(left) != 12*8000 {
					t.Errorf("another call has %d samples", len(left))
				}
			})
		})
	}
}

// TestDestroyWhileTheStoreIsDown: nothing is left on the spool at once, nothing
// comes back, and it is done when the store is back, in whichever process.
func TestDestroyWhileTheStoreIsDown(t *testing.T) {
	for name, prepare := range stages {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					r := newRig(t)
					prepare(r)
					held := r.hold()
					r.store.set(func(m *memStore) { m.fault, m.delay = errDown, 0 })
					if err := r.spool.Destroy(t.Context(), "c", "t1"); !errors.Is(err, errDown) {
						t.Fatal(err)
					}
					checkWiped(t, held)
					if names := r.spooled(); !slices.Equal(names, []string{"c.t1"}) || r.spool.Doomed() != 1 || r.spool.Bytes() != 0 {
						t.Errorf("the spool has %v, %d bytes, %d doomed takes", names, r.spool.Bytes(), r.spool.Doomed())
					}
					if _, err := r.spool.Begin(phone("c")); !errors.Is(err, recorder.ErrDestroyed) && !errors.Is(err, recorder.ErrID) {
						t.Errorf("Begin: %v", err)
					}
					before := len(r.store.keys(""))
					r.store.set(func(m *memStore) { m.fault = nil })
					if restart {
						r.restart()
					}
					if r.spool.Doomed() != 1 {
						t.Errorf("%d doomed takes", r.spool.Doomed())
					}
					time.Sleep(10 * time.Minute)
					if after := r.store.keys(""); len(after) > before {
						t.Errorf("uploaded: %v", after)
					}
					if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
						t.Fatal(err)
					}
					r.checkDestroyed()
				})
			})
		}
	}
}

// TestDestroyIsKilled ends the process at each step of a Destroy.
func TestDestroyIsKilled(t *testing.T) {
	for steps := range 8 { // in the object store
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			r.record(phone("c"), 12)
			r.drain()
			r.store.set(func(m *memStore) { m.erases = steps })
			err := r.spool.Destroy(t.Context(), "c", "t1")
			if done := err == nil; done != (steps >= 6) {
				t.Fatalf("after %d steps: %v", steps, err)
			}
			if keys := r.store.keys("keys/"); steps > 0 && len(keys) > 0 {
				t.Errorf("after %d steps there still is %v", steps, keys)
			}
			r.restart()
			r.store.set(func(m *memStore) { m.erases = 100 })
			if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
				t.Error(err)
			}
			r.checkDestroyed()
		})
	}
	for name, remove := range map[string][]string{ // on the spool
		"when it was noted":         nil,
		"when the keys were gone":   {"key-audio.age", "key-text.age", "key-snippets.age", "000001.spool"},
		"when the head was gone":    {"key-audio.age", "take.json"},
		"when the journal was gone": {"journal"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.store.set(func(m *memStore) { m.fault = errDown })
				r.begin(phone("c")).both(0, 12)
				r.crash()
				for _, name := range remove {
					if err := os.Remove(filepath.Join(r.dir, "spool", "takes", "c.t1", name)); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(filepath.Join(r.dir, "spool", "doomed", "c.t1"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				held := r.hold()
				r.store.set(func(m *memStore) { m.fault = nil })
				if rec := r.restart(); rec != (recorder.Recovery{}) {
					t.Errorf("recovered %+v", rec)
				}
				checkWiped(t, held)
				time.Sleep(10 * time.Minute)
				if keys := r.store.keys(""); len(keys) > 0 {
					t.Errorf("uploaded: %v", keys)
				}
				if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
					t.Error(err)
				}
				r.checkDestroyed()
			})
		})
	}
}

// TestDestroyBeginsWithTheKeys: and ends with the manifest.
func TestDestroyBeginsWithTheKeys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.record(phone("c"), 12)
		r.drain()
		if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
			t.Fatal(err)
		}
		if got := r.store.erased; !slices.Equal(got, wantOrder("c", 2, true)) {
			t.Errorf("erased %v", got)
		}
	})
}

// TestDestroyWaitsForAnUpload: what is under way is deleted when it has arrived,
// and the keys on the spool do not wait for it.
func TestDestroyWaitsForAnUpload(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		stages["an upload is under way"](r)
		held := r.hold()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.spool.Destroy(ctx, "c", "t1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it is under way: %v", err)
		}
		checkWiped(t, held)
		if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
			t.Error(err)
		}
		if got := r.store.erased; !slices.Equal(got, wantOrder("c", 0, false)[:2]) { // one of them under way
			t.Errorf("erased %v", got)
		}
		r.checkDestroyed()
		if len(r.stored) > 0 {
			t.Errorf("told %v", r.stored)
		}
		if strings.Contains(r.log.String(), "ERROR") {
			t.Errorf("logged %s", r.log)
		}
	})
}

// TestDestroyOnce: who comes while another destroys the take waits, and finds it
// done.
func TestDestroyOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		stages["an upload is under way"](r)
		before := r.store.erases
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.spool.Destroy(ctx, "c", "t1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with no time: %v", err)
		}
		all.Wait()
		if n := before - r.store.erases; n != 6 {
			t.Errorf("%d erasures", n)
		}
		r.checkDestroyed()
	})
}

// TestDestroyedRecorder: the call goes on with it as before, and in vain.
func TestDestroyedRecorder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.both(0, 8)
		if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
			t.Fatal(err)
		}
		k.both(8*second, 30)
		k.say(9*second, 10*second, "hello", nil)
		k.Anchor(recorder.Anchor{Tick: 8 * second})
		if kept := k.Cut(5*second, 8*second); kept != 8*second {
			t.Errorf("cut from %d on", kept)
		}
		if _, err := k.Finish(t.Context(), recorder.Ending{}); !errors.Is(err, recorder.ErrDestroyed) {
			t.Errorf("Finish: %v", err)
		}
		r.checkDestroyed()

		next := r.begin(nth(phone("c"), "t2", 40*second)) // the caller agrees again
		next.both(40*second, 2)
		next.finish(0)
		r.drain()
		checkCut(t, next.o, r.wavOf(next.o), 0, 0, 42*second)
	})
}

// TestDestroyOneOfTwoTakes leaves the other as it is.
func TestDestroyOneOfTwoTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		one, other := nth(phone("c"), "t1", 0), nth(phone("c"), "t10", 20*second)
		r.begin(one).both(0, 12)
		k := r.begin(other)
		k.both(20*second, 12)
		if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
			t.Fatal(err)
		}
		k.both(32*second, 2)
		k.finish(0)
		r.drain()
		checkCut(t, other, r.wavOf(other), 0, 0, 34*second)
		if keys := r.store.keys("rec/c/t1/"); len(keys) > 0 {
			t.Errorf("of the first there is %v", keys)
		}
	})
}

func TestDestroyRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		for _, id := range [][2]string{{"", "t1"}, {"c", ""}, {"../c", "t1"}, {"c", "t1/"}, {"c", "t-1"}, {"c.t1", "t2"}} {
			if err := r.spool.Destroy(t.Context(), id[0], id[1]); !errors.Is(err, recorder.ErrID) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if _, err := r.spool.Begin(nth(phone("c"), "t-1", 0)); !errors.Is(err, recorder.ErrID) {
			t.Errorf("Begin: %v", err)
		}
	})
}

// TestDestroyWithoutAnEraser: what can be done is.
func TestDestroyWithoutAnEraser(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *recorder.SpoolOptions) { o.Erase = nil })
		r.begin(phone("c")).both(0, 8)
		held := r.hold()
		if err := r.spool.Destroy(t.Context(), "c", "t1"); err == nil {
			t.Error("no error")
		}
		checkWiped(t, held)
	})
}

// TestDestroyMeetsEverything calls Destroy, several times at once, while the take
// is written, cut, finished, uploaded and recovered.
func TestDestroyMeetsEverything(t *testing.T) {
	for after := range 40 {
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			r.store.set(func(m *memStore) { m.delay = 200 * time.Millisecond })
			k := r.begin(phone("c"))
			var all sync.WaitGroup
			all.Go(func() {
				k.both(0, 27)
				k.Cut(12*second, 27*second)
				k.Finish(t.Context(), recorder.Ending{At: 27 * second}) // fails, if the take is gone
			})
			all.Go(func() {
				for range 30 {
					r.spool.Recover(t.Context())
					time.Sleep(time.Second)
				}
			})
			for range 3 {
				all.Go(func() {
					time.Sleep(24*time.Second + time.Duration(after)*100*time.Millisecond)
					if err := r.spool.Destroy(t.Context(), "c", "t1"); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			synctest.Wait()
			r.checkDestroyed()
		})
	}
}

// TestKeysWithEscrowAreOverwritten: a wrapped key may be longer than the head of
// a spool file.
func TestKeysWithEscrowAreOverwritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		var escrow []seal.Recipient
		for range 20 {
			id := must[seal.Identity](t)(seal.GenerateIdentity())
			escrow = append(escrow, id.Recipient())
			if err := seal.Prove(r.keys.Dir(), id); err != nil {
				t.Fatal(err)
			}
		}
		must[seal.Epoch](t)(r.keys.Rotate(seal.Plan{Here: true, Recipients: escrow}))
		r.store.set(func(m *memStore) { m.fault = errDown })
		r.begin(phone("c"))
		path := filepath.Join(r.dir, "spool", "takes", "c.t1", "key-audio.age")
		f := must[*os.File](t)(os.Open(path))
		defer f.Close()
		long := must[[]byte](t)(os.ReadFile(path))
		r.spool.Destroy(t.Context(), "c", "t1")
		now := make([]byte, len(long))
		if _, err := f.ReadAt(now, 0); err != nil || len(long) < 2000 || !bytes.Equal(now, make([]byte, len(long))) {
			t.Errorf("of %d bytes, %d are zero; %v", len(long), bytes.Count(now, []byte{0}), err)
		}
	})
}
