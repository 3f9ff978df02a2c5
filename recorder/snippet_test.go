package recorder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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

const air = 150 * media.TickRate / 1000

// withClips lets the notes of a take ask for snippets.
func withClips(o recorder.TakeOptions) recorder.TakeOptions {
	o.Clips = true
	return o
}

// ask notes words of one side that become a snippet.
func (k *taking) ask(kind string, side recorder.Track, from, to media.Tick) {
	k.r.t.Helper()
	text, may := k.gate.Text(from, to, fmt.Sprint("words at ", from.Seconds()))
	clip, too := k.gate.Clip(from, to, air)
	if !may || !too {
		k.r.t.Fatal("the gate is shut")
	}
	if err := k.Note(recorder.Note{Kind: kind, Text: text, Clip: clip, Side: side}); err != nil {
		k.r.t.Error(err)
	}
}

// sample is what a track holds at a position: another value at each, for a while,
// and none that is silence.
func sample(track recorder.Track, pos int64) int16 {
	return int16(200 + 40*(pos%700) + 11*int64(track))
}

// run plays both tracks from one tick to another.
func (k *taking) run(from, to media.Tick) {
	k.r.t.Helper()
	size := media.FrameSamples(k.o.Rate)
	for at := from; at < to; at += media.FrameTicks {
		for track := range recorder.Track(2) {
			pcm := make([]int16, size)
			for i := range pcm {
				pcm[i] = sample(track, at.Sample(k.o.Rate)+int64(i))
			}
			k.put(track, at, pcm)
		}
		time.Sleep(media.FrameDuration)
	}
}

// checkSnippet holds that a snippet is what the recording holds between two ticks,
// as a file that says how long it is.
func (r *rig) checkSnippet(o recorder.TakeOptions, id string, side recorder.Track, from, to media.Tick) {
	r.t.Helper()
	s, file, err := r.recordingOf(o).Snippet(r.ctx, id)
	if err != nil {
		r.t.Fatal(err)
	}
	if s.From != from || s.To != to || s.Side != []string{"caller", "agent"}[side] {
		r.t.Errorf("%+v, want one of %d from %d to %d", s, side, from, to)
	}
	a, err := media.DecodeWAV(file)
	if err != nil {
		r.t.Fatal(err)
	}
	left, right := channels(r.t, o, r.wavOf(o))
	track := [][]int16{left, right}[side][from.Sample(o.Rate):to.Sample(o.Rate)]
	if a.Rate != o.Rate || !slices.Equal(a.PCM, track) {
		r.t.Errorf("%s holds %d samples at %d Hz that are not the %d of the recording", id, len(a.PCM), a.Rate, len(track))
	}
	if silent(track) {
		r.t.Error("the recording is silent there")
	}
	if bytes.Contains(file[:64], []byte{0xFF, 0xFF, 0xFF, 0xFF}) {
		r.t.Error("the header leaves the length open")
	}
}

// snippets are those of the manifest, by id.
func (r *rig) snippets(o recorder.TakeOptions) (ids []string) {
	r.t.Helper()
	for _, s := range r.recordingOf(o).Manifest().Snippets {
		ids = append(ids, s.ID)
	}
	return ids
}

