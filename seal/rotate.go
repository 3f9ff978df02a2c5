package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

var (
	// ErrPlan means an epoch that can not begin as it was asked for.
	ErrPlan = errors.New("seal: no such epoch can begin")
	// ErrCurrent means that the current epoch was to be destroyed.
	ErrCurrent = errors.New("seal: recordings are wrapped to this epoch now")
)

// Plan says who can open what is wrapped in an epoch that is to begin: at least
// one of its fields is set, not both Here and File, and ServiceKey alone.
type Plan struct {
	Here       bool        // a pair is made, and its private half kept in the keyring's directory
	File       string      // a pair is made, and its private half written to this file, for elsewhere
	Recipients []Recipient // further ones; each has answered a challenge
	ServiceKey string      // a key service's, of which ProveService has shown that it opens
}

// Rotate begins the next epoch. What was wrapped before stays wrapped to its own
// epoch. The error wraps ErrUnproved where a recipient has not answered a
// challenge, and ErrPlan where p can not be.
func (k *Keyring) Rotate(p Plan) (Epoch, error) {
	unlock, err := lockKeys(k.dir)
	if err != nil {
		return Epoch{}, err
	}
	defer unlock()
	if _, err := k.Reload(); err != nil {
		return Epoch{}, err
	}
	return k.begin(p)
}

// begin is Rotate for who holds the lock.
func (k *Keyring) begin(p Plan) (Epoch, error) {
	old := k.Epochs()
	e := Epoch{ID: fmt.Sprintf("epoch-%d", len(old)+1), Created: now(), Named: !p.Here && p.File == ""}
	if p.Here && p.File != "" {
		return Epoch{}, fmt.Errorf("%w: the private half goes to one place", ErrPlan)
	}
	if p.ServiceKey != "" {
		return k.beginService(e, p, old)
	}
	if err := proved(k.dir, p.Recipients); err != nil {
		return Epoch{}, err
	}
	if !e.Named {
		own, err := k.makePair(e.ID, p, old)
		if err != nil {
			return Epoch{}, err
		}
		e.Recipients = append(e.Recipients, own)
	}
	for _, r := range p.Recipients {
		if r.In(e.Recipients) {
			return Epoch{}, fmt.Errorf("%w: %s is named twice", ErrPlan, r)
		}
		e.Recipients = append(e.Recipients, r)
	}
	if len(e.Recipients) == 0 {
		return Epoch{}, fmt.Errorf("%w: %w", ErrPlan, ErrNoRecipient)
	}
	return e, k.save(append(old[:len(old):len(old)], e))
}

// beginService is begin for an epoch whose key is kept by a service.
func (k *Keyring) beginService(e Epoch, p Plan, old []Epoch) (Epoch, error) {
	if p.Here || p.File != "" || len(p.Recipients) > 0 {
		return Epoch{}, fmt.Errorf("%w: a key service has no other recipients beside it", ErrPlan)
	}
	proofs, err := Proofs(k.dir)
	if err != nil {
		return Epoch{}, err
	}
	if proofs[p.ServiceKey].Proved.IsZero() {
		return Epoch{}, fmt.Errorf("%w: %s", ErrUnproved, p.ServiceKey)
	}
	for _, o := range old {
		if o.ServiceKey == p.ServiceKey {
			return Epoch{}, fmt.Errorf("%w: %s is the key of %s, and each epoch has its own", ErrPlan, p.ServiceKey, o.ID)
		}
	}
	e.ServiceKey, e.Named = p.ServiceKey, false
	return e, k.save(append(old[:len(old):len(old)], e))
}

// makePair makes the pair of an epoch, writes its private half where p says, and
// proves that what was written opens.
func (k *Keyring) makePair(epoch string, p Plan, old []Epoch) (Recipient, error) {
	path := p.File
	if p.Here {
		path = k.privateFile(epoch)
	}
	if _, err := ensureKeyFile(path); err != nil {
		return Recipient{}, err
	}
	id, err := keyFile(path) // as it lies on the disk
	if err != nil {
		return Recipient{}, err
	}
	for _, e := range old {
		if id.Recipient().In(e.Recipients) {
			return Recipient{}, fmt.Errorf("%w: %s holds a key of %s, and each epoch has its own", ErrPlan, path, e.ID)
		}
	}
	return id.Recipient(), prove(k.dir, id)
}

