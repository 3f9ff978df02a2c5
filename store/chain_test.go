package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

// The layout of a hash is for ever, and anyone can compute it.
func TestChainLayout(t *testing.T) {
	r := Row{Chain: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Seq: 258, At: time.UnixMicro(1_763_719_200_000_001), Call: "c1", Event: "grant", Body: []byte{0, 255}}
	prev := sha256.Sum256([]byte("before"))
	const spelled = "sidetone ledger row 2\nchain 32 0f1e2d3c4b5a69788796a5b4c3d2e1f0\nseq 258\nat 2025-11-21T10:00:00.000001Z\n" +
		"call 2 c1\nevent 5 grant\nbody 2\n\x00\xff"
	if got := string(r.content()); got != spelled {
		t.Errorf("content %q, wanted %q", got, spelled)
	}
	// By sha256sum of coreutils.
	const golden = "4472c24e13f62b9008056e539edbbb93e02044c5636967400a479eb357f7d2cb"
	if got := link(prev, r); hex.EncodeToString(got[:]) != golden {
		t.Errorf("%x, wanted %s", got, golden)
	}
	// A chain from before chains had names.
	r.Chain = ""
	old := "sidetone ledger row 1\n" + string(prev[:]) +
		"\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x06\x44\x17\xe0\x66\x48\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x02c1" + "\x00\x00\x00\x00\x00\x00\x00\x05grant" + "\x00\x00\x00\x00\x00\x00\x00\x02\x00\xff"
	if got, want := link(prev, r), sha256.Sum256([]byte(old)); got != want {
		t.Errorf("%x, wanted %x", got, want)
	}
	const oldGolden = "e8ec8713ae3c9956fc5c4448da72a864b7e70f18ed4836b2d9a9ba280bb4cc4d" // by another program
	if got := link(prev, r); hex.EncodeToString(got[:]) != oldGolden {
		t.Errorf("%x, wanted %s", got, oldGolden)
	}
}

func FuzzChain(f *testing.F) {
	f.Add("a", int64(1), "c1", "grant", []byte("body"), "a", int64(1), "c1", "grant", []byte("body"))
	f.Add("a", int64(1), "c1g", "rant", []byte("body"), "a", int64(1), "c1", "grant", []byte("body"))
	f.Add("a", int64(1), "c1", "grant", []byte("body"), "a", int64(1), "c1\nevent 5 grant", "", []byte("body"))
	f.Add("", int64(1), "c1", "grant", []byte("body"), "", int64(1), "c1", "grant", []byte("bodies"))
	f.Fuzz(func(t *testing.T, chainA string, seqA int64, callA, eventA string, bodyA []byte, chainB string, seqB int64, callB, eventB string, bodyB []byte) {
		same := chainA == chainB && seqA == seqB && callA == callB && eventA == eventB && bytes.Equal(bodyA, bodyB)
		a := link([32]byte{}, Row{Chain: chainA, Seq: seqA, Call: callA, Event: eventA, Body: bodyA})
		b := link([32]byte{}, Row{Chain: chainB, Seq: seqB, Call: callB, Event: eventB, Body: bodyB})
		if same != (a == b) {
			t.Errorf("same rows: %v, same hashes: %v", same, a == b)
		}
	})
}

// oldLedger makes a file as it was before chains had names.
func oldLedger(t *testing.T, path string, rows ...Row) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations/ledger")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err == nil {
		_, err = steps.UpTo(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	var prev [32]byte
	for i, r := range rows {
		r.Seq, r.At = int64(i+1), began.Add(time.Duration(i)*time.Second)
		prev = link(prev, r)
		if _, err := db.ExecContext(t.Context(), `insert into ledger (seq, at, call, event, body, hash) values ($1, $2, $3, $4, $5, $6)`,
			r.Seq, r.At.UnixMicro(), r.Call, r.Event, r.Body, prev[:]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOldLedgerIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	oldLedger(t, path, Row{Call: "c1", Event: "granted", Body: []byte("{}")}, Row{Call: "c2", Event: "refused", Body: []byte{}},
		Row{Call: "c1", Event: "withdrawn", Body: []byte("\x00")})
	l := openLedger(t, path, signed(1))
	appendRow(t, l, "c1", "erased", "")
	rows, err := l.Rows(t.Context(), "c1")
	if err != nil || len(rows) != 3 || rows[0].Chain != "" || rows[0].Event != "granted" || rows[1].Seq != 3 ||
		!rows[1].At.Equal(began.Add(2*time.Second)) || rows[2].Chain != l.Chain() {
		t.Errorf("rows %+v, error %v", rows, err)
	}
	if wrote, err := l.sign(t.Context()); !wrote || err != nil {
		t.Fatalf("wrote %v, error %v", wrote, err)
	}
	if v := verify(t, l, publicKey(1)); v.Rows != 4 || v.Chains != 2 || v.Unsigned != 0 {
		t.Errorf("seen %+v", v)
	}
	if _, err := l.db.ExecContext(context.Background(), `delete from ledger where chain = ''`); err == nil {
		t.Error("old rows are not guarded")
	}
}
