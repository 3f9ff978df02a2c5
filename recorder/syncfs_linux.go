package recorder

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncfs has all that was written to the file system of dir put on its disk.
func syncfs(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }
