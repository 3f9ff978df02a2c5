package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// errUncertified says that nobody vouches for the node which signed something.
var errUncertified = errors.New("app: node is not certified by the operator")

// clocksDiffer is by how much the clocks of a node and of who certifies it may
// differ.
const clocksDiffer = 10 * time.Minute

// certificateObject is where the certificate of a node is published.
func certificateObject(node ed25519.PublicKey) string {
	return "nodes/" + seal.Fingerprint(node) + ".json"
}

// nodeName is how the rows of calls call a node: the first digits of its
// fingerprint.
func nodeName(node ed25519.PublicKey) string { return seal.Fingerprint(node)[:16] }

// trust knows whose signatures count: those of keys that are trusted by name, and
// of nodes that the operator has certified.
type trust struct {
	keys      []ed25519.PublicKey // by name: this node's, and those of files
	operators []ed25519.PublicKey
	// certificates fetches from the bucket. It is called for nodes alone whose keys
	// are not trusted by name.
	certificates func(ctx context.Context) (recorder.Getter, error)
	ready        func() error // says why nothing may be opened yet; nil: all may
}

// TrustOptions name more keys than the configuration does.
type TrustOptions struct {
	Keys      []string // files of nodes' public keys, PEM
	Operators []string // files of operators' public keys, PEM; with any, no key of this machine counts
}

// newTrust reads the keys of a configuration, and those in files.
func newTrust(c *configs.Config, o TrustOptions, from func(ctx context.Context) (recorder.Getter, error)) (*trust, error) {
	t := &trust{certificates: from}
	if len(o.Operators) == 0 {
		err := errors.Join(addKeys(&t.keys, true, filepath.Join(NodeDir(c), "node.pub.pem")),
			addKeys(&t.operators, true, filepath.Join(c.Keys.Dir, "operator-sign.pub.pem")))
		if err != nil {
			return nil, err
		}
	}
	return t, errors.Join(addKeys(&t.keys, false, o.Keys...), addKeys(&t.operators, false, o.Operators...))
}

// addKeys adds the keys in files to a list. One that is optional need not be there.
func addKeys(list *[]ed25519.PublicKey, optional bool, files ...string) error {
	for _, path := range files {
		keys, err := seal.LoadPublicKeys(path)
		if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("app: trusted keys: %w", err)
		}
		*list = append(*list, keys...)
	}
	return nil
}

// check returns nil if what a key signed of a time counts. The error names the
// node; it wraps errUncertified unless the bucket can not be asked.
func (t *trust) check(ctx context.Context, node ed25519.PublicKey, at time.Time) error {
	for _, k := range t.keys {
		if k.Equal(node) {
			return nil
		}
	}
	name := seal.Fingerprint(node)
	if t.certificates == nil || len(t.operators) == 0 {
		return fmt.Errorf("%w: %s, and there is no operator's key here", errUncertified, name)
	}
	from, err := t.certificates(ctx)
	if err != nil {
		return err
	}
	b, err := from.Get(ctx, certificateObject(node))
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s has no certificate in the bucket", errUncertified, name)
	}
	if err != nil {
		return fmt.Errorf("app: certificate of node %s: %w", name, err)
	}
	c, key, err := seal.OpenCertificate(b, t.operators...)
	switch {
	case errors.Is(err, seal.ErrSignature):
		return fmt.Errorf("%w: the certificate of %s is of an unknown operator", errUncertified, name)
	case err != nil:
		return fmt.Errorf("%w: %s: %w", errUncertified, name, err)
	case !key.Equal(node):
		return fmt.Errorf("%w: %s has a certificate of another node", errUncertified, name)
	case at.Before(c.NotBefore.Add(-clocksDiffer)):
		return fmt.Errorf("%w: %s (%q) is certified from %s on, and signed something of %s", errUncertified, name, c.Name,
			c.NotBefore.Format(time.DateTime), at.UTC().Format(time.DateTime))
	}
	return nil
}

// open opens a stored take that a trusted node has signed.
func (t *trust) open(ctx context.Context, o recorder.OpenOptions) (*recorder.Recording, error) {
	if t.ready != nil {
		if err := t.ready(); err != nil {
			return nil, err
		}
	}
	o.Trusted = t.keys
	recording, err := recorder.Open(ctx, o)
	if !errors.Is(err, seal.ErrSignature) {
		return recording, err
	}
	b, again := o.From.Get(ctx, recorder.ManifestObject(o.Call, o.Take))
	if again != nil {
		return nil, again
	}
	node, started, again := recorder.Signer(b)
	if again != nil {
		return nil, again
	}
	if again := t.check(ctx, node, started); again != nil {
		return nil, errors.Join(err, again)
	}
	o.Trusted = []ed25519.PublicKey{node}
	return recorder.Open(ctx, o)
}

// signers returns those keys that signed checkpoints of a ledger and are trusted,
// and an error that names the others.
func (t *trust) signers(ctx context.Context, l *store.Ledger) (trusted []ed25519.PublicKey, unknown error) {
	all, err := l.Signers(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if err := t.check(ctx, s.Key, s.Since); err != nil {
			unknown = errors.Join(unknown, err)
			continue
		}
		trusted = append(trusted, s.Key)
	}
	return trusted, unknown
}