// links are those of the notes.
func (r *rig) links(o recorder.TakeOptions) (ids []string) {
	r.t.Helper()
	for _, l := range must[[]recorder.Line](r.t)(r.recordingOf(o).Notes(r.ctx)) {
		ids = append(ids, l.Snippet)
	}
	return ids
}

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// A snippet is the recording's audio of its side, with 150 ms of air, wherever the
// borders of segments lie, however long it is, and whenever it is asked for.
func TestSnippetIsTheRecording(t *testing.T) {
	for name, c := range map[string]struct {
		o        recorder.TakeOptions
		side     recorder.Track
		from, to media.Tick // of the words
		wait     media.Tick // until they are noted
		a, b     media.Tick // of the snippet
	}{
		"phone":                       {phone("c"), recorder.Caller, 3 * second, 5 * second, second, 3*second - air, 5*second + air},
		"phone, of the agent":         {phone("c"), recorder.Agent, 3 * second, 5 * second, second, 3*second - air, 5*second + air},
		"phone, between frames":       {phone("c"), recorder.Caller, 3*second + 12, 5*second + 60, second, 3*second + 12 - air, 5*second + 60 + air},
		"phone, over a border":        {phone("c"), recorder.Caller, 9 * second, 11 * second, second, 9*second - air, 11*second + air},
		"phone, at the start":         {phone("c"), recorder.Caller, 0, second, second, 0, second + air},
		"phone, up to the end":        {phone("c"), recorder.Caller, 190 * second, 200 * second, 0, 190*second - air, 200 * second},
		"phone, begun long ago":       {phone("c"), recorder.Caller, 10 * second, 70 * second, second, 10*second - air, 70*second + air},
		"phone, longer than there is": {phone("c"), recorder.Caller, 10 * second, 190 * second, second, 70*second + air, 190*second + air},
		"web":                         {web("c"), recorder.Caller, 3 * second, 5 * second, second, 3*second - air, 5*second + air},
		"web, over many borders":      {web("c"), recorder.Agent, 4 * second, 31 * second, second, 4*second - air, 31*second + air},
		"web, longer than there is":   {web("c"), recorder.Caller, 10 * second, 190 * second, second, 70*second + air, 190*second + air},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				o := withClips(c.o)
				k := r.begin(o)
				noted := min(c.to+c.wait, 200*second)
				k.run(0, noted)
				k.ask("turn", c.side, c.from, c.to)
				k.run(noted, 200*second)
				k.finish(200 * second)
				r.drain()
				same(t, "links", r.links(o), "000001")
				r.checkSnippet(o, "000001", c.side, c.a, c.b)
				keys := r.store.keys("rec/c/t1/")
				if at := slices.Index(keys, recorder.SnippetObject("c", "t1", "000001")); at < 0 || at == len(keys)-1 {
					t.Errorf("stored were %q, in this order", keys)
				}
			})
		})
	}
}

// Only the key of its class opens a snippet, and it is all that it opens; the
// steps of the documentation do it with age.
func TestSnippetHasAKeyOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	var sealed []byte
	var id seal.Identity
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := withClips(phone("c"))
		k := r.begin(o)
		k.run(0, 6*second)
		k.ask("answer", recorder.Caller, 3*second, 5*second)
		k.finish(6 * second)
		r.drain()
		rec := r.recordingOf(o)
		id = must[seal.Identity](t)(rec.Identity(r.ctx, seal.Snippets))
		sealed = must[[]byte](t)(r.store.Get(r.ctx, recorder.SnippetObject("c", "t1", "000001")))
		for _, class := range []seal.Class{seal.Audio, seal.Text} {
			if _, err := seal.Open(sealed, must[seal.Identity](t)(rec.Identity(r.ctx, class))); err == nil {
				t.Errorf("the key of %s opens it", class)
			}
		}
		segment := must[[]byte](t)(r.store.Get(r.ctx, recorder.SegmentObject("c", "t1", 1)))
		if _, err := seal.Open(segment, id); err == nil {
			t.Error("it opens the audio")
		}
		if _, _, err := rec.Snippet(r.ctx, "000002"); !errors.Is(err, recorder.ErrNoSnippet) {
			t.Errorf("another one: %v", err)
		}
	})
	key, file := filepath.Join(dir, "snippets.key"), filepath.Join(dir, "000001.age")
	if err := errors.Join(os.WriteFile(key, []byte(id.Secret()+"\n"), 0o600), os.WriteFile(file, sealed, 0o600)); err != nil {
		t.Fatal(err)
	}
	wav, err := exec.CommandContext(t.Context(), "age", "-d", "-i", key, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := media.DecodeWAV(wav); err != nil || len(a.PCM) != 8000*23/10 || a.PCM[0] == 0 {
		t.Errorf("age opens %d bytes, of %d samples: %v", len(wav), len(a.PCM), err)
	}
}

