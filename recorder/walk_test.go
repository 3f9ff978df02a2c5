package recorder_test

import (
	"os"
	"path/filepath"
	"testing"
)

// walk gives each file below dir to f.
func walk(t testing.TB, dir string, f func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			f(path, b)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
