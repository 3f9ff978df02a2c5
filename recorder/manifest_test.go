package recorder_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// storedManifest records a short call and returns its manifest.
func (r *rig) storedManifest() []byte {
	r.t.Helper()
	k := r.begin(phone("c"))
	k.say(0, second, "hello", nil)
	k.play(recorder.Caller, 0, media.Tone(8000, 300, 12*time.Second, -20))
	k.finish(0)
	r.drain()
	return must[[]byte](r.t)(r.store.Get(r.ctx, "rec/c/t1/manifest.json"))
}

// TestManifestRefusesEveryChange changes each byte of a manifest in turn.
func TestManifestRefusesEveryChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		b := r.storedManifest()
		trusted := r.node.PublicKey()
		if _, err := recorder.ParseManifest(b, trusted); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			if _, err := recorder.ParseManifest(changed, trusted); err == nil {
				t.Fatalf("byte %d, %q, may be %q", i, b[i], changed[i])
			}
			if _, err := recorder.ParseManifest(b[:i], trusted); err == nil {
				t.Fatalf("may be cut at byte %d", i)
			}
		}
		line := `  "signature": "`
		for name, changed := range map[string]string{
			"trailing data":         string(b) + "{}",
			"two signatures":        strings.Replace(string(b), line, line+`x",`+"\n"+line, 1),
			"field after it":        strings.Replace(string(b), "\"\n}\n", "\",\n  \"complete\": false\n}\n", 1),
			"field on its line":     strings.Replace(string(b), "\"\n}\n", "\", \"complete\": false\n}\n", 1),
			"field before it":       strings.Replace(string(b), line, "  \"outcome\": \"\",\n"+line, 1),
			"no signature":          string(b[:bytes.Index(b, []byte(line))]) + "}\n",
			"nothing":               "",
			"another's signature":   signedBy(t, b),
			"not a manifest at all": "[]",
		} {
			if _, err := recorder.ParseManifest([]byte(changed), trusted); !errors.Is(err, recorder.ErrManifest) && !errors.Is(err, seal.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := recorder.ParseManifest(b); !errors.Is(err, seal.ErrSignature) {
			t.Errorf("with nobody trusted: %v", err)
		}
	})
}

// signedBy signs a manifest with another node's key.
func signedBy(t *testing.T, b []byte) string {
	t.Helper()
	before, _, _ := strings.Cut(string(b), `  "signature": "`)
	other := must[*seal.Node](t)(seal.OpenNode(t.TempDir()))
	return before + `  "signature": "` + encode(other.Sign([]byte(before+"}\n"))) + "\"\n}\n"
}

// TestReaderRefusesWrongObjects puts other content under the keys of a take.
func TestReaderRefusesWrongObjects(t *testing.T) {
	for name, c := range map[string]struct {
		change func(objects map[string][]byte)
		want   error
	}{
		"changed segment": {func(o map[string][]byte) { o["rec/c/t1/seg/000001.age"][300] ^= 1 }, recorder.ErrObject},
		"cut segment":     {func(o map[string][]byte) { o["rec/c/t1/seg/000001.age"] = o["rec/c/t1/seg/000001.age"][:999] }, recorder.ErrObject},
		"swapped segments": {func(o map[string][]byte) {
			a, b := "rec/c/t1/seg/000001.age", "rec/c/t1/seg/000002.age"
			o[a], o[b] = o[b], o[a]
		}, recorder.ErrObject},
		"other call's manifest": {func(o map[string][]byte) { o["rec/c/t1/manifest.json"] = o["rec/d/t1/manifest.json"] }, recorder.ErrManifest},
		"other call's key":      {func(o map[string][]byte) { o["keys/epoch-1/c/t1-audio.age"] = o["keys/epoch-1/d/t1-audio.age"] }, seal.ErrNoIdentity},
		"other class's key":     {func(o map[string][]byte) { o["keys/epoch-1/c/t1-audio.age"] = o["keys/epoch-1/c/t1-text.age"] }, seal.ErrNoIdentity},
		"no wrapped key":        {func(o map[string][]byte) { delete(o, "keys/epoch-1/c/t1-audio.age") }, os.ErrNotExist},
		"no segment":            {func(o map[string][]byte) { delete(o, "rec/c/t1/seg/000002.age") }, os.ErrNotExist},
		"no manifest":           {func(o map[string][]byte) { delete(o, "rec/c/t1/manifest.json") }, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.begin(phone("d")).finish(0)
				r.storedManifest()
				r.store.set(func(m *memStore) { c.change(m.objects) })
				rec, err := recorder.Open(t.Context(), r.openOptions("c"))
				if err == nil {
					err = rec.WriteWAV(t.Context(), new(bytes.Buffer))
				}
				if !errors.Is(err, c.want) {
					t.Errorf("%v, not %v", err, c.want)
				}
			})
		})
	}
}

