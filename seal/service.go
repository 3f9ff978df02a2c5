package seal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNoService means an epoch whose key is kept by a key service, where none is
// configured.
var ErrNoService = errors.New("seal: the key service of this epoch is not configured")

// Service is a key service on the network: it encrypts and decrypts with keys that
// nobody can take out of it. Its methods may take their time, and may be called
// from any goroutine. Decrypt returns an error that wraps ErrNoIdentity where the
// key does not open what it is given, or is not there any more.
type Service interface {
	Encrypt(ctx context.Context, key string, plaintext []byte) ([]byte, error)
	Decrypt(ctx context.Context, key string, ciphertext []byte) ([]byte, error)
	// End has the service destroy a key, and returns when it will be destroyed.
	End(ctx context.Context, key string) (time.Time, error)
}

// Use gives the keyring the service that keeps the keys of its epochs, those that
// have a ServiceKey. It is called before anything else.
func (k *Keyring) Use(s Service) { k.service = s }

// UsesService reports whether an epoch that is not destroyed is kept by a service.
func (k *Keyring) UsesService() bool {
	for _, e := range k.Epochs() {
		if e.ServiceKey != "" && e.Destroyed.IsZero() {
			return true
		}
	}
	return false
}

// ProveService notes that a service decrypts with key what it has encrypted with
// it, by having it do so.
func ProveService(ctx context.Context, dir string, s Service, key string) error {
	sealed, err := s.Encrypt(ctx, key, []byte(proofList))
	if err != nil {
		return fmt.Errorf("seal: prove %s: %w", key, err)
	}
	opened, err := s.Decrypt(ctx, key, sealed)
	if err != nil {
		return fmt.Errorf("seal: prove %s: %w", key, err)
	}
	if string(opened) != proofList {
		return fmt.Errorf("seal: prove %s: %w: it decrypts to something else", key, ErrUnproved)
	}
	return changeProof(dir, key, func(p *Proof) error {
		*p = Proof{Proved: now()}
		return nil
	})
}

// DestroyService has the service destroy the key of an epoch that is over, and
// notes when that will be. It may be called again.
func (k *Keyring) DestroyService(ctx context.Context, epoch string) (Epoch, error) {
	unlock, err := lockKeys(k.dir)
	if err != nil {
		return Epoch{}, err
	}
	defer unlock()
	all, at, err := k.ending(epoch)
	if err != nil {
		return Epoch{}, err
	}
	if k.service == nil {
		return Epoch{}, fmt.Errorf("%s: %w", epoch, ErrNoService)
	}
	if all[at].Destroyed, err = k.service.End(ctx, all[at].ServiceKey); err != nil {
		return Epoch{}, fmt.Errorf("%s: %w", epoch, err)
	}
	return all[at], k.save(all)
}

// wrapIn wraps by the service.
func (k *Keyring) wrapIn(ctx context.Context, e Epoch, id Identity) ([]byte, error) {
	if k.service == nil {
		return nil, fmt.Errorf("%s: %w", e.ID, ErrNoService)
	}
	return k.service.Encrypt(ctx, e.ServiceKey, []byte(id.Secret()+"\n"))
}

// unwrapIn unwraps by the service.
func (k *Keyring) unwrapIn(ctx context.Context, e Epoch, wrapped []byte) (Identity, error) {
	if k.service == nil {
		return Identity{}, fmt.Errorf("%s: %w: %w", e.ID, ErrNoService, ErrNoIdentity)
	}
	b, err := k.service.Decrypt(ctx, e.ServiceKey, wrapped)
	if err != nil {
		return Identity{}, fmt.Errorf("unwrap key of %s: %w", e.ID, err)
	}
	return ParseIdentity(string(b))
}
