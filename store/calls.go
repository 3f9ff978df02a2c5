package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Call is the row of one call. Consent, Recording, Outcome and Reason are words
// of the packages that decide them; times are kept to the millisecond, in UTC.
type Call struct {
	ID        string        `json:"id"`
	CarrierID string        `json:"carrier_id,omitempty"` // unique; empty for a web call
	Agent     string        `json:"agent"`
	Kind      string        `json:"kind"`              // phone, web
	Direction string        `json:"direction"`         // inbound, outbound
	Subject   string        `json:"subject,omitempty"` // random id of the caller; empty: unknown or erased
	Started   time.Time     `json:"started_at"`
	Ended     time.Time     `json:"ended_at,omitzero"` // zero while the call lives
	Duration  time.Duration `json:"duration_ns"`
	Outcome   string        `json:"outcome,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Consent   string        `json:"consent"`
	Recording string        `json:"recording"`
	Takes     int           `json:"takes"`             // recorded stretches, from a grant to its end
	Node      string        `json:"node,omitempty"`    // whose process answered; see EndLive
	Held      bool          `json:"on_hold,omitempty"` // see Hold
	Erasing   bool          `json:"erasure_pending,omitempty"`
	Begun     bool          `json:"-"` // its erasure has begun, see BeginErasure: nothing of it is for anybody
	// Expired are the classes that are past the time for which they are kept.
	Expired ExpiredClasses `json:"expired,omitzero"`
	LLM     Spent          `json:"llm,omitzero"`
}

// Spent is what language models took for a call: tokens as their endpoints count
// them, and what they cost by the configured prices.
type Spent struct {
	Input   int64   `json:"input"`
	Cached  int64   `json:"cached"`
	Written int64   `json:"written"`
	Output  int64   `json:"output"`
	Cost    float64 `json:"cost"`
}

// End is how a call ended.
type End struct {
	At       time.Time
	Duration time.Duration
	Outcome  string
	Reason   string
	Event    string // noted with it, to be told; empty: none
	LLM      Spent
}

// Filter selects calls, newest first. Its zero value selects the newest 50.
type Filter struct {
	Agent, Kind, Outcome, Consent, Recording, Subject string // empty: any

	Since, Until      time.Time     // of the start: at or after, before; zero: any
	Shortest, Longest time.Duration // of calls that have ended; 0: any
	Live              bool          // only calls that have not ended
	Before            string        // only calls that come after this id in the list, for paging
	Limit             int           // default 50, at most 1000
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// InsertCall adds the row of a call that begins. ErrConflict says that its id
// or carrier id is known already.
func (d *DB) InsertCall(ctx context.Context, c Call) error {
	_, err := d.sql.ExecContext(ctx, `
		insert into calls (id, carrier_id, agent, kind, direction, subject, started_at, consent, recording, takes, node)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, nullable(c.CarrierID), c.Agent, c.Kind, c.Direction, nullable(c.Subject), c.Started.UnixMilli(),
		cmp.Or(c.Consent, "pending"), cmp.Or(c.Recording, "none"), c.Takes, c.Node)
	if isUnique(err) {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("store: insert call %s: %w", c.ID, err)
	}
	return nil
}

// FinishCall notes how a call ended; a recording that was under way is on its way to
// the object store then. A call ends once: on a call that has ended
// it changes nothing and returns ErrConflict.
func (d *DB) FinishCall(ctx context.Context, id string, e End) error {
	return d.updateAfter(ctx, id, "finish call", noteEnded(e, "id", id), `
		update calls set ended_at = $2, duration_ms = $3, outcome = case when recording = 'erased' then null else $4 end,
			reason = case when recording = 'erased' then null else $5 end,
			recording = case when recording = 'recording' then 'uploading' else recording end,
			llm_input = $6, llm_cached = $7, llm_written = $8, llm_output = $9, llm_cost = $10
		where id = $1 and ended_at is null`, id, e.At.UnixMilli(), e.Duration.Milliseconds(), e.Outcome, e.Reason,
		e.LLM.Input, e.LLM.Cached, e.LLM.Written, e.LLM.Output, e.LLM.Cost)
}

