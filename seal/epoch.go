package seal

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrUnknownEpoch means that a wrapped identity names an epoch that this
// keyring has never had.
var ErrUnknownEpoch = errors.New("seal: unknown epoch")

// Epoch is one generation of the operator's key. The identity of any one of
// its recipients unwraps what was wrapped in it. Unless the epoch is Named, the
// first recipient is that of a pair that was made for this epoch alone, and the
// others are escrow. An epoch of a key service has a ServiceKey in place of
// recipients.
type Epoch struct {
	ID         string      `json:"id"` // "epoch-1", "epoch-2", ...
	Created    time.Time   `json:"created"`
	Recipients []Recipient `json:"recipients,omitempty"`
	ServiceKey string      `json:"service_key,omitempty"` // as the service names it
	Named      bool        `json:"named,omitempty"`       // no pair was made for it
	Wiping     []Recipient `json:"wiping,omitempty"`      // those whose private halves are being destroyed here
	Destroyed  time.Time   `json:"destroyed,omitzero"`    // when the last of Gone was destroyed, or the service's key will be
	Gone       []Recipient `json:"gone,omitempty"`        // those whose private halves are destroyed
}

// Own returns the recipient of the pair that was made for the epoch, if one was.
func (e Epoch) Own() (Recipient, bool) {
	if e.Named || len(e.Recipients) == 0 {
		return Recipient{}, false
	}
	return e.Recipients[0], true
}

// Openers returns those whose private halves are not known to be destroyed.
func (e Epoch) Openers() []Recipient {
	return slices.DeleteFunc(slices.Clone(e.Recipients), func(r Recipient) bool { return r.In(e.Gone) })
}

// Irrecoverable returns from when on nothing that was wrapped in the epoch can
// be opened by anybody, if backups of its private half are kept for keep. It
// returns false for an epoch that somebody can still open.
func (e Epoch) Irrecoverable(keep time.Duration) (time.Time, bool) {
	if e.Destroyed.IsZero() || len(e.Openers()) > 0 {
		return time.Time{}, false
	}
	if e.ServiceKey != "" {
		return e.Destroyed, true // there are no backups of it
	}
	return e.Destroyed.Add(keep), true
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
