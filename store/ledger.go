package store

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxLedgerBody is the largest body of a ledger row, in bytes.
const MaxLedgerBody = 1 << 20

// Ledger is an append-only table. The rows of one process form a hash chain, so
// that a changed, removed or inserted row shows; signed checkpoints join the
// chains of all processes, so that rows cut off at the end show too. One
// goroutine writes, from OpenLedger to Close, and makes the rows of all who
// wait durable in one commit. Its methods may be called from any goroutine.
type Ledger struct {
	db       *database
	o        LedgerOptions
	chain    string
	requests chan *appendRequest
	closing  chan struct{}
	close    func() error
}

// LedgerOptions says what a ledger does besides appending rows. The zero value
// suits one who reads: it signs nothing, and keeps no ballast.
type LedgerOptions struct {
	// Sign returns the pure Ed25519 signature of a message by the private half of
	// Key, at once. Without it no checkpoint is written.
	Sign func(message []byte) []byte
	Key  ed25519.PublicKey
	// Every is the time between checkpoints, one minute by default. None is written
	// when no row has come.
	Every time.Duration
	// Ballast is how many bytes an SQLite file keeps of its disk, to be given up
	// piece by piece when the disk is full; 0: none. It lies beside the file.
	Ballast int64
	// Failing is called with true when rows or checkpoints can no longer be
	// written, and with false when they can again: one call at a time, from
	// goroutines of the ledger. It must not block. With it, the ledger writes a
	// little when no row comes, so that a failure is noticed before a caller is.
	Failing func(failing bool)
	Metrics *Metrics
	Log     *slog.Logger
}

// DefaultBallast is enough for some thousand rows.
const DefaultBallast = 16 << 20

// OpenLedger opens the ledger at location, as OpenDB does, and starts its
// writer. A PostgreSQL that may report a commit before it is on disk is refused
// with ErrNotDurable.
func OpenLedger(ctx context.Context, location string, o LedgerOptions) (*Ledger, error) {
	if (o.Sign == nil) != (o.Key == nil) || o.Key != nil && len(o.Key) != ed25519.PublicKeySize {
		return nil, errors.New("store: open ledger: a signer needs its Ed25519 key, and a key its signer")
	}
	if o.Every < 0 {
		return nil, fmt.Errorf("store: open ledger: %v between checkpoints", o.Every)
	}
	o.Every = cmp.Or(o.Every, time.Minute)
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var db *database
	var err error
	if isPostgres(location) {
		db, err = openPostgres(ctx, location, "ledger-postgres")
	} else {
		db, err = openSQLite(ctx, location, "ledger", full)
	}
	if err != nil {
		return nil, fmt.Errorf("store: open ledger %s: %w", locationName(location), err)
	}
	l := &Ledger{db: db, o: o, chain: newChain(), requests: make(chan *appendRequest), closing: make(chan struct{})}
	w := newWriter(l, location)
	var running sync.WaitGroup
	running.Go(w.run)
	l.close = sync.OnceValue(func() error {
		close(l.closing)
		running.Wait()
		err := w.finish()
		if err != nil {
			err = fmt.Errorf("store: last checkpoint of the ledger: %w", err)
		}
		return errors.Join(err, l.db.Close())
	})
	return l, nil
}

// Close waits for the rows being written, writes a last checkpoint and closes
// the database. It may be called twice. A row that is appended later is refused
// with ErrClosed.
func (l *Ledger) Close() error { return l.close() }

// Chain returns the name of the chain that this process writes.
func (l *Ledger) Chain() string { return l.chain }

// appendRequest is one row on its way to the writer, who sets seq or err and
// closes done.
type appendRequest struct {
	row  Row
	err  error
	done chan struct{}
}

