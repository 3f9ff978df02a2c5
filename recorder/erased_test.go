package recorder_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
)

// TestDestroyedForStockAge holds, with the built-in object store and the age of
// the distribution, that a take that age opens before Destroy is opened by
// nothing after it: not by us, nor by age with all keys of the operator and of
// the node and everything that is left on the disk; and that this is for want of
// the wrapped keys alone, since it also holds for copies of the other objects.
func TestDestroyedForStockAge(t *testing.T) {
	t.Setenv("TMPDIR", "") // not in memory: the object store needs extended attributes
	ctx, dir := t.Context(), t.TempDir()
	builtin := must[*store.Builtin](t)(store.StartBuiltin(ctx, store.BuiltinOptions{Dir: filepath.Join(dir, "s3")}))
	defer func() {
		if err := builtin.Close(); err != nil {
			t.Error(err)
		}
	}()
	objects := must[*store.Objects](t)(store.OpenS3(ctx, builtin.S3("sidetone")))
	r := newRigIn(t, dir, func(o *recorder.SpoolOptions) {
		o.Put, o.Erase, o.Conflict = objects, objects, store.ErrConflict
	})
	r.from = objects
	for _, call := range []string{"c", "d"} {
		k := r.begin(phone(call))
		k.say(second, 2*second, "hello", nil)
		pcm := hum(k.o, 3)
		for at := media.Tick(0); len(pcm) > 0; at, pcm = at+media.FrameTicks, pcm[160:] {
			k.put(recorder.Caller, at, pcm[:160])
			k.put(recorder.Agent, at, pcm[:160])
		}
		k.finish(0)
	}
	r.drain()
	identities := ageIdentities(t, dir)
	want := must[[]string](t)(objects.List(ctx, "rec/c/"))
	opened := ageOpens(t, identities, filepath.Join(dir, "s3", "buckets"))
	if !slices.Equal(opened, []string{"c/t1-audio.age", "c/t1-snippets.age", "c/t1-text.age", "d/t1-audio.age", "d/t1-snippets.age", "d/t1-text.age"}) || len(want) != 4 {
		t.Fatalf("before it, age opens %v; objects %v", opened, want)
	}
	copies := filepath.Join(dir, "copies") // of a thief, who did not get the keys in time
	if err := os.CopyFS(copies, os.DirFS(filepath.Join(dir, "s3", "buckets", "sidetone", "rec"))); err != nil {
		t.Fatal(err)
	}

	if err := r.spool.Destroy(ctx, "c", "t1"); err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.Open(ctx, r.openOptions("c")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("we open it: %v", err)
	}
	for _, prefix := range []string{"keys/epoch-1/c/", "rec/c/"} {
		if keys := must[[]string](t)(objects.List(ctx, prefix)); len(keys) > 0 {
			t.Errorf("the store has %v", keys)
		}
	}
	if opened := ageOpens(t, identities, dir); !slices.Equal(opened, []string{"d/t1-audio.age", "d/t1-snippets.age", "d/t1-text.age"}) {
		t.Errorf("after it, age opens %v", opened)
	}
	if left, _ := channels(t, phone("d"), r.wav("d")); len(left) != 3*8000 {
		t.Errorf("the other call has %d samples", len(left))
	}
}

// ageIdentities lists the files of the private keys of operator and node.
func ageIdentities(t *testing.T, dir string) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"keys/*.agekey", "node/*.agekey"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		paths = append(paths, found...)
	}
	return paths
}

// ageOpens returns the files below dir that age opens with one of the identities,
// by folder and name.
func ageOpens(t *testing.T, identities []string, dir string) (opened []string) {
	t.Helper()
	walk(t, dir, func(path string, b []byte) {
		if !bytes.HasPrefix(b, []byte("age-encryption.org/")) {
			return
		}
		for _, id := range identities {
			if exec.CommandContext(t.Context(), "age", "-d", "-i", id, "-o", os.DevNull, path).Run() == nil {
				opened = append(opened, strings.TrimPrefix(path, filepath.Dir(filepath.Dir(path))+"/"))
			}
		}
	})
	return opened
}
