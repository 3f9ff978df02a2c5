package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite" // and the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// How a commit is made durable. Full has it on disk before it is reported.
// Normal leaves that to the next checkpoint: a loss of power may take back the
// newest commits, a crash of the process none.
const (
	full   = "FULL"
	normal = "NORMAL"
)

// openSQLite opens the file and applies the migrations in the named folder.
//
// WAL lets readers read while one writes; synchronous says how a commit is made
// durable; secure_delete overwrites what is deleted.
func openSQLite(ctx context.Context, path, folder, synchronous string) (*database, error) {
	return openSQLiteWith(path, synchronous, func(db *sql.DB) error { return migrate(ctx, db, goose.DialectSQLite3, folder) })
}

// openSQLiteWith opens the file and has its schema brought up to date.
func openSQLiteWith(path, synchronous string, migrate func(*sql.DB) error) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// Processes that start at once must not migrate at once.
	lock, err := lockFile(path+".lock", unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	// SQLite would make the file readable to others. It is made only if missing:
	// closing a file drops the locks that SQLite holds on it in this process.
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
		f.Close()
	} else if !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "secure_delete(1)"},
	}.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	if err := migrate(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// A transaction that may write takes the one write lock when it begins.
	return &database{DB: db, snapshot: &sql.TxOptions{ReadOnly: true}}, nil
}

// isFull reports whether err says that the disk under an SQLite file is full.
func isFull(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return errors.Is(err, unix.ENOSPC)
	}
	// The file of shared memory beside the log grows with an error of its own.
	return e.Code() == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE
}
