package seal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sidetone/seal"
)

func node(t testing.TB, dir string) *seal.Node {
	t.Helper()
	n, err := seal.OpenNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNodeKeysLast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	a, b := node(t, dir), node(t, dir)
	if a.Identity().Secret() != b.Identity().Secret() || !a.PublicKey().Equal(b.PublicKey()) {
		t.Error("a second start has other keys")
	}
	for _, name := range []string{"spool.agekey", "node.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestSignatures(t *testing.T) {
	n, other := node(t, t.TempDir()), node(t, t.TempDir())
	message := []byte("a manifest")
	sig := n.Sign(message)
	if err := seal.Verify(message, sig, other.PublicKey(), n.PublicKey()); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"nobody trusted":  seal.Verify(message, sig),
		"another key":     seal.Verify(message, sig, other.PublicKey()),
		"another message": seal.Verify([]byte("a manifesto"), sig, n.PublicKey()),
		"no signature":    seal.Verify(message, nil, n.PublicKey()),
		"malformed key":   seal.Verify(message, sig, n.PublicKey()[:31]),
	} {
		if !errors.Is(err, seal.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenSSLVerifies holds our signature against openssl.
func TestOpenSSLVerifies(t *testing.T) {
	dir := t.TempDir()
	n := node(t, dir)
	message, sig := filepath.Join(dir, "message"), filepath.Join(dir, "sig")
	if err := errors.Join(os.WriteFile(message, []byte("a manifest"), 0o600),
		os.WriteFile(sig, n.Sign([]byte("a manifest")), 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "pkeyutl", "-verify", "-pubin",
		"-inkey", filepath.Join(dir, "node.pub.pem"), "-rawin", "-in", message, "-sigfile", sig).CombinedOutput()
	if err != nil {
		t.Errorf("openssl: %v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "node.pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := seal.ParsePublicKey(b); err != nil || !key.Equal(n.PublicKey()) {
		t.Errorf("ParsePublicKey: %v", err)
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := seal.ParsePublicKey(b)
		if err == nil && len(key) != 32 {
			t.Fatalf("a key of %d bytes", len(key))
		}
	})
}