// TestMetaOpensWithoutTheAudioKey erases the audio of a take.
func TestMetaOpensWithoutTheAudioKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.storedManifest()
		r.store.set(func(m *memStore) { delete(m.objects, "keys/epoch-1/c/t1-audio.age") })
		rec := r.recording("c")
		if lines, err := rec.Notes(t.Context()); err != nil || len(lines) != 1 {
			t.Errorf("notes %v, %v", lines, err)
		}
		if meta, err := rec.Meta(t.Context()); err != nil || len(meta.Anchors) != 1 {
			t.Errorf("meta %v, %v", meta, err)
		}
	})
}

// TestOfflineRecovery opens and verifies a take with age, openssl and a shell,
// from the objects, the operator's key file and the node's public key alone.
func TestOfflineRecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.say(0, second, "hello", nil)
		k.play(recorder.Caller, 0, media.Tone(8000, 300, 42*time.Second, -20))
		k.finish(0)
		r.drain()
		want, dir := r.wav("c"), r.dir
		for _, key := range r.store.keys("") {
			path := filepath.Join(dir, "bucket", key)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
				os.WriteFile(path, must[[]byte](t)(r.store.Get(t.Context(), key)), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, "spool")); err != nil {
			t.Fatal(err)
		}
		checkOffline(t, dir, want)
	})
}

func checkOffline(t *testing.T, dir string, want []byte) {
	t.Helper()
	const script = `set -eu
age -d -i keys/epoch-1.agekey bucket/keys/epoch-1/c/t1-audio.age > call.key
age -d -i keys/epoch-1.agekey bucket/keys/epoch-1/c/t1-text.age > text.key
cd bucket/rec/c/t1
for s in seg/*.age; do age -d -i ../../../../call.key $s; done > ../../../../call.wav
age -d -i ../../../../text.key text/notes.age > ../../../../notes
sed -n 's/^  "signature": "\(.*\)"$/\1/p' manifest.json | base64 -d > ../../../../sig
grep -v '^  "signature": ' manifest.json > ../../../../signed
cd ../../../..
openssl pkeyutl -verify -pubin -inkey node/node.pub.pem -rawin -in signed -sigfile sig
sha256sum bucket/rec/c/t1/seg/*.age | cut -d' ' -f1 | while read sum; do grep -q $sum signed; done
`
	sh := exec.CommandContext(t.Context(), "sh", "-c", script)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "call.wav"))); !bytes.Equal(got, want) {
		t.Errorf("age and a shell give %d bytes, the reader %d", len(got), len(want))
	}
	if notes := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "notes"))); !bytes.Contains(notes, []byte(`"text":"hello"`)) {
		t.Errorf("notes are %s", notes)
	}
}

func FuzzParseManifest(f *testing.F) {
	node, err := seal.OpenNode(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("{\n  \"version\": 1,\n  \"signature\": \"\"\n}\n"))
	f.Add([]byte(`{"version":1,"segments":[{"seq":1,"offset":0,"length":9223372036854775807}]}`))
	f.Add([]byte(`{"version":1,"cuts":[{"from":2,"to":1,"asked":3}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Signed by a node, so that the fuzzer gets past the signature.
		before, _, _ := bytes.Cut(b, []byte("\n  \"signature\": \""))
		signed := append(bytes.Clone(before), "\n}\n"...)
		doc := append(bytes.Clone(before), "\n  \"signature\": \""+encode(node.Sign(signed))+"\"\n}\n"...)
		m, err := recorder.ParseManifest(doc, node.PublicKey())
		if err != nil {
			if !errors.Is(err, recorder.ErrManifest) {
				t.Fatal(err)
			}
			return
		}
		end := int64(0)
		for i, g := range m.Segments {
			if g.Seq != i+1 || g.Offset != end || g.Length <= 0 {
				t.Fatalf("segment %d: %+v", i, g)
			}
			end += g.Length
		}
		if end != m.Length {
			t.Fatalf("%d bytes of %d", end, m.Length)
		}
	})
}
