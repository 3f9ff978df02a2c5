package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Use spends the nonce of a one-time token and reports whether this was its
// first use, whichever process asks. A token that has expired cannot be spent:
// its nonce may have been forgotten. expires must be later than the token's
// own expiry by as much as the clocks of the machines may differ.
func (d *DB) Use(ctx context.Context, nonce string, expires time.Time) (first bool, err error) {
	if nonce == "" {
		return false, errors.New("store: use nonce: empty")
	}
	now := time.Now()
	if !expires.After(now) {
		return false, nil
	}
	// Nonces expire about as fast as they come, so each use sweeps a few.
	if _, err := d.nonces.ExecContext(ctx, `
		delete from used_nonces where nonce in
		(select nonce from used_nonces where expires_at <= $1 order by expires_at limit 16 `+d.nonces.skipLocked+`)`, now.UnixMilli()); err != nil {
		return false, fmt.Errorf("store: sweep nonces: %w", err)
	}
	done, err := d.nonces.ExecContext(ctx, `
		insert into used_nonces (nonce, expires_at) values ($1, $2) on conflict do nothing`, nonce, expires.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("store: use nonce: %w", err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("store: use nonce: %w", err)
	}
	return n == 1, nil
}
