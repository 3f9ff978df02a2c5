package recorder_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
)

// opened says which classes of a take can still be opened.
func (r *rig) opened(call string) string {
	r.t.Helper()
	var open []string
	recording := r.recording(call)
	if recording.WriteWAV(r.t.Context(), nowhere{}) == nil {
		open = append(open, "audio")
	}
	if s := recording.Manifest().Snippets; len(s) > 0 {
		if _, _, err := recording.Snippet(r.t.Context(), s[0].ID); err == nil {
			open = append(open, "snippets")
		}
	}
	if lines, err := recording.Notes(r.t.Context()); err == nil && len(lines) > 0 {
		open = append(open, "text")
	}
	return strings.Join(open, " ")
}

// clipped leaves a stored take of 32 s, with words and a snippet.
func (r *rig) clipped(call string) {
	r.t.Helper()
	k := r.begin(withClips(phone(call)))
	k.run(0, 8*second)
	k.ask("turn", recorder.Caller, 2*second, 3*second)
	k.run(8*second, 32*second)
	k.finish(32 * second)
	r.drain()
}

// nowhere drops what is written to it.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func TestDestroyClass(t *testing.T) {
	for _, test := range []struct {
		class seal.Class
		open  string // afterwards
		gone  string
	}{
		{seal.Audio, "snippets text", "/seg/"},
		{seal.Snippets, "audio text", "/snip/"},
		{seal.Text, "audio snippets", "/text/"},
	} {
		t.Run(string(test.class), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.clipped("c")
				r.clipped("other")
				for _, call := range []string{"c", "other"} {
					r.store.change(recorder.CorrectionKey("epoch-1", call, "t1", "n1"), []byte("key"))
					r.store.change(recorder.CorrectionObject(call, "t1", "n1"), []byte("note"))
				}
				if got := r.opened("c"); got != "audio snippets text" {
					t.Fatalf("at first %s opens", got)
				}
				before := r.store.keys("")
				ctx := t.Context()
				// A store that fails at every step in turn, and then does not.
				for n := 0; ; n++ {
					r.store.set(func(m *memStore) { m.erases = n })
					err := r.spool.DestroyClass(ctx, "c", []string{"t1"}, test.class)
					if keys := r.store.keys("keys/epoch-1/c/t1-" + string(test.class)); len(keys) > 0 && len(r.store.keys("rec/c/t1"+test.gone)) == 0 {
						t.Fatalf("after %d steps the objects went before the key", n)
					}
					if err == nil {
						break
					}
					if n > 20 {
						t.Fatal(err)
					}
				}
				r.store.set(func(m *memStore) { m.erases = 1 << 30 })
				if got := r.opened("c"); got != test.open {
					t.Errorf("%q opens, want %q", got, test.open)
				}
				if got := r.opened("other"); got != "audio snippets text" {
					t.Errorf("of another call %q opens", got)
				}
				gone := slices.DeleteFunc(before, func(key string) bool { return slices.Contains(r.store.keys(""), key) })
				for _, key := range gone {
					correction := test.class == seal.Text && (key == recorder.CorrectionKey("epoch-1", "c", "t1", "n1") || key == recorder.CorrectionObject("c", "t1", "n1"))
					if !strings.HasPrefix(key, "rec/c/t1"+test.gone) && key != recorder.KeyObject("epoch-1", "c", "t1", test.class) && !correction {
						t.Errorf("%s is gone as well", key)
					}
				}
				if want := map[seal.Class]int{seal.Audio: 2, seal.Snippets: 2, seal.Text: 4}[test.class]; len(gone) < want {
					t.Errorf("gone is %q", gone)
				}
				if err := r.spool.DestroyClass(ctx, "c", []string{"t1", "t2"}, test.class); err != nil {
					t.Errorf("once more: %v", err)
				}
				r.checkExpired(test.class, gone)
			})
		})
	}
}

// checkExpired verifies call "c" without, and with, what was there of a class.
func (r *rig) checkExpired(class seal.Class, gone []string) {
	r.t.Helper()
	o := r.verifyOptions("c", "t1")
	verify := func() (kinds []string) {
		v, err := recorder.Verify(r.t.Context(), o)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, f := range v.Faults {
			kinds = append(kinds, string(f.Kind))
		}
		slices.Sort(kinds)
		return slices.Compact(kinds)
	}
	if got := verify(); !slices.Contains(got, "missing") || !slices.Contains(got, "key") {
		r.t.Errorf("what is not said to have expired: %q", got)
	}
	o.Expired = []seal.Class{class}
	if got := verify(); len(got) > 0 {
		r.t.Errorf("what has expired is a fault: %q", got)
	}
	for _, key := range gone {
		r.store.change(key, []byte("back"))
	}
	if got := verify(); strings.Join(got, " ") != "expired" {
		r.t.Errorf("what is there again: %q", got)
	}
}

func TestDestroyClassRefusesWhatIsSpooled(t *testing.T) {
	for _, name := range []string{"just begun", "finished, nothing is uploaded", "stopped"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				if name != "finished, nothing is uploaded" {
					stages[name](r)
				} else {
					r.store.set(func(m *memStore) { m.fault = errDown })
					r.record(phone("c"), 12)
					time.Sleep(time.Minute)
				}
				if err := r.spool.DestroyClass(t.Context(), "c", []string{"t1"}, seal.Audio); !errors.Is(err, recorder.ErrSpooled) {
					t.Errorf("it is destroyed: %v", err)
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.spool.DestroyClass(t.Context(), "c", []string{"t1"}, "words"); err == nil {
			t.Error("there is a class of words")
		}
		if err := r.spool.DestroyClass(t.Context(), "../c", []string{"t1"}, seal.Audio); !errors.Is(err, recorder.ErrID) {
			t.Errorf("any id does: %v", err)
		}
	})
}
