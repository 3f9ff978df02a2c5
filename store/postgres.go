package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// postgresTimeout bounds the way to a PostgreSQL, unless its URL says otherwise.
	postgresTimeout = 5 * time.Second
	// postgresConns bounds the connections of one pool. A process has two pools, and
	// a server has 100 connections by default.
	postgresConns = 6
)

// isPostgres reports whether a location is the URL of a PostgreSQL.
func isPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// locationName is a location as it may stand in errors and logs: a URL without
// its user, password and settings.
func locationName(location string) string {
	if !isPostgres(location) {
		return location
	}
	u, err := parseURL(location)
	if err != nil {
		return "postgres://..."
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// parseURL refuses what a password with bare slashes or the like makes of a
// URL. Its errors do not quote it.
func parseURL(location string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err != nil || u.User == nil && strings.Contains(location, "@") {
		return nil, errors.New("not a URL; characters such as / ? # % @ in a user or password must be percent-encoded")
	}
	return u, nil
}

// openPostgres connects to the server and applies the migrations in the named
// folders.
func openPostgres(ctx context.Context, location string, folders ...string) (*database, error) {
	config, err := parsePostgres(location)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(refuseLossy))
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	for _, folder := range folders {
		if err := migratePostgres(ctx, db, folder); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return &database{
		DB:              db,
		snapshot:        &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		skipLocked:      "for update skip locked",
		lockCheckpoints: "lock table ledger_checkpoints in exclusive mode",
		numbered:        true,
	}, nil
}

// parsePostgres reads the URL. Its errors hold no password.
func parsePostgres(location string) (*pgx.ConnConfig, error) {
	u, err := parseURL(location)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(location)
	if err != nil {
		secret, _ := u.User.Password()
		inner := errors.Unwrap(err) // the outer error quotes the URL
		for _, secret := range []string{secret, u.Query().Get("password"), u.Query().Get("sslpassword")} {
			if inner == nil || secret != "" && strings.Contains(inner.Error(), secret) {
				return nil, errors.New("the settings in the URL are not valid")
			}
		}
		return nil, fmt.Errorf("the settings in the URL are not valid: %w", inner)
	}
	if !u.Query().Has("connect_timeout") {
		config.ConnectTimeout = postgresTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "sidetone"
	}
	return config, nil
}

// refuseLossy refuses a connection on which a commit may be reported before it
// is on disk. A server that is changed later is refused by a trigger of the
// ledger.
func refuseLossy(ctx context.Context, conn *pgx.Conn) error {
	var fsync, synchronous string
	err := conn.QueryRow(ctx, `select current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &synchronous)
	switch {
	case err != nil:
		return err
	case fsync == "off":
		return fmt.Errorf("%w: the server has fsync = off", ErrNotDurable)
	case synchronous == "off":
		return fmt.Errorf("%w: synchronous_commit = off for this user, database or session", ErrNotDurable)
	}
	return nil
}

// migratePostgres applies a folder's migrations, one process at a time. Each
// folder has a table of versions of its own, since all share one database.
func migratePostgres(ctx context.Context, db *sql.DB, folder string) error {
	// Tried each second for a minute.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 60))
	if err != nil {
		return err
	}
	return migrate(ctx, db, goose.DialectPostgres, folder, goose.WithSessionLocker(locker),
		goose.WithTableName("sidetone_"+strings.TrimSuffix(folder, "-postgres")+"_version"))
}
