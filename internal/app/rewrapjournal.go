package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The stages of what a journal lists.
const (
	stagePut   = "put"   // may have been put under the new epoch
	stageErase = "erase" // is there, and is to be erased from the old one
)

// rewrapJournal is what a rotation has under way, on the disk beside the keys. What
// it holds is wrapped.
type rewrapJournal struct {
	Stage string        `json:"stage"`
	Items []*rewrapItem `json:"items"`
}

func rewrapJournalIn(dir string) string { return filepath.Join(dir, "rewrap.json") }

// loadRewrapJournal returns what an earlier rotation has left under way, or nil.
func loadRewrapJournal(dir string) (*rewrapJournal, error) {
	b, err := os.ReadFile(rewrapJournalIn(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("app: rotation: %w", err)
	}
	return parseRewrapJournal(b)
}

func parseRewrapJournal(b []byte) (*rewrapJournal, error) {
	j := new(rewrapJournal)
	if err := json.Unmarshal(b, j); err != nil {
		return nil, fmt.Errorf("app: rotation: rewrap.json: %w", err)
	}
	for _, item := range j.Items {
		if item == nil || !strings.HasPrefix(item.From, keysPrefix) || !strings.HasPrefix(item.To, keysPrefix) || item.From == item.To {
			return nil, errors.New("app: rotation: rewrap.json lists what is no wrapped identity")
		}
	}
	if j.Stage != stagePut && j.Stage != stageErase {
		return nil, fmt.Errorf("app: rotation: rewrap.json is in no stage: %.20q", j.Stage)
	}
	return j, nil
}

// save replaces the journal; it is on the disk when save returns.
func (j *rewrapJournal) save(dir string) error {
	b, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("app: rotation: %w", err)
	}
	f, err := os.CreateTemp(dir, ".rewrap-*") // mode 0600
	if err != nil {
		return fmt.Errorf("app: rotation: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = errors.Join(os.Rename(f.Name(), rewrapJournalIn(dir)), syncFolder(dir))
	}
	if err != nil {
		return fmt.Errorf("app: rotation: %w", err)
	}
	return nil
}

func removeRewrapJournal(dir string) error {
	if err := errors.Join(os.Remove(rewrapJournalIn(dir)), syncFolder(dir)); err != nil {
		return fmt.Errorf("app: rotation: %w", err)
	}
	return nil
}

// syncFolder puts the names in a folder on the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
