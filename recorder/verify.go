package recorder

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sidetone/seal"
)

// Source is an object store that is looked into without any key. Its methods are
// called from one goroutine a take.
type Source interface {
	Getter
	// Head is as in Putter.
	Head(ctx context.Context, key string) (size int64, sha256 [32]byte, err error)
	// GetRange returns at most n bytes of an object from off on; fewer at its end.
	// Nothing is there from off on: an error.
	GetRange(ctx context.Context, key string, off, n int64) ([]byte, error)
	// List returns the keys that begin with prefix.
	List(ctx context.Context, prefix string) ([]string, error)
	// Folders is as in Eraser.
	Folders(ctx context.Context, prefix string) ([]string, error)
}

// VerifyOptions say what is verified.
type VerifyOptions struct {
	From     Source
	NotFound error // by which From says that there is no such object
	// Trusted returns nil if what a node's key signed of a time counts.
	Trusted    func(ctx context.Context, node ed25519.PublicKey, at time.Time) error
	Call, Take string
	Epochs     []string // that have wrapped keys; nil: Verify lists them
	// Expired are the classes that are past their time: nothing of them should be there.
	Expired []seal.Class
}

// FaultKind says of what sort a fault is.
type FaultKind string

// The kinds of faults of a stored take.
const (
	FaultManifest  FaultKind = "manifest"  // missing, malformed, or of another take
	FaultSignature FaultKind = "signature" // it does not verify, or nobody vouches for who signed
	FaultMissing   FaultKind = "missing"   // an object that the manifest lists is not there
	FaultContent   FaultKind = "content"   // an object is not the one that the manifest lists
	FaultUnlisted  FaultKind = "unlisted"  // an object is there that the manifest does not list
	FaultKey       FaultKind = "key"       // a wrapped key is not there
	FaultExpired   FaultKind = "expired"   // something is there, or again, of a class that is past its time
)

// Fault is something that is wrong with a stored take.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Object string    `json:"object,omitempty"`
	What   string    `json:"what"`
}

// String names the object and what is wrong with it.
func (f Fault) String() string {
	if f.Object == "" {
		return f.What
	}
	return f.Object + " " + f.What
}

// Verified is what Verify has seen of a take.
type Verified struct {
	Manifest *Manifest // nil where there is none that can be read
	Hash     Digest    // of the manifest, as it is stored
	Objects  int       // that were read
	Bytes    int64     // of them
	Faults   []Fault   // all of them; none: the take is what was recorded
}

