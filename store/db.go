package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// DB holds calls, subjects, requests to delete and used nonces, in SQLite files
// or in PostgreSQL. Its methods may be called from any goroutine. Several
// processes may share the files, but never several machines; a PostgreSQL is
// for as many as like.
type DB struct {
	sql    *database
	nonces *database
}

// database is an opened SQL database. Statements are the same for SQLite and
// PostgreSQL, but for what the other fields hold.
type database struct {
	*sql.DB
	snapshot        *sql.TxOptions // of a transaction that reads one state and keeps no writer waiting
	skipLocked      string         // ends a select of rows to delete: leave those that another deletes
	lockCheckpoints string         // lets a transaction alone write checkpoints; empty: it is alone
	numbered        bool           // placeholders need their numbers
	writes          *writes        // that share commits; nil: each has its own
}

// ExecContext runs one statement in a transaction of its own, or one that it
// shares.
func (d *database) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if d.writes == nil {
		return d.DB.ExecContext(ctx, query, args...)
	}
	return d.writes.exec(ctx, query, args)
}

// execAfter runs statements and then a last one, all in one transaction, and
// returns what the last came to.
func (d *database) execAfter(ctx context.Context, before []statement, query string, args ...any) (sql.Result, error) {
	if len(before) == 0 {
		return d.ExecContext(ctx, query, args...)
	}
	if d.writes != nil {
		return d.writes.do(ctx, &write{before: before, query: query, args: args, done: make(chan struct{})})
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	result, err := execAll(ctx, tx, before, query, args)
	if err != nil {
		return nil, err
	}
	return result, tx.Commit()
}

// Close closes the database.
func (d *database) Close() error {
	if d.writes != nil {
		d.writes.close()
	}
	return d.DB.Close()
}

// values returns the placeholders of an insert, such as "($1,$2),($3,$4)" for two
// rows of two values. SQLite takes numbered ones too, but its time for them
// grows with the square.
func (d *database) values(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteString(",")
		}
		if d.numbered {
			fmt.Fprintf(&b, "$%d", n+1)
		} else {
			b.WriteString("?")
		}
	}
	b.WriteString(")")
	return b.String()
}

// OpenDB opens the database at location and brings its schema up to date.
// location is the path of an SQLite file, which is made with mode 0600 if it is
// missing, or the URL of a PostgreSQL, as in postgres://user@host/name. No error
// and no log holds the URL's password.
func OpenDB(ctx context.Context, location string) (*DB, error) {
	if isPostgres(location) {
		db, err := openPostgres(ctx, location, "calls", "nonces")
		if err != nil {
			return nil, fmt.Errorf("store: open database %s: %w", locationName(location), err)
		}
		return &DB{sql: db, nonces: db}, nil
	}
	db, err := openSQLite(ctx, location, "calls", full)
	if err != nil {
		return nil, fmt.Errorf("store: open database %s: %w", location, err)
	}
	// A caller waits while a nonce is spent, and must not wait for a disk that is
	// busy with recordings.
	beside := noncesPath(location)
	nonces, err := openSQLite(ctx, beside, "nonces", normal)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: open database %s: %w", beside, err), db.Close())
	}
	db.writes, nonces.writes = newWrites(db.DB), newWrites(nonces.DB)
	return &DB{sql: db, nonces: nonces}, nil
}

// noncesPath is where the nonces of the SQLite file at path lie.
func noncesPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-nonces" + ext
}

// Close closes the database.
func (d *DB) Close() error { return errors.Join(d.sql.Close(), d.nonces.Close()) }

// migrate applies the migrations in the named folder that are not yet applied.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string, options ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	steps, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return err
	}
	if _, err = steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