// Notes of the same audio have the same snippet; where nothing was recorded there
// is none; and a take that is to have none has none.
func TestSnippetsAreAsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := withClips(phone("c"))
		k := r.begin(o)
		k.run(0, 6*second)
		k.ask("turn", recorder.Caller, second, 2*second)
		k.ask("answer", recorder.Caller, second, 2*second)
		k.ask("turn", recorder.Agent, second, 2*second)
		k.say(second, 2*second, "typed", nil)
		time.Sleep(4 * time.Second) // of nothing
		k.run(12*second, 14*second)
		k.ask("turn", recorder.Caller, 8*second, 9*second) // in the silence
		k.ask("turn", recorder.Caller, 12*second, 13*second)
		k.finish(14 * second)
		none := r.begin(phone("none"))
		none.run(0, 3*second)
		none.ask("turn", recorder.Caller, second, 2*second)
		none.finish(3 * second)
		r.drain()
		same(t, "snippets", r.snippets(o), "000001", "000002", "000004")
		same(t, "links", r.links(o), "000001", "000001", "000002", "", "", "000004")
		same(t, "snippets of the other", r.snippets(phone("none")))
		same(t, "links of the other", r.links(phone("none")), "")
		m := must[[]byte](t)(r.store.Get(r.ctx, recorder.ManifestObject("c", "t1")))
		if bytes.Contains(m, []byte("words")) {
			t.Error("there are words in the manifest")
		}
	})
}

// What is taken back is in no snippet: not in one that is made, nor in one that
// waits. A note that stays loses its link.
func TestCutDropsSnippets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := withClips(phone("c"))
		k := r.begin(o)
		k.run(0, 30*second)
		k.ask("turn", recorder.Caller, 2*second, 4*second) // is made while the call runs
		k.ask("turn", recorder.Caller, 20*second, 22*second-air/2)
		k.ask("turn", recorder.Caller, 24*second, 26*second)
		k.run(30*second, 31*second)
		if !slices.Contains(r.spooled(), "snip-000001.age") {
			t.Error("none is made while the call runs")
		}
		k.Cut(22*second, 31*second)
		k.run(31*second, 33*second)
		k.ask("turn", recorder.Caller, 29*second, 32*second) // begins in what is cut
		k.ask("turn", recorder.Caller, 31*second+air, 32*second)
		k.finish(33 * second)
		r.drain()
		same(t, "snippets", r.snippets(o), "000001", "000005")
		same(t, "links", r.links(o), "000001", "", "000005")
		r.checkSnippet(o, "000001", recorder.Caller, 2*second-air, 4*second+air)
		r.checkSnippet(o, "000005", recorder.Caller, 31*second, 32*second+air)
		if keys := r.store.keys("rec/c/t1/snip/"); len(keys) != 2 {
			t.Errorf("stored are %q", keys)
		}
	})
	// What was sealed already is in the file; the words are gone, and the snippet
	// with them.
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := withClips(phone("c"))
		k := r.begin(o)
		k.run(0, 30*second)
		k.ask("turn", recorder.Caller, 2*second, 4*second)
		k.run(30*second, 31*second)
		if kept := k.Cut(second, 31*second); kept != 10*second {
			t.Fatalf("cut from %v s on", kept.Seconds())
		}
		k.run(31*second, 32*second)
		for _, name := range r.spooled() {
			if strings.HasPrefix(name, "snip-") {
				t.Errorf("%s is on the spool", name)
			}
		}
		k.finish(32 * second)
		r.drain()
		same(t, "snippets", r.snippets(o))
		if keys := r.store.keys("rec/c/t1/snip/"); len(keys) != 0 {
			t.Errorf("stored are %q", keys)
		}
	})
}

