package recorder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// List and GetRange make a memStore a recorder.Source.
func (m *memStore) List(_ context.Context, prefix string) ([]string, error) {
	keys := m.keys(prefix)
	slices.Sort(keys)
	return keys, nil
}

func (m *memStore) GetRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	b, err := m.Get(ctx, key)
	if err != nil || off >= int64(len(b)) {
		return nil, errors.Join(err, errors.New("no such range"))
	}
	return b[off:min(off+n, int64(len(b)))], nil
}

// change replaces an object, or removes it.
func (m *memStore) change(key string, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order = slices.DeleteFunc(m.order, func(k string) bool { return k == key })
	delete(m.objects, key)
	if b != nil {
		m.objects[key] = b
		m.order = append(m.order, key)
	}
}

var errStranger = errors.New("node is a stranger")

func (r *rig) verifyOptions(call, take string) recorder.VerifyOptions {
	return r.verifyOptionsIn(r.store, fs.ErrNotExist, call, take)
}

// verifyOptionsIn is verifyOptions for a take that is stored elsewhere.
func (r *rig) verifyOptionsIn(from recorder.Source, notFound error, call, take string) recorder.VerifyOptions {
	return recorder.VerifyOptions{From: from, NotFound: notFound, Call: call, Take: take,
		Trusted: func(_ context.Context, node ed25519.PublicKey, _ time.Time) error {
			if node.Equal(r.node.PublicKey()) {
				return nil
			}
			return errStranger
		}}
}

// faults verifies the first take of a call and returns what is wrong.
func (r *rig) faults(call string) (faults []string) {
	r.t.Helper()
	v, err := recorder.Verify(r.ctx, r.verifyOptions(call, "t1"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range v.Faults {
		faults = append(faults, string(f.Kind)+" "+strings.TrimPrefix(f.Object, "rec/"+call+"/t1/"))
	}
	slices.Sort(faults)
	return faults
}

// stored records a take of 32 s, with words.
func (r *rig) recorded(call string) {
	r.t.Helper()
	k := r.begin(phone(call))
	k.say(0, second, "hello", nil)
	k.play(recorder.Caller, 0, media.Tone(8000, 300, 32*time.Second, -20))
	k.finish(0)
	r.drain()
}

// TestVerifyNamesEveryFault harms a stored take in one way after the other, and
// wants each fault named, without any key.
func TestVerifyNamesEveryFault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.recorded("c")
		r.recorded("other")
		object := func(name string) []byte {
			return must[[]byte](t)(r.store.Get(r.ctx, "rec/c/t1/"+name))
		}
		second, manifest := object("seg/000002.age"), object("manifest.json")
		flipped := bytes.Clone(second)
		flipped[len(flipped)/2] ^= 1
		harm := func(name string, b []byte) func() { return func() { r.store.change("rec/c/t1/"+name, b) } }
		in := func(from, to string) func() {
			return harm("manifest.json", bytes.Replace(manifest, []byte(from), []byte(to), 1))
		}
		stranger := must[*seal.Node](t)(seal.OpenNode(t.TempDir()))
		for name, test := range map[string]struct {
			harm []func()
			want []string
		}{
			"nothing":        {nil, nil},
			"segment gone":   {[]func(){harm("seg/000002.age", nil)}, []string{"missing seg/000002.age"}},
			"flipped":        {[]func(){harm("seg/000002.age", flipped)}, []string{"content seg/000002.age"}},
			"cut":            {[]func(){harm("seg/000002.age", second[:len(second)-1])}, []string{"content seg/000002.age"}},
			"empty":          {[]func(){harm("seg/000002.age", []byte{})}, []string{"content seg/000002.age"}},
			"longer":         {[]func(){harm("seg/000002.age", append(bytes.Clone(second), 0))}, []string{"content seg/000002.age"}},
			"swapped":        {[]func(){harm("seg/000001.age", second), harm("seg/000002.age", object("seg/000001.age"))}, []string{"content seg/000001.age", "content seg/000002.age"}},
			"duplicated":     {[]func(){harm("seg/000005.age", second)}, []string{"unlisted seg/000005.age"}},
			"words gone":     {[]func(){harm("text/notes.age", nil), harm("meta.age", nil)}, []string{"missing meta.age", "missing text/notes.age"}},
			"something more": {[]func(){harm("call.wav", second), harm("text/more.age", second)}, []string{"unlisted call.wav", "unlisted text/more.age"}},
			"a snippet more": {[]func(){harm("snip/000001.age", second)}, []string{"unlisted snip/000001.age"}},
			"other lists":    {[]func(){harm("snippets/000001.age", second)}, nil},
			"key gone":       {[]func(){func() { r.store.change("keys/epoch-1/c/t1-audio.age", nil) }}, []string{"key keys/epoch-1/c/t1-audio.age"}},
			"rewrapped": {[]func(){func() {
				r.store.change("keys/epoch-2/c/t1-audio.age", []byte("wrapped"))
				r.store.change("keys/epoch-1/c/t1-audio.age", nil)
			}}, nil},
			"no manifest":     {[]func(){harm("manifest.json", nil)}, []string{"manifest manifest.json"}},
			"no JSON":         {[]func(){harm("manifest.json", []byte("{}"))}, []string{"manifest manifest.json"}},
			"of another call": {[]func(){harm("manifest.json", must[[]byte](t)(r.store.Get(r.ctx, "rec/other/t1/manifest.json")))}, []string{"manifest manifest.json"}},
			"another outcome": {[]func(){in(`"completed"`, `"withdrawn"`)}, []string{"signature manifest.json"}},
			"said complete":   {[]func(){in(`"complete": true`, `"complete": false`)}, []string{"manifest manifest.json", "signature manifest.json"}},
			"another rate":    {[]func(){in(`"rate": 8000`, `"rate": 16000`)}, []string{"manifest manifest.json", "signature manifest.json"}},
			"everything at once": {[]func(){in(`"completed"`, `"withdrawn"`), harm("seg/000001.age", nil), harm("seg/000002.age", flipped), harm("seg/000009.age", second),
				func() { r.store.change("keys/epoch-1/c/t1-text.age", nil) }},
				[]string{"content seg/000002.age", "key keys/epoch-1/c/t1-text.age", "missing seg/000001.age", "signature manifest.json", "unlisted seg/000009.age"}},
		} {
			before := map[string][]byte{}
			for _, key := range r.store.keys("") {
				before[key] = must[[]byte](t)(r.store.Get(r.ctx, key))
			}
			for _, f := range test.harm {
				f()
			}
			if got := r.faults("c"); !slices.Equal(got, test.want) {
				t.Errorf("%s: found %q, wanted %q", name, got, test.want)
			}
			for _, key := range r.store.keys("") {
				r.store.change(key, before[key])
			}
			for key, b := range before {
				r.store.change(key, b)
			}
		}
		o := r.verifyOptions("c", "t1")
		o.Trusted = func(_ context.Context, node ed25519.PublicKey, at time.Time) error {
			if node.Equal(stranger.PublicKey()) || at.Equal(phone("c").Started) {
				return errStranger
			}
			return nil
		}
		v := must[recorder.Verified](t)(recorder.Verify(r.ctx, o))
		if len(v.Faults) != 1 || v.Faults[0].Kind != recorder.FaultSignature || !strings.Contains(v.Faults[0].String(), errStranger.Error()) {
			t.Errorf("of a stranger: %v", v.Faults)
		}
		if v.Objects != 7 || v.Bytes < 4*16000*8 {
			t.Errorf("read %d objects, %d bytes", v.Objects, v.Bytes)
		}
	})
}

