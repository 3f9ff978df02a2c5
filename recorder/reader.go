package recorder

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sidetone/seal"
)

// ErrObject means that a stored object is not the one that the manifest lists.
var ErrObject = errors.New("recorder: object does not match the manifest")

// Unwrapper opens the wrapped identities of takes. A seal.Keyring is one, and
// so are seal.Identities.
type Unwrapper interface {
	Unwrap(ctx context.Context, epoch string, wrapped []byte) (seal.Identity, error)
}

// OpenOptions say which take to open.
type OpenOptions struct {
	From       Getter
	Keys       Unwrapper
	Trusted    []ed25519.PublicKey // of the nodes whose manifests count
	Call, Take string
	Metrics    *Metrics // of a Reader; nil: none
}

// Recording is a stored take, being read. Its methods fetch when they are
// called and keep nothing; one goroutine at a time.
type Recording struct {
	OpenOptions
	manifest *Manifest
	keys     map[seal.Class]seal.Identity
}

// Open fetches the manifest of a take and verifies it. Keys are unwrapped when
// they are first needed, so that one may read the notes of a take whose audio
// is erased.
func Open(ctx context.Context, o OpenOptions) (*Recording, error) {
	if err := checkIDs(o.Call, o.Take); err != nil {
		return nil, err
	}
	b, err := o.From.Get(ctx, ManifestObject(o.Call, o.Take))
	if err != nil {
		return nil, fmt.Errorf("recorder: open: %w", err)
	}
	m, err := ParseManifest(b, o.Trusted...)
	if err != nil {
		return nil, err
	}
	if m.Call != o.Call || m.Take != o.Take {
		return nil, fmt.Errorf("%w: it is that of %s %s", ErrManifest, m.Call, m.Take)
	}
	return &Recording{OpenOptions: o, manifest: m, keys: make(map[seal.Class]seal.Identity)}, nil
}

// Manifest returns the manifest, which must not be changed.
func (r *Recording) Manifest() *Manifest { return r.manifest }

// Identity unwraps the identity of a class. It returns an error that wraps
// seal.ErrNoIdentity where none of the keys at hand opens it.
func (r *Recording) Identity(ctx context.Context, c seal.Class) (seal.Identity, error) {
	if id, ok := r.keys[c]; ok {
		return id, nil
	}
	id, err := r.identity(ctx, c)
	if err != nil {
		return seal.Identity{}, fmt.Errorf("recorder: key of %s: %w", c, err)
	}
	r.keys[c] = id
	return id, nil
}

// identity fetches and unwraps the identity of a class. It is wrapped to the epoch
// of the manifest or, since a rotation, to a later one; what a backup brings back
// of an epoch that is destroyed is passed over.
func (r *Recording) identity(ctx context.Context, c seal.Class) (seal.Identity, error) {
	id, err := r.unwrap(ctx, r.manifest.Epoch, c)
	lister, ok := r.From.(interface {
		Folders(ctx context.Context, prefix string) ([]string, error)
	})
	if err == nil || !ok {
		return id, err
	}
	epochs, again := lister.Folders(ctx, keysFolder)
	for _, epoch := range epochs {
		if checkIDs(epoch) != nil || epoch == r.manifest.Epoch {
			continue
		}
		id, e := r.unwrap(ctx, epoch, c)
		if e == nil {
			return id, nil
		}
		if errors.Is(e, seal.ErrNoIdentity) {
			again = errors.Join(again, e) // it is there; others say that it is not
		}
	}
	return seal.Identity{}, errors.Join(again, err)
}

// unwrap fetches and unwraps the identity of a class in one epoch.
func (r *Recording) unwrap(ctx context.Context, epoch string, c seal.Class) (seal.Identity, error) {
	wrapped, err := r.From.Get(ctx, KeyObject(epoch, r.Call, r.Take, c))
	if err != nil {
		return seal.Identity{}, err
	}
	return r.Keys.Unwrap(ctx, epoch, wrapped)
}

// WriteWAV writes the file: a WAV stream of two channels, caller left, agent
// right, segment by segment.
func (r *Recording) WriteWAV(ctx context.Context, w io.Writer) error {
	for _, g := range r.manifest.Segments {
		b, err := r.Segment(ctx, g)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("recorder: write: %w", err)
		}
	}
	return nil
}

// Segment fetches and opens one segment of the manifest.
func (r *Recording) Segment(ctx context.Context, g Segment) ([]byte, error) {
	b, err := r.open(ctx, SegmentObject(r.Call, r.Take, g.Seq), g.Sealed, seal.Audio)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != g.Length {
		return nil, fmt.Errorf("%w: segment %d holds %d bytes, not %d", ErrObject, g.Seq, len(b), g.Length)
	}
	return b, nil
}

// Notes returns what was said, in the order in which it was noted.
func (r *Recording) Notes(ctx context.Context) ([]Line, error) {
	if r.manifest.Notes == nil {
		return nil, nil
	}
	b, err := r.open(ctx, NotesObject(r.Call, r.Take), *r.manifest.Notes, seal.Text)
	if err != nil {
		return nil, err
	}
	return parseLines(b)
}

// Meta returns what else is known of the take. The key of its audio opens it,
// or else that of its text.
func (r *Recording) Meta(ctx context.Context) (Meta, error) {
	var meta Meta
	key := MetaObject(r.Call, r.Take)
	b, err := r.open(ctx, key, r.manifest.Meta, seal.Audio)
	if err != nil {
		var again error
		if b, again = r.open(ctx, key, r.manifest.Meta, seal.Text); again != nil {
			return meta, err
		}
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		return meta, fmt.Errorf("recorder: meta: %w", err)
	}
	return meta, nil
}

// open fetches an object, holds it against the manifest and opens it.
func (r *Recording) open(ctx context.Context, key string, want Sealed, c seal.Class) ([]byte, error) {
	id, err := r.Identity(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := r.From.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("recorder: read: %w", err)
	}
	if int64(len(b)) != want.Size || sha256.Sum256(b) != want.SHA256 {
		return nil, fmt.Errorf("%w: %s", ErrObject, key)
	}
	plain, err := seal.Open(b, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return plain, nil
}
