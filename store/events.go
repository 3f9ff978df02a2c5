package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Event is something that happened to a call or a take and is to be told to
// others.
type Event struct {
	Name  string // such as call.finished
	Call  string
	Take  string // empty: the call as such
	State string // a word about it, or empty
	At    time.Time
}

// insertEvent notes an event, once.
const insertEvent = `insert into events (name, call, take, state, at) values ($1, $2, $3, $4, $5) on conflict do nothing`

// NoteEvent notes an event, which then waits until EventTold. One that is known
// already stays as it is.
func (d *DB) NoteEvent(ctx context.Context, e Event) error {
	if _, err := d.sql.ExecContext(ctx, insertEvent, e.Name, e.Call, e.Take, e.State, e.At.UnixMilli()); err != nil {
		return fmt.Errorf("store: note %s of %s: %w", e.Name, e.Call, err)
	}
	return nil
}

// noteEnded notes the event of calls that end now, if there is one: of those that
// are live and have one of the values in a column.
func noteEnded(e End, column string, values ...any) []statement {
	if e.Event == "" {
		return nil
	}
	args := append([]any{e.Event, e.At.UnixMilli()}, values...)
	var places []string
	for n := range values {
		places = append(places, fmt.Sprintf("$%d", n+3))
	}
	// PostgreSQL cannot tell the types of values in a select.
	return []statement{{`
		insert into events (name, call, take, state, at)
		select cast($1 as text), id, '', '', cast($2 as bigint) from calls
		where ended_at is null and ` + column + ` in (` + strings.Join(places, ", ") + `)
		on conflict do nothing`, args}}
}

// UntoldEvents returns the events that wait, oldest first, at most 100.
func (d *DB) UntoldEvents(ctx context.Context) ([]Event, error) {
	rows, err := d.sql.QueryContext(ctx, `
		select name, call, take, state, at from events where told_at is null order by at, call, name, take limit 100`)
	if err != nil {
		return nil, fmt.Errorf("store: untold events: %w", err)
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		var e Event
		var at int64
		if err := rows.Scan(&e.Name, &e.Call, &e.Take, &e.State, &at); err != nil {
			return nil, fmt.Errorf("store: untold events: %w", err)
		}
		e.At = time.UnixMilli(at).UTC()
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: untold events: %w", err)
	}
	return events, nil
}

// EventTold notes that an event waits no longer.
func (d *DB) EventTold(ctx context.Context, e Event) error {
	if _, err := d.sql.ExecContext(ctx, `
		update events set told_at = $4 where name = $1 and call = $2 and take = $3 and told_at is null`,
		e.Name, e.Call, e.Take, time.Now().UnixMilli()); err != nil {
		return fmt.Errorf("store: %s of %s is told: %w", e.Name, e.Call, err)
	}
	return nil
}
