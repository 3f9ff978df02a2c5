package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Keyring keeps epoch keys in a directory: epochs.json lists the epochs with
// their public halves, proofs.json who has shown to have the private halves,
// epoch-<n>.agekey (mode 0600) holds a private half. The private files may be
// kept elsewhere: then the keyring wraps and does not unwrap. The keys of an epoch
// may also be kept by a Service. Its methods may be called from any goroutine, and
// several processes may share the directory.
type Keyring struct {
	dir     string
	service Service // nil: none
	list    atomic.Pointer[epochs]
}

// epochs is what epochs.json held when it was read. It is never changed in place.
type epochs struct {
	file []byte
	all  []Epoch // oldest first, never empty
}

const epochList = "epochs.json"

// OpenKeyring opens the keyring in dir. An empty directory gets its first
// epoch, with a pair whose private half is kept there, and sealed to escrow as
// well; later epochs are made by Rotate alone. It returns an error that wraps
// ErrUnproved where one of escrow would take part and has not answered a
// challenge.
func OpenKeyring(dir string, escrow ...Recipient) (*Keyring, error) {
	k, err := LoadKeyring(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	k, err = InitKeyring(dir, Plan{Here: true, Recipients: escrow})
	if errors.Is(err, fs.ErrExist) {
		return LoadKeyring(dir) // another process was first
	}
	return k, err
}

// InitKeyring makes a keyring with its first epoch in dir, which is made if
// missing. Where there is a keyring the error wraps fs.ErrExist.
func InitKeyring(dir string, p Plan) (*Keyring, error) {
	unlock, err := lockKeys(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, epochList)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("seal: init keyring: %s: %w", dir, errors.Join(err, fs.ErrExist))
	}
	k := &Keyring{dir: dir}
	k.list.Store(&epochs{})
	if _, err := k.begin(p); err != nil {
		return nil, err
	}
	return k, nil
}

// LoadKeyring opens the keyring in dir, and makes nothing: where there is none
// the error wraps fs.ErrNotExist.
func LoadKeyring(dir string) (*Keyring, error) {
	k := &Keyring{dir: dir}
	if _, err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads epochs.json again, so that an epoch which another process has
// begun is taken up, and reports whether there was anything new. After an error
// the epochs are those from before.
func (k *Keyring) Reload() (changed bool, err error) {
	path := filepath.Join(k.dir, epochList)
	b, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("seal: open keyring: %w", err)
	}
	if old := k.list.Load(); old != nil && bytes.Equal(old.file, b) {
		return false, nil
	}
	all, err := parseEpochs(b)
	if err != nil {
		return false, fmt.Errorf("seal: %s: %w", path, err)
	}
	k.list.Store(&epochs{file: b, all: all})
	return true, nil
}

// parseEpochs parses epochs.json.
func parseEpochs(b []byte) ([]Epoch, error) {
	var all []Epoch
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for i, e := range all {
		if (len(e.Recipients) == 0) == (e.ServiceKey == "") {
			return nil, fmt.Errorf("%s: recipients or a service's key: %w", e.ID, ErrNoRecipient)
		}
		if !isEpochID(e.ID) || i > 0 && indexOf(all[:i], e.ID) >= 0 {
			return nil, fmt.Errorf("epoch %d is called %.80q", i+1, e.ID)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no epochs")
	}
	return all, nil
}

// isEpochID reports whether id may be part of a file's name and of an object's.
func isEpochID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

func indexOf(all []Epoch, id string) int {
	for i, e := range all {
		if e.ID == id {
			return i
		}
	}
	return -1
}

// save replaces the list of epochs. The caller holds the directory's lock.
func (k *Keyring) save(all []Epoch) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("seal: save keyring: %w", err)
	}
	b = append(b, '\n')
	if err := replaceFile(filepath.Join(k.dir, epochList), b); err != nil {
		return err
	}
	k.list.Store(&epochs{file: b, all: all})
	return nil
}

// Current implements Keys.
func (k *Keyring) Current() Epoch {
	all := k.Epochs()
	return all[len(all)-1]
}

// Epochs returns all epochs, oldest first.
func (k *Keyring) Epochs() []Epoch { return k.list.Load().all }

// Epoch returns the epoch called id, or an error that wraps ErrUnknownEpoch.
func (k *Keyring) Epoch(id string) (Epoch, error) {
	all := k.Epochs()
	if i := indexOf(all, id); i >= 0 {
		return all[i], nil
	}
	return Epoch{}, fmt.Errorf("%.80q: %w", id, ErrUnknownEpoch)
}

// Dir returns the keyring's directory.
func (k *Keyring) Dir() string { return k.dir }

// Serving reports whether the private half of the current epoch is here, so
// that recordings can be opened on this machine.
func (k *Keyring) Serving() bool { return k.Holds(k.Current().ID) }

// Holds reports whether the private half of an epoch is in the keyring's
// directory.
func (k *Keyring) Holds(epoch string) bool {
	_, err := os.Stat(k.privateFile(epoch))
	return err == nil
}

// Private returns the private half of an epoch, for a backup of it. It returns
// an error that wraps ErrNoIdentity where it is not here.
func (k *Keyring) Private(epoch string) (Identity, error) {
	e, err := k.Epoch(epoch)
	if err != nil {
		return Identity{}, err
	}
	if !e.Destroyed.IsZero() {
		return Identity{}, fmt.Errorf("%s was destroyed: %w", epoch, ErrNoIdentity)
	}
	if e.ServiceKey != "" {
		return Identity{}, fmt.Errorf("the private half of %s does not leave its key service: %w", epoch, ErrNoIdentity)
	}
	id, err := keyFile(k.privateFile(epoch))
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("the private half of %s, a key of %v, is not at %s: %w",
			epoch, e.Recipients, k.privateFile(epoch), ErrNoIdentity)
	}
	return id, err
}

// Wrap implements Keys. What it returns is an age file that holds the
// identity in its written form, so that stock age can unwrap it; or what the
// service of the epoch makes of that form.
func (k *Keyring) Wrap(ctx context.Context, id Identity) (string, []byte, error) {
	e := k.Current()
	if e.ServiceKey != "" {
		wrapped, err := k.wrapIn(ctx, e, id)
		return e.ID, wrapped, err
	}
	wrapped, err := Seal(nil, []byte(id.Secret()+"\n"), e.Recipients...)
	return e.ID, wrapped, err
}

// Unwrap implements Keys. The private half is read from its file each time
// and not kept, so that a destroyed file opens nothing from then on.
func (k *Keyring) Unwrap(ctx context.Context, epoch string, wrapped []byte) (Identity, error) {
	if e, err := k.Epoch(epoch); err == nil && e.ServiceKey != "" && e.Destroyed.IsZero() {
		return k.unwrapIn(ctx, e, wrapped)
	}
	id, err := k.Private(epoch)
	if err != nil {
		return Identity{}, err
	}
	return Identities{id}.Unwrap(ctx, epoch, wrapped)
}

func (k *Keyring) privateFile(epoch string) string {
	return filepath.Join(k.dir, epoch+".agekey")
}

// Identities unwraps with identities that the caller holds, such as those of
// an age key file, whatever the epoch.
type Identities []Identity

// Unwrap opens a wrapped identity with any one of ids.
func (ids Identities) Unwrap(_ context.Context, epoch string, wrapped []byte) (Identity, error) {
	b, err := Open(wrapped, ids...)
	if err != nil {
		return Identity{}, fmt.Errorf("unwrap key of %s: %w", epoch, err)
	}
	return ParseIdentity(string(b))
}
