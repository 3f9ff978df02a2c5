package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations
var migrations embed.FS

// DB holds calls in an SQLite file, and used nonces in another beside it. Its
// methods may be called from any goroutine, and several processes may share the
// files, but never several machines.
type DB struct {
	sql    *sql.DB
	nonces *sql.DB
}

// How a commit is made durable. Full has it on disk before it is reported.
// Normal leaves that to the next checkpoint: a loss of power may take back the
// newest commits, a crash of the process none.
const (
	full   = "FULL"
	normal = "NORMAL"
)

// OpenDB opens the database at path, makes it with mode 0600 if it is missing,
// and brings its schema up to date.
func OpenDB(ctx context.Context, path string) (*DB, error) {
	db, err := openSQLite(ctx, path, "calls", full)
	if err != nil {
		return nil, fmt.Errorf("store: open database %s: %w", path, err)
	}
	// A caller waits while a nonce is spent, and must not wait for a disk that is
	// busy with recordings.
	beside := noncesPath(path)
	nonces, err := openSQLite(ctx, beside, "nonces", normal)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: open database %s: %w", beside, err), db.Close())
	}
	return &DB{sql: db, nonces: nonces}, nil
}

// noncesPath is where the nonces of the database at path lie.
func noncesPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-nonces" + ext
}

// Close closes the database.
func (d *DB) Close() error { return errors.Join(d.sql.Close(), d.nonces.Close()) }

// openSQLite opens the file and applies the migrations in the named folder.
//
// WAL lets readers read while one writes; synchronous says how a commit is made
// durable; secure_delete overwrites what is deleted.
func openSQLite(ctx context.Context, path, folder, synchronous string) (*sql.DB, error) {
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
	if err := migrate(ctx, db, folder); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, folder string) error {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	if _, err = steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
