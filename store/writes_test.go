package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// openWrites opens a database of calls, and makes writes for it that nobody runs.
func openWrites(t *testing.T) (*DB, *writes) {
	t.Helper()
	d := openDB(t, filepath.Join(t.TempDir(), "calls.db"))
	return d, &writes{db: d.sql.DB, asked: make(chan *write, 2*maxWrites), closing: make(chan struct{}), closed: make(chan struct{})}
}

// row is a statement that writes the row of a subject.
func row(id string) *write {
	lookup := sha256.Sum256([]byte(id))
	return &write{query: `insert into subjects (id, lookup, created_at) values ($1, $2, 0)`, args: []any{id, lookup[:]}, done: make(chan struct{})}
}

// subjects counts the rows of subjects.
func subjects(t *testing.T, d *DB) (n int) {
	t.Helper()
	if err := d.sql.QueryRowContext(t.Context(), `select count(*) from subjects`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWritesAreGathered(t *testing.T) {
	_, w := openWrites(t)
	first := row("first")
	for n := range maxWrites {
		w.asked <- row(fmt.Sprint(n))
	}
	if batch := w.gather(first); len(batch) != maxWrites || batch[0] != first || batch[1].args[0] != "0" {
		t.Errorf("%d in a batch, the first two of %v and %v", len(batch), batch[0].args, batch[1].args)
	}
	if batch := w.gather(first); len(batch) != 2 {
		t.Errorf("%d in the next batch", len(batch))
	}
}

// A statement that fails in a commit with others fails alone.
func TestAWriteFailsAlone(t *testing.T) {
	d, w := openWrites(t)
	batch := []*write{row("a"), row("a"), {query: `no statement`, done: make(chan struct{})}, row("b")}
	w.commit(batch)
	for i, one := range batch {
		<-one.done
		if failed := one.err != nil; failed != (i == 1 || i == 2) {
			t.Errorf("statement %d: %v", i, one.err)
		}
	}
	if !isUnique(batch[1].err) {
		t.Errorf("the same row again: %v", batch[1].err)
	}
	if n, err := batch[3].result.RowsAffected(); n != 1 || err != nil {
		t.Errorf("%d rows, error %v", n, err)
	}
	if n := subjects(t, d); n != 2 {
		t.Errorf("%d rows stand", n)
	}
}

// Where the commit fails, no statement has succeeded.
func TestWritesFailTogether(t *testing.T) {
	d, w := openWrites(t)
	if err := d.sql.DB.Close(); err != nil {
		t.Fatal(err)
	}
	batch := []*write{row("a"), row("b")}
	w.commit(batch)
	for i, one := range batch {
		if <-one.done; one.err == nil || one.result != nil {
			t.Errorf("statement %d: %v, error %v", i, one.result, one.err)
		}
	}
}

// Who asks while the database is being closed is told, and what was told to be
// written is.
func TestWritesWhileClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	d := openDB(t, path)
	var group sync.WaitGroup
	var written atomic.Int64
	half := make(chan struct{})
	for n := range 200 {
		group.Go(func() {
			if n == 100 {
				close(half)
			}
			one := row(fmt.Sprint(n))
			switch _, err := d.sql.ExecContext(t.Context(), one.query, one.args...); {
			case err == nil:
				written.Add(1)
			case !errors.Is(err, errClosed):
				t.Error(err)
			}
		})
	}
	<-half
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
	if n := subjects(t, openDB(t, path)); int64(n) != written.Load() {
		t.Errorf("%d rows stand of %d that were reported", n, written.Load())
	}
}

// Who does not want to wait longer need not.
func TestWritesGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	d, other := openDB(t, path), openDB(t, path)
	tx, err := other.sql.BeginTx(t.Context(), nil) // holds the one write lock
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for n := range 2 * maxWrites {
		group.Go(func() {
			one := row(fmt.Sprint(n))
			if _, err := d.sql.ExecContext(ctx, one.query, one.args...); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
	cancel()
	group.Wait()
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkCallsBegin has calls begin at once and prints how long each waits for
// what is written of it before its first word.
func BenchmarkCallsBegin(b *testing.B) {
	for _, callers := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("%d-at-once", callers), func(b *testing.B) {
			d, err := OpenDB(b.Context(), filepath.Join(b.TempDir(), "calls.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			var group sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			waits := make([][]time.Duration, callers)
			b.ResetTimer()
			for i := range callers {
				group.Go(func() {
					for n := left.Add(-1); n >= 0; n = left.Add(-1) {
						began, id := time.Now(), fmt.Sprint("call-", n)
						lookup := sha256.Sum256([]byte(id))
						err := d.InsertCall(b.Context(), Call{ID: id, CarrierID: id, Started: began})
						_, used := d.Use(b.Context(), id, began.Add(time.Hour))
						_, known := d.Subject(b.Context(), lookup[:])
						if err := errors.Join(err, used, known); err != nil {
							b.Error(err)
							return
						}
						waits[i] = append(waits[i], time.Since(began))
					}
				})
			}
			group.Wait()
			b.StopTimer()
			all := slices.Concat(waits...)
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(all[int(.99*float64(len(all)-1))].Seconds()*1e3, "p99-ms")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
