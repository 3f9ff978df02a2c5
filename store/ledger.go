package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// maxBatch bounds the rows of one commit, and with it how long one waits.
	maxBatch = 256
	// MaxLedgerBody is the largest body of a ledger row, in bytes.
	MaxLedgerBody = 1 << 20
	// commitTimeout bounds one commit; it outlives SQLite's own busy timeout.
	commitTimeout = 10 * time.Second
)

// Ledger is an append-only table in an SQLite file of its own. The rows form a
// hash chain, so that a changed, removed or inserted row shows; rows cut off
// at the end show only against a copy of a later hash. One goroutine writes,
// from OpenLedger to Close, and makes the rows of all who wait durable in one
// commit. Its methods may be called from any goroutine.
type Ledger struct {
	sql      *sql.DB
	metrics  *Metrics
	requests chan *appendRequest
	closing  chan struct{}
	writer   sync.WaitGroup
	close    func() error
}

// appendRequest is one row on its way to the writer, who sets seq or err and
// closes done.
type appendRequest struct {
	row  Row
	err  error
	done chan struct{}
}

// OpenLedger opens the ledger at path, makes it with mode 0600 if it is
// missing, and starts its writer. m may be nil.
func OpenLedger(ctx context.Context, path string, m *Metrics) (*Ledger, error) {
	db, err := openSQLite(ctx, path, "ledger", full)
	if err != nil {
		return nil, fmt.Errorf("store: open ledger %s: %w", path, err)
	}
	if m == nil {
		m = NewMetrics(nil)
	}
	l := &Ledger{sql: db, metrics: m, requests: make(chan *appendRequest), closing: make(chan struct{})}
	l.writer.Go(l.write)
	l.close = sync.OnceValue(func() error {
		close(l.closing)
		l.writer.Wait()
		return l.sql.Close()
	})
	return l, nil
}

// Close waits for the rows being written and closes the file. It may be called
// twice. A row that is appended later is refused with ErrClosed.
func (l *Ledger) Close() error { return l.close() }

// Append adds a row and returns its number once it is on disk. If ctx ends
// first, the row may still be written.
func (l *Ledger) Append(ctx context.Context, call, event string, body []byte) (seq int64, err error) {
	defer func(start time.Time) {
		l.metrics.ledger.WithLabelValues(result(err)).Observe(time.Since(start).Seconds())
		if err != nil {
			err = fmt.Errorf("store: append to ledger: %w", err)
		}
	}(time.Now())
	if event == "" {
		return 0, errors.New("row without event")
	}
	if len(body) > MaxLedgerBody {
		return 0, fmt.Errorf("body of %d bytes: %w", len(body), ErrTooLarge)
	}
	r := &appendRequest{row: Row{Call: call, Event: event, Body: body}, done: make(chan struct{})}
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

// write commits what is asked for, one batch after another.
func (l *Ledger) write() {
	for {
		var batch []*appendRequest
		select {
		case r := <-l.requests:
			batch = l.gather(r)
		case <-l.closing:
			return
		}
		err := l.commit(batch)
		if err == nil {
			l.metrics.batch.Observe(float64(len(batch)))
		}
		for _, r := range batch {
			r.err = err
			close(r.done)
		}
	}
}

// gather returns r and what else waits, without waiting for more.
func (l *Ledger) gather(r *appendRequest) []*appendRequest {
	batch := []*appendRequest{r}
	for len(batch) < maxBatch {
		select {
		case r := <-l.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch in one transaction. It reads the head of the chain
// each time, since another process may append to the same file.
func (l *Ledger) commit(batch []*appendRequest) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	tx, err := l.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	var head Row
	var hash []byte
	err = tx.QueryRowContext(ctx, `select seq, hash from ledger order by seq desc limit 1`).Scan(&head.Seq, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	copy(head.Hash[:], hash)
	insert, err := tx.PrepareContext(ctx,
		`insert into ledger (seq, at, call, event, body, hash) values ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return err
	}
	for _, r := range batch {
		r.row.Seq = head.Seq + 1
		r.row.At = time.Now()
		r.row.Hash = link(head.Hash, r.row)
		body := append([]byte{}, r.row.Body...) // never null
		if _, err := insert.ExecContext(ctx, r.row.Seq, r.row.At.UnixMicro(), r.row.Call, r.row.Event, body, r.row.Hash[:]); err != nil {
			return err
		}
		head = r.row
	}
	return tx.Commit()
}

// Rows returns the rows of a call, or of every call if it is empty, in order.
func (l *Ledger) Rows(ctx context.Context, call string) ([]Row, error) {
	rows := []Row{}
	err := l.scan(ctx, call, func(r Row) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: ledger rows: %w", err)
	}
	return rows, nil
}

// Verify walks the whole chain. An error that wraps ErrTampered names the first
// row that is missing or does not have its hash.
func (l *Ledger) Verify(ctx context.Context) error {
	var prev Row
	err := l.scan(ctx, "", func(r Row) error {
		err := follow(prev, r)
		prev = r
		return err
	})
	if err != nil {
		return fmt.Errorf("store: verify ledger: %w", err)
	}
	return nil
}

// scan calls f with every row of a call, or of all, in order.
func (l *Ledger) scan(ctx context.Context, call string, f func(Row) error) error {
	rows, err := l.sql.QueryContext(ctx,
		`select seq, at, call, event, body, hash from ledger where $1 = '' or call = $1 order by seq`, call)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r Row
		var at int64
		var hash []byte
		if err := rows.Scan(&r.Seq, &at, &r.Call, &r.Event, &r.Body, &hash); err != nil {
			return err
		}
		r.At = time.UnixMicro(at).UTC()
		copy(r.Hash[:], hash)
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}
