package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// maxBatch bounds the rows of one commit, and with it how long one waits;
	// maxBatchBytes their bodies.
	maxBatch      = 256
	maxBatchBytes = 4 << 20
	// commitTimeout bounds one commit; it outlives SQLite's own busy timeout.
	commitTimeout = 10 * time.Second
	// tendEvery is how often the writer looks after what is not a row: what fails
	// is tried again, and what is due is done.
	tendEvery = time.Second
	// idleProbe is how long the disk goes unasked when no row comes.
	idleProbe = 10 * time.Second
)

// writer is the one goroutine that writes a ledger, and its state.
type writer struct {
	*Ledger
	health  *health
	ballast *ballast // nil: none
	head    Row      // the newest row of our chain that is surely on disk
	unsure  bool     // a commit failed: more may be there
	signed  int64    // our newest row with a signature

	signDue time.Time
	wrote   time.Time // when something last reached the disk
}

func newWriter(l *Ledger, location string) *writer {
	now := time.Now()
	w := &writer{Ledger: l, head: Row{Chain: l.chain}, signDue: now.Add(l.o.Every), wrote: now}
	w.health = &health{notify: l.o.Failing, gauge: l.o.Metrics.failing, log: l.o.Log}
	if l.o.Ballast > 0 && !isPostgres(location) {
		w.ballast = newBallast(location+".ballast", l.o.Ballast, l.o.Metrics.ballast, l.o.Log)
		w.ballast.lay()
	}
	return w
}

// run commits what is asked for, one batch after another, and tends what else
// there is in between.
func (w *writer) run() {
	var tend <-chan time.Time
	if w.o.Sign != nil || w.o.Failing != nil || w.ballast != nil {
		ticker := time.NewTicker(min(tendEvery, w.o.Every))
		defer ticker.Stop()
		tend = ticker.C
	}
	for {
		select {
		case r := <-w.requests:
			w.serve(w.gather(r))
		case <-tend:
			w.tend(time.Now())
		case <-w.closing:
			return
		}
	}
}

// finish writes the last checkpoint.
func (w *writer) finish() error {
	if w.o.Sign == nil {
		return nil
	}
	return w.checkpoint()
}

// gather returns r and what else waits, without waiting for more.
func (w *writer) gather(r *appendRequest) []*appendRequest {
	batch := []*appendRequest{r}
	for size := len(r.row.Body); len(batch) < maxBatch && size < maxBatchBytes; {
		select {
		case r := <-w.requests:
			batch = append(batch, r)
			size += len(r.row.Body)
		default:
			return batch
		}
	}
	return batch
}

// serve writes a batch and tells those who wait.
func (w *writer) serve(batch []*appendRequest) {
	err := w.attempt(rowsFail, func(ctx context.Context) error { return w.commit(ctx, batch) })
	if err == nil {
		w.o.Metrics.batch.Observe(float64(len(batch)))
		w.o.Metrics.unsigned.Set(float64(w.head.Seq - w.signed))
	}
	for _, r := range batch {
		r.err = err
		close(r.done)
	}
}

// tend does what is due.
func (w *writer) tend(now time.Time) {
	if w.health.has(rowsFail) || w.o.Failing != nil && now.Sub(w.wrote) >= idleProbe {
		// The disk is not full while there is ballast to give up.
		_ = w.attempt(rowsFail, func(ctx context.Context) error {
			if err := w.probe(ctx); !isFull(err) || !w.ballast.there() {
				return err
			}
			return nil
		})
	}
	if w.o.Sign != nil && !w.health.has(rowsFail) && (!now.Before(w.signDue) || w.health.has(checkpointsFail)) {
		w.signDue = now.Add(w.o.Every)
		_ = w.checkpoint() // noted and logged by attempt
	}
	if w.ballast != nil {
		w.ballast.lay()
	}
}

// checkpoint signs what has come since the last checkpoint.
func (w *writer) checkpoint() error {
	var wrote bool
	err := w.attempt(checkpointsFail, func(ctx context.Context) (err error) {
		wrote, err = w.sign(ctx)
		return err
	})
	if err != nil || wrote {
		w.o.Metrics.checkpoints.WithLabelValues(result(err)).Inc()
	}
	if err == nil {
		w.signed = w.head.Seq
		w.o.Metrics.unsigned.Set(0)
	}
	return err
}

// attempt runs a write with its time limit. Where the disk is full it gives up
// a piece of the ballast and tries again, as long as there is any. It notes for
// health how that went.
func (w *writer) attempt(c cause, write func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	defer w.health.watch(c, &err)()
	for {
		if err = write(ctx); !isFull(err) || !w.ballast.give() {
			break
		}
	}
	if err == nil {
		w.wrote = time.Now()
	}
	return err
}

// commit writes a batch in one statement, which is its own transaction.
func (w *writer) commit(ctx context.Context, batch []*appendRequest) error {
	if w.unsure {
		if err := w.readHead(ctx); err != nil {
			return err
		}
	}
	head := w.head
	args := make([]any, 0, 7*len(batch))
	for _, r := range batch {
		r.row.Seq = head.Seq + 1
		r.row.At = time.Now().UTC().Truncate(time.Microsecond)
		r.row.Hash = link(head.Hash, r.row)
		head = r.row
		body := append([]byte{}, r.row.Body...) // never null
		args = append(args, r.row.Chain, r.row.Seq, r.row.At.UnixMicro(), r.row.Call, r.row.Event, body, r.row.Hash[:])
	}
	w.unsure = true
	if _, err := w.db.ExecContext(ctx, `insert into ledger (chain, seq, at, call, event, body, hash) values `+
		w.db.values(len(batch), 7), args...); err != nil {
		return err
	}
	w.head, w.unsure = head, false
	return nil
}

// readHead finds out what a commit that failed has left. What we know to have
// been there must still be.
func (w *writer) readHead(ctx context.Context) error {
	var head Row
	known := w.head.Seq == 0
	err := scanRows(ctx, w.db, selectRows+`where chain = $1 and seq >= $2 order by seq`, func(r Row) error {
		known = known || r.Seq == w.head.Seq && r.Hash == w.head.Hash
		head = r
		return nil
	}, w.chain, w.head.Seq)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: row %d of chain %s, which this process wrote, is gone", ErrTampered, w.head.Seq, w.chain)
	}
	if head.Seq > 0 {
		w.head = head
	}
	w.unsure = false
	return nil
}

// probe finds out whether rows can be written, without leaving one: a row is
// taken back, and a mark is written.
func (w *writer) probe(ctx context.Context) error {
	if err := w.readHead(ctx); err != nil {
		return err
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := tryRow(ctx, tx, w.chain, w.head.Seq+1); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		insert into ledger_probe (id, at) values (1, $1) on conflict (id) do update set at = excluded.at`,
		time.Now().UnixMicro()); err != nil {
		return err
	}
	return tx.Commit()
}

// tryRow inserts a row and takes it back.
func tryRow(ctx context.Context, tx *sql.Tx, chain string, seq int64) error {
	_, err := tx.ExecContext(ctx, `savepoint trial`)
	if err == nil {
		_, err = tx.ExecContext(ctx, `
			insert into ledger (chain, seq, at, call, event, body, hash) values ($1, $2, 0, '', 'trial', $3, $3)`, chain, seq, []byte{})
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `rollback to savepoint trial`)
	return err
}
