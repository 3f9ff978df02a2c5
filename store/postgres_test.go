package store

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/store/pgtest"
)

// The ledger and the calls need commits that are on disk before they are
// reported.
func TestPostgresMustBeDurable(t *testing.T) {
	server, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	lossy, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer lossy.Stop()
	database := func() (name, location string) {
		location = postgresDatabase(t)
		u, _ := url.Parse(location)
		return strings.Trim(u.Path, "/"), location
	}
	for name, test := range map[string]struct {
		location func() string
		want     string // in the error; empty: taken
	}{
		"default": {func() string { return postgresDatabase(t) }, ""},
		"server without fsync": {func() string {
			location, err := lossy.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return location
		}, "fsync = off"},
		"session": {func() string { return postgresDatabase(t) + "&synchronous_commit=off" }, "synchronous_commit = off"},
		"database": {func() string {
			name, location := database()
			if err := server.Exec(t.Context(), name, "alter database "+name+" set synchronous_commit = off"); err != nil {
				t.Fatal(err)
			}
			return location
		}, "synchronous_commit = off"},
		"own disk alone": {func() string { return postgresDatabase(t) + "&synchronous_commit=local" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			location := test.location()
			l, err := OpenLedger(t.Context(), location, LedgerOptions{})
			if err == nil {
				l.Close()
			}
			d, dbErr := OpenDB(t.Context(), location)
			if dbErr == nil {
				d.Close()
			}
			if test.want == "" {
				if err != nil || dbErr != nil {
					t.Errorf("%v, %v", err, dbErr)
				}
				return
			}
			for _, err := range []error{err, dbErr} {
				if !errors.Is(err, ErrNotDurable) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, wanted %q", err, test.want)
				}
			}
		})
	}
}

// A server may be changed while connections are open.
func TestPostgresThatBecomesLossy(t *testing.T) {
	l := openLedger(t, postgresDatabase(t))
	l.db.SetMaxOpenConns(1)
	appendRow(t, l, "c1", "e", "")
	if _, err := l.db.ExecContext(t.Context(), `set synchronous_commit = off`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "c1", "e", nil); err == nil || !strings.Contains(err.Error(), "synchronous_commit = off") {
		t.Errorf("error %v", err)
	}
	if _, err := l.db.ExecContext(t.Context(), `set synchronous_commit = on`); err != nil {
		t.Fatal(err)
	}
	appendRow(t, l, "c1", "e", "")
}

// No password, wherever it stands, comes back in an error.
func TestPasswordIsNotTold(t *testing.T) {
	const secret = "s3cr3t"
	for _, location := range []string{
		"postgres://user:" + secret + "@127.0.0.1:1/name",
		"postgresql://user:" + secret + "@127.0.0.1:1/name?connect_timeout=1",
		"postgres://user@127.0.0.1:1/name?password=" + secret,
		"postgres://user:" + secret + "%zz@127.0.0.1:1/name",
		"postgres://user:12/" + secret + "@127.0.0.1:1/name",
		"postgres://user:12?" + secret + "@127.0.0.1:1/name",
		"postgres://user:12#" + secret + "@127.0.0.1:1/name",
		"postgres://user:" + secret + "/@127.0.0.1:1/name",
		"postgres://user:" + secret + "@127.0.0.1:1/name?sslmode=" + secret,
		"postgres://user:" + secret + "@127.0.0.1:port/name",
		"postgres://user:" + secret + "@127.0.0.1:1/name?connect_timeout=" + secret,
		"postgres://user:" + secret + "@127.0.0.1:1/name?sslmode=strange",
		"postgres://user:" + secret + "@ 127.0.0.1:1/name",
	} {
		_, err := OpenDB(t.Context(), location)
		_, ledgerErr := OpenLedger(t.Context(), location, LedgerOptions{})
		for _, err := range []error{err, ledgerErr} {
			if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "postgres") {
				t.Errorf("%s: %v", location, err)
			}
		}
	}
	_, err := OpenDB(t.Context(), "postgres://user:"+secret+"@127.0.0.1:1/name?sslmode=strange")
	if err == nil || !strings.Contains(err.Error(), "sslmode") || !strings.Contains(err.Error(), "127.0.0.1:1/name") {
		t.Errorf("an error that helps nobody: %v", err)
	}
}

// Nodes that start at once do not migrate at once.
func TestNodesMigrateOnce(t *testing.T) {
	location := postgresDatabase(t)
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			d, err := OpenDB(t.Context(), location)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			l, err := OpenLedger(t.Context(), location, LedgerOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			appendRow(t, l, "c1", "e", "")
		})
	}
	nodes.Wait()
	if v := verify(t, openLedger(t, location)); v.Rows != 4 || v.Chains != 4 {
		t.Errorf("seen %+v", v)
	}
}

// A server that crashes and comes back has every row that was acknowledged, and
// the ledger finds back to it by itself.
func TestPostgresCrash(t *testing.T) {
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	location, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failing := make(chan bool, 16)
	l := openLedger(t, location, signed(1), func(o *LedgerOptions) { o.Failing = func(f bool) { failing <- f } })
	written := 0
	for ; written < 20; written++ {
		appendRow(t, l, "c1", "e", "")
	}
	server.Kill()
	if _, err := l.Append(t.Context(), "c1", "e", nil); err == nil {
		t.Error("a row was written to a server that is gone")
	}
	if !<-failing {
		t.Error("not failing")
	}
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	if <-failing {
		t.Error("still failing")
	}
	appendRow(t, l, "c1", "e", "")
	v := verify(t, l)
	if int(v.Rows) < written+1 || v.Chains != 1 {
		t.Errorf("seen %+v", v)
	}
}

// What a caller waits for is not kept waiting by another node's sweep.
func TestSweepsThatMeet(t *testing.T) {
	d := openDB(t, postgresDatabase(t))
	if _, err := d.nonces.ExecContext(t.Context(), `insert into used_nonces select 'old' || n, n from generate_series(1, 20) n`); err != nil {
		t.Fatal(err)
	}
	other, err := d.nonces.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	if _, err := other.ExecContext(t.Context(), `delete from used_nonces where expires_at <= 16`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if ok, err := d.Use(ctx, "new", time.Now().Add(time.Hour)); !ok || err != nil {
		t.Errorf("%v, error %v", ok, err)
	}
	if err := other.Commit(); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := d.nonces.QueryRowContext(t.Context(), `select count(*) from used_nonces`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d left, error %v", left, err)
	}
}
