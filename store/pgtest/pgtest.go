// Package pgtest runs a real PostgreSQL for tests: one from Debian's package
// postgresql, on a socket of its own, with empty databases for who asks. It
// refuses to reach for a server that is there already. A server's one goroutine
// waits for it to end.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Server is a PostgreSQL that runs until Stop.
type Server struct {
	dir       string // holds data and socket
	settings  []string
	process   *exec.Cmd
	said      bytes.Buffer
	ended     chan struct{}
	databases atomic.Int32
}

// startTimeout bounds how long a server takes to answer.
const startTimeout = time.Minute

// Start makes an empty server and starts it. Each setting is as in
// "synchronous_commit=off"; without any, commits are as durable as by default.
// As root, the server runs as the user postgres or nobody: it refuses root.
func Start(settings ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "pg") // a socket's path is at most 107 bytes long
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, settings: settings}
	if err := s.init(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: %w", err), os.RemoveAll(dir))
	}
	if err := s.Run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// init makes the data directory.
func (s *Server) init() error {
	command, err := s.command("initdb", "-D", s.data(), "-U", "sidetone", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	if c := command.SysProcAttr.Credential; c != nil {
		if err := os.Chown(s.dir, int(c.Uid), int(c.Gid)); err != nil {
			return err
		}
	}
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Run starts the server again after Kill. It returns once the server answers.
func (s *Server) Run() error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	var err error
	if s.process, err = s.command("postgres", args...); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	// The server dies with the thread that started it, and that with this process,
	// however it ends.
	s.process.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		err := s.process.Start()
		started <- err
		if err == nil {
			s.process.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	s.ended = ended
	if err := s.answers(); err != nil {
		s.Kill()
		return fmt.Errorf("pgtest: %w\n%s", err, s.said.String())
	}
	return nil
}

// answers waits until the server does.
func (s *Server) answers() error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := s.Exec(context.Background(), "postgres", "select 1")
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-s.ended:
			return fmt.Errorf("the server has ended: %w", err)
		case <-deadline.C:
			return err
		}
	}
}

// URL leads to a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("sidetone"), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode()}
	return u.String()
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(ctx context.Context) (string, error) {
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	return s.URL(name), s.Exec(ctx, "postgres", "create database "+name)
}

// Exec runs statements in a database.
func (s *Server) Exec(ctx context.Context, database, statements string) error {
	psql, err := s.command("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", "sidetone", "-d", database, "-c", statements)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	var said bytes.Buffer
	psql.Stderr = &said
	if err := psql.Start(); err != nil {
		return fmt.Errorf("pgtest: psql: %w", err)
	}
	defer context.AfterFunc(ctx, func() { psql.Process.Kill() })()
	if err := psql.Wait(); err != nil {
		return fmt.Errorf("pgtest: psql: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// Kill ends the server as a crash would, and waits.
func (s *Server) Kill() {
	s.process.Process.Signal(syscall.SIGQUIT) // "immediate": without a checkpoint
	<-s.ended
}

// Stop ends the server and removes all it had.
func (s *Server) Stop() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}

// command returns a program of PostgreSQL, to be run by another than root.
func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if len(found) == 0 {
			return nil, fmt.Errorf("%w; install the Debian package postgresql", err)
		}
		path = found[len(found)-1]
	}
	c := exec.Command(path, args...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return c, nil
	}
	for _, who := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(who); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			return c, nil
		}
	}
	return nil, errors.New("no user to run PostgreSQL as: it refuses root")
}
