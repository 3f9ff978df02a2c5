package store

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
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

func openLedger(t testing.TB, location string, change ...func(*LedgerOptions)) *Ledger {
	t.Helper()
	var o LedgerOptions
	for _, c := range change {
		c(&o)
	}
	l, err := OpenLedger(t.Context(), location, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// nodeKey is the signing key of a node of this number, the same each time.
func nodeKey(node byte) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte{node})
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicKey(node byte) ed25519.PublicKey { return nodeKey(node).Public().(ed25519.PublicKey) }

// signed has the ledger sign with the key of a node, at the end or when asked.
func signed(node byte) func(*LedgerOptions) {
	return func(o *LedgerOptions) {
		o.Every = 24 * time.Hour
		o.Key = publicKey(node)
		o.Sign = func(message []byte) []byte { return ed25519.Sign(nodeKey(node), message) }
	}
}

// byDefault has the ledger sign each minute.
func byDefault(o *LedgerOptions) { o.Every = 0 }

func appendRow(t testing.TB, l *Ledger, call, event, body string) {
	t.Helper()
	if _, err := l.Append(t.Context(), call, event, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, l *Ledger, trusted ...ed25519.PublicKey) Verified {
	t.Helper()
	v, err := l.Verify(t.Context(), trusted)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLedger(t *testing.T) { onEachEngine(t, testLedger) }

func testLedger(t *testing.T, location string) {
	l := openLedger(t, location)
	ctx := t.Context()
	before := time.Now().Truncate(time.Microsecond)
	for i, row := range []struct{ call, event, body string }{
		{"c1", "notice", `{"version":"1"}`}, {"c2", "notice", ""}, {"c1", "grant", "\x00\xff"}, {"", "rotation", "{}"},
	} {
		if seq, err := l.Append(ctx, row.call, row.event, []byte(row.body)); err != nil || seq != int64(i+1) {
			t.Errorf("row %d got number %d, error %v", i+1, seq, err)
		}
	}
	if v := verify(t, l); v.Rows != 4 || v.Chains != 1 || v.Unsigned != 4 || v.Checkpoints != 0 {
		t.Errorf("seen %+v", v)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, "c1", "late", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	first := l.Chain()
	l = openLedger(t, location)
	rows, err := l.Rows(ctx, "c1")
	if err != nil || len(rows) != 2 || rows[1].Seq != 3 || rows[1].Event != "grant" || string(rows[1].Body) != "\x00\xff" ||
		rows[1].Chain != first || rows[0].At.Before(before) || rows[1].At.Before(rows[0].At) {
		t.Errorf("rows %+v, error %v", rows, err)
	}
	if rows, err := l.Rows(ctx, ""); err != nil || len(rows) != 4 {
		t.Errorf("%d rows in all, error %v", len(rows), err)
	}
	if seq, err := l.Append(ctx, "c1", "end", nil); err != nil || seq != 1 {
		t.Errorf("number %d in the chain of another process, error %v", seq, err)
	}
	if v := verify(t, l); v.Rows != 5 || v.Chains != 2 {
		t.Errorf("seen %+v", v)
	}
}

func TestLedgerFileIsOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	openLedger(t, path, func(o *LedgerOptions) { o.Ballast = 1 << 20 })
	for _, name := range []string{path, path + ".ballast"} {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, error %v", name, info.Mode(), err)
		}
	}
}

// What a database may not take, none is asked to: a row that fails alone would
// fail those that are written with it.
func TestLedgerRefuses(t *testing.T) { onEachEngine(t, testLedgerRefuses) }

func testLedgerRefuses(t *testing.T, location string) {
	l := openLedger(t, location)
	for _, name := range []string{"", "two words", "line\n", "nul\x00", "bad\xffutf8", "\u202eback"} {
		if _, err := l.Append(t.Context(), "c1", name, nil); err == nil {
			t.Errorf("event %q was taken", name)
		}
		if _, err := l.Append(t.Context(), name, "e", nil); err == nil && name != "" {
			t.Errorf("call %q was taken", name)
		}
	}
	if _, err := l.Append(t.Context(), "c1", "e", make([]byte, MaxLedgerBody+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large body: %v", err)
	}
	if _, err := l.Append(t.Context(), "c1", "größe", make([]byte, MaxLedgerBody)); err != nil {
		t.Errorf("largest body: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	// Either may be seen first; but no error may be invented.
	if _, err := l.Append(over, "c1", "e", nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	verify(t, l)
	for name, o := range map[string]LedgerOptions{
		"signer without key": {Sign: func([]byte) []byte { return nil }},
		"key without signer": {Key: publicKey(1)},
		"no time":            {Every: -time.Second},
		"half a key":         {Key: publicKey(1)[:16], Sign: func([]byte) []byte { return nil }},
	} {
		if _, err := OpenLedger(t.Context(), location, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Processes extend a chain each, and each row is told its own number.
func TestLedgerChainAProcess(t *testing.T) { onEachEngine(t, testLedgerChainAProcess) }

func testLedgerChainAProcess(t *testing.T, location string) {
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	ledgers := []*Ledger{openLedger(t, location, func(o *LedgerOptions) { o.Metrics = metrics }), openLedger(t, location)}
	type name struct {
		chain string
		seq   int64
	}
	var mu sync.Mutex
	bodies := make(map[name]string)
	var writers sync.WaitGroup
	for i := range 40 {
		writers.Go(func() {
			for j := range 5 {
				body := fmt.Sprintf("%d/%d", i, j)
				seq, err := ledgers[i%2].Append(t.Context(), fmt.Sprint("c", j), "e", []byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				bodies[name{ledgers[i%2].Chain(), seq}] = body
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
		if bodies[name{r.Chain, r.Seq}] != string(r.Body) {
			t.Errorf("row %d holds %q, its writer wrote %q", r.Seq, r.Body, bodies[name{r.Chain, r.Seq}])
		}
	}
	if v := verify(t, ledgers[1]); v.Chains != 2 || v.Rows != 200 {
		t.Errorf("seen %+v", v)
	}
	if n := testutil.CollectAndCount(metrics.ledger); n != 1 {
		t.Errorf("%d results, wanted ok alone", n)
	}
	testEachCall(t, ledgers[0])
}

func testEachCall(t *testing.T, l *Ledger) {
	var calls []string
	err := l.EachCall(t.Context(), func(call string, rows []Row) error {
		calls = append(calls, call)
		want, err := l.Rows(t.Context(), call)
		if err != nil || len(rows) != 40 || fmt.Sprint(rows) != fmt.Sprint(want) {
			t.Errorf("call %s: %d rows, error %v", call, len(rows), err)
		}
		return nil
	})
	if err != nil || fmt.Sprint(calls) != "[c0 c1 c2 c3 c4]" {
		t.Errorf("calls %v, error %v", calls, err)
	}
	stop := errors.New("stop")
	if err := l.EachCall(t.Context(), func(string, []Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestRowsOfSeveralChains(t *testing.T) {
	row := func(chain string, seq, second int64) Row {
		return Row{Chain: chain, Seq: seq, At: time.Unix(second, 0)}
	}
	for _, test := range []struct {
		name string
		rows []Row
		want string
	}{
		{"none", nil, ""},
		{"one chain, its clock set back", []Row{row("a", 1, 9), row("a", 2, 3)}, "a1 a2"},
		{"by time", []Row{row("a", 1, 1), row("a", 2, 5), row("b", 1, 2), row("b", 2, 6), row("c", 1, 4)}, "a1 b1 c1 a2 b2"},
		{"order of a chain first", []Row{row("a", 1, 9), row("a", 2, 3), row("b", 1, 5)}, "b1 a1 a2"},
		{"same time", []Row{row("a", 1, 5), row("b", 1, 5)}, "a1 b1"},
	} {
		var got []string
		for _, r := range merge(test.rows) {
			got = append(got, fmt.Sprint(r.Chain, r.Seq))
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, wanted %s", test.name, text, test.want)
		}
	}
}

// Whoever has the database open through its engine cannot change what stands
// there.
func TestLedgerIsAppendOnly(t *testing.T) { onEachEngine(t, testLedgerIsAppendOnly) }

func testLedgerIsAppendOnly(t *testing.T, location string) {
	l := openLedger(t, location, signed(1))
	for range 3 {
		appendRow(t, l, "c1", "e", "body")
	}
	if wrote, err := l.sign(t.Context()); !wrote || err != nil {
		t.Fatalf("wrote %v, error %v", wrote, err)
	}
	statements := []string{
		`update ledger set body = hash where seq = 2`,
		`update ledger set call = 'c2'`,
		`delete from ledger where seq = 3`,
		`delete from ledger`,
		`insert into ledger select chain, 9, at, call, event, body, hash from ledger where seq = 1`,
		`insert into ledger select chain, 0, at, call, event, body, hash from ledger where seq = 1`,
		`insert into ledger select 'other', 2, at, call, event, body, hash from ledger where seq = 1`,
		`update ledger_checkpoints set at = at + 1`,
		`delete from ledger_checkpoints`,
		`insert into ledger_checkpoints select 3, at, before, key, signature from ledger_checkpoints`,
		`update ledger_heads set seq = 2`,
		`delete from ledger_heads`,
		`insert into ledger_heads select 1, 'other', seq, hash from ledger_heads`,
		`insert into ledger_heads select 3, 'other', seq, hash from ledger_heads`,
		`insert into ledger_heads select 2, chain, seq - 1, hash from ledger_heads`,
	}
	if isPostgres(location) {
		statements = append(statements, `truncate ledger`, `truncate ledger_checkpoints`, `truncate ledger_heads`,
			`insert into ledger select * from ledger where seq = 3 on conflict (chain, seq) do update set event = 'other'`,
			`merge into ledger using (values (2)) v (seq) on ledger.seq = v.seq when matched then delete`)
	} else {
		statements = append(statements,
			`insert or replace into ledger select chain, seq, at, call, 'other', body, hash from ledger where seq = 2`,
			`insert into ledger select * from ledger where seq = 3 on conflict (chain, seq) do update set event = 'other'`,
			`insert or replace into ledger_checkpoints select number, at + 1, before, key, signature from ledger_checkpoints`,
			`insert or replace into ledger_heads select 2, chain, seq, before from ledger_heads, ledger_checkpoints`,
			`insert or replace into ledger_heads select checkpoint, chain, seq + 1, hash from ledger_heads`)
	}
	for _, statement := range statements {
		if _, err := l.db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if v := verify(t, l, publicKey(1)); v.Rows != 3 || v.Checkpoints != 1 || v.Unsigned != 0 {
		t.Errorf("seen %+v", v)
	}
}

// A number that was returned is on file, whatever happens to the process.
func TestAppendedRowsSurviveKill(t *testing.T) { onEachEngine(t, testAppendedRowsSurviveKill) }

func testAppendedRowsSurviveKill(t *testing.T, location string) {
	total := 0
	for run := 1; run <= 2; run++ { // the second begins a chain beside the one that was cut
		c := startChild(t, "append", location)
		var last int64
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
		l := openLedger(t, location)
		total += int(last)
		v := verify(t, l)
		if int(v.Rows) < total || v.Chains != int64(run) {
			t.Fatalf("seen %+v, %d rows were acknowledged", v, total)
		}
		total = int(v.Rows) // one more may have been written than was heard of
		l.Close()
	}
}
