package recorder_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// hum is a sound without a sample of silence, of n seconds.
func hum(o recorder.TakeOptions, n media.Tick) []int16 {
	return slices.Repeat([]int16{1000, -1000}, int(n)*o.Rate/2)
}

// both plays n seconds on both tracks from tick at on.
func (k *taking) both(at media.Tick, n media.Tick) {
	k.r.t.Helper()
	pcm := hum(k.o, n)
	size := media.FrameSamples(k.o.Rate)
	for ; len(pcm) >= size; pcm = pcm[size:] {
		k.put(recorder.Caller, at, pcm[:size])
		k.put(recorder.Agent, at, pcm[:size])
		at += media.FrameTicks
		time.Sleep(media.FrameDuration)
	}
}

// checkCut holds that the file has sound on both tracks up to end, but between
// from and to, where it has none.
func checkCut(t *testing.T, o recorder.TakeOptions, file []byte, from, to, end media.Tick) {
	t.Helper()
	left, right := channels(t, o, file)
	a, b, n := (from - o.Origin).Sample(o.Rate), (to - o.Origin).Sample(o.Rate), (end - o.Origin).Sample(o.Rate)
	for name, pcm := range map[string][]int16{"caller": left, "agent": right} {
		if int64(len(pcm)) != n {
			t.Fatalf("%s: %d samples, not %d", name, len(pcm), n)
		}
		for i, s := range pcm {
			if cut := int64(i) >= a && int64(i) < b; cut != (s == 0) {
				t.Fatalf("%s: sample %d of %d is %d; cut from %d to %d", name, i, n, s, a, b)
			}
		}
	}
}

// TestCut cuts recordings at many places: everything before the cut stays, to
// the sample, and all behind it is silence, in the file and on the spool.
func TestCut(t *testing.T) {
	for name, c := range map[string]struct {
		o         recorder.TakeOptions
		long      media.Tick // seconds recorded
		from, to  media.Tick // ticks
		resumed   bool       // 3 s more follow
		kept, cut media.Tick // ticks: from where and up to where it is cut
	}{
		"phone, within a segment":     {phone("c"), 8, 5 * second, 8 * second, false, 5 * second, 8 * second},
		"phone, in the last record":   {phone("c"), 8, 8*second - 2400, 8 * second, false, 8*second - 2400, 8 * second},
		"phone, at a sample":          {phone("c"), 8, 5*second + 6*7, 8 * second, false, 5*second + 6*7, 8 * second},
		"phone, at a border":          {phone("c"), 14, 10 * second, 14 * second, false, 10 * second, 14 * second},
		"phone, over a border":        {phone("c"), 14, 8 * second, 14 * second, false, 8 * second, 14 * second},
		"phone, over two borders":     {phone("c"), 24, 9*second + 480, 24 * second, false, 9*second + 480, 24 * second},
		"phone, resumed":              {phone("c"), 14, 8 * second, 14 * second, true, 8 * second, 14 * second},
		"phone, beyond the live edge": {phone("c"), 8, 5 * second, 9 * second, false, 5 * second, 8 * second},
		"phone, up to what is newest": {phone("c"), 8, 5 * second, 0, false, 5 * second, 8 * second},
		"phone, all of it":            {phone("c"), 8, 0, 8 * second, true, 0, 8 * second},
		"phone, what is sealed":       {phone("c"), 27, 3 * second, 27 * second, true, 10 * second, 27 * second},
		"web, within a segment":       {web("c"), 4, 2 * second, 4 * second, false, 2 * second, 4 * second},
		"web, over borders, resumed":  {web("c"), 13, 4*second + 480, 13 * second, true, 4*second + 480, 13 * second},
		"web, what is sealed":         {web("c"), 22, 3 * second, 22 * second, false, 5 * second, 22 * second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				k := r.begin(c.o)
				k.both(0, c.long)
				kept := k.Cut(c.from, c.to)
				if kept != c.kept {
					t.Errorf("cut from tick %d on, not %d", kept, c.kept)
				}
				synctest.Wait()
				r.checkSpool(c.o, c.kept)
				end := c.cut
				if c.resumed {
					k.both(c.cut, 3)
					end += 3 * second
				}
				if sum := k.finish(0); !sum.Complete {
					t.Errorf("incomplete: %v", sum.Missing)
				}
				r.drain()
				checkCut(t, c.o, r.wav("c"), c.kept, c.cut, end)
				want := recorder.Cut{From: c.kept, To: max(c.cut, c.to), Asked: c.from}
				if cuts := r.recording("c").Manifest().Cuts; !slices.Equal(cuts, []recorder.Cut{want}) {
					t.Errorf("the manifest says %+v, not %+v", cuts, want)
				}
				if names := r.spooled(); len(names) > 0 || r.spool.Bytes() != 0 {
					t.Errorf("the spool still has %v, %d bytes", names, r.spool.Bytes())
				}
			})
		})
	}
}

