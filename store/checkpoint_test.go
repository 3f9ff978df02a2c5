package store

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What is signed is for ever, and anyone can read it.
func TestCheckpointLayout(t *testing.T) {
	c := checkpoint{number: 12, at: time.UnixMicro(1_763_719_200_000_001), before: sha256.Sum256([]byte("before")), key: publicKey(1),
		heads: []head{{"", 4, sha256.Sum256([]byte("a"))}, {"0f1e2d3c4b5a69788796a5b4c3d2e1f0", 7, sha256.Sum256([]byte("b"))}}}
	key := hex.EncodeToString(publicKey(1))
	// Sums by sha256sum of coreutils.
	want := `sidetone ledger checkpoint 1
number 12
at 2025-11-21T10:00:00.000001Z
before 6db7d803e74f1ffa7d8f5adc0bf95b3e15bf4c8373fffadf546227cc6c6742cb
key ` + key + `
head - 4 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
head 0f1e2d3c4b5a69788796a5b4c3d2e1f0 7 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d
`
	if got := string(c.text()); got != want {
		t.Errorf("text\n%s\nwanted\n%s", got, want)
	}
	c.signature = ed25519.Sign(nodeKey(1), []byte(want))
	if err := c.verify([]ed25519.PublicKey{publicKey(2), publicKey(1)}); err != nil {
		t.Error(err)
	}
	for _, trusted := range [][]ed25519.PublicKey{nil, {publicKey(2)}, {nil}} {
		if err := c.verify(trusted); !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), "checkpoint 12 is of an unknown signer") {
			t.Errorf("trusting %x: %v", trusted, err)
		}
	}
}

