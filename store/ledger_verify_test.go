package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// unguard takes the triggers away, as one could who owns the database.
func unguard(t *testing.T, l *Ledger) {
	t.Helper()
	statements := ""
	for table, third := range map[string]string{"ledger": "gap", "ledger_checkpoints": "gap", "ledger_heads": "late"} {
		if l.db.skipLocked != "" {
			statements += fmt.Sprintf("alter table %s disable trigger user; ", table)
			continue
		}
		for _, guard := range []string{"update", "delete", third} {
			statements += fmt.Sprintf("drop trigger %s_refuses_%s; ", table, guard)
		}
	}
	if _, err := l.db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// forger changes a ledger that he has opened without its guards.
type forger struct {
	*Ledger
	t     *testing.T
	other *Ledger // the second chain
}

func (f *forger) do(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.db.ExecContext(f.t.Context(), statement, args...); err != nil {
		f.t.Fatal(err)
	}
}

// rehash computes the hashes of the first chain anew, as one does who knows how.
func (f *forger) rehash() {
	f.t.Helper()
	rows, err := f.Rows(f.t.Context(), "")
	if err != nil {
		f.t.Fatal(err)
	}
	prev := Row{Chain: f.chain}
	for _, r := range rows {
		if r.Chain != f.chain {
			continue
		}
		r.Hash = link(prev.Hash, r)
		f.do(`update ledger set hash = $1 where chain = $2 and seq = $3`, r.Hash[:], r.Chain, r.Seq)
		prev = r
	}
}

// resign signs a checkpoint as it stands, with the key of a node.
func (f *forger) resign(number int64, node byte) {
	f.t.Helper()
	c := checkpoints(f.t, f.Ledger)[number-1]
	c.key = publicKey(node)
	f.do(`update ledger_checkpoints set key = $1, signature = $2 where number = $3`, c.key, ed25519.Sign(nodeKey(node), c.text()), number)
}

// Two chains: rows 1 to 5 of ours are signed by checkpoints 1 (up to 2), 2 (up
// to 3) and 3 (up to 5), then comes row 6; the other has a row, signed by 1.
func forge(t *testing.T, location string) *forger {
	f := &forger{Ledger: openLedger(t, location, signed(1)), t: t, other: openLedger(t, location)}
	for i := range 6 {
		appendRow(t, f.Ledger, fmt.Sprint("c", i%2+1), "grant", fmt.Sprint(i))
		switch i + 1 {
		case 1:
			appendRow(t, f.other, "c9", "grant", "")
		case 2, 3, 5:
			if wrote, err := f.sign(t.Context()); !wrote || err != nil {
				t.Fatalf("wrote %v, error %v", wrote, err)
			}
		}
	}
	return f
}

func TestVerify(t *testing.T) {
	onEachEngine(t, func(t *testing.T, location string) {
		f := forge(t, location)
		v := verify(t, f.Ledger, publicKey(1))
		if v.Rows != 7 || v.Chains != 2 || v.Checkpoints != 3 || v.Unsigned != 1 || time.Since(v.Newest) > time.Hour {
			t.Errorf("seen %+v", v)
		}
	})
}

// Whoever takes the triggers away leaves a trace.
func TestVerifyNamesTheFirstFault(t *testing.T) {
	onEachEngine(t, func(t *testing.T, location string) {
		for _, test := range faults {
			t.Run(test.name, func(t *testing.T) {
				location := location
				if isPostgres(location) {
					location = postgresDatabase(t)
				} else {
					location += "." + test.name
				}
				f := forge(t, location)
				unguard(t, f.Ledger)
				test.forge(f)
				_, err := f.Verify(t.Context(), []ed25519.PublicKey{publicKey(1)})
				want := strings.NewReplacer("CHAIN", f.chain, "OTHER", f.other.chain).Replace(test.want)
				if !errors.Is(err, ErrTampered) || !strings.HasSuffix(err.Error(), ": "+want) {
					t.Errorf("%v, wanted %q", err, want)
				}
				var fault *Fault
				if !errors.As(err, &fault) || (fault.Seq == 0) != strings.HasPrefix(want, "checkpoint") {
					t.Errorf("fault %+v", fault)
				}
			})
		}
	})
}

func on(statement string) func(*forger) { return func(f *forger) { f.do(statement, f.chain) } }

var faults = []struct {
	name  string
	forge func(*forger)
	want  string
}{
	{"time", on(`update ledger set at = at + 1 where chain = $1 and seq = 3`), `row 3 of chain CHAIN (call "c1") does not have its hash`},
	{"call", on(`update ledger set call = 'c7' where chain = $1 and seq = 2`), `row 2 of chain CHAIN (call "c7") does not have its hash`},
	{"event", on(`update ledger set event = 'refuse' where chain = $1 and seq = 4`), `row 4 of chain CHAIN (call "c2") does not have its hash`},
	{"body", on(`update ledger set body = hash where chain = $1 and seq = 1`), `row 1 of chain CHAIN (call "c1") does not have its hash`},
	{"border", on(`update ledger set call = 'c2g', event = 'rant' where chain = $1 and seq = 2`), `row 2 of chain CHAIN (call "c2g") does not have its hash`},
	{"hash", on(`update ledger set hash = body where chain = $1 and seq = 5`), `row 5 of chain CHAIN (call "c1") does not have its hash`},
	{"unsigned", on(`update ledger set event = 'refuse' where chain = $1 and seq = 6`), `row 6 of chain CHAIN (call "c2") does not have its hash`},
	{"several", on(`update ledger set body = hash where chain = $1 and seq in (4, 2)`), `row 2 of chain CHAIN (call "c2") does not have its hash`},
	{"removed", on(`delete from ledger where chain = $1 and seq = 4`), `row 4 of chain CHAIN is missing`},
	{"first-removed", on(`delete from ledger where chain = $1 and seq = 1`), `row 1 of chain CHAIN is missing`},
	{"closed-gap", func(f *forger) {
		f.do(`delete from ledger where chain = $1 and seq = 4`, f.chain)
		f.do(`update ledger set seq = 4 where chain = $1 and seq = 5`, f.chain)
		f.do(`update ledger set seq = 5 where chain = $1 and seq = 6`, f.chain)
	}, `row 4 of chain CHAIN (call "c1") does not have its hash`},
	{"swapped", func(f *forger) {
		f.do(`update ledger set seq = 100 where chain = $1 and seq = 2`, f.chain)
		f.do(`update ledger set seq = 2 where chain = $1 and seq = 3`, f.chain)
		f.do(`update ledger set seq = 3 where chain = $1 and seq = 100`, f.chain)
	}, `row 2 of chain CHAIN (call "c1") does not have its hash`},
	{"rehashed", func(f *forger) {
		f.do(`update ledger set event = 'refuse' where chain = $1 and seq = 4`, f.chain)
		f.rehash()
	}, `row 5 of chain CHAIN (call "c1") is not what checkpoint 3 signed; it or one before it was changed`},
	{"gap-closed-and-rehashed", func(f *forger) {
		f.do(`delete from ledger where chain = $1 and seq = 1`, f.chain)
		for seq := 2; seq <= 6; seq++ {
			f.do(`update ledger set seq = seq - 1 where chain = $1 and seq = $2`, f.chain, seq)
		}
		f.rehash()
	}, `row 2 of chain CHAIN (call "c1") is not what checkpoint 1 signed; it or one before it was changed`},
	{"cut-off", on(`delete from ledger where chain = $1 and seq > 3`),
		`row 4 of chain CHAIN is missing: rows after 3 were cut off, checkpoint 3 signed row 5`},
	{"chain-cut-off", func(f *forger) { f.do(`delete from ledger where chain = $1`, f.other.chain) },
		`row 1 of chain OTHER is missing: rows after 0 were cut off, checkpoint 1 signed row 1`},
	{"foreign-chain", func(f *forger) {
		f.do(`insert into ledger select 'z', seq, at, call, event, body, hash from ledger where chain = $1`, f.other.chain)
	}, `row 1 of chain z (call "c9") is of no chain of ours`},

	{"checkpoint-time", on(`update ledger_checkpoints set at = at + 1 where number = 2 and $1 <> ''`), `checkpoint 2 does not have its signature`},
	{"checkpoint-head", on(`update ledger_heads set seq = 4 where checkpoint = 3 and chain = $1`), `checkpoint 3 does not have its signature`},
	{"checkpoint-head-removed", on(`delete from ledger_heads where checkpoint = 1 and chain = $1`), `checkpoint 1 does not have its signature`},
	{"checkpoint-head-added", func(f *forger) {
		f.do(`insert into ledger_heads select 2, chain, 9, hash from ledger where chain = $1`, f.other.chain)
	}, `checkpoint 2 does not have its signature`},
	{"checkpoint-signature", on(`update ledger_checkpoints set signature = before where number = 1 and $1 <> ''`), `checkpoint 1 does not have its signature`},
	{"checkpoint-removed", on(`delete from ledger_checkpoints where number = 2 and $1 <> ''`), `checkpoint 2 is missing`},
	{"last-checkpoint-removed", on(`delete from ledger_checkpoints where number = 3 and $1 <> ''`), `checkpoint 3 is missing`},
	{"checkpoint-forged", func(f *forger) { f.resign(2, 7) }, `checkpoint 2 is of an unknown signer, key ` + fmt.Sprintf("%x", publicKey(7))},
	{"checkpoint-forged-by-one-of-us", func(f *forger) {
		f.do(`update ledger_checkpoints set at = at + 1 where number = 1`)
		f.resign(1, 1)
	}, `checkpoint 2 does not follow the one before`},
	{"checkpoint-key", func(f *forger) { f.do(`update ledger_checkpoints set key = $1 where number = 3`, publicKey(1)[:31]) },
		`checkpoint 3 is of an unknown signer, key ` + fmt.Sprintf("%x", publicKey(1)[:31])},
	{"all-forged", func(f *forger) {
		f.do(`update ledger set event = 'refuse' where chain = $1 and seq = 4`, f.chain)
		f.rehash()
		f.do(`update ledger_heads set hash = (select hash from ledger l where l.chain = ledger_heads.chain and l.seq = ledger_heads.seq)`)
		f.resign(3, 7)
	}, `checkpoint 3 is of an unknown signer, key ` + fmt.Sprintf("%x", publicKey(7))},
}

// The walk holds one row and one checkpoint at a time.
func BenchmarkLedgerVerify(b *testing.B) {
	l := benchLedger(b, 20_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Verify(b.Context(), []ed25519.PublicKey{publicKey(1)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// benchLedger has rows of 500 bytes, a checkpoint for each 1000.
func benchLedger(b *testing.B, rows int) *Ledger {
	l := openLedger(b, b.TempDir()+"/ledger.db", signed(1))
	w := newWriter(l, "")
	for n := 0; n < rows; n += maxBatch {
		var batch []*appendRequest
		for range min(maxBatch, rows-n) {
			batch = append(batch, &appendRequest{row: Row{Chain: l.chain, Call: fmt.Sprint("c", n), Event: "e", Body: make([]byte, 500)}})
		}
		if err := w.commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		if n/1000 != (n+maxBatch)/1000 {
			if _, err := l.sign(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	return l
}
