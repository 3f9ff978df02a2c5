package app_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

func mkdir(t testing.TB, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kinds verifies a call and returns what sorts of faults it has.
func kinds(t testing.TB, v *app.Verifier, call string) (kinds []string) {
	t.Helper()
	got, err := v.Call(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got.Faults {
		kinds = append(kinds, string(f.Kind))
	}
	slices.Sort(kinds)
	return kinds
}

// TestVerifyAgainstTheLedger holds recordings against the rows of their calls: what
// the ledger does not grant, or does not know, is named. No key that opens anything
// is at hand.
func TestVerifyAgainstTheLedger(t *testing.T) {
	a := newArchive(t)
	tone := media.Tone(8000, 300, 3*time.Second, -20)
	for _, call := range []string{"right", "swapped", "ungranted", "other", "destroyed", "harmed"} {
		a.record(call, tone)
	}
	a.drain()
	a.ungranted, a.unwitnessed = true, true
	a.record("unasked", tone)
	a.drain()
	if err := os.Remove(filepath.Join(a.config.Keys.Dir, "epoch-1.agekey")); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	put := func(key string, b []byte) {
		if err := errors.Join(a.objects.Delete(ctx, key), a.objects.Put(ctx, key, b, sha256.Sum256(b))); err != nil {
			t.Fatal(err)
		}
	}
	// Whoever has the node's key can sign another manifest: the ledger knows better.
	manifest := recorder.ManifestObject("swapped", "t1")
	if err := a.objects.Delete(ctx, manifest); err != nil {
		t.Fatal(err)
	}
	_, err := recorder.Rebuild(ctx, recorder.RebuildOptions{From: a.objects, Put: a.objects, NotFound: store.ErrNotFound, Conflict: store.ErrConflict,
		Node: a.node, Call: "swapped", Take: "t1", Rate: 8000, Coding: media.MuLaw, Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	// A second take that nobody has granted, and a call that only the bucket knows.
	for _, key := range must(a.objects.List(ctx, "rec/ungranted/t1/")) {
		put(strings.Replace(key, "/t1/", "/t2/", 1), must(a.objects.Get(ctx, key)))
	}
	if err := errors.Join(a.db.SetRecording(ctx, "destroyed", "destroyed", 1), a.objects.Delete(ctx, recorder.SegmentObject("harmed", "t1", 1))); err != nil {
		t.Fatal(err)
	}
	v := a.verifier(app.VerifyOptions{})
	for call, want := range map[string][]string{
		"right":     nil,
		"swapped":   {"anchor"},
		"ungranted": {"manifest"},       // it says of itself that it is the first
		"destroyed": {"state", "state"}, // the objects, and the keys
		"harmed":    {"missing"},
		"unasked":   {"anchor", "consent"},
	} {
		if got := kinds(t, v, call); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, wanted %q", call, got, want)
		}
	}
	if _, err := v.Call(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a call that nobody knows: %v", err)
	}
	var wrong []string
	seen := 0
	err = v.All(ctx, func(c app.VerifiedCall) {
		seen++
		if len(c.Faults) > 0 {
			wrong = append(wrong, c.Call)
		}
	})
	slices.Sort(wrong)
	if err != nil || seen != 7 || !slices.Equal(wrong, []string{"destroyed", "harmed", "swapped", "unasked", "ungranted"}) {
		t.Errorf("%d calls, wrong are %q, %v", seen, wrong, err)
	}
}

// TestVerifyWithoutTheDatabase verifies a bucket by the operator's public key
// alone.
func TestVerifyWithoutTheDatabase(t *testing.T) {
	a := newArchive(t)
	a.record("c", media.Tone(8000, 300, time.Second, -20))
	a.drain()
	a.close()
	public := filepath.Join(t.TempDir(), "operator.pem")
	if err := os.Rename(filepath.Join(a.config.Keys.Dir, "operator-sign.pub.pem"), public); err != nil {
		t.Fatal(err)
	}
	operator, err := seal.LoadOperator(filepath.Join(a.config.Keys.Dir, "operator-sign.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(a.config.DataDir); err != nil {
		t.Fatal(err)
	}
	v := a.verifier(app.VerifyOptions{WithoutLedger: true, TrustOptions: app.TrustOptions{Operators: []string{public}}})
	if got := kinds(t, v, "c"); !slices.Equal(got, []string{"signature"}) {
		t.Errorf("without a certificate: %q", got)
	}
	b := certified(t, operator, a.node, time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC))
	if err := a.objects.Put(t.Context(), "nodes/"+seal.Fingerprint(a.node.PublicKey())+".json", b, sha256.Sum256(b)); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = v.All(t.Context(), func(c app.VerifiedCall) {
		seen++
		if len(c.Faults) > 0 || len(c.Takes) != 1 || !c.Takes[0].Complete || c.Takes[0].Seconds != 1 {
			t.Errorf("%+v", c)
		}
	})
	if err != nil || seen != 1 {
		t.Errorf("%d calls, %v", seen, err)
	}
	for _, id := range []string{"../c", "", "c/../c", strings.Repeat("c", 5000)} {
		if _, err := v.Call(t.Context(), id); !errors.Is(err, recorder.ErrID) {
			t.Errorf("call %.20q: %v", id, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestRebuildOfALostSpool recovers a call whose spool is lost, from the bucket, and
// refuses while anybody may have it.
func TestRebuildOfALostSpool(t *testing.T) {
	a := newArchive(t)
	a.record("stored", media.Tone(8000, 300, time.Second, -20))
	a.drain()
	a.unwitnessed = true
	a.record("c", media.Tone(8000, 300, 12*time.Second, -20))
	a.drain()
	ctx := t.Context()
	for _, call := range []string{"c", "stored"} {
		if err := a.objects.Delete(ctx, recorder.ManifestObject(call, "t1")); err != nil {
			t.Fatal(err)
		}
	}
	live := store.Call{ID: "live", Agent: "a", Kind: "phone", Direction: "inbound", Started: time.Now()}
	other := store.Call{ID: "other", Agent: "a", Kind: "phone", Direction: "inbound", Started: time.Now(), Node: "0123456789abcdef"}
	err := errors.Join(a.db.InsertCall(ctx, live), a.db.InsertCall(ctx, other), a.db.FinishCall(ctx, "other", store.End{At: time.Now()}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := app.OpenRecordsIn(ctx, a.config, a.s3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for what, test := range map[string]struct {
		o    app.RebuildOptions
		want error
	}{
		"a live call":         {app.RebuildOptions{Call: "live", NodeGone: true}, app.ErrLive},
		"of another node":     {app.RebuildOptions{Call: "other"}, app.ErrLive},
		"of a node that died": {app.RebuildOptions{Call: "other", NodeGone: true}, recorder.ErrStored},
		"a take that is not":  {app.RebuildOptions{Call: "c", Take: "t2"}, recorder.ErrNothing},
		"one that had one":    {app.RebuildOptions{Call: "stored"}, recorder.ErrStored},
		"no call":             {app.RebuildOptions{Call: "nobody"}, store.ErrNotFound},
	} {
		if _, err := r.Rebuild(ctx, test.o); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	spooled := mkdir(t, filepath.Join(a.config.Recorder.SpoolDir, "takes", "c.t1"))
	if _, err := r.Rebuild(ctx, app.RebuildOptions{Call: "c"}); !errors.Is(err, app.ErrLive) {
		t.Errorf("with its spool: %v", err)
	}
	if err := os.Remove(spooled); err != nil {
		t.Fatal(err)
	}
	got, err := r.Rebuild(ctx, app.RebuildOptions{Call: "c"})
	if err != nil || len(got) != 1 || got[0].Segments != 2 || got[0].Seconds != 12 || len(got[0].Left) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := kinds(t, a.verifier(app.VerifyOptions{}), "c"); got != nil {
		t.Errorf("recovered, it has faults: %q", got)
	}
	file := recording(t, r, "c")
	if left, _ := channels(file); len(left) != 12*8000 || media.ToneLevel(left, 8000, 300) < -24 {
		t.Errorf("%d samples, tone at %.1f dB", len(left), media.ToneLevel(left, 8000, 300))
	}
	if _, err := r.Rebuild(ctx, app.RebuildOptions{Call: "c"}); !errors.Is(err, recorder.ErrStored) {
		t.Errorf("a second time: %v", err)
	}
}

// BenchmarkVerify verifies 1,000 short calls in the built-in object store.
func BenchmarkVerify(b *testing.B) {
	const calls = 1000
	a := newArchive(b)
	tone := media.Tone(8000, 300, 2*time.Second, -20)
	for i := range calls {
		a.record(fmt.Sprint("c", i), tone)
	}
	a.drain()
	for b.Loop() {
		started := time.Now()
		v := a.verifier(app.VerifyOptions{})
		objects, bytes := 0, int64(0)
		err := v.All(b.Context(), func(c app.VerifiedCall) {
			for _, t := range c.Takes {
				objects, bytes = objects+t.Objects, bytes+t.Bytes
			}
			if len(c.Faults) > 0 {
				b.Error(c.Faults)
			}
		})
		if err != nil || v.Ledger != nil {
			b.Fatal(err, v.Ledger)
		}
		b.ReportMetric(float64(objects), "objects")
		b.ReportMetric(float64(bytes)/1e6, "MB")
		b.ReportMetric(time.Since(started).Seconds(), "s/1000calls")
	}
}