// EndLive ends the calls of a node, and those of none, that have not ended, and
// returns how many: what a process that crashed has left behind. Call it when
// no call of the node can be live.
func (d *DB) EndLive(ctx context.Context, node string, e End) (int, error) {
	done, err := d.sql.execAfter(ctx, noteEnded(e, "node", "", node), `
		update calls set ended_at = $1, outcome = $2, reason = $3, recording = case when recording = 'recording' then 'uploading' else recording end
		where ended_at is null and node in ('', $4)`,
		e.At.UnixMilli(), e.Outcome, e.Reason, node)
	if err != nil {
		return 0, fmt.Errorf("store: end live calls: %w", err)
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// SetConsent notes the state of a call's consent.
func (d *DB) SetConsent(ctx context.Context, id, state string) error {
	return d.update(ctx, id, "set consent of", `update calls set consent = case when recording = 'erased' then consent else $2 end where id = $1`, id, state)
}

// SetAgent notes who answers a call, where the caller has chosen somebody else.
func (d *DB) SetAgent(ctx context.Context, id, agent string) error {
	return d.update(ctx, id, "set agent of", `update calls set agent = case when recording = 'erased' then agent else $2 end where id = $1`, id, agent)
}

// SetRecording notes the state of a call's recording and its number of takes.
// The number never goes down: what was taken once has objects to look for.
func (d *DB) SetRecording(ctx context.Context, id, state string, takes int) error {
	return d.update(ctx, id, "set recording of", `
		update calls set recording = case when recording = 'erased' then recording else $2 end,
			takes = case when takes > $3 then takes else $3 end
		where id = $1`, id, state, takes)
}

// SettleRecording notes what has become of a call's recording, of which so many takes
// have begun. ErrConflict says that another has begun since, or that the recording is
// one of which nothing is to be told any more: destroyed, expired, erased.
func (d *DB) SettleRecording(ctx context.Context, id, state string, takes int) error {
	return d.update(ctx, id, "settle recording of", `
		update calls set recording = $2, takes = $3
		where id = $1 and takes <= $3 and recording in ('none', 'recording', 'uploading', 'stored', 'incomplete', 'failed')`, id, state, takes)
}

// SetSubject notes the random id of a call's caller; empty erases it.
func (d *DB) SetSubject(ctx context.Context, id, subject string) error {
	return d.update(ctx, id, "set subject of",
		`update calls set subject = case when recording = 'erased' then null else $2 end where id = $1`, id, nullable(subject))
}

// update runs a statement that changes the one row of a call.
func (d *DB) update(ctx context.Context, id, op, query string, args ...any) error {
	return d.updateAfter(ctx, id, op, nil, query, args...)
}

// updateAfter is update with statements that stand or fall with it.
func (d *DB) updateAfter(ctx context.Context, id, op string, before []statement, query string, args ...any) error {
	done, err := d.sql.execAfter(ctx, before, query, args...)
	if err == nil {
		var n int64
		if n, err = done.RowsAffected(); err == nil && n == 0 {
			// Absent, or in a state that the statement does not change.
			if _, err = d.Call(ctx, id); err == nil {
				err = ErrConflict
			}
		}
	}
	if err != nil {
		return fmt.Errorf("store: %s %s: %w", op, id, err)
	}
	return nil
}

const selectCalls = `
	select id, carrier_id, agent, kind, direction, subject, started_at, ended_at, duration_ms,
	       outcome, reason, consent, recording, takes, node,
	       exists (select 1 from erasures e where e.call = calls.id and e.held_at is not null),
	       exists (select 1 from erasures e where e.call = calls.id and e.requested_at is not null and e.done_at is null),
	       exists (select 1 from erasures e where e.call = calls.id and e.begun_at is not null),
	       exists (select 1 from expiries x where x.call = calls.id and x.class = 'audio'),
	       exists (select 1 from expiries x where x.call = calls.id and x.class = 'snippets'),
	       exists (select 1 from expiries x where x.call = calls.id and x.class = 'text'),
	       llm_input, llm_cached, llm_written, llm_output, llm_cost
	from calls`

// Call returns one call, by our own id or by the carrier's.
func (d *DB) Call(ctx context.Context, id string) (Call, error) {
	c, err := scanCall(d.sql.QueryRowContext(ctx, selectCalls+` where id = $1 or carrier_id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Call{}, fmt.Errorf("store: call %s: %w", id, err)
	}
	return c, nil
}

// Calls returns the calls that the filter selects, newest first.
func (d *DB) Calls(ctx context.Context, f Filter) ([]Call, error) {
	where, args := f.where()
	limit := min(cmp.Or(max(f.Limit, 0), defaultLimit), maxLimit)
	calls, err := d.selectCalls(ctx, fmt.Sprintf("%s order by started_at desc, id desc limit %d", where, limit), args...)
	if err != nil {
		return nil, fmt.Errorf("store: calls: %w", err)
	}
	return calls, nil
}

// selectCalls returns the calls that the end of a statement selects.
func (d *DB) selectCalls(ctx context.Context, end string, args ...any) ([]Call, error) {
	rows, err := d.sql.QueryContext(ctx, selectCalls+" "+end, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	calls := []Call{}
	for rows.Next() {
		c, err := scanCall(rows)
		if err != nil {
			return nil, err
		}
		calls = append(calls, c)
	}
	return calls, rows.Err()
}

// where returns the filter as a clause and its arguments.
func (f Filter) where() (clause string, args []any) {
	var terms []string
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, fmt.Sprintf(term, len(args)))
	}
	for _, column := range []struct{ name, value string }{
		{"agent", f.Agent}, {"kind", f.Kind}, {"outcome", f.Outcome},
		{"consent", f.Consent}, {"recording", f.Recording}, {"subject", f.Subject},
	} {
		if column.value != "" {
			add(column.name+" = $%d", column.value)
		}
	}
	if !f.Since.IsZero() {
		add("started_at >= $%d", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("started_at < $%d", f.Until.UnixMilli())
	}
	if f.Shortest > 0 {
		add("duration_ms >= $%d", f.Shortest.Milliseconds())
	}
	if f.Longest > 0 {
		add("duration_ms <= $%d", f.Longest.Milliseconds())
	}
	if f.Before != "" {
		add("(started_at, id) < (select started_at, id from calls where id = $%d)", f.Before)
	}
	if f.Live {
		terms = append(terms, "ended_at is null")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return "where " + strings.Join(terms, " and "), args
}

// scanCall reads one row of selectCalls.
func scanCall(row interface{ Scan(...any) error }) (Call, error) {
	var (
		c                                   Call
		carrierID, subject, outcome, reason sql.NullString
		started                             int64
		ended, duration                     sql.NullInt64
	)
	if err := row.Scan(&c.ID, &carrierID, &c.Agent, &c.Kind, &c.Direction, &subject, &started, &ended, &duration,
		&outcome, &reason, &c.Consent, &c.Recording, &c.Takes, &c.Node, &c.Held, &c.Erasing, &c.Begun,
		&c.Expired.Audio, &c.Expired.Snippets, &c.Expired.Text,
		&c.LLM.Input, &c.LLM.Cached, &c.LLM.Written, &c.LLM.Output, &c.LLM.Cost); err != nil {
		return Call{}, err
	}
	c.CarrierID, c.Subject, c.Outcome, c.Reason = carrierID.String, subject.String, outcome.String, reason.String
	c.Started = time.UnixMilli(started).UTC()
	if ended.Valid {
		c.Ended = time.UnixMilli(ended.Int64).UTC()
	}
	c.Duration = time.Duration(duration.Int64) * time.Millisecond
	return c, nil
}

// nullable keeps an empty text as null, so that it is equal to no other.
func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// isUnique reports whether err says that a unique value is taken.
func isUnique(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
	}
	var postgres *pgconn.PgError
	return errors.As(err, &postgres) && postgres.Code == "23505" // unique_violation
}
