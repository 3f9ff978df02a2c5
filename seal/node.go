package seal

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrSignature means that a signature is not that of any key we trust.
var ErrSignature = errors.New("seal: signature does not verify")

// Node holds the two keys of one gateway: the identity that opens its spool
// after a crash, and the Ed25519 key that signs its manifests. They are files
// of mode 0600 in a directory that may be a secret mount.
type Node struct {
	spool Identity
	sign  ed25519.PrivateKey
	made  time.Time
	dir   string
}

// The files of a node's signing key.
const (
	nodePrivate = "node.pem"
	nodePublic  = "node.pub.pem"
)

// OpenNode reads the keys in dir, spool.agekey and node.pem (PKCS #8, as
// openssl reads it), and makes those that are not there. The public half of
// the signing key is written to node.pub.pem.
func OpenNode(dir string) (*Node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("seal: open node: %w", err)
	}
	spool, err := ensureKeyFile(filepath.Join(dir, "spool.agekey"))
	if err != nil {
		return nil, err
	}
	sign, err := ensureSigningKey(filepath.Join(dir, nodePrivate))
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, nodePrivate))
	if err != nil {
		return nil, fmt.Errorf("seal: signing key: %w", err)
	}
	n := &Node{spool: spool, sign: sign, made: info.ModTime(), dir: dir}
	public := filepath.Join(dir, nodePublic)
	if _, err := os.Stat(public); errors.Is(err, fs.ErrNotExist) {
		b, err := MarshalPublicKey(n.PublicKey())
		if err != nil {
			return nil, err
		}
		if err := replaceFile(public, b); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Identity returns the identity that opens this node's spool.
func (n *Node) Identity() Identity { return n.spool }

// PublicKey returns the key that verifies this node's signatures.
func (n *Node) PublicKey() ed25519.PublicKey { return n.sign.Public().(ed25519.PublicKey) }

// Made returns when the signing key was made, as far as its file tells.
func (n *Node) Made() time.Time { return n.made }

// Sign signs message: pure Ed25519, as of "openssl pkeyutl -sign -rawin".
func (n *Node) Sign(message []byte) []byte { return ed25519.Sign(n.sign, message) }

// Verify returns nil if one of the trusted keys signed message, else
// ErrSignature.
func Verify(message, signature []byte, trusted ...ed25519.PublicKey) error {
	for _, key := range trusted {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature) {
			return nil
		}
	}
	return ErrSignature
}

// MarshalPublicKey writes a verification key as PEM (SubjectPublicKeyInfo).
func MarshalPublicKey(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal: public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePublicKey reads what MarshalPublicKey wrote.
func ParsePublicKey(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("seal: public key: no PEM block")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("seal: public key: %w", err)
	}
	if key, ok := key.(ed25519.PublicKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("seal: public key is a %T, not Ed25519", key)
}

// ensureSigningKey reads the signing key in the file at path, or makes one and
// writes it there.
func ensureSigningKey(path string) (ed25519.PrivateKey, error) {
	key, err := signingKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if _, key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, fmt.Errorf("seal: generate signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal: signing key: %w", err)
	}
	err = writeSecret(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if errors.Is(err, fs.ErrExist) {
		return signingKey(path) // another process was first
	}
	return key, err
}

// signingKey reads the signing key in the file at path.
func signingKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: signing key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("seal: %s: no PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("seal: %s: %w", path, err)
	}
	if key, ok := key.(ed25519.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("seal: %s: a %T, not Ed25519", path, key)
}
