package recorder_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// TestCrashLosesLittle abandons recorders as a crash does, at many moments, and
// holds that at most 100 ms of what was handed over are lost.
func TestCrashLosesLittle(t *testing.T) {
	for frames := 10; frames < 2200; frames += 157 {
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			k := r.begin(phone("c"))
			k.say(0, second, "hello", nil)
			k.play(recorder.Caller, 0, slices.Repeat([]int16{1000}, frames*160))
			r.crash()
			if rec := r.restart(); rec != (recorder.Recovery{Cut: 1}) {
				t.Errorf("recovered %+v", rec)
			}
			r.drain()
			left, _ := channels(t, k.o, r.wav("c"))
			if lost := frames*160 - len(left); lost > 5*160 || slices.Contains(left, 0) {
				t.Errorf("%d of %d frames lost", lost/160, frames)
			}
			m := r.recording("c").Manifest()
			if m.Complete || !slices.Equal(m.Incomplete, []string{"crashed"}) || m.Reason != "crashed" || m.Played != "mark" {
				t.Errorf("manifest: complete %v, %v, reason %q, played %q", m.Complete, m.Incomplete, m.Reason, m.Played)
			}
			if lines, err := r.recording("c").Notes(t.Context()); frames > 5 && (err != nil || len(lines) != 1) {
				t.Errorf("%d notes, %v", len(lines), err)
			}
			if names := r.spooled(); len(names) > 0 {
				t.Errorf("the spool still has %v", names)
			}
		})
	}
}

// crash copies the spool as it lies on the disk now, and has the next restart
// find that copy: what the running recorders do from now on is lost.
func (r *rig) crash() {
	r.t.Helper()
	old := filepath.Join(r.dir, "spool")
	copied := filepath.Join(r.dir, "copied")
	if err := os.CopyFS(copied, os.DirFS(old)); err != nil {
		r.t.Fatal(err)
	}
	r.stop()
	if err := errors.Join(os.Rename(old, filepath.Join(r.dir, "gone")), os.Rename(copied, old)); err != nil {
		r.t.Fatal(err)
	}
}

// TestBurstIsWrittenAtOnce has frames come late and together, as after a moment in
// which the machine stood still: they do not wait in memory for time to pass.
func TestBurstIsWrittenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		synctest.Wait()
		before, frame := r.spool.Bytes(), slices.Repeat([]int16{1000}, 160)
		for n := range 50 {
			k.put(recorder.Caller, media.Tick(n)*media.FrameTicks, frame)
		}
		synctest.Wait()
		if n := r.spool.Bytes() - before; n < 46*160 {
			t.Errorf("%d bytes of a second are on the spool", n)
		}
	})
}

