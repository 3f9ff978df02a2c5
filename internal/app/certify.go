package app

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// openTrust has this node certified, where the operator's signing key is at hand,
// and its certificate published.
func (a *App) openTrust(context.Context, Options) error {
	certified := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sidetone_node_certified",
		Help: "1 when the operator's signing key vouches for the one of this node."})
	a.registry.MustRegister(certified)
	node, err := seal.OpenNode(NodeDir(a.config))
	if err != nil {
		return err
	}
	operator, err := seal.OpenOperator(a.config.Keys.Dir)
	if err != nil {
		return err
	}
	a.trust, err = newTrust(a.config, TrustOptions{}, func(context.Context) (recorder.Getter, error) { return a.objects, nil })
	if err != nil {
		return err
	}
	certificate, err := node.Certified(operator, a.trust.operators, machineName())
	if errors.Is(err, seal.ErrUncertified) {
		a.log.Warn("this node is not certified: what it signs counts on this machine alone; see sidetone nodes certify",
			"node", seal.Fingerprint(node.PublicKey()), "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	certified.Set(1)
	a.background("certificate", func(ctx context.Context) error {
		return a.keepPublishing(ctx, node.PublicKey(), certificate)
	})
	return nil
}

// machineName is what the machine calls itself.
func machineName() string {
	name, _ := os.Hostname()
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		name = ""
	}
	return cmp.Or(name, "gateway")
}

// keepPublishing puts the certificate into the bucket, as soon as that can be
// reached.
func (a *App) keepPublishing(ctx context.Context, node ed25519.PublicKey, certificate []byte) error {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := publish(ctx, a.objects, node, certificate, a.trust.operators)
		if err == nil {
			return nil
		}
		if wait == time.Second && ctx.Err() == nil {
			a.log.Warn("the certificate of this node is not published yet", "err", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publish puts the certificate of a node into the bucket. One that counts may stay
// there; another makes room.
func publish(ctx context.Context, to *store.Objects, node ed25519.PublicKey, certificate []byte, operators []ed25519.PublicKey) error {
	name, sum := certificateObject(node), sha256.Sum256(certificate)
	err := to.Put(ctx, name, certificate, sum)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	there, err := to.Get(ctx, name)
	if err != nil {
		return err
	}
	if _, key, err := seal.OpenCertificate(there, operators...); err == nil && key.Equal(node) {
		return nil
	}
	if err := to.Delete(ctx, name); err != nil {
		return err
	}
	return to.Put(ctx, name, certificate, sum)
}

// CertifiedNode is a node whose certificate is in the bucket.
type CertifiedNode struct {
	Fingerprint string    `json:"fingerprint"` // the public key, in hexadecimal digits
	Name        string    `json:"name,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	Fault       string    `json:"fault,omitempty"` // why it does not count
}

// Nodes lists the certificates in the bucket, and says of each whether it counts by
// the operator's keys that are here.
func Nodes(ctx context.Context, c *configs.Config) ([]CertifiedNode, error) {
	operators, err := seal.OperatorKeys(c.Keys.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	opened, err := OpenObjects(ctx, c)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	objects, err := store.OpenS3(ctx, opened.S3)
	if err != nil {
		return nil, err
	}
	names, err := objects.List(ctx, "nodes/")
	if err != nil {
		return nil, err
	}
	nodes := []CertifiedNode{}
	for _, name := range names {
		b, err := objects.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		n := CertifiedNode{Fingerprint: strings.TrimSuffix(strings.TrimPrefix(name, "nodes/"), ".json")}
		cert, key, err := seal.OpenCertificate(b, operators...)
		switch {
		case err != nil:
			n.Fault = err.Error()
		case seal.Fingerprint(key) != n.Fingerprint:
			n.Fault = "it is the certificate of " + seal.Fingerprint(key)
		default:
			n.Name, n.NotBefore = cert.Name, cert.NotBefore
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// CertifyOptions say which node is certified.
type CertifyOptions struct {
	Operator  string // file of the operator's private key; empty for operator-sign.pem in keys.dir
	Node      string // file of the node's public key
	Name      string
	NotBefore time.Time
}

// Certify makes the certificate of a node, on the machine that has the operator's
// private key.
func Certify(c *configs.Config, o CertifyOptions) ([]byte, error) {
	operator, err := seal.LoadOperator(cmp.Or(o.Operator, filepath.Join(c.Keys.Dir, "operator-sign.pem")))
	if err != nil {
		return nil, err
	}
	keys, err := seal.LoadPublicKeys(o.Node)
	if err != nil {
		return nil, err
	}
	return operator.Certify(keys[0], o.Name, o.NotBefore)
}
