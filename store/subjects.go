package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const findSubject = `select id from subjects where lookup = $1`

// KnownSubject returns the random id of a caller who has called before, and
// otherwise ErrNotFound.
func (d *DB) KnownSubject(ctx context.Context, lookup []byte) (id string, err error) {
	err = d.sql.QueryRowContext(ctx, findSubject, lookup).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("store: subject: %w", err)
	}
	return id, nil
}

// Subject returns the random id of a caller, 26 letters and digits, and makes it
// at the first use. lookup is a keyed HMAC of the caller's number. Whoever asks
// at once for the same gets the same.
func (d *DB) Subject(ctx context.Context, lookup []byte) (id string, err error) {
	if len(lookup) < 16 {
		return "", errors.New("store: subject: lookup is no keyed hash")
	}
	err = d.sql.QueryRowContext(ctx, findSubject, lookup).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = d.sql.ExecContext(ctx, `
			insert into subjects (id, lookup, created_at) values ($1, $2, $3) on conflict (lookup) do nothing`,
			rand.Text(), lookup, time.Now().UnixMilli()); err == nil {
			err = d.sql.QueryRowContext(ctx, findSubject, lookup).Scan(&id)
		}
	}
	if err != nil {
		return "", fmt.Errorf("store: subject: %w", err)
	}
	return id, nil
}
