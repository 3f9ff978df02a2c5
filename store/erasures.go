package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErasedState is what the row of a call says of its recording, and of its consent,
// once the call is erased. Nothing changes it any more.
const ErasedState = "erased"

var (
	// ErrHeld means a call under a legal hold.
	ErrHeld = errors.New("store: the call is on hold")
	// ErrErasing means a call that is erased, or being erased.
	ErrErasing = errors.New("store: the call is erased, or being erased")
)

// Erasure is what is to become of a call beyond its own end, or has. Times that
// have not come are zero.
type Erasure struct {
	Call      string
	Held      time.Time
	Reason    string // id of the case for which it is held
	Requested time.Time
	Begun     time.Time // no hold comes in time any more
	Done      time.Time // nothing of it can be read since
	Looked    time.Time // the stores were looked through once more
	Erased
	Receipt string // id
}

// Erased is what there was of a call when it was erased.
type Erased struct {
	Takes   int
	Objects int   // in the object store, with all their versions
	Bytes   int64 // of those
}

// RequestErasure notes that a call is to be erased, once no hold keeps it. A request
// that waits keeps its time. With again, what an earlier erasure has done is to be
// done again, whatever holds it since.
func (d *DB) RequestErasure(ctx context.Context, call string, again bool) error {
	var begun sql.NullInt64
	now := time.Now().UnixMilli()
	if again {
		begun = sql.NullInt64{Int64: now, Valid: true}
	}
	_, err := d.sql.ExecContext(ctx, `
		insert into erasures (call, requested_at, begun_at) values ($1, $2, $3)
		on conflict (call) do update set
			requested_at = case when erasures.requested_at is null or erasures.done_at is not null then excluded.requested_at else erasures.requested_at end,
			takes = case when erasures.done_at is null then erasures.takes else 0 end,
			objects = case when erasures.done_at is null then erasures.objects else 0 end,
			bytes = case when erasures.done_at is null then erasures.bytes else 0 end,
			begun_at = coalesce(erasures.begun_at, excluded.begun_at), done_at = null, looked_at = null`,
		call, now, begun)
	if err != nil {
		return fmt.Errorf("store: request erasure of %s: %w", call, err)
	}
	return nil
}

// BeginErasure notes that a call which was asked to be erased is being erased: it
// can not be put on hold from then on. ErrHeld says that it is.
func (d *DB) BeginErasure(ctx context.Context, call string) error {
	done, err := d.sql.ExecContext(ctx, `
		update erasures set begun_at = coalesce(begun_at, $2)
		where call = $1 and requested_at is not null and (begun_at is not null or held_at is null)`, call, time.Now().UnixMilli())
	return d.decided(done, err, ErrHeld, "begin erasure of", call)
}

// decided returns why a statement about the row of a call has changed nothing.
func (d *DB) decided(done sql.Result, err, otherwise error, op, call string) error {
	if err == nil {
		var n int64
		if n, err = done.RowsAffected(); err == nil && n == 0 {
			err = otherwise
		}
	}
	if err != nil {
		return fmt.Errorf("store: %s %s: %w", op, call, err)
	}
	return nil
}

// Hold puts a call under a legal hold, or gives the hold that it has another
// reason. ErrErasing says that it comes too late.
func (d *DB) Hold(ctx context.Context, call, reason string) error {
	done, err := d.sql.ExecContext(ctx, `
		insert into erasures (call, held_at, hold_reason) values ($1, $2, $3)
		on conflict (call) do update set held_at = coalesce(erasures.held_at, excluded.held_at), hold_reason = excluded.hold_reason
		where erasures.begun_at is null`, call, time.Now().UnixMilli(), reason)
	return d.decided(done, err, ErrErasing, "hold", call)
}

// Release ends the hold of a call. ErrNotFound says that there is none.
func (d *DB) Release(ctx context.Context, call string) error {
	done, err := d.sql.ExecContext(ctx, `
		update erasures set held_at = null, hold_reason = '' where call = $1 and held_at is not null`, call)
	return d.decided(done, err, ErrNotFound, "release", call)
}

// NoteErased notes what there is of a call that is being erased, before it goes.
// What was noted before stays where it was more: of that some has gone.
func (d *DB) NoteErased(ctx context.Context, call string, was Erased) error {
	_, err := d.sql.ExecContext(ctx, `
		update erasures set takes = case when takes > $2 then takes else $2 end, objects = case when objects > $3 then objects else $3 end,
			bytes = case when bytes > $4 then bytes else $4 end
		where call = $1`, call, was.Takes, was.Objects, was.Bytes)
	if err != nil {
		return fmt.Errorf("store: note what there is of %s: %w", call, err)
	}
	return nil
}

// FinishErasure notes that nothing of a call can be read any more: it does what
// Scrub does, wishes for the call's deletion are done, and nobody is told of it any
// more. It may be called again after an error.
func (d *DB) FinishErasure(ctx context.Context, call string) error {
	err := d.Scrub(ctx, call)
	for _, statement := range []string{
		`update deletions set done_at = $2 where call = $1 and done_at is null`,
		`delete from events where call = $1 and told_at is null and at <= $2`,
		`update erasures set done_at = $2, looked_at = null, receipt = null where call = $1`,
	} {
		if err == nil {
			_, err = d.sql.ExecContext(ctx, statement, call, time.Now().UnixMilli())
		}
	}
	if err != nil {
		return fmt.Errorf("store: finish erasure of %s: %w", call, err)
	}
	return nil
}

