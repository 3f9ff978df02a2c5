package call_test

import (
	"os"
	"testing"
)

// TestMain keeps the spools of tests in memory, where there is a file system for
// it: an hour of a call syncs its disk a thousand times.
func TestMain(m *testing.M) {
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err == nil {
		os.Setenv("TMPDIR", memory)
	}
	os.Exit(m.Run())
}
