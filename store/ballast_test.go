package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"
)

// onSmallDisk plays a role in a child process to which the folder is a disk of
// 8 MiB, and returns what the child prints. It needs no root where users may
// have name spaces.
func onSmallDisk(t *testing.T, role, dir string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], dir)
	c.Env = append(os.Environ(), roleEnv+"="+role)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// fillDisk adds to a file until the disk is full.
func fillDisk(name string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if errors.Is(err, unix.ENOSPC) {
		return nil
	}
	return err
}

// playFullDisk is the role of a ledger on a disk of 8 MiB, at dir, that others
// fill. It prints what became of it.
func playFullDisk(dir string) error {
	if err := unix.Mount("small", dir, "tmpfs", 0, "size=8m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	const ballast = 1 << 20
	ctx, metrics, log := context.Background(), NewMetrics(prometheus.NewRegistry()), new(bytes.Buffer)
	failing := make(chan bool, 8)
	l, err := OpenLedger(ctx, filepath.Join(dir, "ledger.db"), LedgerOptions{
		Ballast: ballast, Metrics: metrics, Log: slog.New(slog.NewTextHandler(log, nil)), Failing: func(f bool) { failing <- f },
	})
	if err != nil {
		return err
	}
	left := func() int64 { return int64(testutil.ToFloat64(metrics.ballast)) }
	fmt.Println("ballast at first:", left() == ballast)
	var disk unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "ledger.db.ballast"), &disk); err != nil {
		return err
	}
	fmt.Println("takes room:", disk.Blocks*512 >= ballast)

	write := func() error {
		_, err := l.Append(ctx, "c1", "e", make([]byte, 2000))
		return err
	}
	name, rows := filepath.Join(dir, "recordings"), 0
	for ; left() > 0 && err == nil; rows++ { // others take what is given up
		err = errors.Join(fillDisk(name), write())
	}
	fmt.Println("written while full:", rows >= ballast/ballastPiece, err)
	for err = nil; err == nil; { // what was given up last is used up
		err = write()
	}
	fmt.Println("at the end:", isFull(err), "failing:", <-failing)
	if err := os.Remove(name); err != nil {
		return err
	}
	fmt.Println("with room again, failing:", <-failing)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(time.Minute); left() < ballast; {
		select {
		case <-again.C:
		case <-deadline:
			return fmt.Errorf("the ballast is not laid again, %d bytes", left())
		}
	}
	v, err := l.Verify(ctx, nil)
	fmt.Println("verifies:", int(v.Rows) >= rows, err)
	err = l.Close()
	fmt.Println("told:", strings.Count(log.String(), "goes on with its ballast"), strings.Count(log.String(), "has room again"))
	return err
}

// With a ballast the ledger goes on when the disk is full, although others take
// whatever room there is; it fails when all is given up, and recovers.
func TestFullDisk(t *testing.T) {
	got := onSmallDisk(t, "full disk", t.TempDir())
	const want = `ballast at first: true
takes room: true
written while full: true <nil>
at the end: true failing: true
with room again, failing: false
verifies: true <nil>
told: 1 1
`
	if got != want {
		t.Errorf("the ledger says\n%s\nwanted\n%s", got, want)
	}
}

func TestBallast(t *testing.T) {
	const size = 3*ballastPiece - 100
	for name, reserve := range map[string]func(int, uint32, int64, int64) error{
		"reserved": unix.Fallocate,
		"written":  func(int, uint32, int64, int64) error { return unix.EOPNOTSUPP },
	} {
		t.Run(name, func(t *testing.T) {
			gauge := prometheus.NewGauge(prometheus.GaugeOpts{})
			b := newBallast(filepath.Join(t.TempDir(), "ballast"), size, gauge, slog.New(slog.DiscardHandler))
			b.reserve = reserve
			for _, step := range []struct {
				do   string
				ok   bool
				left int64
			}{
				{"give", false, 0}, {"lay", true, size}, {"lay", true, size}, {"give", true, size - ballastPiece}, {"give", true, size - 2*ballastPiece},
				{"lay", true, size}, {"give", true, size - ballastPiece}, {"give", true, size - 2*ballastPiece}, {"give", true, 0}, {"give", false, 0},
			} {
				ok := true
				if step.do == "give" {
					ok = b.give()
				} else {
					b.lay()
				}
				if ok != step.ok || b.left() != step.left || b.there() != (step.left > 0) || int64(testutil.ToFloat64(gauge)) != step.left {
					t.Errorf("%s: %v, %d bytes left, wanted %d", step.do, ok, b.left(), step.left)
				}
			}
		})
	}
	if (*ballast)(nil).give() || (*ballast)(nil).there() {
		t.Error("no ballast gives something")
	}
	// A disk that has too little room is not filled.
	b := newBallast(filepath.Join(t.TempDir(), "ballast"), 1<<60, prometheus.NewGauge(prometheus.GaugeOpts{}), slog.New(slog.DiscardHandler))
	if b.lay(); b.left() != 0 {
		t.Errorf("%d bytes on a disk without room", b.left())
	}
}
