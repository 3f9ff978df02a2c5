package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/seal"
	"sidetone/store"
)

// TestLooksAgain: what a request whose sender had died brings back after an erasure
// is gone ten minutes later.
func TestLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &names{}
		e := newTestEraser(t, t.TempDir(), objects)
		e.testCall(t, "one", "", time.Now())
		objects.recorded("one")
		if done, err := e.erase(t.Context(), ErasureRequest{Call: "one"}); err != nil || done.Calls[0].State != IsErased || len(objects.of("one")) > 0 {
			t.Fatalf("%+v, %v; there is %v", done, err, objects.of("one"))
		}
		e.keep(t, &replay{eraser: e})
		time.Sleep(5 * time.Minute)
		objects.recorded("one") // the server had it in its hands
		time.Sleep(4*time.Minute + 30*time.Second)
		if len(objects.of("one")) == 0 {
			t.Error("it was looked for before ten minutes had passed: the second look is not the last")
		}
		time.Sleep(2 * time.Minute)
		if left := objects.of("one"); len(left) > 0 {
			t.Errorf("after ten minutes there is %v", left)
		}
		if of, err := e.db.Erasure(t.Context(), "one"); err != nil || of.Looked.Sub(of.Done) < lookAgainAfter {
			t.Errorf("%+v, %v", of, err)
		}
	})
}

// TestErasureWaitsForTheStore: an erasure that the object store keeps from being done
// is done when the store is back, and nothing of the call is handed out meanwhile.
func TestErasureWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &names{}
		e := newTestEraser(t, t.TempDir(), objects)
		e.testCall(t, "one", "", time.Now())
		objects.recorded("one")
		set := func(err error) {
			objects.mu.Lock()
			objects.err = err
			objects.mu.Unlock()
		}
		set(errors.New("the store is away"))
		done, err := e.erase(t.Context(), ErasureRequest{Call: "one"})
		if err != nil || done.Calls[0].State != ErasureQueued || done.Receipt != "" || !e.gone(t, "one") {
			t.Fatalf("%+v, %v, gone %v", done, err, e.gone(t, "one"))
		}
		e.keep(t, &replay{eraser: e})
		time.Sleep(30 * time.Minute)
		if len(objects.of("one")) == 0 {
			t.Fatal("the store was not away")
		}
		set(nil)
		time.Sleep(destroyEvery + time.Second)
		of, err := e.db.Erasure(t.Context(), "one")
		if err != nil || of.Done.IsZero() || of.Receipt == "" || len(objects.of("one")) > 0 {
			t.Errorf("%+v, %v; there is %v", of, err, objects.of("one"))
		}
	})
}