// brokenStore fails for some objects.
type brokenStore struct {
	*memStore
	broken string
}

func (b *brokenStore) GetRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	if strings.HasSuffix(key, b.broken) {
		return nil, errDown
	}
	return b.memStore.GetRange(ctx, key, off, n)
}

// TestVerifyTellsOutagesFromFaults holds that a store that is away is no fault of
// the recording.
func TestVerifyTellsOutagesFromFaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.recorded("c")
		o := r.verifyOptions("c", "t1")
		o.From = &brokenStore{r.store, "000002.age"}
		if v, err := recorder.Verify(r.ctx, o); !errors.Is(err, errDown) {
			t.Errorf("%v, %v", v.Faults, err)
		}
		for _, take := range []string{"../t1", "t1-x", "", "t1\r\nx"} {
			o.Take = take
			if _, err := recorder.Verify(r.ctx, o); !errors.Is(err, recorder.ErrID) {
				t.Errorf("take %q: %v", take, err)
			}
		}
	})
}

// TestRebuild loses the spool of a call, at several moments, and holds that what is
// stored gets a manifest which says so, opens, and verifies without a key.
func TestRebuild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.recorded("c")
		whole := r.wav("c")
		options := recorder.RebuildOptions{From: r.store, Put: r.store, NotFound: fs.ErrNotExist, Conflict: recorder.ErrConflict, Node: r.node,
			Call: "c", Take: "t1", Rate: 8000, Coding: media.MuLaw, Started: phone("c").Started, Outcome: "internal", Reason: "crashed"}
		if _, err := recorder.Rebuild(r.ctx, options); !errors.Is(err, recorder.ErrStored) {
			t.Errorf("with a manifest: %v", err)
		}
		everything := map[string][]byte{}
		for _, key := range r.store.keys("") {
			everything[key] = must[[]byte](t)(r.store.Get(r.ctx, key))
		}
		segment := func(n int) string { return recorder.SegmentObject("c", "t1", n) }
		for _, test := range []struct {
			name     string
			gone     []string
			swap     string // gets what another segment holds
			segments int
			left     int
			missing  []string
		}{
			{"all but the manifest", nil, "", 4, 0, []string{"no_spool"}},
			{"the end", []string{segment(3), segment(4), recorder.MetaObject("c", "t1"), recorder.NotesObject("c", "t1")}, "", 2, 0, []string{"no_spool"}},
			{"a hole", []string{segment(2)}, "", 1, 2, []string{"no_spool", "damaged"}},
			{"no age file", nil, segment(3), 2, 2, []string{"no_spool", "damaged"}},
			{"with a snippet", nil, recorder.SnippetObject("c", "t1", "000001"), 4, 1, []string{"no_spool"}},
		} {
			for key, b := range everything {
				r.store.change(key, b)
			}
			r.store.change(recorder.ManifestObject("c", "t1"), nil)
			r.store.change(recorder.SnippetObject("c", "t1", "000001"), nil)
			for _, key := range test.gone {
				r.store.change(key, nil)
			}
			if test.swap != "" {
				r.store.change(test.swap, []byte("no age file"))
			}
			var told []recorder.Witnessed
			options.Witness = func(_ context.Context, w recorder.Witnessed) error { told = append(told, w); return nil }
			got, err := recorder.Rebuild(r.ctx, options)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			m := r.recording("c").Manifest()
			if m.Complete || m.Source != "listing" || !slices.Equal(m.Incomplete, test.missing) || len(m.Segments) != test.segments || len(got.Left) != test.left ||
				m.Reason != "crashed" || m.Epoch != "epoch-1" {
				t.Errorf("%s: manifest %+v, left %q", test.name, m, got.Left)
			}
			if file := r.wav("c"); !bytes.HasPrefix(whole, file) || len(file) < 58+(test.segments-1)*160_000 {
				t.Errorf("%s: %d bytes of %d, or others", test.name, len(file), len(whole))
			}
			if len(told) != 1 || told[0].Complete || told[0].Manifest == (recorder.Digest{}) {
				t.Errorf("%s: told of %v", test.name, told)
			}
			want := make([]string, 0, test.left)
			for _, key := range got.Left {
				if strings.Contains(key, "/snip/") {
					continue // a listing does not tell of what it is
				}
				want = append(want, "unlisted "+strings.TrimPrefix(key, "rec/c/t1/"))
			}
			if faults := r.faults("c"); !slices.Equal(faults, want) {
				t.Errorf("%s: verified with %q, wanted %q", test.name, faults, want)
			}
		}
	})
}

