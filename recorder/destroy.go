package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	// ErrDestroyed means a take that is destroyed, or being destroyed.
	ErrDestroyed = errors.New("recorder: take is destroyed")
	// errNoEraser means a spool that was opened without SpoolOptions.Erase.
	errNoEraser = errors.New("recorder: objects cannot be deleted here")
)

// doom is a take that is being destroyed. A file of its name among the doomed
// makes it so for later processes too.
type doom struct {
	name, call, take string
	turn             chan struct{} // of capacity 1: who destroys it now
	recorder         *Recorder     // that lost its take and is not at rest
}

func newDoom(call, take string) *doom {
	return &doom{name: takeName(call, take), call: call, take: take, turn: make(chan struct{}, 1)}
}

// await waits until nobody else destroys the take.
func (d *doom) await(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}: // even if there is no time: what is on the spool takes none
		return nil
	default:
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Destroy makes that nothing of a take can be opened any more, whether it is
// being recorded, finished, uploaded, recovered, stored, or nothing is left of it.
// In this order: it notes on the spool that the take is doomed; from then on
// nothing of it is uploaded, also by later processes, until Destroy has
// succeeded. Its recorder loses it. Keys and files on the spool are overwritten
// and removed. The wrapped keys in the object store are deleted, of all epochs
// and in every version; then the segments, snippets, words, meta and manifest.
//
// It returns nil when all of that is done. An error means that something may be
// left: with the object store away, all that is in the store, and nothing on the
// spool. Destroy must then be called again, for as long as it takes. It waits
// for an upload under way and for the object store, until ctx ends. Other
// errors wrap ErrID.
func (s *Spool) Destroy(ctx context.Context, call, take string) error {
	if err := checkTake(call, take); err != nil {
		return err
	}
	d := s.condemn(call, take)
	if err := d.await(ctx); err != nil {
		return fmt.Errorf("recorder: destroy %s: %w", d.name, err)
	}
	defer func() { <-d.turn }()
	if s.isGone(d) {
		return nil // another has just done it
	}
	err := errors.Join(s.note(d), s.destroySpooled(ctx, d), s.destroyStored(ctx, call, take))
	if err == nil {
		err = s.absolve(d)
	}
	if err != nil {
		s.metrics.destroyed.WithLabelValues("error").Inc()
		return fmt.Errorf("recorder: destroy %s: %w", d.name, err)
	}
	s.metrics.destroyed.WithLabelValues("done").Inc()
	return nil
}

// Doomed returns how many takes are being destroyed: those of which Destroy has
// been called and has not succeeded.
func (s *Spool) Doomed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.doomed)
}

// condemn makes a take a doomed one.
func (s *Spool) condemn(call, take string) *doom {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doomed[takeName(call, take)]
	if d == nil {
		d = newDoom(call, take)
		s.doomed[d.name] = d
	}
	return d
}

// note tells later processes that a take is doomed.
func (s *Spool) note(d *doom) error {
	f, err := os.OpenFile(filepath.Join(s.doomedDir(), d.name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncPath(s.doomedDir()))
}

// isGone reports whether d has been absolved.
func (s *Spool) isGone(d *doom) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doomed[d.name] != d
}

// absolve forgets a take of which nothing is left.
func (s *Spool) absolve(d *doom) error {
	if err := os.Remove(filepath.Join(s.doomedDir(), d.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doomed, d.name)
	s.uploads.forget(d.name)
	return nil
}

// findDoomed finds the takes that an earlier process was destroying, and
// destroys what it has left of them on the spool.
func (s *Spool) findDoomed() error {
	entries, err := os.ReadDir(s.doomedDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		call, take, _ := strings.Cut(e.Name(), ".")
		if checkTake(call, take) != nil {
			continue // no file of ours
		}
		s.doomed[e.Name()] = newDoom(call, take)
		if err := s.wipeTake(e.Name()); err != nil {
			s.log.Error("a take that was being destroyed is still on the spool", "call", call, "take", take, "err", err)
		}
	}
	return nil
}

// destroySpooled leaves nothing of a take on the spool, nor on its way to the
// object store. The keys go before it waits for an upload.
func (s *Spool) destroySpooled(ctx context.Context, d *doom) error {
	s.uploads.fence(d.name)
	if err := s.seize(ctx, d); err != nil {
		return fmt.Errorf("its recorder is at work: %w", err)
	}
	t, idle := s.uploads.fence(d.name) // it may have begun since
	if err := s.wipeTake(d.name); err != nil {
		return err
	}
	if t != nil {
		t.journal.Close()
		defer t.unaccount()
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("an upload is under way: %w", ctx.Err())
	}
}

// wipeTake overwrites the keys of a take in its directory and in the quarantine,
// and removes both.
func (s *Spool) wipeTake(name string) error {
	paths := []string{filepath.Join(s.takesDir(), name)}
	aside, err := os.ReadDir(s.quarantineDir())
	for _, e := range aside {
		if e.Name() == name || strings.HasPrefix(e.Name(), name+".") {
			paths = append(paths, filepath.Join(s.quarantineDir(), e.Name()))
		}
	}
	for _, path := range paths {
		err = errors.Join(err, wipeTree(path))
	}
	return errors.Join(err, syncPath(s.takesDir()), syncPath(s.quarantineDir()))
}

// wipeTree overwrites and removes the file at path, or each file below it that
// holds a key; the rest is removed. None is no error.
func wipeTree(path string) error {
	err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.Type().IsRegular() && holdsKey(e.Name()):
			return wipePath(path)
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(path))
}

// holdsKey reports whether a file of that name has a wrapped key in it.
func holdsKey(name string) bool {
	return strings.Contains(name, ".spool") || strings.HasPrefix(name, "key-") || name == unfinished(asideFile)
}

// destroyStored leaves nothing of a take in the object store: what opens it goes
// first, what lists it last.
func (s *Spool) destroyStored(ctx context.Context, call, take string) error {
	if s.erase == nil {
		return errNoEraser
	}
	// Twice: a rotation may have had the key of an older epoch in its hand, and
	// have put it under a newer one after that was erased. It looks whether the
	// older one is still there before it lets the newer one stay.
	for range 2 {
		if err := s.destroyKeys(ctx, call, take, ""); err != nil {
			return err
		}
	}
	rec := "rec/" + call + "/" + take + "/"
	for _, prefix := range []string{rec + "seg/", rec + "snip/", rec + "text/", MetaObject(call, take), rec} {
		if err := s.erase.Erase(ctx, prefix); err != nil {
			return err
		}
	}
	return nil
}

// destroyKeys erases the wrapped keys of a take in all epochs there are: those whose
// class begins like that.
func (s *Spool) destroyKeys(ctx context.Context, call, take, class string) error {
	epochs, err := s.erase.Folders(ctx, keysFolder)
	if err != nil {
		return err
	}
	for _, epoch := range epochs {
		if err := s.erase.Erase(ctx, keysFolder+epoch+"/"+call+"/"+take+"-"+class); err != nil {
			return err
		}
	}
	return nil
}

// syncPath puts a file, or the names in a directory, on the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
