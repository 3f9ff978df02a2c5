package recorder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// NoSpool is one of the reasons why a manifest is incomplete: it was made from what
// the object store lists, after the spool was lost.
const NoSpool = "no_spool"

// fromListing is where the list of such a manifest comes from.
const fromListing = "listing"

var (
	// ErrStored means a take that has its manifest.
	ErrStored = errors.New("recorder: take has a manifest")
	// ErrNothing means a take of which nothing is stored that anybody could open.
	ErrNothing = errors.New("recorder: nothing of the take can be recovered")
)

// RebuildOptions say of which take a manifest is made, and what the store itself
// does not tell.
type RebuildOptions struct {
	From       Source
	Put        Putter
	NotFound   error // by which From says that there is no such object
	Conflict   error // by which Put says that a key holds other content
	Node       *seal.Node
	Call, Take string
	Rate       int
	Coding     media.Coding
	Origin     media.Tick // as far as it is known
	Started    time.Time  // wall time of Origin
	Outcome    string     // how the call ended
	Reason     string     //
	// Witness is as in SpoolOptions.
	Witness func(ctx context.Context, w Witnessed) error
}

// Rebuilt is a manifest that was made from a listing.
type Rebuilt struct {
	Manifest Manifest
	Left     []string // objects of the take that could not be listed in it
}

// Rebuild makes the manifest of a take whose spool is gone, from the objects that
// are stored: the segments from the first one on that follow each other without a
// hole, and the words. It reads all of them, needs no key, and says in the manifest
// that it is not complete and where its list comes from. Nobody may have the take
// on a spool. It returns an error that wraps ErrStored where there is a manifest,
// and ErrNothing.
func Rebuild(ctx context.Context, o RebuildOptions) (r Rebuilt, err error) {
	if err := checkTake(o.Call, o.Take); err != nil {
		return r, err
	}
	l, err := newTimeline(o.Rate, o.Coding, o.Origin)
	if err != nil {
		return r, err
	}
	there, err := o.From.List(ctx, "rec/"+o.Call+"/"+o.Take+"/")
	if err != nil {
		return r, err
	}
	if slices.Contains(there, ManifestObject(o.Call, o.Take)) {
		return r, fmt.Errorf("recorder: rebuild %s %s: %w", o.Call, o.Take, ErrStored)
	}
	r.Manifest = Manifest{
		Version: formatVersion, Call: o.Call, Take: o.Take, Started: o.Started.UTC(), Origin: o.Origin,
		Rate: o.Rate, Coding: o.Coding.String(), Channels: int(tracks), Header: len(l.header),
		Incomplete: []string{NoSpool}, Outcome: o.Outcome, Reason: o.Reason, Source: fromListing,
	}
	if r.Manifest.Epoch, err = o.epoch(ctx); err != nil {
		return r, err
	}
	if err := r.list(ctx, o, l, there); err != nil {
		return r, err
	}
	if len(r.Manifest.Segments) == 0 && r.Manifest.Notes == nil {
		return r, fmt.Errorf("recorder: rebuild %s %s: no segment: %w", o.Call, o.Take, ErrNothing)
	}
	return r, o.keep(ctx, r.Manifest)
}

