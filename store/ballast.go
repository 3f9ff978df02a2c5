package store

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// ballastPiece is what is given up at a time. Others who want the room get what
// one write of ours leaves of it, not all.
const ballastPiece = 256 << 10

// ballast is a file that takes room on a disk in good times, so that there is
// some in bad ones. A nil ballast has nothing to give.
type ballast struct {
	name  string
	size  int64
	gauge prometheus.Gauge
	log   *slog.Logger
	full  bool // the disk was, and it is said

	reserve func(fd int, mode uint32, off, size int64) error // fallocate(2)
}

func newBallast(name string, size int64, gauge prometheus.Gauge, log *slog.Logger) *ballast {
	return &ballast{name: name, size: size, gauge: gauge, log: log, reserve: unix.Fallocate}
}

// left is the size of the file.
func (b *ballast) left() int64 {
	info, err := os.Stat(b.name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// there reports whether there is anything to give up.
func (b *ballast) there() bool { return b != nil && b.left() > 0 }

// give gives up a piece and reports whether there was one.
func (b *ballast) give() bool {
	if b == nil {
		return false
	}
	left := b.left()
	if left == 0 {
		return false
	}
	if !b.full {
		b.full = true
		b.log.Error("the disk is full; the ledger goes on with its ballast", "file", b.name, "bytes", left)
	}
	left = max(0, left-ballastPiece)
	err := os.Truncate(b.name, left)
	if err != nil {
		left, err = 0, os.Remove(b.name)
	}
	b.gauge.Set(float64(left))
	return err == nil
}

// lay fills the file up if it lacks anything and the disk has twice the room.
func (b *ballast) lay() {
	left := b.left()
	b.gauge.Set(float64(left))
	if left >= b.size {
		return
	}
	var disk unix.Statfs_t
	err := unix.Statfs(filepath.Dir(b.name), &disk)
	if err == nil && int64(disk.Bavail)*disk.Bsize < 2*(b.size-left) {
		err = unix.ENOSPC
	}
	if err == nil {
		err = b.fill(left)
	}
	b.gauge.Set(float64(b.left()))
	switch {
	case err == nil && b.full:
		b.full = false
		b.log.Info("the disk has room again, and the ledger its ballast")
	case err != nil && !b.full:
		b.full = true
		b.log.Warn("no room for the ballast of the ledger", "file", b.name, "err", err)
	}
}

// fill makes the file as large as it should be, and has the file system set the
// blocks aside, or takes them with what cannot be compressed.
func (b *ballast) fill(left int64) error {
	f, err := os.OpenFile(b.name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = b.reserve(int(f.Fd()), 0, left, b.size-left)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		if _, err = f.Seek(left, io.SeekStart); err == nil {
			_, err = io.CopyN(f, rand.Reader, b.size-left)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}
