package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sidetone/store/pgtest"
)

// builtin is the one server of this process; the tests share it and take a
// prefix each.
var (
	builtin    *Builtin
	builtinDir string
	homeBefore string // the working directory before the server was started
	homeAfter  string
)

// roleEnv makes this test binary play another process; see child.
const roleEnv = "SIDETONE_TEST_STORE_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(role, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if builtinDir, err = os.MkdirTemp("", "store"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(builtinDir)
	homeBefore, _ = os.Getwd()
	if builtin, err = StartBuiltin(context.Background(), BuiltinOptions{Dir: builtinDir}); err != nil {
		panic(err)
	}
	homeAfter, _ = os.Getwd()
	code := m.Run()
	err = builtin.Close()
	if started.Load() {
		server, _ := postgres()
		err = errors.Join(err, server.Stop())
	}
	if err != nil {
		fmt.Println("close the servers:", err)
		return 1
	}
	return code
}

// postgres returns the one PostgreSQL of this process, started when first asked
// for.
var (
	started  atomic.Bool
	postgres = sync.OnceValues(func() (*pgtest.Server, error) {
		s, err := pgtest.Start()
		started.Store(err == nil)
		return s, err
	})
)

// onEachEngine runs a test with an empty SQLite file, and with an empty database
// of PostgreSQL.
func onEachEngine(t *testing.T, test func(t *testing.T, location string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "test.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

// postgresDatabase returns the URL of an empty database.
func postgresDatabase(t testing.TB) string {
	t.Helper()
	server, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	location, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// play is what a child process does with the folder or file at path. It says
// "ready" and ends when its standard input does, if it is not killed.
func play(role, path string) error {
	ctx := context.Background()
	switch role {
	case "serve", "wait": // for another process to end
		o := BuiltinOptions{Dir: path}
		if role == "wait" {
			o.Wait = time.Minute
			fmt.Println("starting")
		}
		b, err := StartBuiltin(ctx, o)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		return b.Close()
	case "connect": // and read what another process has left
		b, err := ConnectBuiltin(ctx, BuiltinOptions{Dir: path})
		if err != nil {
			return err
		}
		o, err := OpenS3(ctx, b.S3("sidetone"))
		if err != nil {
			return err
		}
		body, err := o.Get(ctx, "left/behind")
		fmt.Println(string(body))
		return errors.Join(err, b.Close())
	case "unused": // connections, on which the server waits for a request
		b, err := StartBuiltin(ctx, BuiltinOptions{Dir: path})
		if err != nil {
			return err
		}
		for range 3 {
			if _, err := b.DialContext(ctx, "", ""); err != nil {
				return err
			}
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		return b.Close()
	case "jobs":
		return playJobs(path)
	case "full disk":
		return playFullDisk(path)
	case "append": // to a ledger, until killed
		l, err := OpenLedger(ctx, path, LedgerOptions{})
		if err != nil {
			return err
		}
		for {
			seq, err := l.Append(ctx, "call", "event", []byte("body"))
			if err != nil {
				return err
			}
			fmt.Println(seq)
		}
	}
	return errors.New("unknown role " + role)
}

// child is a process that plays a role.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Scanner
	stderr *strings.Builder
}

func startChild(t *testing.T, role, path string) *child {
	t.Helper()
	c := &child{cmd: exec.CommandContext(t.Context(), os.Args[0], path), stderr: new(strings.Builder)}
	c.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	c.cmd.Stderr = c.stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// line returns the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.stdout.Scan() {
		t.Fatalf("the child ended: %v, %s", c.cmd.Wait(), c.stderr)
	}
	return c.stdout.Text()
}

// end closes the child's input and waits; kill does not ask.
func (c *child) end(t *testing.T) {
	t.Helper()
	c.stdin.Close()
	for c.stdout.Scan() {
		t.Errorf("the child says %q", c.stdout.Text())
	}
	if err := c.cmd.Wait(); err != nil || c.stderr.Len() > 0 {
		t.Errorf("the child ended with %v and said %q", err, c.stderr)
	}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for c.stdout.Scan() {
	}
	c.cmd.Wait() // reports the signal
}

// open returns a part of the built-in store of this process's own.
func open(t testing.TB, change func(*S3Options)) *Objects {
	t.Helper()
	options := builtin.S3("sidetone")
	options.Prefix = strings.ToLower(filepath.ToSlash(t.Name()))
	if change != nil {
		change(&options)
	}
	o, err := OpenS3(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func put(t testing.TB, o *Objects, key, body string) {
	t.Helper()
	if err := o.Put(t.Context(), key, []byte(body), sha256.Sum256([]byte(body))); err != nil {
		t.Fatal(err)
	}
}