// copyDB copies a database that nobody has open.
func copyDB(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = errors.Join(os.RemoveAll(to+"-wal"), os.RemoveAll(to+"-shm"), os.WriteFile(to, b, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoredParts brings back what was erased in one of the stores alone, or only
// the tombstone of its caller has outlived it: it is not served from the start on, and
// erased again by itself.
func TestRestoredParts(t *testing.T) {
	for name, test := range map[string]struct {
		database, bucket bool
		caller           bool // of the tombstones there is only that of the caller
	}{
		"the bucket":         {bucket: true},
		"the database":       {database: true},
		"both":               {database: true, bucket: true},
		"by the caller's":    {database: true, bucket: true, caller: true},
		"database by theirs": {database: true, caller: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, objects := t.TempDir(), &names{}
				db, backup := filepath.Join(dir, "calls.db"), filepath.Join(dir, "backup.db")
				e := newTestEraser(t, dir, objects)
				subject := e.testSubject(t, grave)
				for _, id := range []string{"gone", "held"} {
					e.testCall(t, id, subject, time.Now())
					objects.recorded(id)
				}
				e.testCall(t, "other", e.testSubject(t, "+14155550188"), time.Now())
				if err := e.db.Hold(t.Context(), "held", "case-7"); err != nil {
					t.Fatal(err)
				}
				e.db.Close()
				copyDB(t, db, backup)
				e.spool.Close()
				e.ledger.Close()
				time.Sleep(time.Hour)
				e = newTestEraser(t, dir, objects)
				if done, err := e.erase(t.Context(), ErasureRequest{Caller: grave}); err != nil || len(done.Calls) != 2 || !e.gone(t, "gone") || e.gone(t, "held") {
					t.Fatalf("%+v, %v", done, err)
				}
				time.Sleep(time.Hour)
				if err := e.goOn(t.Context()); err != nil { // the second look, after which nobody looks by itself
					t.Fatal(err)
				}
				e.db.Close()
				e.spool.Close()
				e.ledger.Close()
				if test.database {
					copyDB(t, backup, db)
				}
				if test.bucket {
					objects.recorded("gone")
				}
				if test.caller {
					if err := os.RemoveAll(filepath.Join(dir, "erasures", callTombs)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				e = newTestEraser(t, dir, objects)
				if test.database { // they call again, after the restore
					e.testCall(t, "again", subject, time.Now())
					objects.recorded("again")
				}
				r := &replay{eraser: e}
				if err := r.start(t.Context()); err != nil || r.ready() != nil {
					t.Fatal(err)
				}
				if !e.gone(t, "gone") || e.gone(t, "held") || e.gone(t, "other") {
					t.Error("from the start on what was erased must not be served, and what was not must")
				}
				e.keep(t, r)
				time.Sleep(time.Second)
				c, err := e.db.Call(t.Context(), "gone")
				if err != nil || c.Recording != store.ErasedState || c.Subject != "" || c.CarrierID != "" || len(objects.of("gone")) > 0 {
					t.Errorf("%+v, %v; there is %v", c, err, objects.of("gone"))
				}
				if held, err := e.db.Call(t.Context(), "held"); err != nil || held.Recording != "stored" || !held.Erasing || len(objects.of("held")) == 0 {
					t.Errorf("held: %+v, %v", held, err)
				}
				if test.database && (e.gone(t, "again") || len(objects.of("again")) == 0) {
					t.Error("a call that began after the erasure is erased with the others")
				}
			})
		})
	}
}

// unmounted is a place of tombstones that can not be reached.
type unmounted struct {
	tombstones
	back atomic.Bool
}

func (u *unmounted) names(ctx context.Context, folder string) ([]string, error) {
	if !u.back.Load() {
		return nil, errors.New("no such host")
	}
	return u.tombstones.names(ctx, folder)
}

// TestTombstonesOutOfReach: until they can be read, nothing is handed out.
func TestTombstonesOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &names{}
		e := newTestEraser(t, t.TempDir(), objects)
		e.testCall(t, "one", "", time.Now())
		if done, err := e.erase(t.Context(), ErasureRequest{Call: "one"}); err != nil || done.Calls[0].State != IsErased {
			t.Fatal(done, err)
		}
		away := &unmounted{tombstones: e.tombs}
		e.tombs = away
		r := &replay{eraser: e}
		if err := r.start(t.Context()); err == nil || !strings.Contains(err.Error(), "no such host") || !errors.Is(r.ready(), errNotReplayed) {
			t.Errorf("%v, ready %v", err, r.ready())
		}
		e.keep(t, r)
		time.Sleep(10 * time.Minute)
		if r.ready() == nil {
			t.Error("it is ready, without having read them")
		}
		away.back.Store(true)
		time.Sleep(destroyEvery + time.Second)
		if err := r.ready(); err != nil {
			t.Error("a minute after the place is back: ", err)
		}
	})
}

// TestTombstonesOfAnotherPlace: a folder without the tombstones of calls that the
// database knows to be erased is not the place to which they were written.
func TestTombstonesOfAnotherPlace(t *testing.T) {
	dir, objects := t.TempDir(), &names{}
	e := newTestEraser(t, dir, objects)
	e.testCall(t, "one", "", time.Now())
	if done, err := e.erase(t.Context(), ErasureRequest{Call: "one"}); err != nil || done.Calls[0].State != IsErased {
		t.Fatal(done, err)
	}
	elsewhere := filepath.Join(dir, "not-mounted")
	e.tombs, e.config.Erasures.Location = tombFolder(elsewhere), elsewhere
	r := &replay{eraser: e}
	if err := r.start(t.Context()); !errors.Is(err, errNotReplayed) || !strings.Contains(err.Error(), elsewhere) || !strings.Contains(err.Error(), "--call one") {
		t.Errorf("%v", err)
	}
	// What the error says to do.
	if done, err := e.erase(t.Context(), ErasureRequest{Call: "one"}); err != nil || len(done.Calls) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if err := r.start(t.Context()); err != nil || r.ready() != nil {
		t.Error(err)
	}
	if err := os.Rename(elsewhere, elsewhere+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&replay{eraser: e}).start(t.Context()); err == nil {
		t.Error("a file is taken for a folder of tombstones")
	}
}

