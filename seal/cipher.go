package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// SpoolKey is the AES-256 key of one spool file. It lives as long as the file.
type SpoolKey [32]byte

// NewSpoolKey makes a random key and wraps it into an age file that any one of
// the recipients opens.
func NewSpoolKey(to ...Recipient) (key SpoolKey, wrapped []byte, err error) {
	rand.Read(key[:]) // never fails
	wrapped, err = key.Wrap(to...)
	return key, wrapped, err
}

// OpenSpoolKey unwraps a spool key with any one of ids.
func OpenSpoolKey(wrapped []byte, ids ...Identity) (SpoolKey, error) {
	b, err := Open(wrapped, ids...)
	if err != nil {
		return SpoolKey{}, err
	}
	if len(b) != len(SpoolKey{}) {
		return SpoolKey{}, errors.New("seal: spool key has a wrong length")
	}
	return SpoolKey(b), nil
}

// Wrap seals the key into an age file that any one of the recipients opens.
func (k SpoolKey) Wrap(to ...Recipient) ([]byte, error) { return Seal(nil, k[:], to...) }

// String hides the key.
func (k SpoolKey) String() string { return "<secret>" }

// CipherOverhead is by how many bytes a sealed record is longer than what it
// holds.
const CipherOverhead = 16

// ErrDamaged means that a sealed record is not what was written.
var ErrDamaged = errors.New("seal: record is damaged")

// Cipher seals the records of one spool file with AES-256-GCM. The number of
// the record is its nonce: the key belongs to one file, and a number must never
// be used for two contents. A Cipher belongs to one goroutine at a time; it
// does not allocate.
type Cipher struct {
	aead  cipher.AEAD
	nonce [12]byte
}

// NewCipher makes the cipher of the file whose key is key.
func NewCipher(key SpoolKey) (*Cipher, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Cipher{aead: aead}, nil
}

// Seal appends record number n to dst, sealed. plaintext may overlap dst's
// spare capacity only where the sealed record is to begin.
func (c *Cipher) Seal(dst, plaintext []byte, n uint64) []byte {
	binary.BigEndian.PutUint64(c.nonce[4:], n)
	return c.aead.Seal(dst, c.nonce[:], plaintext, nil)
}

// Open appends what record number n holds to dst, or returns ErrDamaged.
func (c *Cipher) Open(dst, record []byte, n uint64) ([]byte, error) {
	binary.BigEndian.PutUint64(c.nonce[4:], n)
	b, err := c.aead.Open(dst, c.nonce[:], record, nil)
	if err != nil {
		return dst, ErrDamaged
	}
	return b, nil
}