// TestDamagedSpool damages one spool file of a crashed take in every way there
// is, and holds that the rest is recovered, the damage put aside and named.
func TestDamagedSpool(t *testing.T) {
	const seconds = 22                        // three segments; none sealed yet
	second := func(b []byte, at int) []byte { // the record that begins after byte at of the records
		head := 10 + int(binary.BigEndian.Uint16(b[8:]))
		for pos := head; ; pos += 4 + int(binary.BigEndian.Uint32(b[pos:])) {
			if pos-head >= at {
				return b[pos:]
			}
		}
	}
	for name, c := range map[string]struct {
		file   string
		damage func([]byte) []byte
		loses  [2]int // of what is lost at least and at most, in frames
		aside  bool   // a file that ends inside a record is what a crash leaves, and not put aside
	}{
		"tail cut":         {"000002.spool", func(b []byte) []byte { return b[:len(b)-1] }, [2]int{1, 5}, false},
		"half cut":         {"000002.spool", func(b []byte) []byte { return b[:len(b)/2] }, [2]int{200, 300}, false},
		"length too long":  {"000002.spool", func(b []byte) []byte { second(b, 20_000)[2] = 0xFF; return b }, [2]int{200, 400}, true},
		"empty":            {"000002.spool", func([]byte) []byte { return nil }, [2]int{500, 500}, false},
		"head cut":         {"000002.spool", func(b []byte) []byte { return b[:100] }, [2]int{500, 500}, true},
		"head changed":     {"000002.spool", func(b []byte) []byte { b[200] ^= 1; return b }, [2]int{500, 500}, true},
		"magic changed":    {"000002.spool", func(b []byte) []byte { b[0] ^= 1; return b }, [2]int{500, 500}, true},
		"record changed":   {"000002.spool", func(b []byte) []byte { second(b, 20_000)[100] ^= 1; return b }, [2]int{1, 5}, true},
		"length changed":   {"000002.spool", func(b []byte) []byte { second(b, 20_000)[0] = 0xFF; return b }, [2]int{200, 400}, true},
		"zeros at the end": {"000002.spool", func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, [2]int{0, 0}, true},
		"notes cut":        {"notes.spool", func(b []byte) []byte { return b[:len(b)-1] }, [2]int{0, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				k := r.begin(phone("c"))
				k.say(0, 960, "hello", nil)
				k.play(recorder.Caller, 0, slices.Repeat([]int16{1000}, seconds*8000))
				k.say(960, 1920, "good bye", nil)
				time.Sleep(100 * time.Millisecond)
				r.crash()
				path := filepath.Join(r.dir, "spool", "takes", "c.t1", c.file)
				b := must[[]byte](t)(os.ReadFile(path))
				if err := os.WriteFile(path, c.damage(b), 0o600); err != nil {
					t.Fatal(err)
				}
				if rec := r.restart(); rec != (recorder.Recovery{Cut: 1}) {
					t.Errorf("recovered %+v", rec)
				}
				r.drain()
				left, _ := channels(t, k.o, r.wav("c"))
				lost := 0
				for _, s := range left {
					if s == 0 {
						lost++
					}
				}
				if lost /= 160; len(left) != seconds*8000 || lost < c.loses[0] || lost > c.loses[1] {
					t.Errorf("%d frames lost, file of %d samples", lost, len(left))
				}
				reasons := r.recording("c").Manifest().Incomplete
				if slices.Contains(reasons, "damaged") != c.aside || !slices.Contains(reasons, "crashed") {
					t.Errorf("incomplete because %v", reasons)
				}
				lines, err := r.recording("c").Notes(t.Context())
				if err != nil || len(lines) == 0 || lines[0].Text != "hello" {
					t.Errorf("notes %v, %v", lines, err)
				}
				r.checkAside(c.file, c.aside)
			})
		})
	}
}

// TestCrashWhileSealing recovers from each point between two steps of sealing
// and storing a take.
func TestCrashWhileSealing(t *testing.T) {
	const line = `{"segment":{"seq":1,"offset":0,"length":160058,"size":1,"sha256":"` +
		`0000000000000000000000000000000000000000000000000000000000000000"}}` + "\n"
	for name, c := range map[string]struct {
		sealed  bool // crashed after the first segment was sealed
		prepare func(dir string) error
	}{
		"sealed file is begun": {false, func(dir string) error {
			return os.WriteFile(dir+"/000001.age.tmp", []byte("age-encryption.org/v1"), 0o600)
		}},
		"journalled, and the file lost": {false, func(dir string) error { return add(dir+"/journal", line) }},
		"line of the journal is cut":    {false, func(dir string) error { return add(dir+"/journal", line[:30]) }},
		"file has its passing name":     {true, func(dir string) error { return os.Rename(dir+"/000001.age", dir+"/000001.age.tmp") }},
		"spool file is not wiped":       {true, func(dir string) error { return add(dir+"/000001.spool", "anything") }},
		"another take has not begun":    {true, func(dir string) error { return os.Mkdir(dir+"2", 0o700) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.store.set(func(m *memStore) { m.fault = errDown })
				k := r.begin(phone("c"))
				seconds := 20
				if c.sealed {
					seconds = 30
				}
				k.play(recorder.Caller, 0, slices.Repeat([]int16{1000}, seconds*8000))
				r.crash()
				dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
				if _, err := os.Stat(dir + "/000001.age"); (err == nil) != c.sealed {
					t.Fatalf("sealed before the crash: %v", err)
				}
				if err := c.prepare(dir); err != nil {
					t.Fatal(err)
				}
				r.store.set(func(m *memStore) { m.fault = nil })
				if rec := r.restart(); rec != (recorder.Recovery{Cut: 1}) {
					t.Errorf("recovered %+v", rec)
				}
				r.drain()
				left, _ := channels(t, k.o, r.wav("c"))
				if len(left) < seconds*8000-800 || slices.Contains(left, 0) {
					t.Errorf("%d samples of %d", len(left), seconds*8000)
				}
				if names := r.spooled(); len(names) > 0 || r.spool.Bytes() != 0 {
					t.Errorf("the spool still has %v, %d bytes", names, r.spool.Bytes())
				}
			})
		})
	}
}

