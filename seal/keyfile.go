package seal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ParseIdentities reads an age key file: one identity a line, empty lines and
// lines that start with "#" aside.
func ParseIdentities(r io.Reader) (Identities, error) {
	var ids Identities
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		id, err := ParseIdentity(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		ids = append(ids, id)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("seal: read identities: %w", err)
	}
	if len(ids) == 0 {
		return nil, ErrNoIdentity
	}
	return ids, nil
}

// keyFile reads the identity in the file at path.
func keyFile(path string) (Identity, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, fmt.Errorf("seal: %w", err)
	}
	ids, err := ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return ids[0], nil
}

// ensureKeyFile reads the identity in the file at path, or makes one and
// writes it there, in the form of age-keygen.
func ensureKeyFile(path string) (Identity, error) {
	id, err := keyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if id, err = GenerateIdentity(); err != nil {
		return Identity{}, err
	}
	if err := writeSecret(path, id.KeyFile(time.Now())); errors.Is(err, fs.ErrExist) {
		return keyFile(path) // another process was first
	} else if err != nil {
		return Identity{}, err
	}
	return id, nil
}

// KeyFile returns the text of an age key file that holds the identity.
func (id Identity) KeyFile(created time.Time) []byte {
	return fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n",
		created.UTC().Format(time.RFC3339), id.Recipient(), id.Secret())
}

// writeSecret puts b into a new file that only its owner may read, whole or
// not at all. An existing file is kept, and the error wraps fs.ErrExist.
func writeSecret(path string, b []byte) error { return place(path, b, os.Link) }

// replaceFile puts b into a file that only its owner may read, whole or not at
// all, in place of what was there.
func replaceFile(path string, b []byte) error { return place(path, b, os.Rename) }

// place writes b beside path and moves it there; it is on disk when place
// returns.
func place(path string, b []byte, move func(from, to string) error) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	defer os.Remove(tmp.Name()) // not there any more after a rename
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := move(tmp.Name(), path); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return syncDir(dir)
}

// syncDir puts the names in a directory on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
