package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// ErrUnknownEpoch means that a wrapped identity names an epoch that this
// keyring has never had.
var ErrUnknownEpoch = errors.New("seal: unknown epoch")

// Epoch is one generation of the operator's key. The identity of any one of
// its recipients unwraps what was wrapped in it; the first recipient is the
// keyring's own, the others are escrow.
type Epoch struct {
	ID         string      `json:"id"` // "epoch-1", "epoch-2", ...
	Created    time.Time   `json:"created"`
	Recipients []Recipient `json:"recipients"`
}

// Keys is the operator's key service: it wraps the identities of takes to the
// epoch of now and unwraps them again. Keyring keeps the keys in files; a
// service on the network fits as well, so that Wrap may take its time.
type Keys interface {
	// Current returns the epoch that Wrap wraps to. It does not block.
	Current() Epoch
	// Wrap seals the written form of id to the recipients of the current epoch,
	// and returns which epoch that was.
	Wrap(ctx context.Context, id Identity) (epoch string, wrapped []byte, err error)
	// Unwrap opens what Wrap made. It returns an error that wraps ErrNoIdentity
	// where the private half of the epoch's key is not at hand.
	Unwrap(ctx context.Context, epoch string, wrapped []byte) (Identity, error)
}

// Keyring keeps epoch keys in a directory: epochs.json lists the epochs with
// their public halves, epoch-<n>.agekey (mode 0600) holds a private half. The
// private files may be kept elsewhere: then the keyring wraps and does not
// unwrap. Its methods may be called from any goroutine.
type Keyring struct {
	dir    string
	epochs atomic.Pointer[[]Epoch] // oldest first, never empty, never changed in place
}

const epochList = "epochs.json"

// OpenKeyring opens the keyring in dir. An empty directory gets its first
// epoch, sealed to escrow as well; later epochs are made by Rotate alone.
func OpenKeyring(dir string, escrow ...Recipient) (*Keyring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("seal: open keyring: %w", err)
	}
	k, err := LoadKeyring(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	k = &Keyring{dir: dir}
	k.epochs.Store(&[]Epoch{})
	if _, err := k.Rotate(escrow...); err != nil {
		return nil, err
	}
	return k, nil
}

// LoadKeyring opens the keyring in dir, and makes nothing: where there is none
// the error wraps fs.ErrNotExist.
func LoadKeyring(dir string) (*Keyring, error) {
	k := &Keyring{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, epochList))
	if err != nil {
		return nil, fmt.Errorf("seal: open keyring: %w", err)
	}
	var epochs []Epoch
	if err := json.Unmarshal(b, &epochs); err != nil {
		return nil, fmt.Errorf("seal: %s: %w", filepath.Join(dir, epochList), err)
	}
	for _, e := range epochs {
		if len(e.Recipients) == 0 {
			return nil, fmt.Errorf("seal: %s: %s: %w", filepath.Join(dir, epochList), e.ID, ErrNoRecipient)
		}
	}
	if len(epochs) == 0 {
		return nil, fmt.Errorf("seal: %s: no epochs", filepath.Join(dir, epochList))
	}
	k.epochs.Store(&epochs)
	return k, nil
}

// Rotate begins the next epoch with a new key, sealed to escrow as well. What
// was wrapped before stays wrapped to its own epoch. One goroutine at a time.
func (k *Keyring) Rotate(escrow ...Recipient) (Epoch, error) {
	old := *k.epochs.Load()
	e := Epoch{ID: fmt.Sprintf("epoch-%d", len(old)+1), Created: time.Now().UTC().Truncate(time.Second)}
	id, err := ensureKeyFile(k.privateFile(e.ID))
	if err != nil {
		return Epoch{}, err
	}
	e.Recipients = append([]Recipient{id.Recipient()}, escrow...)
	epochs := append(old[:len(old):len(old)], e)
	b, err := json.MarshalIndent(epochs, "", "  ")
	if err != nil {
		return Epoch{}, fmt.Errorf("seal: rotate: %w", err)
	}
	if err := replaceFile(filepath.Join(k.dir, epochList), append(b, '\n')); err != nil {
		return Epoch{}, err
	}
	k.epochs.Store(&epochs)
	return e, nil
}

// Current implements Keys.
func (k *Keyring) Current() Epoch {
	epochs := *k.epochs.Load()
	return epochs[len(epochs)-1]
}

// Epochs returns all epochs, oldest first.
func (k *Keyring) Epochs() []Epoch { return *k.epochs.Load() }

// Serving reports whether the private half of the current epoch is here, so
// that recordings can be opened on this machine.
func (k *Keyring) Serving() bool {
	_, err := os.Stat(k.privateFile(k.Current().ID))
	return err == nil
}

// Wrap implements Keys. What it returns is an age file that holds the
// identity in its written form, so that stock age can unwrap it.
func (k *Keyring) Wrap(_ context.Context, id Identity) (string, []byte, error) {
	e := k.Current()
	wrapped, err := Seal(nil, []byte(id.Secret()+"\n"), e.Recipients...)
	return e.ID, wrapped, err
}

// Unwrap implements Keys. The private half is read from its file each time
// and not kept, so that a destroyed file opens nothing from then on.
func (k *Keyring) Unwrap(ctx context.Context, epoch string, wrapped []byte) (Identity, error) {
	for _, e := range *k.epochs.Load() {
		if e.ID != epoch {
			continue
		}
		id, err := keyFile(k.privateFile(epoch))
		if errors.Is(err, fs.ErrNotExist) {
			return Identity{}, fmt.Errorf("%s: %w", epoch, ErrNoIdentity)
		}
		if err != nil {
			return Identity{}, err
		}
		return Identities{id}.Unwrap(ctx, epoch, wrapped)
	}
	return Identity{}, fmt.Errorf("%q: %w", epoch, ErrUnknownEpoch)
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
