package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
)

// ErrNoIdentity means that none of the identities at hand opens a file.
var ErrNoIdentity = errors.New("seal: no identity opens this")

// ErrNoRecipient means that something was to be sealed to nobody.
var ErrNoRecipient = errors.New("seal: no recipient")

// Recipient is the public half of an age X25519 identity.
type Recipient struct{ age *age.X25519Recipient }

// ParseRecipient parses a recipient in its written form, "age1...".
func ParseRecipient(s string) (Recipient, error) {
	r, err := age.ParseX25519Recipient(s)
	if err != nil {
		return Recipient{}, fmt.Errorf("seal: recipient: %w", err)
	}
	return Recipient{r}, nil
}

// String returns the written form, "age1...". It is public.
func (r Recipient) String() string {
	if r.age == nil {
		return ""
	}
	return r.age.String()
}

// In reports whether r is one of list.
func (r Recipient) In(list []Recipient) bool {
	return slices.ContainsFunc(list, func(other Recipient) bool { return other.String() == r.String() })
}

// MarshalText implements encoding.TextMarshaler with the written form.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Recipient) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRecipient(string(b))
	return err
}

// Identity is the private half of an age X25519 key pair. It prints as
// "<secret>"; only Secret gives it away.
type Identity struct{ age *age.X25519Identity }

// GenerateIdentity makes a new identity.
func GenerateIdentity() (Identity, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return Identity{}, fmt.Errorf("seal: generate identity: %w", err)
	}
	return Identity{id}, nil
}

// ParseIdentity parses an identity in its written form, "AGE-SECRET-KEY-1...".
func ParseIdentity(s string) (Identity, error) {
	id, err := age.ParseX25519Identity(strings.TrimSpace(s))
	if err != nil {
		return Identity{}, errors.New("seal: malformed identity") // age's error may quote the key
	}
	return Identity{id}, nil
}

// Recipient returns the public half.
func (id Identity) Recipient() Recipient { return Recipient{id.age.Recipient()} }

// Secret returns the written form, "AGE-SECRET-KEY-1...".
func (id Identity) Secret() string { return id.age.String() }

// String hides the secret.
func (id Identity) String() string { return "<secret>" }

// GoString hides the secret.
func (id Identity) GoString() string { return "<secret>" }

// MarshalText hides the secret.
func (id Identity) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Seal appends to dst a whole age file that holds plaintext and that the
// identity of any one recipient opens.
func Seal(dst, plaintext []byte, to ...Recipient) ([]byte, error) {
	if len(to) == 0 {
		return dst, ErrNoRecipient
	}
	recipients := make([]age.Recipient, len(to))
	for i, r := range to {
		if r.age == nil {
			return dst, ErrNoRecipient
		}
		recipients[i] = r.age
	}
	return encrypt(dst, plaintext, recipients...)
}

// SealPassphrase appends to dst a whole age file that holds plaintext and that
// the passphrase opens: "age -d" asks for it. It takes about a second, which is
// what trying a passphrase costs.
func SealPassphrase(dst, plaintext []byte, passphrase string) ([]byte, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return dst, fmt.Errorf("seal: %w", err)
	}
	return encrypt(dst, plaintext, r)
}

func encrypt(dst, plaintext []byte, to ...age.Recipient) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, err := age.Encrypt(out, to...)
	if err != nil {
		return dst, fmt.Errorf("seal: %w", err)
	}
	if _, err := w.Write(plaintext); err != nil {
		return dst, fmt.Errorf("seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return dst, fmt.Errorf("seal: %w", err)
	}
	return out.Bytes(), nil
}

// Open returns what the age file ciphertext holds. It returns an error that
// wraps ErrNoIdentity if none of ids fits, and another for a file that is cut
// short or changed: a part of a file is never returned.
func Open(ciphertext []byte, ids ...Identity) ([]byte, error) {
	if len(ids) == 0 {
		return nil, ErrNoIdentity
	}
	identities := make([]age.Identity, len(ids))
	for i, id := range ids {
		identities[i] = id.age
	}
	r, err := age.Decrypt(bytes.NewReader(ciphertext), identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrNoIdentity
	}
	if err != nil {
		return nil, fmt.Errorf("seal: open: %w", err)
	}
	out := bytes.NewBuffer(make([]byte, 0, len(ciphertext)))
	if _, err := io.Copy(out, r); err != nil {
		return nil, fmt.Errorf("seal: open: %w", err)
	}
	return out.Bytes(), nil
}