// checkpoints returns all, in order.
func checkpoints(t *testing.T, l *Ledger) (all []checkpoint) {
	t.Helper()
	tx, err := l.db.BeginTx(t.Context(), l.db.snapshot)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	err = eachCheckpoint(t.Context(), tx, "", func(c checkpoint) error {
		all = append(all, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// In virtual time: a checkpoint each minute in which a row came, and one at the
// end.
func TestCheckpointEachMinute(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		metrics := NewMetrics(nil)
		l := openLedger(t, path, signed(1), byDefault, func(o *LedgerOptions) { o.Metrics = metrics })
		start := time.Now()
		count := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := len(checkpoints(t, l)); got != want {
				t.Errorf("%d checkpoints after %v, wanted %d", got, time.Since(start), want)
			}
		}
		appendRow(t, l, "c1", "notice", "")
		time.Sleep(59 * time.Second)
		count(0)
		if got := testutil.ToFloat64(metrics.unsigned); got != 1 {
			t.Errorf("%v rows without a signature", got)
		}
		time.Sleep(2 * time.Second)
		count(1)
		if got := testutil.ToFloat64(metrics.unsigned); got != 0 {
			t.Errorf("%v rows without a signature", got)
		}
		time.Sleep(10 * time.Minute) // nothing changes
		count(1)
		for range 3 {
			appendRow(t, l, "c1", "granted", "")
			time.Sleep(time.Minute)
		}
		count(4)
		appendRow(t, l, "c1", "withdrawn", "")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if got := testutil.ToFloat64(metrics.checkpoints.WithLabelValues("ok")); got != 5 {
			t.Errorf("%v checkpoints counted", got)
		}
		l = openLedger(t, path, signed(2))
		count(5)
		all := checkpoints(t, l)
		if at := all[0].at.Sub(start); at != time.Minute {
			t.Errorf("the first is of %v", at)
		}
		v := verify(t, l, publicKey(1))
		if v.Rows != 5 || v.Unsigned != 0 || v.Checkpoints != 5 || !v.Newest.Equal(all[4].at) || v.Head != fmt.Sprintf("%x", all[4].hash()) ||
			!slices.Equal(v.Signers, []string{fmt.Sprintf("%x", publicKey(1))}) {
			t.Errorf("seen %+v", v)
		}
		l.Close()
	})
}

// A checkpoint states the heads that moved, whoever moved them; those that did
// not are stated by the checkpoints before.
func TestCheckpointJoinsChains(t *testing.T) { onEachEngine(t, testCheckpointJoinsChains) }

func testCheckpointJoinsChains(t *testing.T, location string) {
	a, b := openLedger(t, location, signed(1)), openLedger(t, location, signed(2))
	sign := func(l *Ledger, want bool) {
		t.Helper()
		if wrote, err := l.sign(t.Context()); wrote != want || err != nil {
			t.Errorf("wrote %v, error %v, wanted %v", wrote, err, want)
		}
	}
	sign(a, false)
	appendRow(t, a, "c1", "e", "")
	appendRow(t, b, "c2", "e", "")
	appendRow(t, b, "c2", "e", "")
	sign(a, true)
	sign(b, false)
	appendRow(t, b, "c2", "e", "")
	sign(a, true)
	appendRow(t, a, "c1", "e", "")
	sign(b, true)
	stated := func(c checkpoint) (text string) {
		for _, h := range c.heads {
			text += fmt.Sprintf("%s%d ", map[string]string{a.Chain(): "a", b.Chain(): "b"}[h.chain], h.seq)
		}
		return text
	}
	first := "a1 b2 "
	if a.Chain() > b.Chain() {
		first = "b2 a1 "
	}
	all := checkpoints(t, a)
	for i, want := range []string{first, "b3 ", "a2 "} {
		if got := stated(all[i]); got != want {
			t.Errorf("checkpoint %d states %q, wanted %q", i+1, got, want)
		}
	}
	if v := verify(t, b, publicKey(1), publicKey(2)); v.Rows != 5 || v.Chains != 2 || v.Unsigned != 0 || len(v.Signers) != 2 {
		t.Errorf("seen %+v", v)
	}
	if _, err := a.Verify(t.Context(), []ed25519.PublicKey{publicKey(1)}); !errors.Is(err, ErrTampered) ||
		!strings.Contains(err.Error(), "checkpoint 3 is of an unknown signer") {
		t.Errorf("without the key of the other: %v", err)
	}
}

// Processes that sign at once make one row of checkpoints, without an error.
func TestCheckpointsAtOnce(t *testing.T) { onEachEngine(t, testCheckpointsAtOnce) }

func testCheckpointsAtOnce(t *testing.T, location string) {
	var ledgers []*Ledger
	var trusted []ed25519.PublicKey
	for node := range byte(4) {
		ledgers = append(ledgers, openLedger(t, location, signed(node)))
		trusted = append(trusted, publicKey(node))
	}
	var signers sync.WaitGroup
	for _, l := range ledgers {
		signers.Go(func() {
			for range 10 {
				appendRow(t, l, "c1", "e", "")
				if _, err := l.sign(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	signers.Wait()
	if v := verify(t, ledgers[0], trusted...); v.Rows != 40 || v.Chains != 4 || v.Unsigned != 0 {
		t.Errorf("seen %+v", v)
	}
}

// More chains than a statement has room for, as after years of restarts.
func TestCheckpointOfManyChains(t *testing.T) { onEachEngine(t, testCheckpointOfManyChains) }

func testCheckpointOfManyChains(t *testing.T, location string) {
	l := openLedger(t, location, signed(1))
	const chains = 2*headsPerInsert + 1
	var args []any
	for range chains {
		r := Row{Chain: newChain(), Seq: 1, At: began, Event: "e", Body: []byte{}}
		hash := link([32]byte{}, r)
		args = append(args, r.Chain, r.Seq, r.At.UnixMicro(), "", r.Event, r.Body, hash[:])
	}
	if _, err := l.db.ExecContext(t.Context(), `insert into ledger (chain, seq, at, call, event, body, hash) values `+l.db.values(chains, 7), args...); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if wrote, err := l.sign(t.Context()); wrote != want || err != nil {
			t.Fatalf("wrote %v, error %v", wrote, err)
		}
	}
	if v := verify(t, l, publicKey(1)); v.Chains != chains || v.Unsigned != 0 {
		t.Errorf("seen %+v", v)
	}
}

// Nothing is signed that is not a chain of ours, nor with a signature that does
// not fit: both would be found only years later.
func TestCheckpointRefuses(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), signed(1), func(o *LedgerOptions) {
		o.Sign = func(message []byte) []byte { return ed25519.Sign(nodeKey(2), message) }
	})
	appendRow(t, l, "c1", "e", "")
	if _, err := l.sign(t.Context()); err == nil || !strings.Contains(err.Error(), "does not fit its key") {
		t.Errorf("the signature of another: %v", err)
	}
	if err := l.Close(); err == nil {
		t.Error("no error at the end")
	}
	l = openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), signed(1))
	if _, err := l.db.ExecContext(t.Context(), `insert into ledger values ('x 1
head y', 1, 0, 'c1', 'e', '', '')`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.sign(t.Context()); !errors.Is(err, ErrTampered) {
		t.Errorf("a chain of two lines: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrTampered) {
		t.Errorf("at the end: %v", err)
	}
}