// After a crash the snippets that were asked for are there: those that were made,
// those that were not, and those whose upload was under way.
func TestSnippetsSurviveACrash(t *testing.T) {
	for name, crash := range map[string]func(r *rig, k *taking){
		"in the call": func(_ *rig, k *taking) { k.kill() },
		"of the machine": func(r *rig, k *taking) {
			k.kill()
			files := must[[]string](r.t)(filepath.Glob(filepath.Join(r.dir, "spool", "takes", "c.t1", "snip-*.age")))
			for _, f := range files { // which was not on the disk
				if err := os.Truncate(f, 100); err != nil {
					r.t.Error(err)
				}
			}
			if len(files) != 1 {
				r.t.Errorf("%q on the spool", files)
			}
		},
		"between two names of a spool file": func(r *rig, k *taking) {
			k.kill() // while the store is away, so that the sealed segment is here
			dir := filepath.Join(r.dir, "spool", "takes", "c.t1")
			err := errors.Join(os.Rename(filepath.Join(dir, "000001.spool.held"), filepath.Join(dir, "000001.spool")),
				os.Remove(filepath.Join(dir, "snip-000001.age")))
			if _, none := os.Stat(filepath.Join(dir, "000001.age")); err != nil || none != nil {
				r.t.Error(err, none)
			}
			r.store.set(func(m *memStore) { m.fault = nil })
		},
		"after its end": func(r *rig, k *taking) {
			r.store.set(func(m *memStore) { m.fault = errDown })
			k.finish(40 * second)
			r.store.set(func(m *memStore) { m.fault = nil })
		},
		"while it is being stored": func(r *rig, k *taking) {
			r.store.set(func(m *memStore) { m.delay = time.Second })
			k.finish(40 * second)
			for len(r.store.keys("rec/c/t1/snip/")) == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			r.store.set(func(m *memStore) { m.delay = 0 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				if strings.HasPrefix(name, "between") {
					r.store.set(func(m *memStore) { m.fault = errDown })
				}
				o := withClips(phone("c"))
				k := r.begin(o)
				k.run(0, 39*second)
				k.ask("turn", recorder.Caller, 2*second, 4*second)
				k.ask("turn", recorder.Agent, 9*second, 38*second)
				k.run(39*second, 40*second)
				crash(r, k)
				r.restart()
				r.drain()
				same(t, "snippets", r.snippets(o), "000001", "000002")
				same(t, "links", r.links(o), "000001", "000002")
				r.checkSnippet(o, "000001", recorder.Caller, 2*second-air, 4*second+air)
				r.checkSnippet(o, "000002", recorder.Agent, 9*second-air, 38*second+air)
				if left := r.spooled(); len(left) > 0 {
					t.Errorf("left on the spool: %q", left)
				}
			})
		})
	}
}

// Spool files are held for the longest of snippets and no longer, and are gone
// when the take is finished; its size on the spool is counted right.
func TestSpoolIsHeldForSnippets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(withClips(phone("c")))
		held := func() (n int) {
			for _, name := range r.spooled() {
				if strings.HasSuffix(name, ".held") {
					n++
				}
			}
			return n
		}
		k.run(0, 400*second)
		if n := held(); n < 12 || n > 16 {
			t.Errorf("%d spool files are held", n)
		}
		r.drain()
		var size int64
		err := filepath.WalkDir(filepath.Join(r.dir, "spool", "takes"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && d.Name() != "take.json" {
				info, e := d.Info()
				size, err = size+info.Size(), e
			}
			return err
		})
		if got := r.spool.Bytes(); err != nil || got < size || got > size+4096 {
			t.Errorf("%d bytes on the spool are counted as %d: %v", size, got, err)
		}
		r.store.set(func(m *memStore) { m.fault = errDown })
		k.finish(400 * second)
		if n := held(); n != 0 {
			t.Errorf("%d spool files are held after the end", n)
		}
		r.store.set(func(m *memStore) { m.fault = nil })
		r.drain()
		if n := r.spool.Bytes(); n != 0 {
			t.Errorf("%d bytes on the spool", n)
		}
	})
}

// Nothing of a destroyed take is left, whatever was made of it.
func TestDestroyTakesSnippets(t *testing.T) {
	for name, stage := range map[string]func(r *rig, k *taking){
		"while it is recorded": func(*rig, *taking) {},
		"stored": func(r *rig, k *taking) {
			k.finish(40 * second)
			r.drain()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				k := r.begin(withClips(phone("c")))
				k.run(0, 39*second)
				k.ask("turn", recorder.Caller, 2*second, 4*second)
				k.run(39*second, 40*second)
				stage(r, k)
				if err := r.spool.Destroy(context.Background(), "c", "t1"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if left := append(r.store.keys(""), r.spooled()...); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				erased := r.store.erased
				if n := len(erased); n > 0 && slices.Contains(erased, recorder.SnippetObject("c", "t1", "000001")) && !strings.HasSuffix(erased[n-1], "manifest.json") {
					t.Errorf("erased were %q, in this order", erased)
				}
			})
		})
	}
}