// Verify looks at everything that is stored of a take: whether all objects are
// there that the manifest lists, and no others; their sizes, hashes and lengths,
// order and contiguity; the signature and who signed; the wrapped keys. It names
// all that is wrong, and needs no key. Objects are read a piece at a time. The
// error says that the store can not be asked, or wraps ErrID.
func Verify(ctx context.Context, o VerifyOptions) (v Verified, err error) {
	if err := checkTake(o.Call, o.Take); err != nil {
		return v, err
	}
	there, err := o.From.List(ctx, "rec/"+o.Call+"/"+o.Take+"/")
	if err != nil {
		return v, err
	}
	name := ManifestObject(o.Call, o.Take)
	b, err := o.From.Get(ctx, name)
	if errors.Is(err, o.NotFound) {
		v.fault(FaultManifest, name, fmt.Sprintf("is not there; %d objects of the take are", len(there)))
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Hash = sha256.Sum256(b)
	v.Objects, v.Bytes = 1, int64(len(b))
	if !v.readManifest(ctx, o, name, b) {
		return v, nil
	}
	if err := v.readObjects(ctx, o, there); err != nil {
		return v, err
	}
	return v, v.findKeys(ctx, o)
}

func (v *Verified) fault(kind FaultKind, object, what string) {
	v.Faults = append(v.Faults, Fault{kind, object, what})
}

// readManifest reports whether there is a manifest to hold the objects against.
func (v *Verified) readManifest(ctx context.Context, o VerifyOptions, name string, b []byte) bool {
	m, signed, signature, err := parseManifest(b)
	if err != nil {
		v.fault(FaultManifest, name, err.Error())
		return false
	}
	if m.Call != o.Call || m.Take != o.Take {
		v.fault(FaultManifest, name, fmt.Sprintf("is that of call %s, take %s", m.Call, m.Take))
		return false
	}
	v.Manifest = m
	if what := m.contradiction(); what != "" {
		v.fault(FaultManifest, name, what)
	}
	node, started, err := Signer(b)
	if err == nil {
		err = seal.Verify(signed, signature, node)
	}
	if err == nil {
		err = o.Trusted(ctx, node, started)
	}
	if err != nil {
		v.fault(FaultSignature, name, err.Error())
	}
	return true
}

// contradiction returns what a manifest says that none of ours does, beside what
// its form forbids.
func (m *Manifest) contradiction() string {
	l, err := newTimeline(m.Rate, parseCoding(m.Coding), m.Origin)
	switch {
	case err != nil || m.Channels != int(tracks) || m.Header != len(l.header):
		return fmt.Sprintf("has no format of ours: %s at %d Hz, %d channels, a header of %d bytes", m.Coding, m.Rate, m.Channels, m.Header)
	case m.Complete != (len(m.Incomplete) == 0):
		return fmt.Sprintf("says complete: %v, and what is missing: %q", m.Complete, m.Incomplete)
	}
	for i, g := range m.Segments {
		if want := l.bytes(g.Seq); g.Length > want || g.Length < want && i < len(m.Segments)-1 {
			return fmt.Sprintf("lists segment %d with %d bytes, which has %d", g.Seq, g.Length, want)
		}
	}
	for _, s := range m.Snippets {
		for _, c := range m.Cuts {
			if c.takesSpan(s.From, s.To) {
				return fmt.Sprintf("lists snippet %s, which was taken back", s.ID)
			}
		}
		if end := max(0, m.Length-int64(m.Header)) / (l.width() * int64(tracks)); l.position(s.From) < 0 || l.position(s.To) > end {
			return fmt.Sprintf("lists snippet %s, which is not in the recording", s.ID)
		}
	}
	return ""
}

// bytes is the length of a whole segment in the file.
func (l *timeline) bytes(seq int) int64 {
	n := l.segment * l.width() * int64(tracks)
	if seq == 1 {
		n += int64(len(l.header))
	}
	return n
}

// readObjects holds the objects that are there against the manifest.
func (v *Verified) readObjects(ctx context.Context, o VerifyOptions, there []string) error {
	m := v.Manifest
	listed := []string{ManifestObject(m.Call, m.Take)}
	look := func(key string, want Sealed, length int64) error {
		listed = append(listed, key)
		if o.expired(key) {
			return nil
		}
		if !slices.Contains(there, key) {
			v.fault(FaultMissing, key, "is not there")
			return nil
		}
		return v.readObject(ctx, o, key, want, length)
	}
	for _, g := range m.Segments {
		if err := look(SegmentObject(m.Call, m.Take, g.Seq), g.Sealed, g.Length); err != nil {
			return err
		}
	}
	for _, s := range m.Snippets {
		if err := look(SnippetObject(m.Call, m.Take, s.ID), s.Sealed, v.clipBytes(s)); err != nil {
			return err
		}
	}
	if m.Notes != nil {
		if err := look(NotesObject(m.Call, m.Take), *m.Notes, -1); err != nil {
			return err
		}
	}
	listing := m.Source == fromListing
	if m.Meta != (Sealed{}) || !listing {
		if err := look(MetaObject(m.Call, m.Take), m.Meta, -1); err != nil {
			return err
		}
	}
	for _, key := range there {
		if o.expired(key) {
			v.fault(FaultExpired, key, "is there, though its class is past its time")
			continue
		}
		if ownObject(m.Call, m.Take, key, listing) && !slices.Contains(listed, key) {
			v.fault(FaultUnlisted, key, "is not in the manifest")
		}
	}
	return nil
}

// expired reports whether an object of the take is of a class that is past its time.
func (o VerifyOptions) expired(key string) bool {
	return slices.ContainsFunc(o.Expired, func(c seal.Class) bool {
		return slices.ContainsFunc(classFolders[c], func(folder string) bool {
			return strings.HasPrefix(key, "rec/"+o.Call+"/"+o.Take+"/"+folder)
		})
	})
}

// ownObject reports whether an object of a take is one that its manifest lists: what
// lies in further folders is not, nor are snippets where the list comes from a
// listing, which does not tell of what they are.
func ownObject(call, take, key string, listing bool) bool {
	folder, _, deep := strings.Cut(strings.TrimPrefix(key, "rec/"+call+"/"+take+"/"), "/")
	return !deep || folder == "seg" || folder == "text" || folder == "snip" && !listing
}

// clipBytes is the length of the WAV file of a snippet; -1 in a format of nobody's.
func (v *Verified) clipBytes(s Snippet) int64 {
	l, err := newTimeline(v.Manifest.Rate, parseCoding(v.Manifest.Coding), v.Manifest.Origin)
	if err != nil {
		return -1
	}
	return int64(len(l.clipHeader(nil, 0))) + (l.position(s.To)-l.position(s.From))*l.width()
}

// readObject reads an object, and holds its size, hash and the length of what is
// sealed in it against the manifest; length -1 is any.
func (v *Verified) readObject(ctx context.Context, o VerifyOptions, key string, want Sealed, length int64) error {
	// One byte more than there should be shows whether there are more.
	got, begin, err := readPieces(ctx, o.From, key, want.Size+1)
	if errors.Is(err, o.NotFound) {
		v.fault(FaultMissing, key, "is not there")
		return nil
	}
	if err != nil { // a store answers so where it ends with a piece
		if size, _, again := o.From.Head(ctx, key); again != nil || size != got.Size {
			return err
		}
	}
	v.Objects, v.Bytes = v.Objects+1, v.Bytes+got.Size
	switch plain, err := seal.PlainLength(begin, got.Size); {
	case got.Size > want.Size:
		v.fault(FaultContent, key, fmt.Sprintf("has more than %d bytes", want.Size))
	case got.Size < want.Size:
		v.fault(FaultContent, key, fmt.Sprintf("has %d bytes, and should have %d", got.Size, want.Size))
	case got.SHA256 != want.SHA256:
		v.fault(FaultContent, key, "has another SHA-256")
	case err != nil:
		v.fault(FaultContent, key, err.Error())
	case length >= 0 && plain != length:
		v.fault(FaultContent, key, fmt.Sprintf("holds %d bytes of the file, and should hold %d", plain, length))
	}
	return nil
}

// pieceMost is how much of an object is read at once.
const pieceMost = 1 << 20

// readPieces reads an object up to limit bytes, a piece at a time, and returns its
// size so far, its hash and its beginning.
func readPieces(ctx context.Context, from Source, key string, limit int64) (got Sealed, begin []byte, err error) {
	sum := sha256.New()
	for got.Size < limit {
		n := min(pieceMost, limit-got.Size)
		if limit-got.Size-n == 1 {
			n++ // no request for the one byte that should not be there
		}
		var piece []byte
		if piece, err = from.GetRange(ctx, key, got.Size, n); err != nil {
			break
		}
		if got.Size == 0 {
			begin = slices.Clone(piece[:min(len(piece), seal.HeaderMost)])
		}
		got.Size += int64(len(piece))
		sum.Write(piece)
		if int64(len(piece)) < n {
			break
		}
	}
	got.SHA256 = Digest(sum.Sum(nil))
	return got, begin, err
}

// findKeys looks for the wrapped keys of the take, in whichever epoch.
func (v *Verified) findKeys(ctx context.Context, o VerifyOptions) (err error) {
	epochs := o.Epochs
	if epochs == nil {
		if epochs, err = o.From.Folders(ctx, "keys/"); err != nil {
			return err
		}
	}
	found := map[seal.Class]bool{}
	for _, epoch := range epochs {
		keys, err := o.From.List(ctx, "keys/"+epoch+"/"+o.Call+"/"+o.Take+"-")
		if err != nil {
			return err
		}
		for _, c := range seal.Classes {
			found[c] = found[c] || slices.Contains(keys, KeyObject(epoch, o.Call, o.Take, c))
		}
	}
	for _, c := range seal.Classes {
		if slices.Contains(o.Expired, c) {
			if found[c] {
				v.fault(FaultExpired, KeyObject(v.Manifest.Epoch, o.Call, o.Take, c), "is there, or in another epoch, though its class is past its time")
			}
			continue
		}
		if !found[c] {
			v.fault(FaultKey, KeyObject(v.Manifest.Epoch, o.Call, o.Take, c), "is not there, nor in another epoch: nobody can open this part")
		}
	}
	return nil
}