// TestRebuildRefusals holds that nothing is made of nothing.
func TestRebuildRefusals(t *testing.T) {
	r := newRig(t)
	o := recorder.RebuildOptions{From: r.store, Put: r.store, NotFound: fs.ErrNotExist, Conflict: recorder.ErrConflict, Node: r.node, Call: "c", Take: "t1", Rate: 8000, Coding: media.MuLaw}
	put := func(key string, b []byte) { r.store.change(key, b) }
	if _, err := recorder.Rebuild(r.ctx, o); !errors.Is(err, recorder.ErrNothing) {
		t.Errorf("nothing is stored: %v", err)
	}
	put(recorder.KeyObject("epoch-1", "c", "t1", seal.Audio), []byte("wrapped"))
	if _, err := recorder.Rebuild(r.ctx, o); !errors.Is(err, recorder.ErrNothing) {
		t.Errorf("a key alone: %v", err)
	}
	id := must[seal.Identity](t)(seal.GenerateIdentity())
	put(recorder.SegmentObject("c", "t1", 1), must[[]byte](t)(seal.Seal(nil, make([]byte, 1000), id.Recipient())))
	r.store.change(recorder.KeyObject("epoch-1", "c", "t1", seal.Audio), nil)
	if _, err := recorder.Rebuild(r.ctx, o); !errors.Is(err, recorder.ErrNothing) {
		t.Errorf("a take whose keys are destroyed: %v", err)
	}
	put(recorder.KeyObject("epoch-10", "c", "t1", seal.Audio), []byte("wrapped"))
	put(recorder.KeyObject("epoch-9", "c", "t1", seal.Audio), []byte("wrapped"))
	got, err := recorder.Rebuild(r.ctx, o)
	if err != nil || got.Manifest.Epoch != "epoch-10" || got.Manifest.Length != 1000 {
		t.Errorf("%+v, %v", got, err)
	}
	o.Rate = 44100
	if _, err := recorder.Rebuild(r.ctx, o); !errors.Is(err, recorder.ErrFormat) {
		t.Errorf("an unknown rate: %v", err)
	}
	for _, id := range []string{"../c", "", strings.Repeat("c", 5000), "c\r\n"} {
		o.Call = id
		if _, err := recorder.Rebuild(r.ctx, o); !errors.Is(err, recorder.ErrID) {
			t.Error(fmt.Sprintf("call %.20q: ", id), err)
		}
	}
}
