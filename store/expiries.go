package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ExpiredState is what the row of a call says of its recording once all of its
// classes are past the time for which they are kept, and destroyed.
const ExpiredState = "expired"

// The classes of what a call leaves, each with keys of its own.
const (
	classAudio    = "audio"
	classSnippets = "snippets"
	classText     = "text"
	classCount    = 3
)

// ExpiredClasses are the classes of a call that are past the time for which they are
// kept: destroyed, or being destroyed. Nothing of them is handed out.
type ExpiredClasses struct {
	Audio    bool `json:"audio,omitempty"`
	Snippets bool `json:"snippets,omitempty"`
	Text     bool `json:"text,omitempty"`
}

// Has reports whether a class is among them.
func (e ExpiredClasses) Has(class string) bool {
	return class == classAudio && e.Audio || class == classSnippets && e.Snippets || class == classText && e.Text
}

// Expiry is what has become of one class of a call. Done is zero while it is being
// destroyed.
type Expiry struct {
	Class string
	Begun time.Time
	Done  time.Time
}

// Due selects calls of which a class is past its time: those of some agents, or of all
// but those, that ended before a time.
type Due struct {
	Class  string
	Agents []string
	Except bool // all but Agents
	Before time.Time
}

// term is the rule as a condition; arg takes a value and returns its place.
func (r Due) term(arg func(any) string) string {
	names := make([]string, len(r.Agents))
	for i, name := range r.Agents {
		names[i] = arg(name)
	}
	who := "agent in (" + strings.Join(names, ", ") + ")"
	switch {
	case len(names) == 0:
		who = "1 = 1"
	case r.Except:
		who = "not " + who
	}
	return "(" + who + " and ended_at < " + arg(r.Before.UnixMilli()) +
		" and not exists (select 1 from expiries x where x.call = calls.id and x.done_at is not null and x.class = " + arg(r.Class) + "))"
}

// Cursor is a place in the list that DueCalls returns; its zero value is before all.
type Cursor struct {
	Ended time.Time
	ID    string
}

// DueCalls returns calls that at least one of the rules selects and that have not lost
// the class yet, those that ended first before others, at most limit. Calls that live
// are not among them, nor those that have no takes, are destroyed, expired or erased,
// or are to be; those under a legal hold are. A rule of no agents that excepts none
// selects nobody.
func (d *DB) DueCalls(ctx context.Context, rules []Due, after Cursor, limit int) ([]Call, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	var terms []string
	for _, r := range rules {
		if r.Except || len(r.Agents) > 0 {
			terms = append(terms, r.term(arg))
		}
	}
	if len(terms) == 0 {
		return nil, nil
	}
	where := ` where takes > 0 and recording not in ('none', 'held', 'destroyed', 'expired', 'erased')
		and not exists (select 1 from erasures e where e.call = calls.id and e.requested_at is not null)
		and (` + strings.Join(terms, " or ") + `)`
	if !after.Ended.IsZero() {
		where += ` and (ended_at, id) > (` + arg(after.Ended.UnixMilli()) + `, ` + arg(after.ID) + `)`
	}
	calls, err := d.selectCalls(ctx, fmt.Sprintf("%s order by ended_at, id limit %d", where, limit), args...)
	if err != nil {
		return nil, fmt.Errorf("store: due calls: %w", err)
	}
	return calls, nil
}

// BeginExpiry notes that a class of a call is being destroyed by a node: nothing of it
// is handed out from then on, and no hold comes in time any more. ErrHeld says that the
// call is on hold, ErrErasing that it is erased or to be, ErrConflict that another node
// is at it, and has been since a time not long ago, stale, or that it is done.
func (d *DB) BeginExpiry(ctx context.Context, call, class, node string, stale time.Time) error {
	now := time.Now().UnixMilli()
	fresh, err := d.sql.ExecContext(ctx, `
		insert into expiries (call, class, node, begun_at) values ($1, $2, $3, $4) on conflict (call, class) do nothing`, call, class, node, now)
	if err == nil {
		var n int64
		if n, err = fresh.RowsAffected(); err == nil && n > 0 {
			return d.mayExpire(ctx, call, class)
		}
	}
	if err != nil {
		return fmt.Errorf("store: begin expiry of %s: %w", call, err)
	}
	again, err := d.sql.ExecContext(ctx, `
		update expiries set node = $3, begun_at = $4
		where call = $1 and class = $2 and done_at is null and (node = $3 or begun_at < $5)`, call, class, node, now, stale.UnixMilli())
	return d.decided(again, err, ErrConflict, "begin expiry of", call)
}

// mayExpire takes a beginning back if something forbids it. A hold that comes between
// the beginning and this look finds the class as it was.
func (d *DB) mayExpire(ctx context.Context, call, class string) error {
	e, err := d.Erasure(ctx, call)
	if err == nil {
		switch {
		case !e.Requested.IsZero():
			err = ErrErasing
		case !e.Held.IsZero():
			err = ErrHeld
		default:
			return nil
		}
	}
	_, undone := d.sql.ExecContext(context.WithoutCancel(ctx), `delete from expiries where call = $1 and class = $2 and done_at is null`, call, class)
	return fmt.Errorf("store: begin expiry of %s: %w", call, errors.Join(err, undone))
}

// FinishExpiry notes that nothing is left of a class of a call. With the last class
// the call's recording is ExpiredState.
func (d *DB) FinishExpiry(ctx context.Context, call, class string) error {
	done, err := d.sql.ExecContext(ctx, `
		update expiries set done_at = coalesce(done_at, $3) where call = $1 and class = $2`, call, class, time.Now().UnixMilli())
	if err = d.decided(done, err, ErrNotFound, "finish expiry of", call); err != nil {
		return err
	}
	_, err = d.sql.ExecContext(ctx, `
		update calls set recording = $2 where id = $1 and recording <> 'erased'
			and (select count(*) from expiries x where x.call = $1 and x.done_at is not null) >= $3`, call, ExpiredState, classCount)
	if err != nil {
		return fmt.Errorf("store: finish expiry of %s: %w", call, err)
	}
	return nil
}

// Expiries returns what has become of the classes of a call that are past their time.
func (d *DB) Expiries(ctx context.Context, call string) ([]Expiry, error) {
	rows, err := d.sql.QueryContext(ctx, `select class, begun_at, done_at from expiries where call = $1 order by class`, call)
	if err != nil {
		return nil, fmt.Errorf("store: expiries of %s: %w", call, err)
	}
	defer rows.Close()
	var found []Expiry
	for rows.Next() {
		var e Expiry
		var begun, done sql.NullInt64
		if err := rows.Scan(&e.Class, &begun, &done); err != nil {
			return nil, fmt.Errorf("store: expiries of %s: %w", call, err)
		}
		e.Begun, e.Done = timeOf(begun), timeOf(done)
		found = append(found, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: expiries of %s: %w", call, err)
	}
	return found, nil
}
