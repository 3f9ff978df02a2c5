package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// openJobsSQLite opens jobs in a file of their own: they are written while callers
// wait for what is in the others.
func openJobsSQLite(ctx context.Context, path string, j *Jobs, c *river.Config) error {
	db, err := openSQLiteWith(path, full, func(db *sql.DB) error {
		// River's driver takes a database that is busy for one that has failed.
		db.SetMaxOpenConns(1)
		steps, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: c.Logger})
		if err != nil {
			return err
		}
		_, err = steps.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return err
	}
	client, err := river.NewClient(riversqlite.New(db.DB), c)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	j.client, j.count, j.close = client, queryCounts(db.DB), db.Close
	j.remove = func(ctx context.Context, keys string) (int64, error) {
		done, err := db.ExecContext(ctx, `delete from river_job where state <> 'running' and args->>'key' in (select value from json_each($1))`, keys)
		if err != nil {
			return 0, err
		}
		return done.RowsAffected()
	}
	return nil
}

// jobsLock is the key of PostgreSQL's advisory lock under which River's tables are
// brought up to date, one process at a time.
const jobsLock = 0x73696465746f6e65

// jobsConns bounds the connections of the jobs; one of them listens.
const jobsConns = 4

// openJobsPostgres opens jobs in a PostgreSQL.
func openJobsPostgres(ctx context.Context, location string, j *Jobs, c *river.Config) error {
	parsed, err := parsePostgres(location)
	if err != nil {
		return err
	}
	// pgx wants a configuration that it has parsed itself; what was parsed above is
	// known to be good, so no error quotes the URL.
	config, err := pgxpool.ParseConfig(location)
	if err != nil {
		return errors.New("the settings in the URL are not valid")
	}
	config.ConnConfig, config.MaxConns, config.AfterConnect = parsed, jobsConns, refuseLossy
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	client, err := openJobsPool(ctx, pool, c)
	if err != nil {
		pool.Close()
		return err
	}
	j.client = client
	j.count = func(ctx context.Context) (map[JobCount]int, error) {
		rows, err := pool.Query(ctx, countJobs)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		counts, err := scanCounts(rows.Next, rows.Scan)
		return counts, errors.Join(err, rows.Err())
	}
	j.remove = func(ctx context.Context, keys string) (int64, error) {
		done, err := pool.Exec(ctx, `delete from river_job where state <> 'running' and args->>'key' in (select jsonb_array_elements_text($1::jsonb))`, keys)
		return done.RowsAffected(), err
	}
	j.close = func() error { pool.Close(); return nil }
	return nil
}

// openJobsPool brings River's tables up to date and makes its client.
func openJobsPool(ctx context.Context, pool *pgxpool.Pool, c *river.Config) (*river.Client[pgx.Tx], error) {
	steps, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(jobsLock)); err != nil {
			return err
		}
		_, err := steps.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return river.NewClient(riverpgxv5.New(pool), c)
}
