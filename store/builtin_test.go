package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOneServerAProcess(t *testing.T) {
	for _, dir := range []string{builtinDir, t.TempDir()} {
		if _, err := StartBuiltin(t.Context(), BuiltinOptions{Dir: dir}); !errors.Is(err, ErrInUse) {
			t.Errorf("a second server: %v", err)
		}
	}
	// Nor does another process get at a folder that is served.
	c := startChild(t, "serve", builtinDir)
	if c.stdout.Scan() || c.cmd.Wait() == nil || !strings.Contains(c.stderr.String(), "already in use") {
		t.Errorf("another process: %q", c.stderr)
	}
}

// versitygw moves the process to its folder; see newGateway.
func TestWorkingDirectoryStays(t *testing.T) {
	if homeBefore == "" || homeBefore != homeAfter {
		t.Errorf("was %s, is %s", homeBefore, homeAfter)
	}
	if _, err := os.Stat("builtin_test.go"); err != nil {
		t.Error(err)
	}
}

func TestOnlyThisUserGetsIn(t *testing.T) {
	o := open(t, nil)
	put(t, o, "a/b", "body")
	for name, want := range map[string]os.FileMode{
		".":                                    0o700 | os.ModeDir,
		bucketsName:                            0o700 | os.ModeDir,
		credentialsName:                        0o600,
		lockName:                               0o600,
		socketName:                             0o600 | os.ModeSocket,
		"buckets/sidetone":                     0o700 | os.ModeDir,
		"buckets/sidetone/" + o.prefix + "a":   0o700 | os.ModeDir,
		"buckets/sidetone/" + o.prefix + "a/b": 0o600,
	} {
		info, err := os.Stat(filepath.Join(builtinDir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%s has mode %v, wanted %v", name, info.Mode(), want)
		}
	}
}

func TestStrangersAreDenied(t *testing.T) {
	for _, change := range []func(*S3Options){
		func(o *S3Options) { o.SecretAccessKey = "wrong" },
		func(o *S3Options) { o.AccessKeyID = "wrong" },
	} {
		o := open(t, func(o *S3Options) { change(o); o.CreateBucket = false })
		if err := o.Check(t.Context()); !errors.Is(err, ErrDenied) {
			t.Errorf("check: %v", err)
		}
		if _, err := o.Get(t.Context(), "x"); !errors.Is(err, ErrDenied) {
			t.Errorf("get: %v", err)
		}
	}
}

// A command works beside the running gateway, and after it; what was stored
// survives kill -9; and the server says nothing on its own.
func TestConnectBuiltin(t *testing.T) {
	for _, test := range []struct{ name, dir string }{
		{"short path", t.TempDir()},
		{"path too long for a socket", filepath.Join(t.TempDir(), strings.Repeat("long/", 30))},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := startChild(t, "serve", test.dir)
			if line := server.line(t); line != "ready" {
				t.Fatalf("the server says %q", line)
			}
			b, err := ConnectBuiltin(t.Context(), BuiltinOptions{Dir: test.dir})
			if err != nil {
				t.Fatal(err)
			}
			o, err := OpenS3(t.Context(), b.S3("sidetone"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, o, "left/behind", "a sealed thing")
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			beside := startChild(t, "connect", test.dir)
			if got := beside.line(t); got != "a sealed thing" {
				t.Errorf("beside the server: %q", got)
			}
			beside.end(t)
			server.kill(t)

			after := startChild(t, "connect", test.dir)
			if got := after.line(t); got != "a sealed thing" {
				t.Errorf("after the server: %q", got)
			}
			after.end(t)
			again := startChild(t, "serve", test.dir)
			again.line(t)
			again.end(t)
		})
	}
}

// A process killed while it makes a bucket leaves a folder that is none.
func TestHalfMadeBucket(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, bucketsName, "sidetone"), 0o700); err != nil {
		t.Fatal(err)
	}
	server := startChild(t, "serve", dir)
	server.line(t)
	defer server.end(t)
	b, err := ConnectBuiltin(t.Context(), BuiltinOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	o, err := OpenS3(t.Context(), b.S3("sidetone"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, o, "key", "body")
}

// A gateway that starts while a command still serves takes over when that ends.
func TestStartWaitsForAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	first := startChild(t, "serve", dir)
	first.line(t)
	second := startChild(t, "wait", dir)
	if line := second.line(t); line != "starting" {
		t.Fatalf("the second says %q", line)
	}
	first.end(t)
	if line := second.line(t); line != "ready" {
		t.Errorf("the second says %q", line)
	}
	second.end(t)
}

// A client may have dialled and sent nothing; the server stops nevertheless.
func TestUnusedConnections(t *testing.T) {
	c := startChild(t, "unused", t.TempDir())
	if line := c.line(t); line != "ready" {
		t.Fatalf("the server says %q", line)
	}
	c.end(t)
}

func TestBadCredentialsFile(t *testing.T) {
	for _, text := range []string{"", "hunter2", `{"access_key_id":"hunter2"}`, `{"secret_access_key":hunter2}`} {
		name := filepath.Join(t.TempDir(), credentialsName)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadCredentials(name); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSyncsAreShared(t *testing.T) {
	s, err := newFsSync(t.TempDir(), NewMetrics(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.running = true // one is under way
	var runs []*syncRun
	for range 100 {
		run, err := s.join()
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	s.work.Go(s.run)
	for _, run := range runs {
		if run != runs[0] {
			t.Fatal("callers at the same time do not share a syncfs")
		}
	}
	<-runs[0].done
	if err := s.wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := s.wait(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}
