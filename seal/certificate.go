package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// Certificate is the operator's word that a signing key belongs to a node. It
// lies open, as a signed document.
type Certificate struct {
	Version   int       `json:"version"`
	Node      string    `json:"node"`       // the node's public key, base64
	Name      string    `json:"name"`       // of the machine, for people
	NotBefore time.Time `json:"not_before"` // what it signs of earlier times does not count
	Operator  string    `json:"operator"`   // the public key that signs, base64
	Signature string    `json:"signature"`  // Ed25519, base64
}

const certificateVersion = 1

// maxName is the longest name of a node, in bytes.
const maxName = 253

// Fingerprint is how a node's public key is called: all of it, in hexadecimal
// digits.
func Fingerprint(node ed25519.PublicKey) string { return hex.EncodeToString(node) }

// OpenCertificate reads a certificate that one of the operator's keys has signed,
// and returns it with the key of the node. It returns an error that wraps
// ErrSignature where none of them has, or ErrDocument.
func OpenCertificate(b []byte, operators ...ed25519.PublicKey) (c Certificate, node ed25519.PublicKey, err error) {
	signed, signature, err := ReadDocument(b, &c)
	if err != nil {
		return c, nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(c.Node)
	if err != nil || len(key) != ed25519.PublicKeySize || c.Version != certificateVersion || checkName(c.Name) != nil {
		return c, nil, fmt.Errorf("%w: no certificate of a node", ErrDocument)
	}
	if err := Verify(signed, signature, operators...); err != nil {
		return c, nil, fmt.Errorf("certificate of node %s: %w", Fingerprint(key), err)
	}
	return c, key, nil
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("seal: a node's name is 1 to %d printable characters", maxName)
	}
	return nil
}

// Operator is the key by which the operator certifies nodes.
type Operator struct{ sign ed25519.PrivateKey }

// The files of the operator's signing key, in the directory of keys.
const (
	operatorPrivate = "operator-sign.pem"
	operatorPublic  = "operator-sign.pub.pem"
)

// OpenOperator opens the operator's signing key in dir: operator-sign.pem (PKCS #8,
// mode 0600) and its public half, operator-sign.pub.pem. Where neither is there it
// makes both. Where the private half is kept elsewhere it returns nil.
func OpenOperator(dir string) (*Operator, error) {
	private, public := filepath.Join(dir, operatorPrivate), filepath.Join(dir, operatorPublic)
	_, err := os.Stat(private)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(public); err == nil {
			return nil, nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("seal: operator's key: %w", err)
	}
	key, err := ensureSigningKey(private)
	if err != nil {
		return nil, err
	}
	o := &Operator{key}
	known, err := OperatorKeys(dir)
	if errors.Is(err, fs.ErrNotExist) {
		b, err := MarshalPublicKey(o.PublicKey())
		if err != nil {
			return nil, err
		}
		return o, replaceFile(public, b)
	}
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if k.Equal(o.PublicKey()) {
			return o, nil
		}
	}
	return nil, fmt.Errorf("seal: %s is not the public half of %s", public, private)
}

// LoadOperator reads the private half of an operator's signing key from a file.
func LoadOperator(path string) (*Operator, error) {
	key, err := signingKey(path)
	if err != nil {
		return nil, err
	}
	return &Operator{key}, nil
}

// OperatorKeys returns the keys in operator-sign.pub.pem, which may hold those of
// earlier years below the one in use. Where there is none the error wraps
// fs.ErrNotExist.
func OperatorKeys(dir string) ([]ed25519.PublicKey, error) {
	return LoadPublicKeys(filepath.Join(dir, operatorPublic))
}

// LoadPublicKeys reads the public keys in a file, as PEM.
func LoadPublicKeys(path string) (keys []ed25519.PublicKey, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	for block := range strings.SplitAfterSeq(strings.TrimSpace(string(b)), "-----END PUBLIC KEY-----") {
		if strings.TrimSpace(block) == "" {
			continue
		}
		key, err := ParsePublicKey([]byte(block))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("seal: %s: no public key", path)
	}
	return keys, nil
}

// PublicKey returns the key that verifies the operator's certificates.
func (o *Operator) PublicKey() ed25519.PublicKey { return o.sign.Public().(ed25519.PublicKey) }

// Certify returns the certificate of a node: from notBefore on its signatures
// count. The name is 1 to 253 printable characters.
func (o *Operator) Certify(node ed25519.PublicKey, name string, notBefore time.Time) ([]byte, error) {
	if len(node) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("seal: certify: a key of %d bytes", len(node))
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	c := Certificate{Version: certificateVersion, Node: base64.StdEncoding.EncodeToString(node), Name: name,
		NotBefore: notBefore.UTC().Truncate(time.Second), Operator: base64.StdEncoding.EncodeToString(o.PublicKey())}
	return SignDocument(c, func(message []byte) []byte { return ed25519.Sign(o.sign, message) })
}

// nodeCertificate is the file of a node's certificate, beside its keys.
const nodeCertificate = "node.cert.json"

// ErrUncertified means that a node has no certificate by an operator we know.
var ErrUncertified = errors.New("seal: node is not certified")

// Certified returns the certificate of the node: that in node.cert.json beside its
// keys, if one of the operators has signed it. Where there is none, o signs one and
// it is kept there: for a node of that name, from when its key was made. Without o
// the error wraps ErrUncertified.
func (n *Node) Certified(o *Operator, operators []ed25519.PublicKey, name string) ([]byte, error) {
	path := filepath.Join(n.dir, nodeCertificate)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("seal: certificate: %w", err)
	}
	if err == nil {
		_, key, e := OpenCertificate(b, operators...)
		if e == nil && key.Equal(n.PublicKey()) {
			return b, nil
		}
		if err = e; e == nil {
			err = errors.New("it is that of another key")
		}
	}
	if o == nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUncertified, path, err)
	}
	if b, err = o.Certify(n.PublicKey(), name, n.made); err != nil {
		return nil, err
	}
	return b, replaceFile(path, b)
}
