package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/seal"
)

func operator(t testing.TB, dir string) *seal.Operator {
	t.Helper()
	o, err := seal.OpenOperator(dir)
	if err != nil || o == nil {
		t.Fatal(o, err)
	}
	return o
}

func TestCertificate(t *testing.T) {
	o, other, n := operator(t, t.TempDir()), operator(t, t.TempDir()), node(t, t.TempDir())
	since := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	b, err := o.Certify(n.PublicKey(), "gateway-1", since)
	if err != nil {
		t.Fatal(err)
	}
	c, key, err := seal.OpenCertificate(b, other.PublicKey(), o.PublicKey())
	if err != nil || !key.Equal(n.PublicKey()) || c.Name != "gateway-1" || !c.NotBefore.Equal(since) {
		t.Errorf("certificate %+v of %x, %v", c, key, err)
	}
	changed := func(from, to string) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	for name, test := range map[string]struct {
		b    []byte
		by   *seal.Operator
		want error
	}{
		"another operator": {b, other, seal.ErrSignature},
		"another name":     {changed("gateway-1", "gateway-2"), o, seal.ErrSignature},
		"another time":     {changed("2026", "2016"), o, seal.ErrSignature},
		"another version":  {changed(`"version": 1`, `"version": 2`), o, seal.ErrDocument},
		"a field more":     {changed(`"version"`, `"ca": true, "version"`), o, seal.ErrDocument},
		"no name":          {changed("gateway-1", ""), o, seal.ErrDocument},
		"cut":              {b[:len(b)-3], o, seal.ErrDocument},
		"something behind": {append(bytes.Clone(b), b...), o, seal.ErrDocument},
		"empty":            {nil, o, seal.ErrDocument},
	} {
		if _, _, err := seal.OpenCertificate(test.b, test.by.PublicKey()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "two\nlines", strings.Repeat("x", 254)} {
		if _, err := o.Certify(n.PublicKey(), name, since); err == nil {
			t.Errorf("a node called %q was certified", name)
		}
	}
	if _, err := o.Certify(n.PublicKey()[:31], "short", since); err == nil {
		t.Error("half a key was certified")
	}
}

// TestOperatorKeys holds that the pair is made once, that a public half alone is
// taken for one whose private half lies elsewhere, and that one of another pair is
// not taken.
func TestOperatorKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := seal.OperatorKeys(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("keys where there are none: %v", err)
	}
	first := operator(t, dir)
	if again := operator(t, dir); !again.PublicKey().Equal(first.PublicKey()) {
		t.Error("a second start has another key")
	}
	private, public := filepath.Join(dir, "operator-sign.pem"), filepath.Join(dir, "operator-sign.pub.pem")
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	elsewhere := filepath.Join(t.TempDir(), "safe.pem")
	if err := os.Rename(private, elsewhere); err != nil {
		t.Fatal(err)
	}
	if o, err := seal.OpenOperator(dir); o != nil || err != nil {
		t.Errorf("without the private half: %v, %v", o, err)
	}
	if o, err := seal.LoadOperator(elsewhere); err != nil || !o.PublicKey().Equal(first.PublicKey()) {
		t.Errorf("kept elsewhere: %v", err)
	}
	second := operator(t, t.TempDir())
	both := append(pem(t, second.PublicKey()), pem(t, first.PublicKey())...)
	if err := os.WriteFile(public, both, 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := seal.OperatorKeys(dir); err != nil || len(keys) != 2 || !keys[0].Equal(second.PublicKey()) || !keys[1].Equal(first.PublicKey()) {
		t.Errorf("keys %x, %v", keys, err)
	}
	if err := errors.Join(os.Rename(elsewhere, private), os.WriteFile(public, pem(t, second.PublicKey()), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenOperator(dir); err == nil {
		t.Error("two halves of two pairs were taken")
	}
	if err := os.WriteFile(public, []byte("none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OperatorKeys(dir); err == nil {
		t.Error("a file without keys was taken")
	}
}

func pem(t testing.TB, key ed25519.PublicKey) []byte {
	t.Helper()
	b, err := seal.MarshalPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNodeIsCertifiedOnce holds that a node gets a certificate where the operator's
// key is at hand, keeps it, and gets another one when that does not count any more.
func TestNodeIsCertifiedOnce(t *testing.T) {
	dir := t.TempDir()
	n, o := node(t, dir), operator(t, t.TempDir())
	trusted := []ed25519.PublicKey{o.PublicKey()}
	if _, err := n.Certified(nil, trusted, "a"); !errors.Is(err, seal.ErrUncertified) {
		t.Errorf("without the operator's key: %v", err)
	}
	b, err := n.Certified(o, trusted, "a")
	if err != nil {
		t.Fatal(err)
	}
	c, key, err := seal.OpenCertificate(b, trusted...)
	if err != nil || !key.Equal(n.PublicKey()) || c.NotBefore.After(time.Now()) || time.Since(c.NotBefore) > time.Hour {
		t.Errorf("certificate %+v, %v", c, err)
	}
	if again, err := n.Certified(nil, trusted, "b"); err != nil || !bytes.Equal(again, b) {
		t.Errorf("the second time %s, %v", again, err)
	}
	next := operator(t, t.TempDir())
	if _, err := n.Certified(nil, []ed25519.PublicKey{next.PublicKey()}, "a"); !errors.Is(err, seal.ErrUncertified) {
		t.Errorf("by a new operator: %v", err)
	}
	if b, err = n.Certified(next, []ed25519.PublicKey{next.PublicKey()}, "a"); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, "node.cert.json")); err != nil || !bytes.Equal(kept, b) {
		t.Errorf("kept %s, %v", kept, err)
	}
	other := node(t, t.TempDir())
	foreign, err := next.Certify(other.PublicKey(), "other", time.Now())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "node.cert.json"), foreign, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Certified(nil, []ed25519.PublicKey{next.PublicKey()}, "a"); !errors.Is(err, seal.ErrUncertified) {
		t.Errorf("with another node's certificate: %v", err)
	}
}

func FuzzCertificate(f *testing.F) {
	o, n := operator(f, f.TempDir()), node(f, f.TempDir())
	b, err := o.Certify(n.PublicKey(), "gateway", time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, got []byte) {
		if _, _, err := seal.OpenCertificate(got, o.PublicKey()); err == nil && !bytes.Equal(got, b) {
			t.Errorf("forged: %q", got)
		}
	})
}