// A manifest with a snippet that cannot be is none.
func TestManifestRefusesSnippets(t *testing.T) {
	good := recorder.Snippet{ID: "000002", Kind: "turn", Side: "caller", From: 1, To: 2, Sealed: recorder.Sealed{Size: 1}}
	for name, spoil := range map[string]func(s []recorder.Snippet){
		"":                     func([]recorder.Snippet) {},
		"an id that is a path": func(s []recorder.Snippet) { s[0].ID = "../../" },
		"an id of letters":     func(s []recorder.Snippet) { s[0].ID = "abcdef" },
		"a short id":           func(s []recorder.Snippet) { s[0].ID = "1" },
		"the same id":          func(s []recorder.Snippet) { s[1].ID = s[0].ID },
		"no order":             func(s []recorder.Snippet) { s[1].ID = "000001" },
		"another side":         func(s []recorder.Snippet) { s[0].Side = "both" },
		"no kind":              func(s []recorder.Snippet) { s[0].Kind = "" },
		"no length":            func(s []recorder.Snippet) { s[0].To = 1 },
		"no size":              func(s []recorder.Snippet) { s[0].Size = 0 },
	} {
		list := []recorder.Snippet{good, good}
		list[1].ID = "000003"
		spoil(list)
		b := must[[]byte](t)(json.MarshalIndent(recorder.Manifest{Version: 1, Call: "c", Take: "t1", Epoch: "e", Signature: "AAAA", Snippets: list}, "", "  "))
		if _, err := recorder.ParseManifest(append(b, '\n')); errors.Is(err, recorder.ErrManifest) == (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Verify holds snippets against the manifest, without a key.
func TestVerifyLooksAtSnippets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(withClips(web("c")))
		k.run(0, 12*second)
		k.ask("turn", recorder.Caller, 2*second, 4*second)
		k.ask("turn", recorder.Agent, 4*second, 8*second)
		k.ask("turn", recorder.Agent, 9*second, 12*second)
		k.finish(12 * second)
		r.drain()
		first, second, manifest := "rec/c/t1/snip/000001.age", "rec/c/t1/snip/000002.age", "rec/c/t1/manifest.json"
		get := func(key string) []byte { return must[[]byte](t)(r.store.Get(r.ctx, key)) }
		a, b, m := get(first), get(second), get(manifest)
		flipped := bytes.Clone(a)
		flipped[len(flipped)/2] ^= 1
		in := func(from, to string) map[string][]byte {
			changed := bytes.Replace(m, []byte(from), []byte(to), 1)
			if bytes.Equal(changed, m) {
				t.Fatalf("the manifest has no %s", from)
			}
			return map[string][]byte{manifest: changed}
		}
		for name, c := range map[string]struct {
			harm map[string][]byte
			want []string
		}{
			"nothing":              {nil, nil},
			"gone":                 {map[string][]byte{first: nil}, []string{"missing snip/000001.age"}},
			"flipped":              {map[string][]byte{first: flipped}, []string{"content snip/000001.age"}},
			"swapped":              {map[string][]byte{first: b, second: a}, []string{"content snip/000001.age", "content snip/000002.age"}},
			"one more":             {map[string][]byte{"rec/c/t1/snip/000009.age": a}, []string{"unlisted snip/000009.age"}},
			"another place":        {in(`"from": 88800,`, `"from": 91200,`), []string{"content snip/000001.age", "signature manifest.json"}},
			"beyond the recording": {in(`"to": 576000,`, `"to": 576003,`), []string{"content snip/000003.age", "manifest manifest.json", "signature manifest.json"}},
			"taken back": {in(`"played": `, `"cuts": [{"from": 96000, "to": 99000, "asked": 96000}], "played": `),
				[]string{"manifest manifest.json", "signature manifest.json"}},
		} {
			before := map[string][]byte{manifest: m, first: a, second: b, "rec/c/t1/snip/000009.age": nil}
			for key, body := range c.harm {
				r.store.change(key, body)
			}
			if got := r.faults("c"); !slices.Equal(got, c.want) {
				t.Errorf("%s: found %q, wanted %q", name, got, c.want)
			}
			for key, body := range before {
				r.store.change(key, body)
			}
		}
	})
}
