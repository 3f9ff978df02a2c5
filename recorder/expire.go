package recorder

import (
	"context"
	"errors"
	"fmt"

	"sidetone/seal"
)

// ErrSpooled means a take of which the spool has something: it is recorded, on its way
// to the object store, or put aside.
var ErrSpooled = errors.New("recorder: the spool has the take")

// classFolders are where the objects lie that only keys of a class open.
var classFolders = map[seal.Class][]string{seal.Audio: {"seg/"}, seal.Snippets: {"snip/"}, seal.Text: {"text/", correctionFolder}}

// DestroyClass makes that nothing of one class of stored takes of a call can be opened
// any more, and leaves the other classes as they are. First the wrapped keys of all
// these takes are deleted, of all epochs and in every version, then the objects that
// they opened. Manifest and meta stay: they list what was there, and hold nothing that
// was said. It may be called again after an error, and when nothing is left. Errors
// wrap ErrSpooled for takes that are not stored yet, and ErrID.
func (s *Spool) DestroyClass(ctx context.Context, call string, takes []string, class seal.Class) error {
	folders, ok := classFolders[class]
	if !ok {
		return fmt.Errorf("recorder: destroy: there is no class %.20q", class)
	}
	if s.erase == nil {
		return errNoEraser
	}
	spooled, err := s.Takes()
	if err != nil {
		return err
	}
	for _, take := range takes {
		if err := checkTake(call, take); err != nil {
			return err
		}
		for _, t := range spooled {
			if t == (TakeID{call, take}) {
				return fmt.Errorf("recorder: destroy %s of %s: %w", class, takeName(call, take), ErrSpooled)
			}
		}
	}
	for range 2 { // for the reason that destroyStored has
		for _, take := range takes {
			if err := s.destroyKeys(ctx, call, take, string(class)); err != nil {
				return fmt.Errorf("recorder: destroy %s of %s: %w", class, takeName(call, take), err)
			}
		}
	}
	for _, take := range takes {
		for _, folder := range folders {
			if err := s.erase.Erase(ctx, "rec/"+call+"/"+take+"/"+folder); err != nil {
				return fmt.Errorf("recorder: destroy %s of %s: %w", class, takeName(call, take), err)
			}
		}
	}
	return nil
}