// Append adds a row and returns its number in the chain of this process, once
// it is on disk. call and event are words without spaces; call may be empty. If
// ctx ends first, or the database does not answer, the row may still be
// written.
func (l *Ledger) Append(ctx context.Context, call, event string, body []byte) (seq int64, err error) {
	defer func(start time.Time) {
		l.o.Metrics.ledger.WithLabelValues(result(err)).Observe(time.Since(start).Seconds())
		if err != nil {
			err = fmt.Errorf("store: append to ledger: %w", err)
		}
	}(time.Now())
	if event == "" || !isWord(event) || !isWord(call) {
		return 0, errors.New("a row needs an event, and names without spaces")
	}
	if len(body) > MaxLedgerBody {
		return 0, fmt.Errorf("body of %d bytes: %w", len(body), ErrTooLarge)
	}
	r := &appendRequest{row: Row{Chain: l.chain, Call: call, Event: event, Body: body}, done: make(chan struct{})}
	select {
	case l.requests <- r:
	case <-l.closing:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-r.done:
		return r.row.Seq, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// isWord reports whether s is what any database takes as a text and shows in
// one line. A row that one of them refused would fail the rows beside it.
func isWord(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}

const selectRows = `select chain, seq, at, call, event, body, hash from ledger `

// Rows returns the rows of a call, or of every call if it is empty: those of a
// chain in its order, and of several chains by their times.
func (l *Ledger) Rows(ctx context.Context, call string) ([]Row, error) {
	rows := []Row{}
	err := scanRows(ctx, l.db, selectRows+`where $1 = '' or call = $1 order by chain, seq`, func(r Row) error {
		rows = append(rows, r)
		return nil
	}, call)
	if err != nil {
		return nil, fmt.Errorf("store: ledger rows: %w", err)
	}
	return merge(rows), nil
}

// EachCall calls f with the rows of one call after another, as Rows returns
// them, and holds no more than one call's. Rows of no call come first.
func (l *Ledger) EachCall(ctx context.Context, f func(call string, rows []Row) error) error {
	var rows []Row
	done := func() error {
		if len(rows) == 0 {
			return nil
		}
		return f(rows[0].Call, merge(rows))
	}
	err := scanRows(ctx, l.db, selectRows+`order by call, chain, seq`, func(r Row) error {
		if len(rows) > 0 && r.Call != rows[0].Call {
			if err := done(); err != nil {
				return err
			}
			rows = nil
		}
		rows = append(rows, r)
		return nil
	})
	if err == nil {
		err = done()
	}
	if err != nil {
		return fmt.Errorf("store: calls of the ledger: %w", err)
	}
	return nil
}

// merge orders rows that lie chain after chain by their times, without changing
// the order within a chain, whatever its clock did.
func merge(rows []Row) []Row {
	var chains [][]Row
	for i, start := 1, 0; i <= len(rows); i++ {
		if i == len(rows) || rows[i].Chain != rows[start].Chain {
			chains = append(chains, rows[start:i])
			start = i
		}
	}
	if len(chains) < 2 {
		return rows
	}
	merged := make([]Row, 0, len(rows))
	for len(merged) < len(rows) {
		next := -1
		for i, c := range chains {
			if len(c) > 0 && (next < 0 || c[0].At.Before(chains[next][0].At)) {
				next = i
			}
		}
		merged = append(merged, chains[next][0])
		chains[next] = chains[next][1:]
	}
	return merged
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanRows calls f with every row that a query of selectRows's columns returns.
func scanRows(ctx context.Context, q querier, query string, f func(Row) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// scanRow reads the columns of selectRows, and more if asked.
func scanRow(rows *sql.Rows, more ...any) (r Row, err error) {
	var at int64
	var hash []byte
	if err := rows.Scan(append([]any{&r.Chain, &r.Seq, &at, &r.Call, &r.Event, &r.Body, &hash}, more...)...); err != nil {
		return Row{}, err
	}
	r.At = time.UnixMicro(at).UTC()
	r.Hash = asHash(hash)
	return r, nil
}
