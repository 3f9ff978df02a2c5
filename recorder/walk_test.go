package recorder_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
)

// walk gives each regular file below dir to f.
func walk(t testing.TB, dir string, f func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
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

// encode writes b as manifests have their signature.
func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
