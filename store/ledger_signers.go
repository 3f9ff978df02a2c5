package store

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"
)

// Signer is a key that says of itself that it has signed checkpoints.
type Signer struct {
	Key   ed25519.PublicKey
	Since time.Time // of its first checkpoint
}

// Signers returns who has signed checkpoints, in the order of their first ones.
// They are what the rows name: whether those keys did sign, Verify tells.
func (l *Ledger) Signers(ctx context.Context) ([]Signer, error) {
	rows, err := l.db.QueryContext(ctx, `select key, min(at), min(number) from ledger_checkpoints group by key order by 3`)
	if err != nil {
		return nil, fmt.Errorf("store: signers of the ledger: %w", err)
	}
	defer rows.Close()
	var all []Signer
	for rows.Next() {
		var s Signer
		var at, number int64
		if err := rows.Scan(&s.Key, &at, &number); err != nil {
			return nil, fmt.Errorf("store: signers of the ledger: %w", err)
		}
		s.Since = time.UnixMicro(at).UTC()
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: signers of the ledger: %w", err)
	}
	return all, nil
}
