package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"sidetone/seal"
)

func newCipher(t testing.TB) (*seal.Cipher, seal.SpoolKey) {
	t.Helper()
	key, _, err := seal.NewSpoolKey(identity(t).Recipient())
	if err != nil {
		t.Fatal(err)
	}
	c, err := seal.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestCipher(t *testing.T) {
	c, _ := newCipher(t)
	plain := []byte("twenty milliseconds")
	buf := append([]byte("head"), plain...)
	sealed := c.Seal(buf[:4], buf[4:], 7)[4:] // in place
	if len(sealed) != len(plain)+seal.CipherOverhead {
		t.Errorf("%d bytes become %d", len(plain), len(sealed))
	}
	if got, err := c.Open(nil, sealed, 7); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Open: %q, %v", got, err)
	}
	other, _ := newCipher(t)
	for name, open := range map[string]func() ([]byte, error){
		"another number": func() ([]byte, error) { return c.Open(nil, sealed, 8) },
		"another key":    func() ([]byte, error) { return other.Open(nil, sealed, 7) },
		"cut":            func() ([]byte, error) { return c.Open(nil, sealed[:len(sealed)-1], 7) },
		"nothing":        func() ([]byte, error) { return c.Open(nil, nil, 7) },
	} {
		if b, err := open(); !errors.Is(err, seal.ErrDamaged) || len(b) > 0 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestSpoolKeyWraps(t *testing.T) {
	call, node := identity(t), identity(t)
	key, wrapped, err := seal.NewSpoolKey(call.Recipient(), node.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []seal.Identity{call, node} {
		if got, err := seal.OpenSpoolKey(wrapped, id); err != nil || got != key {
			t.Errorf("OpenSpoolKey: %v", err)
		}
	}
	short, err := seal.Seal(nil, key[:31], call.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenSpoolKey(short, call); err == nil {
		t.Error("a key of 31 bytes is accepted")
	}
}

func TestCipherDoesNotAllocate(t *testing.T) {
	c, _ := newCipher(t)
	plain := make([]byte, 480)
	sealed, opened := make([]byte, 0, 512), make([]byte, 0, 512)
	n := uint64(0)
	if a := testing.AllocsPerRun(100, func() {
		sealed = c.Seal(sealed[:0], plain, n)
		var err error
		if opened, err = c.Open(opened[:0], sealed, n); err != nil {
			t.Fatal(err)
		}
		n++
	}); a > 0 {
		t.Errorf("%v allocations a record", a)
	}
}

func BenchmarkSealSegment(b *testing.B) {
	id, plain := identity(b), make([]byte, 160_000)
	var out []byte
	var err error
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if out, err = seal.Seal(out[:0], plain, id.Recipient()); err != nil {
			b.Fatal(err)
		}
	}
}
