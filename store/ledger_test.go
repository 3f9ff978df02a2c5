package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func openLedger(t testing.TB, path string) *Ledger {
	t.Helper()
	l, err := OpenLedger(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path)
	ctx := t.Context()
	before := time.Now().Truncate(time.Microsecond)
	for i, row := range []struct{ call, event, body string }{
		{"c1", "notice", `{"version":"1"}`}, {"c2", "notice", ""}, {"c1", "grant", "\x00\xff"}, {"", "rotation", "{}"},
	} {
		if seq, err := l.Append(ctx, row.call, row.event, []byte(row.body)); err != nil || seq != int64(i+1) {
			t.Errorf("row %d got number %d, error %v", i+1, seq, err)
		}
	}
	if err := errors.Join(l.Verify(ctx), l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, "c1", "late", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	l = openLedger(t, path)
	rows, err := l.Rows(ctx, "c1")
	if err != nil || len(rows) != 2 || rows[1].Seq != 3 || rows[1].Event != "grant" || string(rows[1].Body) != "\x00\xff" ||
		rows[0].At.Before(before) || rows[1].At.Before(rows[0].At) {
		t.Errorf("rows %+v, error %v", rows, err)
	}
	if rows, err := l.Rows(ctx, ""); err != nil || len(rows) != 4 {
		t.Errorf("%d rows in all, error %v", len(rows), err)
	}
	if seq, err := l.Append(ctx, "c1", "end", nil); err != nil || seq != 5 {
		t.Errorf("number %d, error %v", seq, err)
	}
	if err := l.Verify(ctx); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

func TestLedgerRefuses(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	if _, err := l.Append(t.Context(), "c1", "", nil); err == nil {
		t.Error("a row without event was taken")
	}
	if _, err := l.Append(t.Context(), "c1", "e", make([]byte, MaxLedgerBody+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large body: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	// Either may be seen first; but no error may be invented.
	if _, err := l.Append(over, "c1", "e", nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// Writers of two processes extend one chain, and each is told its own row.
func TestLedgerWritersShareOneChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledgers := []*Ledger{openLedger(t, path), openLedger(t, path)}
	registry := prometheus.NewRegistry()
	ledgers[0].metrics = NewMetrics(registry)
	var mu sync.Mutex
	bodies := make(map[int64]string)
	var writers sync.WaitGroup
	for i := range 40 {
		writers.Go(func() {
			for j := range 5 {
				body := fmt.Sprintf("%d/%d", i, j)
				seq, err := ledgers[i%2].Append(t.Context(), "c", "e", []byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				bodies[seq] = body
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	rows, err := ledgers[0].Rows(t.Context(), "")
	if err != nil || len(rows) != 200 || len(bodies) != 200 {
		t.Fatalf("%d rows, %d numbers, error %v", len(rows), len(bodies), err)
	}
	for _, r := range rows {
		if bodies[r.Seq] != string(r.Body) {
			t.Errorf("row %d holds %q, its writer wrote %q", r.Seq, r.Body, bodies[r.Seq])
		}
	}
	if err := ledgers[1].Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(ledgers[0].metrics.ledger); n != 1 {
		t.Errorf("%d results, wanted ok alone", n)
	}
}

// Whoever has the file open through SQLite cannot change what stands there.
func TestLedgerIsAppendOnly(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	for range 3 {
		if _, err := l.Append(t.Context(), "c1", "e", []byte("body")); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		`update ledger set body = x'00' where seq = 2`,
		`update ledger set call = 'c2'`,
		`delete from ledger where seq = 3`,
		`delete from ledger`,
		`insert or replace into ledger select seq, at, call, 'other', body, hash from ledger where seq = 2`,
		`insert into ledger select 9, at, call, event, body, hash from ledger where seq = 1`,
		`insert into ledger select 0, at, call, event, body, hash from ledger where seq = 1`,
	} {
		if _, err := l.sql.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if rows, err := l.Rows(t.Context(), ""); err != nil || len(rows) != 3 {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
	if err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whoever takes the triggers away leaves a trace.
func TestVerifyNamesTheFirstBadRow(t *testing.T) {
	for name, test := range map[string]struct{ statement, want string }{
		"time":          {`update ledger set at = at + 1 where seq = 3`, "row 3 does not have its hash"},
		"call":          {`update ledger set call = 'c2' where seq = 2`, "row 2 does not have its hash"},
		"event":         {`update ledger set event = 'refuse' where seq = 4`, "row 4 does not have its hash"},
		"body":          {`update ledger set body = x'00' where seq = 1`, "row 1 does not have its hash"},
		"border":        {`update ledger set call = 'c1g', event = 'rant' where seq = 2`, "row 2 does not have its hash"},
		"hash":          {`update ledger set hash = x'00' where seq = 5`, "row 5 does not have its hash"},
		"removed":       {`delete from ledger where seq = 3`, "row 3 is missing"},
		"first removed": {`delete from ledger where seq = 1`, "row 1 is missing"},
		"closed gap":    {`delete from ledger where seq = 2; update ledger set seq = seq - 1 where seq > 2`, "row 2 does not have its hash"},
		"swapped": {`update ledger set seq = 100 where seq = 2; update ledger set seq = 2 where seq = 3;
			update ledger set seq = 3 where seq = 100`, "row 2 does not have its hash"},
		"several": {`update ledger set body = x'00' where seq in (4, 2)`, "row 2 does not have its hash"},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
			for i := range 5 {
				if _, err := l.Append(t.Context(), "c1", "grant", fmt.Append(nil, i)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.sql.ExecContext(t.Context(), `drop trigger ledger_refuses_update; drop trigger ledger_refuses_delete; `+test.statement); err != nil {
				t.Fatal(err)
			}
			if err := l.Verify(t.Context()); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, wanted %q", err, test.want)
			}
		})
	}
}

// The layout of a hash is for ever, and anyone can compute it.
func TestChainLayout(t *testing.T) {
	r := Row{Seq: 258, At: time.UnixMicro(1_763_719_200_000_001), Call: "c1", Event: "grant", Body: []byte{0, 255}}
	prev := sha256.Sum256([]byte("before"))
	spelled := "sidetone ledger row 1\n" + string(prev[:]) +
		"\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x06\x44\x17\xe0\x66\x48\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x02c1" + "\x00\x00\x00\x00\x00\x00\x00\x05grant" + "\x00\x00\x00\x00\x00\x00\x00\x02\x00\xff"
	if got, want := link(prev, r), sha256.Sum256([]byte(spelled)); got != want {
		t.Errorf("%x, wanted %x", got, want)
	}
	const golden = "e8ec8713ae3c9956fc5c4448da72a864b7e70f18ed4836b2d9a9ba280bb4cc4d" // by another program
	if got := link(prev, r); hex.EncodeToString(got[:]) != golden {
		t.Errorf("%x, wanted %s", got, golden)
	}
}

// A number that was returned is on file, whatever happens to the process.
func TestAppendedRowsSurviveKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	var last int64
	for range 2 { // the second goes on where the first was killed
		c := startChild(t, "append", path)
		for range 20 {
			seq, err := strconv.ParseInt(c.line(t), 10, 64)
			if err != nil || seq != last+1 {
				t.Fatalf("number %d after %d, error %v", seq, last, err)
			}
			last = seq
		}
		c.cmd.Process.Kill()
		for c.stdout.Scan() {
			last, _ = strconv.ParseInt(c.stdout.Text(), 10, 64)
		}
		c.cmd.Wait()
		l := openLedger(t, path)
		rows, err := l.Rows(t.Context(), "")
		if err != nil || int64(len(rows)) < last {
			t.Fatalf("%d rows, %d were acknowledged, error %v", len(rows), last, err)
		}
		last = int64(len(rows)) // one more may have been written than was heard of
		if err := errors.Join(l.Verify(t.Context()), l.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A ledger that cannot be written says so to every writer, and works again
// when it can.
func TestLedgerFailsAndRecovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path)
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), `create trigger full before insert on ledger begin select raise(abort, 'disk full'); end`); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 10 {
		writers.Go(func() {
			if _, err := l.Append(t.Context(), "c1", "e", nil); err == nil || !strings.Contains(err.Error(), "disk full") {
				t.Errorf("error %v", err)
			}
		})
	}
	writers.Wait()
	if _, err := other.ExecContext(t.Context(), `drop trigger full`); err != nil {
		t.Fatal(err)
	}
	if seq, err := l.Append(t.Context(), "c1", "e", nil); err != nil || seq != 1 {
		t.Errorf("number %d, error %v", seq, err)
	}
}

func FuzzChain(f *testing.F) {
	f.Add("c1", "grant", []byte("body"), "c1", "grant", []byte("body"))
	f.Add("c1g", "rant", []byte("body"), "c1", "grant", []byte("body"))
	f.Fuzz(func(t *testing.T, callA, eventA string, bodyA []byte, callB, eventB string, bodyB []byte) {
		same := callA == callB && eventA == eventB && bytes.Equal(bodyA, bodyB)
		a := link([32]byte{}, Row{Seq: 1, Call: callA, Event: eventA, Body: bodyA})
		b := link([32]byte{}, Row{Seq: 1, Call: callB, Event: eventB, Body: bodyB})
		if same != (a == b) {
			t.Errorf("same rows: %v, same hashes: %v", same, a == b)
		}
	})
}

// BenchmarkLedgerAppend has 100 calls append at once.
func BenchmarkLedgerAppend(b *testing.B) {
	const writers = 100
	l := openLedger(b, filepath.Join(b.TempDir(), "ledger.db"))
	body := bytes.Repeat([]byte("x"), 500)
	work := make(chan struct{})
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range work {
				if _, err := l.Append(b.Context(), "call", "grant", body); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
