package store

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the advisory lock of the file called name, which is made if
// missing and never removed. With how = unix.LOCK_EX it waits for another
// holder; with unix.LOCK_NB added it returns unix.EWOULDBLOCK instead. Closing
// the file, or the end of the process, gives the lock back.
func lockFile(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}
