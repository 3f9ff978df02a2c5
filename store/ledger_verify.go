package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Verified says what a walk through the ledger has seen.
type Verified struct {
	Rows        int64     `json:"rows"`
	Chains      int64     `json:"chains"`
	Checkpoints int64     `json:"checkpoints"`
	Unsigned    int64     `json:"unsigned"`         // rows that no checkpoint covers yet
	Newest      time.Time `json:"newest,omitzero"`  // when the newest checkpoint was signed
	Head        string    `json:"head,omitempty"`   // its SHA-256; kept elsewhere, it shows whether the ledger was set back
	Signers     []string  `json:"signers,omitzero"` // the keys that signed, in hexadecimal digits
}

// Verify walks all checkpoints and then all chains, as they stand at one
// moment. An error that wraps ErrTampered is a Fault, the first: a checkpoint
// that is missing, changed, or not signed by a trusted key; a row that is
// missing, changed or not the one that was signed; rows cut off after a signed
// one. With the error comes what was seen before it.
//
// It cannot see rows that were cut off before a checkpoint covered them, nor
// that the whole database was set back to what it once was: for that, compare
// Head with one that was kept elsewhere.
func (l *Ledger) Verify(ctx context.Context, trusted []ed25519.PublicKey) (v Verified, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("store: verify ledger: %w", err)
		}
	}()
	tx, err := l.db.BeginTx(ctx, l.db.snapshot)
	if err != nil {
		return v, err
	}
	defer tx.Rollback()
	if err := v.walkCheckpoints(ctx, tx, trusted); err != nil {
		return v, err
	}
	if err := v.walkRows(ctx, tx); err != nil {
		return v, err
	}
	return v, missingHead(ctx, tx)
}

// walkCheckpoints checks that the checkpoints are whole, in a row, and signed.
func (v *Verified) walkCheckpoints(ctx context.Context, tx *sql.Tx, trusted []ed25519.PublicKey) error {
	var last checkpoint
	var hash [32]byte // of last, or zeros
	signers := make(map[string]bool)
	err := eachCheckpoint(ctx, tx, "", func(c checkpoint) error {
		if c.number != last.number+1 {
			return &Fault{Checkpoint: last.number + 1, What: "is missing"}
		}
		if err := c.verify(trusted); err != nil {
			return err
		}
		if c.before != hash {
			return &Fault{Checkpoint: c.number, What: "does not follow the one before"}
		}
		last, hash = c, c.hash()
		v.Checkpoints, v.Newest, v.Head = c.number, c.at, hex.EncodeToString(hash[:])
		if key := hex.EncodeToString(c.key); !signers[key] {
			signers[key] = true
			v.Signers = append(v.Signers, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Heads are written before their checkpoint, in one transaction with it.
	var orphan int64
	err = tx.QueryRowContext(ctx, `
		select coalesce(min(checkpoint), 0) from ledger_heads h
		where not exists (select 1 from ledger_checkpoints c where c.number = h.checkpoint)`).Scan(&orphan)
	if err == nil && orphan > 0 {
		err = &Fault{Checkpoint: orphan, What: "is missing"}
	}
	return err
}

// walkRows checks the hashes of all rows, and those that checkpoints hold.
func (v *Verified) walkRows(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `
		select l.chain, l.seq, l.at, l.call, l.event, l.body, l.hash, coalesce(h.checkpoint, 0), h.hash
		from ledger l left join ledger_heads h on h.chain = l.chain and h.seq = l.seq
		order by l.chain, l.seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var prev Row
	var pending int64 // rows of the chain since the last that is signed
	for rows.Next() {
		var checkpoint int64
		var signed []byte
		r, err := scanRow(rows, &checkpoint, &signed)
		if err != nil {
			return err
		}
		if v.Chains == 0 || r.Chain != prev.Chain {
			v.Chains++
			v.Unsigned += pending
			prev, pending = Row{Chain: r.Chain}, 0
		}
		if err := follow(prev, r); err != nil {
			return err
		}
		prev = r
		pending++
		v.Rows++
		if checkpoint == 0 {
			continue
		}
		if asHash(signed) != r.Hash {
			return &Fault{Chain: r.Chain, Seq: r.Seq, Call: r.Call, Checkpoint: checkpoint,
				What: fmt.Sprintf("is not what checkpoint %d signed; it or one before it was changed", checkpoint)}
		}
		pending = 0
	}
	v.Unsigned += pending
	return rows.Err()
}

// missingHead returns the fault of a row that was signed and is not there.
func missingHead(ctx context.Context, tx *sql.Tx) error {
	var f Fault
	var newest int64
	err := tx.QueryRowContext(ctx, `
		select h.checkpoint, h.chain, h.seq, coalesce((select max(seq) from ledger where chain = h.chain), 0)
		from ledger_heads h where not exists (select 1 from ledger l where l.chain = h.chain and l.seq = h.seq)
		order by h.checkpoint, h.chain limit 1`).Scan(&f.Checkpoint, &f.Chain, &f.Seq, &newest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	f.What = fmt.Sprintf("is missing: rows after %d were cut off, checkpoint %d signed row %d", newest, f.Checkpoint, f.Seq)
	f.Seq = newest + 1
	return &f
}
