package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"sidetone/configs"
	"sidetone/store"
)

// The folders of tombstones.
const (
	callTombs   = "calls"   // by the id of the call
	callerTombs = "callers" // by the keyed hash of the number, in hexadecimal digits
)

// tombstone says that something was to be erased, and when: outside of the backups
// that may bring it back.
type tombstone struct {
	At time.Time `json:"at"`
}

// tombstones keeps small files for good. What it has confirmed is durable.
type tombstones interface {
	write(ctx context.Context, folder, name string, body []byte) error
	names(ctx context.Context, folder string) ([]string, error)
	read(ctx context.Context, folder, name string) ([]byte, error) // store.ErrNotFound: there is none
}

// tombsAt is the place of the tombstones.
func tombsAt(c *configs.Config) string {
	return cmp.Or(c.Erasures.Location, filepath.Join(c.DataDir, "erasures"))
}

// openTombstones opens the place that erasures.location names.
func openTombstones(ctx context.Context, c *configs.Config) (tombstones, error) {
	bucket, prefix, ok := c.Erasures.Bucket()
	if !ok {
		return tombFolder(tombsAt(c)), nil
	}
	o := remoteS3(c)
	o.Bucket, o.Prefix = bucket, prefix
	objects, err := store.OpenS3(ctx, o)
	if err != nil {
		return nil, err
	}
	return tombBucket{objects}, nil
}

// bury writes the tombstone of a call or a caller. The first one stays.
func bury(ctx context.Context, t tombstones, folder, name string, now time.Time) error {
	body, err := json.Marshal(tombstone{now.UTC().Truncate(time.Millisecond)})
	if err == nil {
		err = t.write(ctx, folder, name, append(body, '\n'))
	}
	if err != nil {
		return fmt.Errorf("app: tombstone of %s: %w", name, err)
	}
	return nil
}

// isBuried reports whether a call has a tombstone.
func isBuried(ctx context.Context, t tombstones, call string) (bool, error) {
	_, err := t.read(ctx, callTombs, call)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("app: tombstone of %s: %w", call, err)
	}
	return true, nil
}

// tombFolder keeps tombstones in a directory, which is made when the first is
// written.
type tombFolder string

func (d tombFolder) write(_ context.Context, folder, name string, body []byte) error {
	dir := filepath.Join(string(d), folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	to := filepath.Join(dir, name+".json")
	if _, err := os.Stat(to); err == nil {
		return syncFolder(dir)
	}
	f, err := os.CreateTemp(dir, ".tombstone-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	return errors.Join(err, syncFolder(dir), syncFolder(string(d)))
}

func (d tombFolder) names(_ context.Context, folder string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(string(d), folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	return names, err
}

func (d tombFolder) read(_ context.Context, folder, name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(string(d), folder, filepath.Base(name)+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = store.ErrNotFound
	}
	return b, err
}

// tombBucket keeps tombstones in a bucket of their own.
type tombBucket struct{ objects *store.Objects }

func (b tombBucket) write(ctx context.Context, folder, name string, body []byte) error {
	err := b.objects.Put(ctx, path.Join(folder, name+".json"), body, sha256.Sum256(body))
	if errors.Is(err, store.ErrConflict) {
		return nil // the first one stays
	}
	return err
}

func (b tombBucket) names(ctx context.Context, folder string) (names []string, err error) {
	for page, err := range b.objects.Pages(ctx, folder+"/") {
		if err != nil {
			return nil, err
		}
		for _, key := range page {
			if name, ok := strings.CutSuffix(path.Base(key), ".json"); ok {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func (b tombBucket) read(ctx context.Context, folder, name string) ([]byte, error) {
	return b.objects.Get(ctx, path.Join(folder, path.Base(name)+".json"))
}