// OnSpool reports whether the spool in dir has a take. It may be asked while another
// process has the spool.
func OnSpool(dir, call, take string) (bool, error) {
	if err := checkTake(call, take); err != nil {
		return false, err
	}
	_, err := os.Stat(filepath.Join((&Spool{dir: dir}).takesDir(), takeName(call, take)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// epoch returns the newest epoch that has a wrapped key of the take.
func (o *RebuildOptions) epoch(ctx context.Context) (found string, err error) {
	epochs, err := o.From.Folders(ctx, "keys/")
	if err != nil {
		return "", err
	}
	for _, epoch := range epochs {
		keys, err := o.From.List(ctx, "keys/"+epoch+"/"+o.Call+"/"+o.Take+"-")
		if err != nil {
			return "", err
		}
		if len(keys) > 0 && checkIDs(epoch) == nil && (len(epoch) > len(found) || len(epoch) == len(found) && epoch > found) {
			found = epoch
		}
	}
	if found == "" {
		return "", fmt.Errorf("recorder: rebuild %s %s: it has no wrapped key: %w", o.Call, o.Take, ErrNothing)
	}
	return found, nil
}

// list lists the objects that are there, as far as they fit together.
func (r *Rebuilt) list(ctx context.Context, o RebuildOptions, l timeline, there []string) error {
	m := &r.Manifest
	left := slices.Clone(there)
	take := func(key string) (Sealed, int64, bool, error) {
		if !slices.Contains(there, key) {
			return Sealed{}, 0, false, nil
		}
		s, length, err := o.read(ctx, key)
		if errors.Is(err, seal.ErrLength) || errors.Is(err, ErrObject) {
			return s, 0, false, nil // it stays among those that are left
		}
		return s, length, err == nil, err
	}
	use := func(key string) { left = slices.DeleteFunc(left, func(k string) bool { return k == key }) }
	for seq := 1; ; seq++ {
		key := SegmentObject(o.Call, o.Take, seq)
		s, length, ok, err := take(key)
		if err != nil {
			return err
		}
		if !ok || length == 0 || length > l.bytes(seq) {
			break
		}
		use(key)
		m.Segments = append(m.Segments, Segment{Seq: seq, Offset: m.Length, Length: length, Sealed: s})
		m.Length += length
		if length < l.bytes(seq) {
			break // the last
		}
	}
	for _, part := range []struct {
		key string
		to  func(Sealed)
	}{
		{NotesObject(o.Call, o.Take), func(s Sealed) { m.Notes = &s }},
		{MetaObject(o.Call, o.Take), func(s Sealed) { m.Meta = s }},
	} {
		s, _, ok, err := take(part.key)
		if err != nil {
			return err
		}
		if ok {
			use(part.key)
			part.to(s)
		}
	}
	r.Left = left
	if slices.ContainsFunc(left, func(key string) bool { return ownObject(o.Call, o.Take, key, true) }) {
		m.Incomplete = append(m.Incomplete, string(GapDamaged))
	}
	return nil
}

// read reads an object that is to be listed, and holds it against what the store
// says of it. It returns the length of what is sealed in it.
func (o *RebuildOptions) read(ctx context.Context, key string) (s Sealed, length int64, err error) {
	size, sum, err := o.From.Head(ctx, key)
	if err != nil {
		return s, 0, err
	}
	s, begin, err := readPieces(ctx, o.From, key, size)
	if err != nil {
		return s, 0, err
	}
	if s.Size != size || s.SHA256 != sum {
		return s, 0, fmt.Errorf("%w: %s is not what the store says of it", ErrObject, key)
	}
	length, err = seal.PlainLength(begin, size)
	return s, length, err
}

// keep signs the manifest and stores it, unless there is one by now.
func (o *RebuildOptions) keep(ctx context.Context, m Manifest) error {
	b, err := signManifest(m, o.Node)
	if err != nil {
		return err
	}
	if _, _, _, err := parseManifest(b); err != nil {
		return err
	}
	err = o.Put.Put(ctx, ManifestObject(m.Call, m.Take), b, sha256.Sum256(b))
	if errors.Is(err, o.Conflict) {
		err = fmt.Errorf("%w: %w", ErrStored, err)
	}
	if err == nil && o.Witness != nil {
		err = o.Witness(ctx, Witnessed{Call: m.Call, Take: m.Take, Manifest: sha256.Sum256(b), Complete: m.Complete})
	}
	if err != nil {
		return fmt.Errorf("recorder: rebuild %s %s: %w", o.Call, o.Take, err)
	}
	return nil
}