// checkSpool holds that of the audio that is not sealed the spool has the sound
// before tick from and no other, and that nothing lies beside it.
func (r *rig) checkSpool(o recorder.TakeOptions, from media.Tick) {
	r.t.Helper()
	silence, length := byte(0), 5*second
	if o.Coding == media.MuLaw {
		silence, length = 0xFF, 10*second
	}
	walk(r.t, filepath.Join(r.dir, "spool", "takes"), func(path string, _ []byte) {
		name := filepath.Base(path)
		if strings.HasSuffix(name, ".old") || strings.HasSuffix(name, ".tmp") {
			r.t.Errorf("%s is left", name)
		}
		seq, err := strconv.Atoi(strings.TrimSuffix(name, ".spool"))
		if err != nil {
			return
		}
		plain := recorder.SpoolPlaintext(path, r.node.Identity())
		sound := len(plain) - bytes.Count(plain, []byte{silence})
		kept := min(max(0, from-media.Tick(seq-1)*length), length)
		if want := int(2*kept.Sample(o.Rate)) * o.Coding.BytesPerSample(); sound != want || len(plain) == 0 {
			r.t.Errorf("%s has %d bytes of sound of %d, not %d", name, sound, len(plain), want)
		}
	})
}

// TestCutBytesAreGone keeps copies of the spool files from before a cut, as a
// thief would who copies the disk after it: what is there then opens nothing of
// what was cut, since the files that held it are overwritten.
func TestCutBytesAreGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.say(second, 2*second, "keep this", nil)
		k.say(6*second, 7*second, "the canary", nil)
		k.both(0, 8)
		dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
		type file struct {
			*os.File
			before []byte
		}
		files := map[string]file{}
		for _, name := range []string{"000001.spool", "notes.spool"} {
			f := must[*os.File](t)(os.Open(filepath.Join(dir, name))) // keeps the file when its name goes
			defer f.Close()
			files[name] = file{f, must[[]byte](t)(os.ReadFile(filepath.Join(dir, name)))}
		}
		if plain := recorder.SpoolPlaintext(filepath.Join(dir, "notes.spool"), r.node.Identity()); !bytes.Contains(plain, []byte("canary")) {
			t.Fatal("the note was not on the spool before: no test")
		}
		k.Cut(5*second, 8*second)
		synctest.Wait()
		for name, f := range files {
			now := make([]byte, len(f.before))
			if _, err := f.ReadAt(now, 0); err != nil {
				t.Fatal(err)
			}
			if n := min(len(now), 1024); !bytes.Equal(now[:n], make([]byte, n)) {
				t.Errorf("%s: the head of the old file is there", name)
			}
			plain := recorder.SpoolPlaintext(filepath.Join(dir, name), r.node.Identity())
			if len(plain) == 0 || bytes.Contains(plain, []byte("canary")) {
				t.Errorf("%s has %d bytes, among them what was cut", name, len(plain))
			}
		}
		k.finish(0)
	})
}

// TestCutIsQuick holds that a cut does not wait for the next flush.
func TestCutIsQuick(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.both(0, 8)
		before := time.Now()
		k.Cut(2*second, 8*second)
		synctest.Wait()
		journal := must[[]byte](t)(os.ReadFile(filepath.Join(r.dir, "spool", "takes", "c.t1", "journal")))
		if time.Since(before) > 0 || !bytes.Contains(journal, []byte(`{"cut":{"from":96000,"to":384000,"asked":96000}}`)) {
			t.Errorf("after %v the journal has %s", time.Since(before), journal)
		}
		k.finish(0)
	})
}

