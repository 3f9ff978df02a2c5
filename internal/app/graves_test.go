package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// newLog writes all that is logged.
func newLog(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

// grave is the number whose calls are erased in these tests.
const grave = "+14155550199"

// objectStore is what an eraser and its spool need of one.
type objectStore interface {
	erasable
	recorder.Putter
}

// newTestEraser returns an eraser with stores of its own in a folder, which outlive it.
func newTestEraser(t testing.TB, dir string, objects objectStore) *eraser {
	t.Helper()
	c := configs.Default()
	c.DataDir = dir
	c.Keys.Dir, c.Recorder.SpoolDir = filepath.Join(dir, "keys"), filepath.Join(dir, "spool")
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	e, err := newEraser(t.Context(), c, newLog(t.Output()))
	must(err)
	e.node, err = seal.OpenNode(NodeDir(c))
	must(err)
	e.db, err = store.OpenDB(t.Context(), filepath.Join(dir, "calls.db"))
	must(err)
	t.Cleanup(func() { e.db.Close() })
	e.ledger, err = store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), store.LedgerOptions{Sign: e.node.Sign, Key: e.node.PublicKey()})
	must(err)
	t.Cleanup(func() { e.ledger.Close() })
	keys, err := seal.OpenKeyring(c.Keys.Dir)
	must(err)
	e.epochs = func() ([]seal.Epoch, error) { return keys.Epochs(), nil }
	e.end, e.forget = func(store.Call) {}, func(string) {}
	e.objects = objects
	e.spool, err = recorder.OpenSpool(recorder.SpoolOptions{Dir: c.Recorder.SpoolDir, Node: e.node, Put: objects, Erase: objects, Log: e.log})
	must(err)
	t.Cleanup(func() { e.spool.Close() })
	return e
}

// testCall has a call of a subject in the database, that began at a time.
func (e *eraser) testCall(t testing.TB, id, subject string, began time.Time) {
	t.Helper()
	if err := e.db.InsertCall(t.Context(), store.Call{ID: id, CarrierID: "CA" + id, Agent: "a", Kind: "phone", Direction: "inbound", Subject: subject,
		Started: began, Consent: "granted", Recording: "stored", Takes: 1}); err != nil {
		t.Fatal(err)
	}
	if err := e.db.FinishCall(t.Context(), id, store.End{At: began.Add(time.Minute), Duration: time.Minute, Outcome: "completed", Reason: "goodbye"}); err != nil {
		t.Fatal(err)
	}
}

// testSubject is the random id of a number.
func (e *eraser) testSubject(t testing.TB, number string) string {
	t.Helper()
	subject, err := e.db.Subject(t.Context(), hashOf(e.lookup, number))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

// gone reports whether the rows keep a call from being served.
func (e *eraser) gone(t testing.TB, id string) bool {
	t.Helper()
	c, err := e.db.Call(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return isGone(c)
}

// keep runs what a gateway does for erasures, until the end of the test.
func (e *eraser) keep(t testing.TB, r *replay) {
	t.Helper()
	a := &App{eraser: e, replay: r, log: e.log}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.keepErasing(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// names is an object store in memory, of names alone.
type names struct {
	mu   sync.Mutex
	keys map[string]bool
	err  error // with which each request is answered
}

// recorded puts the objects of a call with one take.
func (n *names) recorded(call string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.keys == nil {
		n.keys = make(map[string]bool)
	}
	for _, class := range seal.Classes {
		n.keys[recorder.KeyObject("epoch-1", call, "t1", class)] = true
	}
	n.keys[recorder.SegmentObject(call, "t1", 1)] = true
	n.keys[recorder.ManifestObject(call, "t1")] = true
}

// of lists what there is of a call.
func (n *names) of(call string) (found []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.keys {
		if strings.Contains(key, "/"+call+"/") {
			found = append(found, key)
		}
	}
	return found
}

func (n *names) Erase(_ context.Context, prefix string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.keys, func(key string, _ bool) bool { return n.err == nil && strings.HasPrefix(key, prefix) })
	return n.err
}

func (n *names) Folders(_ context.Context, prefix string) (found []string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.keys {
		rest, ok := strings.CutPrefix(key, prefix)
		if folder, _, inside := strings.Cut(rest, "/"); ok && inside {
			found = append(found, folder)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), n.err
}

func (n *names) Usage(_ context.Context, prefix string) (objects int, bytes int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key := range n.keys {
		if strings.HasPrefix(key, prefix) {
			objects, bytes = objects+1, bytes+400
		}
	}
	return objects, bytes, n.err
}

func (n *names) Put(context.Context, string, []byte, [32]byte) error { return errors.ErrUnsupported }

func (n *names) Head(context.Context, string) (int64, [32]byte, error) {
	return 0, [32]byte{}, store.ErrNotFound
}