// Scrub takes from the database what it knows of the person of a call: the row keeps
// no more than id, kind, direction, node, times and number of takes, and the mapping
// of the caller's number goes with the last call of theirs. A call that has no row is
// no error.
func (d *DB) Scrub(ctx context.Context, call string) error {
	var subject sql.NullString
	err := d.sql.QueryRowContext(ctx, `select subject from calls where id = $1`, call).Scan(&subject)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	// Before and after: a crash in between leaves no mapping behind, nor do two who
	// erase the last two calls of a caller at once.
	if err == nil && subject.Valid {
		_, err = d.sql.ExecContext(ctx, `
			delete from subjects where id = $1 and not exists (select 1 from calls where subject = $1 and id <> $2)`, subject.String, call)
	}
	if err == nil {
		_, err = d.sql.ExecContext(ctx, `
			update calls set carrier_id = null, subject = null, outcome = null, reason = null, agent = '', consent = 'erased', recording = 'erased'
			where id = $1`, call)
	}
	if err == nil && subject.Valid {
		_, err = d.sql.ExecContext(ctx, `
			delete from subjects where id = $1 and not exists (select 1 from calls where subject = $1)`, subject.String)
	}
	if err != nil {
		return fmt.Errorf("store: scrub %s: %w", call, err)
	}
	return nil
}

// LookedAgain notes that the stores hold nothing of an erased call some time after
// its erasure.
func (d *DB) LookedAgain(ctx context.Context, call string) error {
	done, err := d.sql.ExecContext(ctx, `
		update erasures set looked_at = $2 where call = $1 and done_at is not null`, call, time.Now().UnixMilli())
	return d.decided(done, err, ErrNotFound, "look again for", call)
}

// SaveReceipt keeps a receipt for calls that are erased.
func (d *DB) SaveReceipt(ctx context.Context, id string, body []byte, calls []string) error {
	_, err := d.sql.ExecContext(ctx, `insert into receipts (id, made_at, body) values ($1, $2, $3)`, id, time.Now().UnixMilli(), string(body))
	for _, call := range calls {
		if err != nil {
			break
		}
		_, err = d.sql.ExecContext(ctx, `update erasures set receipt = $2 where call = $1 and done_at is not null`, call, id)
	}
	if err != nil {
		return fmt.Errorf("store: save receipt %s: %w", id, err)
	}
	return nil
}

// Receipt returns a receipt as it was saved.
func (d *DB) Receipt(ctx context.Context, id string) (body []byte, err error) {
	err = d.sql.QueryRowContext(ctx, `select body from receipts where id = $1`, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: receipt %s: %w", id, err)
	}
	return body, nil
}

const selectErasures = `
	select call, held_at, hold_reason, requested_at, begun_at, done_at, looked_at, takes, objects, bytes, receipt from erasures`

// Erasure returns what is to become of a call, or has. It is zero, but for the id,
// for a call of which nobody has asked anything.
func (d *DB) Erasure(ctx context.Context, call string) (Erasure, error) {
	found, err := d.erasures(ctx, ` where call = $1`, call)
	if err != nil || len(found) == 0 {
		return Erasure{Call: call}, err
	}
	return found[0], nil
}

// PendingErasures returns the requests that wait, oldest first: those that are on
// hold too.
func (d *DB) PendingErasures(ctx context.Context) ([]Erasure, error) {
	return d.erasures(ctx, ` where requested_at is not null and looked_at is null and done_at is null order by requested_at, call`)
}

// UnseenErasures returns what was erased before a time, and not been looked for
// again since.
func (d *DB) UnseenErasures(ctx context.Context, before time.Time) ([]Erasure, error) {
	return d.erasures(ctx, ` where requested_at is not null and looked_at is null and done_at < $1 order by done_at, call`, before.UnixMilli())
}

// ErasuresOf returns what a receipt is about; of none, what is erased and has no
// receipt.
func (d *DB) ErasuresOf(ctx context.Context, receipt string) ([]Erasure, error) {
	if receipt == "" {
		return d.erasures(ctx, ` where done_at is not null and receipt is null order by call`)
	}
	return d.erasures(ctx, ` where done_at is not null and receipt = $1 order by call`, receipt)
}

// Erasures returns all calls that were erased, and are not to be erased again.
func (d *DB) Erasures(ctx context.Context) ([]Erasure, error) {
	return d.erasures(ctx, ` where done_at is not null`)
}

func (d *DB) erasures(ctx context.Context, where string, args ...any) ([]Erasure, error) {
	rows, err := d.sql.QueryContext(ctx, selectErasures+where, args...)
	if err != nil {
		return nil, fmt.Errorf("store: erasures: %w", err)
	}
	defer rows.Close()
	var found []Erasure
	for rows.Next() {
		var (
			e                                    Erasure
			held, requested, begun, done, looked sql.NullInt64
			receipt                              sql.NullString
		)
		if err := rows.Scan(&e.Call, &held, &e.Reason, &requested, &begun, &done, &looked, &e.Takes, &e.Objects, &e.Bytes, &receipt); err != nil {
			return nil, fmt.Errorf("store: erasures: %w", err)
		}
		e.Held, e.Requested, e.Begun, e.Done, e.Looked = timeOf(held), timeOf(requested), timeOf(begun), timeOf(done), timeOf(looked)
		e.Receipt = receipt.String
		found = append(found, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: erasures: %w", err)
	}
	return found, nil
}

// timeOf is the time of a column; null is none.
func timeOf(at sql.NullInt64) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return time.UnixMilli(at.Int64).UTC()
}
