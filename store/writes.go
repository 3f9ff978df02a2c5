package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxWrites bounds the statements of one commit.
const maxWrites = 64

// errClosed says that the database is closed.
var errClosed = errors.New("store: the database is closed")

// writes is the one goroutine that writes an SQLite file for this process. What
// has come while it was busy shares a commit. SQLite itself would let one write,
// and have the others sleep and try again, who has waited long no sooner: with
// hundreds of calls that begin at once, the last would wait for many seconds.
type writes struct {
	db      *sql.DB
	asked   chan *write
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
}

// statement is SQL and its arguments.
type statement struct {
	query string
	args  []any
}

// write is one statement that is to be committed, after others that stand or fall
// with it.
type write struct {
	before []statement
	query  string
	args   []any
	result sql.Result
	err    error
	done   chan struct{} // closed when the others stand
}

func newWrites(db *sql.DB) *writes {
	w := &writes{db: db, asked: make(chan *write, maxWrites), closing: make(chan struct{}), closed: make(chan struct{})}
	go w.run()
	return w
}

// exec runs a statement and returns when it is committed. A statement whose ctx
// ends meanwhile may be committed all the same.
func (w *writes) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return w.do(ctx, &write{query: query, args: args, done: make(chan struct{})})
}

// do is exec for a write that may have others before it.
func (w *writes) do(ctx context.Context, one *write) (sql.Result, error) {
	select {
	case w.asked <- one:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.closing:
		return nil, errClosed
	}
	select {
	case <-one.done:
		return one.result, one.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.closed:
	}
	select {
	case <-one.done:
		return one.result, one.err
	default: // it came too late
		return nil, errClosed
	}
}

func (w *writes) run() {
	defer close(w.closed)
	for {
		select {
		case first := <-w.asked:
			w.commit(w.gather(first))
		case <-w.closing:
			return
		}
	}
}

// gather returns first and what else waits, without waiting for more.
func (w *writes) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < maxWrites {
		select {
		case one := <-w.asked:
			batch = append(batch, one)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and tells those who wait. A statement
// that fails leaves the others alone, unless the transaction fails with it.
func (w *writes) commit(batch []*write) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	err := w.attempt(ctx, batch)
	for _, one := range batch {
		if err != nil {
			one.result, one.err = nil, errors.Join(one.err, err)
		}
		close(one.done)
	}
}

func (w *writes) attempt(ctx context.Context, batch []*write) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, one := range batch {
		if err := one.run(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// run runs the statements of a write. Its error is one after which the
// transaction is of no use.
func (w *write) run(ctx context.Context, tx *sql.Tx) error {
	if len(w.before) == 0 {
		w.result, w.err = tx.ExecContext(ctx, w.query, w.args...)
		return nil
	}
	if _, err := tx.ExecContext(ctx, "savepoint one"); err != nil {
		return err
	}
	if w.result, w.err = execAll(ctx, tx, w.before, w.query, w.args); w.err != nil {
		if _, err := tx.ExecContext(ctx, "rollback to one"); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "release one")
	return err
}

// execAll runs statements and then a last one, and returns what that came to.
func execAll(ctx context.Context, tx *sql.Tx, before []statement, query string, args []any) (sql.Result, error) {
	for _, s := range before {
		if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
			return nil, err
		}
	}
	return tx.ExecContext(ctx, query, args...)
}

// close ends the goroutine, after the commit that is under way.
func (w *writes) close() {
	w.once.Do(func() { close(w.closing) })
	<-w.closed
}