// Destroy destroys the private half of an epoch that is over: that in the
// keyring's directory, and that in file, unless file is empty. It is overwritten
// and removed before Destroy returns. gone are recipients of the epoch whose
// holders have destroyed theirs. It may be called again, with more of them or
// after a crash. Whether anything is still wrapped to the epoch is for the caller
// to see to.
func (k *Keyring) Destroy(epoch, file string, gone ...Recipient) (Epoch, error) {
	unlock, err := lockKeys(k.dir)
	if err != nil {
		return Epoch{}, err
	}
	defer unlock()
	all, at, err := k.ending(epoch)
	if err != nil {
		return Epoch{}, err
	}
	e := &all[at]
	files, err := k.privateFiles(*e, file)
	if err != nil {
		return Epoch{}, err
	}
	for _, f := range files {
		gone = append(gone, f.of)
	}
	for _, r := range gone {
		if err := mayBeGone(all, at, r); err != nil {
			return Epoch{}, err
		}
	}
	if err := k.wipe(all, e, files); err != nil {
		return Epoch{}, err
	}
	for _, r := range append(e.Wiping, gone...) {
		if !r.In(e.Gone) {
			e.Gone = append(e.Gone, r)
			e.Destroyed = now()
		}
	}
	e.Wiping = nil
	if len(e.Gone) == 0 {
		return *e, fmt.Errorf("%s: none of its private halves is here, nor said to be destroyed: %w", epoch, ErrNoIdentity)
	}
	return *e, k.save(all)
}

// ending returns a copy of all epochs, and where in it is the one that is to end. The
// caller holds the lock.
func (k *Keyring) ending(epoch string) (all []Epoch, at int, err error) {
	if _, err := k.Reload(); err != nil {
		return nil, 0, err
	}
	all = slices.Clone(k.Epochs())
	switch at = indexOf(all, epoch); at {
	case -1:
		return nil, 0, fmt.Errorf("%.80q: %w", epoch, ErrUnknownEpoch)
	case len(all) - 1:
		return nil, 0, fmt.Errorf("%s: %w", epoch, ErrCurrent)
	}
	return all, at, nil
}

// mayBeGone returns an error unless r takes part in the epoch at, and in none
// that lives.
func mayBeGone(all []Epoch, at int, r Recipient) error {
	if !r.In(all[at].Recipients) {
		return fmt.Errorf("%w: %s is no recipient of %s", ErrPlan, r, all[at].ID)
	}
	for i, e := range all {
		if i != at && r.In(e.Openers()) && e.Destroyed.IsZero() {
			return fmt.Errorf("%w: %s takes part in %s too, so it is not destroyed", ErrPlan, r, e.ID)
		}
	}
	return nil
}

// privateFile is a file that holds the private half of a recipient.
type privateFile struct {
	path string
	of   Recipient
}

// privateFiles finds the private halves of e: in its place, and in file.
func (k *Keyring) privateFiles(e Epoch, file string) (found []privateFile, err error) {
	here := k.privateFile(e.ID)
	for _, path := range []string{here, file} {
		if path == "" {
			continue
		}
		id, err := keyFile(path)
		if errors.Is(err, fs.ErrNotExist) && path == here {
			continue
		}
		if err != nil && isOverwritten(path) {
			err = wipeFile(path) // by an attempt that did not come to its end
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, privateFile{path, id.Recipient()})
	}
	return found, nil
}

// wipe overwrites and removes files, which hold private halves of e. What is
// about to go is noted before, so that a crash in between leaves it known.
func (k *Keyring) wipe(all []Epoch, e *Epoch, files []privateFile) error {
	if len(files) == 0 {
		return nil
	}
	for _, f := range files {
		if !f.of.In(e.Wiping) {
			e.Wiping = append(e.Wiping, f.of)
		}
	}
	if err := k.save(slices.Clone(all)); err != nil {
		return err
	}
	for _, f := range files {
		if err := wipeFile(f.path); err != nil {
			return err
		}
	}
	return nil
}

// isOverwritten reports whether a file holds nothing any more.
func isOverwritten(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && len(bytes.Trim(b, "\x00")) == 0
}

// wipeFile overwrites a file on the disk and removes it; none is no error.
func wipeFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("seal: destroy: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("seal: destroy %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// now is the time of what is noted in a keyring.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// ErrBusy means that another process rewraps with the keys of this keyring.
var ErrBusy = errors.New("seal: another process is at it")

// LockRewrap makes the caller the only process of this machine that rewraps with
// the keyring's keys, until unlock. It does not wait: the error wraps ErrBusy.
func (k *Keyring) LockRewrap() (unlock func(), err error) {
	return flock(filepath.Join(k.dir, "rewrap.lock"), syscall.LOCK_EX|syscall.LOCK_NB)
}

// lockKeys makes the caller the only one who changes a keyring, among all
// processes of this machine. The directory is made if missing.
func lockKeys(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("seal: open keyring: %w", err)
	}
	return flock(filepath.Join(dir, "lock"), syscall.LOCK_EX)
}

// flock locks the file at path, which is made if missing.
func flock(path string, how int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("seal: lock keyring: %w", err)
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), how)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("seal: lock keyring: %w", err), f.Close())
	}
	return func() { f.Close() }, nil // which unlocks
}
