package app_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/seal"
	"sidetone/store"
)

// certified makes a certificate of a node.
func certified(t testing.TB, by *seal.Operator, n *seal.Node, since time.Time) []byte {
	t.Helper()
	b, err := by.Certify(n.PublicKey(), "elsewhere", since)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keysOf makes the keys of a node and an operator in folders of their own.
func keysOf(t testing.TB) (*seal.Node, *seal.Operator) {
	t.Helper()
	n, err := seal.OpenNode(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o, err := seal.OpenOperator(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return n, o
}

// signedBy writes a row into the ledger of a configuration that a node then signs.
func signedBy(t testing.TB, c *configs.Config, n *seal.Node) {
	t.Helper()
	dir := filepath.Join(c.DataDir, "db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := store.OpenLedger(t.Context(), filepath.Join(dir, "ledger.db"), store.LedgerOptions{Sign: n.Sign, Key: n.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "c", "accessed", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil { // which signs
		t.Fatal(err)
	}
}

// TestLedgerOfSeveralNodes holds that what another node has signed counts if the
// operator has certified it, and that it is named if not.
func TestLedgerOfSeveralNodes(t *testing.T) {
	config := &configs.Config{DataDir: t.TempDir(), Keys: configs.Keys{Dir: filepath.Join(t.TempDir(), "keys")}}
	other, stranger := keysOf(t)
	own, err := seal.OpenNode(app.NodeDir(config))
	if err != nil {
		t.Fatal(err)
	}
	operator, err := seal.OpenOperator(config.Keys.Dir)
	if err != nil {
		t.Fatal(err)
	}
	signedBy(t, config, own)
	signedBy(t, config, other)
	s3 := bucket(t)
	objects, err := store.OpenS3(t.Context(), s3)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(o app.TrustOptions) error {
		e, err := app.OpenEvidenceIn(t.Context(), config, s3)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Verify(t.Context(), o)
		return errors.Join(err, e.Close())
	}
	name := func(n *seal.Node) string { return "nodes/" + seal.Fingerprint(n.PublicKey()) + ".json" }
	put := func(n *seal.Node, b []byte) {
		err := errors.Join(objects.Delete(t.Context(), name(n)), objects.Put(t.Context(), name(n), b, sha256.Sum256(b)))
		if err != nil {
			t.Fatal(err)
		}
	}
	hour, day := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	for _, test := range []struct {
		what string
		put  []byte
		want string // in the error; empty for none
	}{
		{"no certificate", nil, "has no certificate"},
		{"of a stranger", certified(t, stranger, other, hour), "of an unknown operator"},
		{"of another node", certified(t, operator, own, hour), "of another node"},
		{"too late", certified(t, operator, other, day), "is certified from"},
		{"no document", []byte("trust me"), "malformed"},
		{"right", certified(t, operator, other, hour), ""},
	} {
		if test.put != nil {
			put(other, test.put)
		}
		err := verify(app.TrustOptions{})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !errors.Is(err, store.ErrTampered) ||
			!strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), seal.Fingerprint(other.PublicKey()))) {
			t.Errorf("%s: %v", test.what, err)
		}
	}
	// By the operator's key alone the machine's own key counts for nothing.
	public := app.TrustOptions{Operators: []string{filepath.Join(config.Keys.Dir, "operator-sign.pub.pem")}}
	if err := verify(public); err == nil || !strings.Contains(err.Error(), seal.Fingerprint(own.PublicKey())) {
		t.Errorf("by the operator's key alone: %v", err)
	}
	put(own, certified(t, operator, own, hour))
	if err := verify(public); err != nil {
		t.Errorf("by the operator's key alone, with a certificate: %v", err)
	}
	public.Operators[0] += ".gone"
	if err := verify(public); err == nil {
		t.Error("a file of keys that is not there was passed over")
	}
}

// TestGatewaysAreCertified starts a gateway with nothing, and one whose operator's
// key lies elsewhere.
func TestGatewaysAreCertified(t *testing.T) {
	t.Parallel()
	config, s3 := configure(t), bucket(t)
	objects, err := store.OpenS3(t.Context(), s3)
	if err != nil {
		t.Fatal(err)
	}
	n, err := seal.OpenNode(app.NodeDir(config))
	if err != nil {
		t.Fatal(err)
	}
	name, junk := "nodes/"+seal.Fingerprint(n.PublicKey())+".json", []byte("junk")
	if err := objects.Put(t.Context(), name, junk, sha256.Sum256(junk)); err != nil {
		t.Fatal(err)
	}
	first := startOn(t, config, nil, s3)
	operators, err := seal.OperatorKeys(config.Keys.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		b, err := objects.Get(ctx, name)
		if ctx.Err() != nil {
			t.Fatalf("in the bucket is %s, %v", b, err)
		}
		if _, key, err := seal.OpenCertificate(b, operators...); err == nil && key.Equal(n.PublicKey()) {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	if _, metrics := first.get(t, "/metrics"); !strings.Contains(metrics, "sidetone_node_certified 1\n") {
		t.Error("the metric says that it is not certified")
	}

	second := configure(t)
	b, err := os.ReadFile(filepath.Join(config.Keys.Dir, "operator-sign.pub.pem"))
	if err == nil {
		err = errors.Join(os.MkdirAll(second.Keys.Dir, 0o700), os.WriteFile(filepath.Join(second.Keys.Dir, "operator-sign.pub.pem"), b, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	g := startOn(t, second, nil, s3)
	if _, metrics := g.get(t, "/metrics"); !strings.Contains(metrics, "sidetone_node_certified 0\n") || !strings.Contains(g.logs.String(), "this node is not certified") {
		t.Error("it does not say that it is not certified")
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	cert, err := app.Certify(config, app.CertifyOptions{Node: filepath.Join(app.NodeDir(second), "node.pub.pem"), Name: "second", NotBefore: time.Now()})
	if err == nil {
		err = os.WriteFile(filepath.Join(app.NodeDir(second), "node.cert.json"), cert, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	g = startOn(t, second, nil, s3)
	if _, metrics := g.get(t, "/metrics"); !strings.Contains(metrics, "sidetone_node_certified 1\n") {
		t.Error("with its certificate it is not certified")
	}
}