// TestReceiptIsReissued when what backups can open has changed: the keys are rotated,
// and the epoch of the call destroyed.
func TestReceiptIsReissued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &names{}
		e := newTestEraser(t, t.TempDir(), objects)
		e.testCall(t, "one", "", time.Now())
		objects.recorded("one")
		began := time.Now()
		epochs := []seal.Epoch{{ID: "epoch-1", Created: began.Add(-time.Hour)}}
		e.epochs = func() ([]seal.Epoch, error) { return epochs, nil }
		done, err := e.erase(t.Context(), ErasureRequest{Call: "one"})
		if err != nil {
			t.Fatal(err)
		}
		read := func() (r Receipt, body []byte) {
			t.Helper()
			body, err := e.receipt(t.Context(), "one")
			if err == nil {
				err = json.Unmarshal(body, &r)
			}
			if err != nil {
				t.Fatal(err)
			}
			return r, body
		}
		first, firstBody := read()
		if first.ID != done.Receipt || first.Irrecoverable != nil || first.Because == "" {
			t.Errorf("%+v", first)
		}
		time.Sleep(time.Hour)
		epochs = append(epochs, seal.Epoch{ID: "epoch-2", Created: time.Now()})
		if again, body := read(); again.ID != first.ID || !bytes.Equal(body, firstBody) {
			t.Errorf("after a rotation alone: %+v", again)
		}
		time.Sleep(time.Hour)
		epochs[0].Destroyed = time.Now()
		second, body := read()
		want := epochs[0].Destroyed.Add(time.Duration(e.config.Keys.BackupsKept))
		if second.ID == first.ID || second.Irrecoverable == nil || !second.Irrecoverable.Equal(want) || second.Because != "" ||
			!second.Unreadable.Equal(first.Unreadable) || second.Objects != first.Objects {
			t.Errorf("after destroy-epoch: %+v, want irrecoverable_after %v", second, want)
		}
		if _, third := read(); !bytes.Equal(third, body) {
			t.Error("a third one was made, of nothing new")
		}
		if old, err := e.receipt(t.Context(), first.ID); err != nil || !bytes.Equal(old, firstBody) {
			t.Errorf("the first by its id: %s, %v", old, err)
		}
		if _, signed, err := seal.ReadDocument(body, new(Receipt)); err != nil || len(signed) == 0 {
			t.Errorf("its signature: %v", err)
		}
		rows, err := e.ledger.Rows(t.Context(), "one")
		if err != nil || len(rows) != 2 || !strings.Contains(string(rows[1].Body), second.ID) {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}

// TestEraseWithoutRow erases a call by its id of which the database knows nothing any
// more, and refuses one of which there is nothing at all.
func TestEraseWithoutRow(t *testing.T) {
	objects := &names{}
	e := newTestEraser(t, t.TempDir(), objects)
	objects.recorded("lost")
	objects.recorded("other")
	for _, id := range []string{"nobody", "../other", "rec/lost", "lost/t1", "", strings.Repeat("a", 65), "l\r\nost", "🙂"} {
		if done, err := e.erase(t.Context(), ErasureRequest{Call: id}); err == nil {
			t.Errorf("%q is erased: %+v", id, done)
		}
	}
	if dry, err := e.erase(t.Context(), ErasureRequest{Call: "lost", DryRun: true}); err != nil || len(dry.Calls) != 1 || dry.Calls[0].Objects != 5 {
		t.Errorf("%+v, %v", dry, err)
	}
	done, err := e.erase(t.Context(), ErasureRequest{Call: "lost"})
	if err != nil || len(done.Calls) != 1 || done.Calls[0].State != IsErased || done.Calls[0].Takes != 1 || done.Receipt == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if left := objects.of("lost"); len(left) > 0 || len(objects.of("other")) != 5 {
		t.Errorf("there is %v of it, and %v of the other", left, objects.of("other"))
	}
	body, err := e.receipt(t.Context(), "lost")
	var r Receipt
	if err := errors.Join(err, json.Unmarshal(body, &r)); err != nil || len(r.Calls) != 1 || r.Calls[0].Call != "lost" || len(r.Epochs) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(e.config.DataDir, "erasures", callTombs, "lost.json")); err != nil {
		t.Error(err)
	}
}
