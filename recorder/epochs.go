package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SpooledEpochs returns how many takes on the spool in dir have keys that are
// wrapped to each epoch: live ones, those that wait for their upload, and those
// that were put aside. Those whose head cannot be read count for "", until they
// are put aside. It may be called while another process has the spool.
func SpooledEpochs(dir string) (map[string]int, error) {
	epochs := make(map[string]int)
	for _, folder := range []string{"takes", "quarantine"} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("recorder: epochs of the spool: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue // a part of a take that was put aside
			}
			epoch, ok, err := spooledEpoch(filepath.Join(dir, folder, e.Name()))
			if err != nil {
				return nil, err
			}
			if ok && (epoch != "" || folder == "takes") {
				epochs[epoch]++
			}
		}
	}
	return epochs, nil
}

// spooledEpoch reads the head of one take; it is not ok for a take that has just
// been stored, or has not begun.
func spooledEpoch(dir string) (epoch string, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("recorder: epochs of the spool: %w", err)
	}
	h, err := parseHead(b)
	if err != nil {
		return "", true, nil // recovery will say so
	}
	return h.Epoch, true, nil
}
