package recorder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sidetone/seal"
)

// ErrConflict says that a key holds other content, unless SpoolOptions.Conflict
// does.
var ErrConflict = errors.New("recorder: object exists with other content")

// ErrID means an id that cannot be part of an object's key.
var ErrID = errors.New("recorder: malformed id")

// Putter stores objects. Its methods are called from several goroutines.
type Putter interface {
	// Put creates an object. It succeeds where the key holds the same content
	// already, and returns an error that wraps SpoolOptions.Conflict where it
	// holds other. After any other error it is tried again.
	Put(ctx context.Context, key string, body []byte, sha256 [32]byte) error
	// Head returns the size and content hash of an object, as the store has them.
	Head(ctx context.Context, key string) (size int64, sha256 [32]byte, err error)
}

// Eraser deletes objects for good: with all their versions, where the store
// keeps versions. Its methods are called from several goroutines.
type Eraser interface {
	// Folders returns the names of what lies between prefix, which ends in a
	// slash, and the next slash of the keys that begin with it.
	Folders(ctx context.Context, prefix string) ([]string, error)
	// Erase removes every object whose key begins with prefix, in every version.
	// It returns nil when the store lists none of them any more.
	Erase(ctx context.Context, prefix string) error
}

// Getter fetches whole objects.
type Getter interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// keysFolder has a folder of wrapped identities for each epoch.
const keysFolder = "keys/"

// KeyObject is the key under which the wrapped identity of a class lies.
func KeyObject(epoch, call, take string, class seal.Class) string {
	return keysFolder + epoch + "/" + call + "/" + take + "-" + string(class) + ".age"
}

// SegmentObject is the key of segment seq, counted from 1.
func SegmentObject(call, take string, seq int) string {
	return fmt.Sprintf("rec/%s/%s/seg/%06d.age", call, take, seq)
}

// NotesObject is the key of a take's words.
func NotesObject(call, take string) string { return "rec/" + call + "/" + take + "/text/notes.age" }

// MetaObject is the key of what is sealed about a take.
func MetaObject(call, take string) string { return "rec/" + call + "/" + take + "/meta.age" }

// ManifestObject is the key of a take's manifest, the last object to be stored.
func ManifestObject(call, take string) string { return "rec/" + call + "/" + take + "/manifest.json" }

// checkTake refuses ids that no take can have.
func checkTake(call, take string) error {
	if strings.Contains(take, "-") {
		return fmt.Errorf("%w: take %.80q", ErrID, take)
	}
	return checkIDs(call, take)
}

// checkIDs refuses ids that are not 1 to 64 letters, digits, "-" and "_".
func checkIDs(ids ...string) error {
	for _, id := range ids {
		bad := strings.IndexFunc(id, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
		})
		if id == "" || len(id) > 64 || bad >= 0 {
			return fmt.Errorf("%w: %.80q", ErrID, id)
		}
	}
	return nil
}
