package store

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkpoint is a signed statement of how far the chains were at a time. It
// holds the heads that moved since the checkpoint before, whose hash it holds
// too, so that each states the heads of all chains.
type checkpoint struct {
	number    int64 // 1 for the first, without gaps
	at        time.Time
	before    [32]byte // hash of the checkpoint before; zeros in the first
	key       []byte   // Ed25519, of who signs
	heads     []head   // in the order of their chains' names
	signature []byte   // over text, pure Ed25519
}

// head is the newest row of a chain.
type head struct {
	chain string
	seq   int64
	hash  [32]byte
}

const checkpointLabel = "sidetone ledger checkpoint 1\n"

// text is what is signed: lines that end in a newline, numbers in decimal,
// hashes and the key in hexadecimal digits. A row without a chain's name has the
// name "-".
//
//	sidetone ledger checkpoint 1
//	number 12
//	at 2026-11-21T10:00:00.000001Z
//	before 5d1c...
//	key 8a88...
//	head 0f1e2d3c4b5a69788796a5b4c3d2e1f0 7 91bd...
//	head ...
func (c checkpoint) text() []byte {
	b := fmt.Appendf(nil, checkpointLabel+"number %d\nat %s\nbefore %x\nkey %x\n",
		c.number, c.at.UTC().Format(timeLayout), c.before, c.key)
	for _, h := range c.heads {
		b = fmt.Appendf(b, "head %s %d %x\n", cmp.Or(h.chain, "-"), h.seq, h.hash)
	}
	return b
}

// hash is what the checkpoint after this one holds of it: SHA-256 of text.
func (c checkpoint) hash() [32]byte { return sha256.Sum256(c.text()) }

func (c checkpoint) publicKey() ed25519.PublicKey { return c.key }

// verify checks that one of the trusted keys signed.
func (c checkpoint) verify(trusted []ed25519.PublicKey) error {
	fault := &Fault{Checkpoint: c.number}
	if !slices.ContainsFunc(trusted, func(k ed25519.PublicKey) bool { return k.Equal(c.publicKey()) }) {
		fault.What = fmt.Sprintf("is of an unknown signer, key %x", c.key)
		return fault
	}
	if len(c.key) != ed25519.PublicKeySize || !ed25519.Verify(c.key, c.text(), c.signature) {
		fault.What = "does not have its signature"
		return fault
	}
	return nil
}

// sign writes a checkpoint of all chains, by whichever process, and reports
// whether there was anything that the last one lacks. Processes that sign at
// once do so one after another.
func (l *Ledger) sign(ctx context.Context) (wrote bool, err error) {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit
	if l.db.lockCheckpoints != "" {
		if _, err := tx.ExecContext(ctx, l.db.lockCheckpoints); err != nil {
			return false, err
		}
	}
	heads, err := movedHeads(ctx, tx)
	if err != nil || len(heads) == 0 {
		return false, err
	}
	c := checkpoint{number: 1, at: time.Now().UTC().Truncate(time.Microsecond), key: l.o.Key, heads: heads}
	last, err := lastCheckpoint(ctx, tx)
	if err != nil {
		return false, err
	}
	if last.number > 0 {
		c.number, c.before = last.number+1, last.hash()
	}
	c.signature = l.o.Sign(c.text())
	if err := c.verify([]ed25519.PublicKey{l.o.Key}); err != nil {
		return false, errors.New("the signer's signature does not fit its key")
	}
	if err := l.db.insertCheckpoint(ctx, tx, c); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// movedHeads returns the heads of the chains that have rows without a
// signature. It jumps from chain to chain by the index, however long they are.
func movedHeads(ctx context.Context, tx *sql.Tx) (heads []head, err error) {
	rows, err := tx.QueryContext(ctx, `
		with recursive chains (chain) as (
			select min(chain) from ledger
			union all
			select (select min(chain) from ledger where chain > chains.chain) from chains where chain is not null
		), newest (chain, seq) as (
			select chain, (select max(seq) from ledger where ledger.chain = chains.chain) from chains where chain is not null
		)
		select l.chain, l.seq, l.hash from newest join ledger l on l.chain = newest.chain and l.seq = newest.seq
		where l.seq > coalesce((select max(seq) from ledger_heads s where s.chain = newest.chain), 0)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var h head
		var hash []byte
		if err := rows.Scan(&h.chain, &h.seq, &hash); err != nil {
			return nil, err
		}
		if !validChain(h.chain) {
			return nil, &Fault{Chain: h.chain, Seq: h.seq, What: "is of no chain of ours"}
		}
		h.hash = asHash(hash)
		heads = append(heads, h)
	}
	sortHeads(heads)
	return heads, rows.Err()
}

func sortHeads(heads []head) {
	slices.SortFunc(heads, func(a, b head) int { return strings.Compare(a.chain, b.chain) })
}

// headsPerInsert keeps a statement below the number of values that SQLite and
// PostgreSQL take.
const headsPerInsert = 500

func (d *database) insertCheckpoint(ctx context.Context, tx *sql.Tx, c checkpoint) error {
	for heads := range slices.Chunk(c.heads, headsPerInsert) {
		args := make([]any, 0, 4*len(heads))
		for _, h := range heads {
			args = append(args, c.number, h.chain, h.seq, h.hash[:])
		}
		if _, err := tx.ExecContext(ctx, `insert into ledger_heads (checkpoint, chain, seq, hash) values `+
			d.values(len(heads), 4), args...); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `
		insert into ledger_checkpoints (number, at, before, key, signature) values ($1, $2, $3, $4, $5)`,
		c.number, c.at.UnixMicro(), c.before[:], c.key, c.signature)
	return err
}

// lastCheckpoint returns the newest checkpoint, or the zero one.
func lastCheckpoint(ctx context.Context, tx *sql.Tx) (last checkpoint, err error) {
	err = eachCheckpoint(ctx, tx, `where c.number = (select max(number) from ledger_checkpoints)`, func(c checkpoint) error {
		last = c
		return nil
	})
	return last, err
}

// eachCheckpoint calls f with the checkpoints that where selects, in order. It
// holds one at a time.
func eachCheckpoint(ctx context.Context, tx *sql.Tx, where string, f func(checkpoint) error, args ...any) error {
	rows, err := tx.QueryContext(ctx, `
		select c.number, c.at, c.before, c.key, c.signature, coalesce(h.chain, ''), coalesce(h.seq, 0), h.hash
		from ledger_checkpoints c left join ledger_heads h on h.checkpoint = c.number `+where+`
		order by c.number`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var c checkpoint
	done := func() error {
		if c.number == 0 {
			return nil
		}
		sortHeads(c.heads)
		return f(c)
	}
	for rows.Next() {
		var next checkpoint
		var at int64
		var h head
		var before, hash []byte
		if err := rows.Scan(&next.number, &at, &before, &next.key, &next.signature, &h.chain, &h.seq, &hash); err != nil {
			return err
		}
		if next.number != c.number {
			if err := done(); err != nil {
				return err
			}
			c = next
			c.at = time.UnixMicro(at).UTC()
			c.before = asHash(before)
		}
		h.hash = asHash(hash)
		if h.seq > 0 {
			c.heads = append(c.heads, h)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return done()
}
