package seal_test

import (
	"errors"
	"testing"

	"sidetone/seal"
)

// TestPlainLength holds the length that a sealed file tells against what was sealed.
func TestPlainLength(t *testing.T) {
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	to := []seal.Recipient{id.Recipient(), id.Recipient()}
	for _, n := range []int{0, 1, 15, 16, 17, 65535, 65536, 65537, 131071, 131072, 131073, 320_058} {
		for recipients := 1; recipients <= 2; recipients++ {
			b, err := seal.Seal(nil, make([]byte, n), to[:recipients]...)
			if err != nil {
				t.Fatal(err)
			}
			begin := b[:min(len(b), seal.HeaderMost)]
			if got, err := seal.PlainLength(begin, int64(len(b))); err != nil || got != int64(n) {
				t.Errorf("%d bytes for %d: found %d, %v", n, recipients, got, err)
			}
			last := n // bytes of the last chunk
			for last > 65536 {
				last -= 65536
			}
			for name, err := range map[string]error{
				"no header":  second(seal.PlainLength(b[1:], int64(len(b)-1))),
				"no end":     second(seal.PlainLength(b[:100], int64(len(b)))),
				"half a tag": second(seal.PlainLength(begin, int64(len(b)-last-9))),
			} {
				if !errors.Is(err, seal.ErrLength) {
					t.Errorf("%d bytes, %s: %v", n, name, err)
				}
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzPlainLength(f *testing.F) {
	id, err := seal.GenerateIdentity()
	if err != nil {
		f.Fatal(err)
	}
	b, err := seal.Seal(nil, make([]byte, 70_000), id.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:300], int64(len(b)))
	f.Add([]byte("age-encryption.org/v1\n---\n"), int64(1<<62))
	f.Fuzz(func(t *testing.T, begin []byte, size int64) {
		if n, err := seal.PlainLength(begin, size); err == nil && (n < 0 || n > size) {
			t.Errorf("%d bytes in %d", n, size)
		}
	})
}
