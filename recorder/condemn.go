package recorder

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// TakeID names a take.
type TakeID struct{ Call, Take string }

// Takes returns the takes of which the spool has anything: those that are recorded,
// finished or left behind, that were put aside, and that are being destroyed.
func (s *Spool) Takes() ([]TakeID, error) {
	seen := make(map[TakeID]bool)
	var takes []TakeID
	for _, dir := range []string{s.takesDir(), s.quarantineDir(), s.doomedDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("recorder: takes of the spool: %w", err)
		}
		for _, e := range entries {
			call, rest, _ := strings.Cut(e.Name(), ".")
			take, _, _ := strings.Cut(rest, ".")
			id := TakeID{call, take}
			if checkTake(call, take) != nil || seen[id] {
				continue
			}
			seen[id] = true
			takes = append(takes, id)
		}
	}
	return takes, nil
}

// Condemn does what of Destroy needs no object store, and waits for nobody: the take
// is doomed, for later processes too, and what nobody has at hand of it on the spool
// is overwritten and removed. Destroy must follow.
func (s *Spool) Condemn(call, take string) error {
	if err := checkTake(call, take); err != nil {
		return err
	}
	d := s.condemn(call, take)
	if err := errors.Join(s.note(d), s.wipeTake(d.name)); err != nil {
		return fmt.Errorf("recorder: condemn %s: %w", d.name, err)
	}
	return nil
}
