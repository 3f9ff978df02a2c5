package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/consent/gatetest"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// record leaves calls of a number in the stores of a site whose gateway is not up, as
// one would that has recorded two seconds of each.
func (s *site) record(t *testing.T, o store.S3Options, number string, calls ...string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	ctx, data := t.Context(), s.data()
	node, err := seal.OpenNode(filepath.Join(data, "node"))
	must(err)
	keyring, err := seal.OpenKeyring(filepath.Join(data, "keys"))
	must(err)
	objects, err := store.OpenS3(ctx, o)
	must(err)
	must(os.MkdirAll(filepath.Join(data, "db"), 0o700))
	db, err := store.OpenDB(ctx, filepath.Join(data, "db", "sidetone.db"))
	must(err)
	defer db.Close()
	key, err := app.Secret(data, "lookup_key")
	must(err)
	lookup := hmac.New(sha256.New, []byte(key))
	lookup.Write([]byte(number))
	subject, err := db.Subject(ctx, lookup.Sum(nil))
	must(err)
	spool, err := recorder.OpenSpool(recorder.SpoolOptions{Dir: filepath.Join(data, "spool"), Node: node, Put: objects, Erase: objects, Conflict: store.ErrConflict})
	must(err)
	running, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { spool.Run(running) })
	for _, id := range calls {
		keys, err := seal.NewTakeKeys(ctx, keyring)
		must(err)
		must(db.InsertCall(ctx, store.Call{ID: id, CarrierID: "CA" + id, Agent: "interview", Kind: "phone", Direction: "inbound", Subject: subject,
			Started: time.Now(), Consent: "granted", Recording: "stored", Takes: 1}))
		r, err := spool.Begin(recorder.TakeOptions{Call: id, Take: "t1", Rate: 8000, Coding: media.MuLaw, Started: time.Now(), Played: "mark", Keys: keys})
		must(err)
		wg.Go(func() { r.Run(running) })
		gate, pcm := gatetest.Open(), media.Tone(8000, 440, 2*time.Second, -10)
		for at := media.Tick(0); len(pcm) > 0; at, pcm = at+media.FrameTicks, pcm[160:] {
			if f, ok := gate.Record(media.Frame{At: at, PCM: pcm[:160]}); ok {
				r.Write(recorder.Caller, f)
			}
		}
		_, err = r.Finish(ctx, recorder.Ending{At: media.TicksIn(2 * time.Second), Outcome: "completed", Reason: "goodbye"})
		must(errors.Join(err, db.FinishCall(ctx, id, store.End{At: time.Now(), Duration: 2 * time.Second, Outcome: "completed", Reason: "goodbye"})))
	}
	must(spool.Drain(ctx))
	stop()
	wg.Wait()
	must(spool.Close())
}

// mentions returns those keys of the bucket, in all versions, that name a call.
func (b *bucket) mentions(t *testing.T, call string) []string {
	t.Helper()
	return slices.DeleteFunc(b.kept(t), func(key string) bool { return !strings.Contains(key, "/"+call+"/") })
}

// erased is what erase prints as JSON.
type erased struct {
	Calls []struct {
		Call, State string
		Objects     int
	}
	Receipt string
}

// states are those of the calls, in the order of their ids.
func (e erased) states() string {
	var all []string
	for _, c := range e.Calls {
		all = append(all, c.Call+" "+c.State)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (s *site) erase(t *testing.T, args ...string) (e erased) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.run(t, append([]string{"erase", "--json"}, args...)...)), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestErase is the erasure of a caller by command, beside a gateway and without one,
// in a bucket that keeps every version, and a hold that comes before it.
func TestErase(t *testing.T) {
	const number = "+12125550187"
	b := newBucket(t, t.TempDir())
	s := newSite(t, b.env...)
	s.record(t, b.options, number, "gone", "kept")
	s.record(t, b.options, "+12125550188", "later")
	b.plant(t, "rec/gone/t1/seg/000009.age", "an older version, and the marker of its deletion")
	before := len(b.mentions(t, "gone"))
	cmd, _ := s.serve(t)

	if dry := s.erase(t, "--caller", number, "--dry-run"); dry.states() != "gone would_erase, kept would_erase" || dry.Receipt != "" {
		t.Errorf("a dry run prints %+v", dry)
	}
	if n := len(b.mentions(t, "gone")); n != before || n < 8 {
		t.Errorf("a dry run makes %d versions of %d", n, before)
	}
	if printed := s.run(t, "hold", "set", "--call", "CAkept", "--reason-id", "case-7"); printed != "kept is on hold\n" {
		t.Errorf("hold set prints %q", printed)
	}
	printed := s.run(t, "erase", "--caller", number)
	for _, want := range []string{"gone  erased  1 takes, ", "kept  held  ", "receipt "} {
		if !strings.Contains(printed, want) {
			t.Errorf("erase does not print %q:\n%s", want, printed)
		}
	}
	if left := b.mentions(t, "gone"); len(left) > 0 {
		t.Errorf("the bucket has %v", left)
	}
	receipt := filepath.Join(t.TempDir(), "receipt.json")
	s.run(t, "erase", "receipt", "gone", "-o", receipt)
	var r app.Receipt
	text, err := os.ReadFile(receipt)
	if err := errors.Join(err, json.Unmarshal(text, &r)); err != nil || len(r.Calls) != 1 || r.Calls[0].Call != "gone" || r.Objects != before-1 ||
		!slices.Equal(r.Held, []string{"kept"}) || strings.Contains(string(text), number[1:]) {
		t.Errorf("%v, the receipt is %s", err, text)
	}
	s.fails(t, "the call is erased", "recordings", "get", "gone", "-o", filepath.Join(t.TempDir(), "gone.wav"))
	s.run(t, "recordings", "get", "kept", "-o", filepath.Join(t.TempDir(), "kept.wav"))
	if printed := s.run(t, "erase", "--caller", number); !strings.HasPrefix(printed, "kept  held  ") {
		t.Errorf("a second time it prints %q", printed)
	}
	if printed := s.run(t, "hold", "release", "--call", "kept"); !strings.Contains(printed, "kept is not on hold any more\nkept  erased  ") {
		t.Errorf("hold release prints %q", printed)
	}
	s.fails(t, "erased", "hold", "set", "--call", "kept")
	for _, wrong := range [][]string{{"at least one of the flags"}, {"if any flags in the group", "--call", "gone", "--caller", number}, {"a number such as", "--caller", "anonymous"},
		{"no such call", "--call", "nobody"}, {"no such call", "--call", "../later"}} {
		s.fails(t, wrong[0], append([]string{"erase"}, wrong[1:]...)...)
	}
	s.fails(t, "no such call", "hold", "set", "--call", "nobody")
	s.fails(t, "no such call", "hold", "release", "--call", "later")

	cmd.Process.Kill()
	cmd.Wait()
	if done := s.erase(t, "--call", "CAlater"); done.states() != "later erased" || done.Receipt == "" {
		t.Errorf("without a gateway it prints %+v", done)
	}
	left := b.kept(t)
	if slices.ContainsFunc(left, func(key string) bool { return strings.HasPrefix(key, "rec/") || strings.HasPrefix(key, "keys/") }) {
		t.Errorf("the bucket keeps %v", left)
	}
	if calls := s.calls(t); len(calls) != 3 || slices.ContainsFunc(calls, func(c listed) bool { return c.Recording != "erased" || c.Consent != "erased" || c.Outcome != "" }) {
		t.Errorf("calls list prints %+v", calls)
	}
}