// add appends to a file.
func add(path, s string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(s)
	return errors.Join(err, f.Close())
}

// checkAside holds that a damaged file is in the quarantine or not, with a
// message, and that the node cannot open it, unless by repairing its magic.
func (r *rig) checkAside(file string, want bool) {
	r.t.Helper()
	names := r.spooled()
	if got := slices.Equal(names, []string{"c.t1." + file}); got != want {
		r.t.Errorf("put aside: %v", names)
	}
	if got := strings.Contains(r.log.String(), "put aside"); got != want {
		r.t.Errorf("a message about it: %v", got)
	}
	if !want {
		return
	}
	b := must[[]byte](r.t)(os.ReadFile(filepath.Join(r.dir, "spool", "quarantine", "c.t1."+file)))
	if i := bytes.Index(b, []byte("age-encryption")); i == 10 && b[0] == 'S' {
		end := min(len(b), i+int(binary.BigEndian.Uint16(b[8:])))
		if _, err := seal.OpenSpoolKey(b[i:end], r.node.Identity()); err == nil {
			r.t.Error("the node opens what was put aside")
		}
	}
}

func TestDamagedHeadIsPutAside(t *testing.T) {
	for name, head := range map[string]string{"no JSON": "{", "empty": "", "version": `{"version":99}`,
		"path": `{"version":1,"call":"../../x","take":"t1","epoch":"epoch-1","rate":8000,"coding":"mulaw"}`} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.begin(phone("c"))
				whole := r.begin(phone("d"))
				whole.play(recorder.Caller, 0, make([]int16, 8000))
				r.crash()
				takes := filepath.Join(r.dir, "spool", "takes")
				if err := os.WriteFile(filepath.Join(takes, "c.t1", "take.json"), []byte(head), 0o600); err != nil {
					t.Fatal(err)
				}
				r.open()
				rec, err := r.spool.Recover(t.Context())
				if rec != (recorder.Recovery{Cut: 1, Failed: 1}) || !errors.Is(err, recorder.ErrSpoolFile) {
					t.Errorf("recovered %+v, %v", rec, err)
				}
				if entries := must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(r.dir, "spool", "quarantine"))); len(entries) != 1 {
					t.Errorf("put aside: %v", entries)
				}
				r.drain()
				r.recording("d")
			})
		})
	}
}

// TestFinishFailsAndIsRecovered has sealing fail while a call ends, and heal.
func TestFinishFailsAndIsRecovered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 12*time.Second, -20))
		blocker := filepath.Join(r.dir, "spool", "takes", "c.t1", "000002.age.tmp")
		if err := os.Mkdir(blocker, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Finish(t.Context(), recorder.Ending{}); err == nil {
			t.Fatal("Finish could not seal, and did not say so")
		}
		time.Sleep(2 * time.Minute)
		if err := os.Remove(blocker); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		r.drain()
		if left, _ := channels(t, k.o, r.wav("c")); len(left) != 12*8000 {
			t.Errorf("%d samples", len(left))
		}
		if got := r.store.keys(""); !slices.Equal(got, wantOrder("c", 2, false)) {
			t.Errorf("stored %v", got)
		}
		if r.spool.Bytes() != 0 {
			t.Errorf("%d bytes on the spool", r.spool.Bytes())
		}
	})
}
