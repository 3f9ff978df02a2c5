package store

import (
	"context"
	"fmt"
	"time"
)

// Deletion is a caller's wish that a take of a call, or all of the call if Take
// is empty, is destroyed.
type Deletion struct {
	Call      string    `json:"call"`
	Take      string    `json:"take,omitempty"`
	Requested time.Time `json:"requested_at"`
}

// RequestDeletion notes a wish, which then waits until FinishDeletion. One that
// waits keeps its time; one that is done waits anew.
func (d *DB) RequestDeletion(ctx context.Context, call, take string) error {
	_, err := d.sql.ExecContext(ctx, `
		insert into deletions (call, take, requested_at) values ($1, $2, $3)
		on conflict (call, take) do update set requested_at = excluded.requested_at, done_at = null
		where deletions.done_at is not null`, call, take, time.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("store: request deletion of %s: %w", call, err)
	}
	return nil
}

// FinishDeletion notes that what was wished for is done. Doing so again changes
// nothing. ErrNotFound says that nobody wished it.
func (d *DB) FinishDeletion(ctx context.Context, call, take string) error {
	done, err := d.sql.ExecContext(ctx, `
		update deletions set done_at = coalesce(done_at, $3) where call = $1 and take = $2`, call, take, time.Now().UnixMilli())
	if err == nil {
		var n int64
		if n, err = done.RowsAffected(); err == nil && n == 0 {
			err = ErrNotFound
		}
	}
	if err != nil {
		return fmt.Errorf("store: finish deletion of %s: %w", call, err)
	}
	return nil
}

// Deleted returns which takes of a call somebody wished destroyed, done or not; an
// empty one is all of the call.
func (d *DB) Deleted(ctx context.Context, call string) (takes []string, err error) {
	rows, err := d.sql.QueryContext(ctx, `select take from deletions where call = $1 order by take`, call)
	if err != nil {
		return nil, fmt.Errorf("store: deletions of %s: %w", call, err)
	}
	defer rows.Close()
	for rows.Next() {
		var take string
		if err := rows.Scan(&take); err != nil {
			return nil, fmt.Errorf("store: deletions of %s: %w", call, err)
		}
		takes = append(takes, take)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: deletions of %s: %w", call, err)
	}
	return takes, nil
}

// PendingDeletions returns the wishes that wait, oldest first.
func (d *DB) PendingDeletions(ctx context.Context) ([]Deletion, error) {
	rows, err := d.sql.QueryContext(ctx, `
		select call, take, requested_at from deletions where done_at is null order by requested_at, call, take`)
	if err != nil {
		return nil, fmt.Errorf("store: pending deletions: %w", err)
	}
	defer rows.Close()
	pending := []Deletion{}
	for rows.Next() {
		var w Deletion
		var at int64
		if err := rows.Scan(&w.Call, &w.Take, &at); err != nil {
			return nil, fmt.Errorf("store: pending deletions: %w", err)
		}
		w.Requested = time.UnixMilli(at).UTC()
		pending = append(pending, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: pending deletions: %w", err)
	}
	return pending, nil
}
