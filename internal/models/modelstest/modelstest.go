// Package modelstest finds the fetched models for tests. A test that needs
// them fails without them: it is never skipped.
package modelstest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"sidetone/internal/models"
)

// Dir returns the models folder: SIDETONE_MODELS_DIR, else models at the root
// of the repository. Without one it fails the test and names the command.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SIDETONE_MODELS_DIR")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "models")
	}
	if _, err := os.Stat(filepath.Join(dir, models.Runtime)); err != nil {
		t.Fatalf("this test needs the models: run `make models` (%v)", err)
	}
	return dir
}
