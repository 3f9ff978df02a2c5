package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// told collects what a ledger's Failing is told, with the times.
type told struct {
	mu    sync.Mutex
	start time.Time
	text  string
}

func (f *told) failing(failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text += fmt.Sprintf("%v %v; ", time.Since(f.start), failing)
}

func (f *told) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

// change runs a statement on the file as another process does.
func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

const (
	breakRows  = `create trigger broken before insert on ledger begin select raise(abort, 'broken'); end`
	breakHeads = `create trigger broken before insert on ledger_heads begin select raise(abort, 'broken'); end`
	mend       = `drop trigger broken`
)

// A ledger that cannot be written says so to every writer and to who watches,
// and works again when it can, whether a writer comes or not.
func TestLedgerFailsAndRecovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		watch, metrics, log := &told{start: time.Now()}, NewMetrics(nil), new(bytes.Buffer)
		l := openLedger(t, path, func(o *LedgerOptions) {
			o.Failing, o.Metrics, o.Log = watch.failing, metrics, slog.New(slog.NewTextHandler(log, nil))
		})
		appendRow(t, l, "c1", "e", "")
		change(t, path, breakRows)
		var writers sync.WaitGroup
		for range 10 {
			writers.Go(func() {
				if _, err := l.Append(t.Context(), "c1", "e", nil); err == nil || !strings.Contains(err.Error(), "broken") {
					t.Errorf("error %v", err)
				}
			})
		}
		writers.Wait()
		if got := watch.all(); got != "0s true; " || testutil.ToFloat64(metrics.failing) != 1 {
			t.Errorf("told %q", got)
		}
		time.Sleep(30*time.Second + 500*time.Millisecond) // tried again each second, and nothing new to tell
		change(t, path, mend)
		time.Sleep(time.Second)
		if got := watch.all(); got != "0s true; 31s false; " || testutil.ToFloat64(metrics.failing) != 0 {
			t.Errorf("told %q", got)
		}
		if seq, err := l.Append(t.Context(), "c1", "e", nil); err != nil || seq != 2 {
			t.Errorf("number %d, error %v", seq, err)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines logged:\n%s", n, log)
		}
		verify(t, l)
		l.Close()
	})
}

// No caller is needed to notice: not that it fails, nor that it works again.
func TestIdleLedgerIsProbed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		watch := &told{start: time.Now()}
		l := openLedger(t, path, func(o *LedgerOptions) { o.Failing = watch.failing })
		time.Sleep(time.Minute + 500*time.Millisecond)
		change(t, path, breakRows)
		time.Sleep(20 * time.Second)
		change(t, path, mend)
		time.Sleep(time.Minute)
		if got := watch.all(); got != "1m10s true; 1m21s false; " {
			t.Errorf("told %q", got)
		}
		if rows, err := l.Rows(t.Context(), ""); err != nil || len(rows) != 0 {
			t.Errorf("probes left %d rows, error %v", len(rows), err)
		}
		l.Close()
	})
}

// Rows that can be written do not hide that they cannot be signed.
func TestLedgerThatCannotSign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		watch, metrics := &told{start: time.Now()}, NewMetrics(nil)
		l := openLedger(t, path, signed(1), byDefault, func(o *LedgerOptions) { o.Failing, o.Metrics = watch.failing, metrics })
		appendRow(t, l, "c1", "e", "")
		change(t, path, breakHeads)
		time.Sleep(time.Minute + 10*time.Second + 500*time.Millisecond)
		appendRow(t, l, "c1", "e", "")
		if got := watch.all(); got != "1m0s true; " {
			t.Errorf("told %q", got)
		}
		if got := testutil.ToFloat64(metrics.unsigned); got != 2 {
			t.Errorf("%v rows without a signature", got)
		}
		change(t, path, mend)
		time.Sleep(time.Second)
		if got := watch.all(); got != "1m0s true; 1m11s false; " {
			t.Errorf("told %q", got)
		}
		if failed := testutil.ToFloat64(metrics.checkpoints.WithLabelValues("error")); failed != 11 {
			t.Errorf("%v failures counted", failed)
		}
		if v := verify(t, l, publicKey(1)); v.Checkpoints != 1 || v.Unsigned != 0 {
			t.Errorf("seen %+v", v)
		}
		l.Close()
	})
}

// A disk that does not answer is noticed while the writer waits for it.
func TestStalledWriteIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		watch := &told{start: time.Now()}
		var slow sync.Once
		l := openLedger(t, path, signed(1), byDefault, func(o *LedgerOptions) {
			o.Failing = watch.failing
			o.Sign = func(message []byte) []byte {
				slow.Do(func() { time.Sleep(5 * time.Second) })
				return ed25519.Sign(nodeKey(1), message)
			}
		})
		appendRow(t, l, "c1", "e", "")
		time.Sleep(time.Minute + time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := l.Append(ctx, "c1", "e", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Minute)
		if got := watch.all(); got != "1m2s true; 1m5s false; " {
			t.Errorf("told %q", got)
		}
		l.Close()
	})
}

// Rows that a running process wrote and that are gone are not written over.
func TestLedgerNoticesThatItWasSetBack(t *testing.T) { onEachEngine(t, testSetBack) }

func testSetBack(t *testing.T, location string) {
	f := &forger{Ledger: openLedger(t, location), t: t}
	for range 3 {
		appendRow(t, f.Ledger, "c1", "e", "")
	}
	unguard(t, f.Ledger)
	f.do(`delete from ledger where seq = 2`)
	f.do(`update ledger set seq = 4 where seq = 3`) // where ours would go
	for range 2 {
		_, err := f.Append(t.Context(), "c1", "e", nil)
		if err == nil {
			t.Fatal("a row was written after those that are gone")
		}
	}
	if _, err := f.Append(t.Context(), "c1", "e", nil); !errors.Is(err, ErrTampered) {
		t.Errorf("error %v", err)
	}
}

// A commit whose answer is lost may have been made: the chain goes on after it.
func TestLedgerGoesOnAfterALostAnswer(t *testing.T) { onEachEngine(t, testLostAnswer) }

func testLostAnswer(t *testing.T, location string) {
	l := openLedger(t, location)
	appendRow(t, l, "c1", "e", "")
	r := Row{Chain: l.chain, Seq: 2, At: began, Call: "c1", Event: "lost", Body: []byte{}}
	rows, err := l.Rows(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r.Hash = link(rows[0].Hash, r)
	if _, err := l.db.ExecContext(t.Context(), `insert into ledger (chain, seq, at, call, event, body, hash) values ($1, $2, $3, $4, $5, $6, $7)`,
		r.Chain, r.Seq, r.At.UnixMicro(), r.Call, r.Event, r.Body, r.Hash[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "c1", "e", nil); err == nil {
		t.Fatal("a number was given twice")
	}
	if seq, err := l.Append(t.Context(), "c1", "e", nil); err != nil || seq != 3 {
		t.Errorf("number %d, error %v", seq, err)
	}
	verify(t, l)
}