// TestCutTakesNotesBack: those that begin in the cut go, on both sides of what
// the recorder had written by then; the rest stay.
func TestCutTakesNotesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.both(0, 27) // 10 s of it are sealed
		for _, from := range []media.Tick{1, 2, 3, 26} {
			k.say(from*second, from*second+960, from.Duration().String(), nil)
		}
		k.Anchor(recorder.Anchor{Tick: 20 * second, Wall: k.o.Started.Add(20 * time.Second)})
		time.Sleep(time.Second)
		k.say(2*second+960, 3*second, "not yet written", nil)
		k.Cut(2*second, 27*second)
		k.say(25*second, 26*second, "late", nil)
		time.Sleep(time.Second)
		path := filepath.Join(r.dir, "spool", "takes", "c.t1", "notes.spool")
		if plain := recorder.SpoolPlaintext(path, r.node.Identity()); bytes.Count(plain, []byte("text")) != 1 {
			t.Errorf("the spool has %s", plain)
		}
		k.say(26*second, 27*second, "very late", nil)
		k.say(27*second, 28*second, "resumed", nil)
		if sum := k.finish(0); sum.Notes != 2 || !sum.Complete {
			t.Errorf("summary %+v", sum)
		}
		r.drain()
		lines, err := r.recording("c").Notes(t.Context())
		if err != nil || len(lines) != 2 || lines[0].From != second || lines[1].Text != "resumed" {
			t.Errorf("notes %+v, %v", lines, err)
		}
		if meta, err := r.recording("c").Meta(t.Context()); err != nil || len(meta.Anchors) != 2 {
			t.Errorf("meta %+v, %v", meta, err)
		}
	})
}

// TestCutTakesLateAudioBack: what was played in the cut and is told after it.
func TestCutTakesLateAudioBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.both(0, 8)
		k.Cut(5*second+480, 9*second)
		k.play(recorder.Agent, 4*second, hum(k.o, 5))
		k.play(recorder.Caller, 8*second, hum(k.o, 1))
		k.finish(0)
		r.drain()
		checkCut(t, k.o, r.wav("c"), 5*second+480, 9*second, 9*second)
	})
}

func TestCutsOfNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := phone("c")
		o.Origin = 2 * second
		k := r.begin(o)
		if kept := k.Cut(0, second); kept != 2*second {
			t.Errorf("before the origin: from %d", kept)
		}
		k.both(2*second, 3)
		if kept := k.Cut(6*second, 6*second); kept != 6*second {
			t.Errorf("nothing: from %d", kept)
		}
		k.finish(0)
		if kept := k.Cut(3*second, 5*second); kept != 5*second {
			t.Errorf("after Finish: from %d", kept)
		}
		r.drain()
		checkCut(t, o, r.wav("c"), 9*second, 9*second, 5*second)
		if cuts := r.recording("c").Manifest().Cuts; len(cuts) > 0 {
			t.Errorf("the manifest has %v", cuts)
		}
	})
}

// TestManyCuts has cuts overlap, one after another.
func TestManyCuts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		for n := range media.Tick(12) {
			k.both(n*second, 1)
			if n >= 4 {
				k.Cut((2+n/2)*second, (n+1)*second)
			}
			if n%3 == 0 {
				synctest.Wait()
			}
		}
		k.both(12*second, 2)
		k.finish(0)
		r.drain()
		checkCut(t, k.o, r.wav("c"), 4*second, 12*second, 14*second)
	})
}

