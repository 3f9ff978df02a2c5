package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPlayerIsChosen holds which program plays, and what is said without one.
func TestPlayerIsChosen(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := player(); !errors.Is(err, errNoPlayer) {
		t.Errorf("without a player: %v", err)
	}
	for _, name := range []string{"aplay", "ffplay"} { // the better one last
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if line, err := player(); err != nil || line[0] != path || !slices.Contains(line, "-") {
			t.Errorf("with %s: %q, %v", name, line, err)
		}
	}
}