// TestCrashAfterACut kills the process at each step of a cut: recovery finds it
// whole, or, before its line is written, the process had not got to it.
func TestCrashAfterACut(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string, before map[string][]byte){
		"all done": func(*testing.T, string, map[string][]byte) {},
		"line written": func(t *testing.T, dir string, before map[string][]byte) {
			restore(t, dir, before, "")
		},
		"new file half written": func(t *testing.T, dir string, before map[string][]byte) {
			now := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "000001.spool")))
			restore(t, dir, before, "")
			restore(t, dir, map[string][]byte{"000001.spool": now[:len(now)/2]}, ".tmp")
		},
		"old file linked": func(t *testing.T, dir string, before map[string][]byte) {
			restore(t, dir, before, "")
			if err := os.Link(filepath.Join(dir, "000001.spool"), filepath.Join(dir, "000001.spool.1.old")); err != nil {
				t.Fatal(err)
			}
		},
		"old file not wiped": func(t *testing.T, dir string, before map[string][]byte) {
			restore(t, dir, before, ".1.old")
		},
	} {
		for _, o := range []recorder.TakeOptions{phone("c"), web("c")} {
			t.Run(name+" "+o.Coding.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					r := newRig(t)
					k := r.begin(o)
					k.say(second, 2*second, "before", nil)
					k.say(13*second, 14*second, "behind", nil)
					k.both(0, 14)
					time.Sleep(time.Second)
					dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
					before := map[string][]byte{}
					walk(t, dir, func(path string, b []byte) {
						if strings.HasSuffix(path, ".spool") {
							before[filepath.Base(path)] = b
						}
					})
					k.Cut(4*second, 14*second)
					synctest.Wait()
					r.crash()
					prepare(t, dir, before)
					r.store.set(func(m *memStore) { m.fault = errDown })
					if rec := r.restart(); rec != (recorder.Recovery{Cut: 1}) {
						t.Errorf("recovered %+v", rec)
					}
					if names := r.spooled(); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ".spool") }) {
						t.Errorf("while the store is down the spool still has %v", names)
					}
					r.store.set(func(m *memStore) { m.fault = nil })
					r.drain()
					checkCut(t, o, r.wav("c"), 4*second, 14*second, 14*second)
					rec := r.recording("c")
					want := []recorder.Cut{{From: 4 * second, To: 14 * second, Asked: 4 * second}}
					if cuts := rec.Manifest().Cuts; !slices.Equal(cuts, want) {
						t.Errorf("the manifest says %+v", cuts)
					}
					if lines, err := rec.Notes(t.Context()); err != nil || len(lines) != 1 || lines[0].Text != "before" {
						t.Errorf("notes %v, %v", lines, err)
					}
					if names := r.spooled(); len(names) > 0 {
						t.Errorf("the spool still has %v", names)
					}
				})
			})
		}
	}
}

// restore writes files under their names with suffix.
func restore(t *testing.T, dir string, files map[string][]byte, suffix string) {
	t.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamageIsNotPutAsideAfterACut: a copy might hold what was cut.
func TestDamageIsNotPutAsideAfterACut(t *testing.T) {
	for name, at := range map[string]int{"record": 5000, "head": 100} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				k := r.begin(phone("c"))
				k.both(0, 8)
				k.Cut(5*second, 8*second)
				synctest.Wait()
				r.crash()
				path := filepath.Join(r.dir, "spool", "takes", "c.t1", "000001.spool")
				b := must[[]byte](t)(os.ReadFile(path))
				b[at] ^= 1
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				r.restart()
				r.drain()
				if names := r.spooled(); len(names) > 0 {
					t.Errorf("put aside: %v", names)
				}
				if reasons := r.recording("c").Manifest().Incomplete; !slices.Contains(reasons, "damaged") {
					t.Errorf("incomplete because %v", reasons)
				}
			})
		})
	}
}

// TestCutOnAFailingDisk: what cannot be rewritten is sealed without it.
func TestCutOnAFailingDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.say(6*second, 7*second, "the canary", nil)
		k.both(0, 8)
		dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
		for _, name := range []string{"000001.spool.tmp", "notes.spool.tmp"} { // in the way
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		k.Cut(5*second, 8*second)
		synctest.Wait()
		if !strings.Contains(r.log.String(), "stays on the spool until it is sealed") {
			t.Error("nobody is told")
		}
		if sum := k.finish(0); sum.Notes != 0 {
			t.Errorf("%d notes", sum.Notes)
		}
		r.drain()
		checkCut(t, k.o, r.wav("c"), 5*second, 8*second, 8*second)
	})
}

// TestSyncFailsAfterACut: the old file is wiped when the new one is on the disk,
// and no sooner.
func TestSyncFailsAfterACut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var failing atomic.Bool
		r := newRig(t, func(o *recorder.SpoolOptions) {
			o.Sync = func(*os.File) error {
				if failing.Load() {
					return errors.New("disk on fire")
				}
				return nil
			}
		})
		k := r.begin(phone("c"))
		k.both(0, 8)
		failing.Store(true)
		k.Cut(5*second, 8*second)
		k.Cut(4*second, 8*second) // the old file of the first is still there
		time.Sleep(2 * time.Second)
		k.Cut(3*second, 8*second)
		time.Sleep(2 * time.Second)
		old := slices.DeleteFunc(r.spooled(), func(n string) bool { return !strings.HasSuffix(n, ".old") })
		if want := []string{"000001.spool.1.old", "000001.spool.2.old"}; !slices.Equal(old, want) {
			t.Errorf("while the disk fails there are %v", old)
		}
		failing.Store(false)
		time.Sleep(2 * time.Second)
		r.checkSpool(k.o, 3*second)
		k.finish(0)
		r.drain()
		checkCut(t, k.o, r.wav("c"), 3*second, 8*second, 8*second)
	})
}
