package seal_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/seal"
)

// flaky is a key service that can be switched off.
type flaky struct {
	*seal.Keyring
	down  atomic.Bool
	calls atomic.Int32
}

func (f *flaky) Wrap(ctx context.Context, id seal.Identity) (string, []byte, error) {
	f.calls.Add(1)
	if f.down.Load() {
		return "", nil, errors.New("key service is down")
	}
	return f.Keyring.Wrap(ctx, id)
}

func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := &flaky{Keyring: keyring(t, t.TempDir())}
		p := seal.NewPool(seal.PoolOptions{Keys: keys, Size: 4})
		if _, err := p.Take(); !errors.Is(err, seal.ErrPoolEmpty) {
			t.Errorf("Take of an empty pool: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait()
		if p.Ready() != 4 {
			t.Fatalf("%d takes ready", p.Ready())
		}
		checkTakeKeys(t, keys, p)

		keys.down.Store(true)
		for range 4 {
			if _, err := p.Take(); err != nil {
				t.Fatalf("the pool does not cover: %v", err)
			}
			synctest.Wait()
		}
		if _, err := p.Take(); !errors.Is(err, seal.ErrPoolEmpty) {
			t.Errorf("Take while the key service is down: %v", err)
		}
		before := keys.calls.Load()
		time.Sleep(10 * time.Minute)
		if n := keys.calls.Load() - before; n < 15 || n > 60 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		keys.down.Store(false)
		time.Sleep(time.Minute)
		if p.Ready() != 4 {
			t.Errorf("%d takes ready after the key service came back", p.Ready())
		}

		rotate(t, keys.Keyring, seal.Plan{Here: true})
		if k, err := p.Take(); err != nil || k.Epoch != "epoch-1" {
			t.Errorf("right after a rotation: keys of %q, %v", k.Epoch, err)
		}
		time.Sleep(2 * time.Second)
		if p.Ready() != 4 {
			t.Errorf("%d takes ready after a rotation", p.Ready())
		}
		for range 4 {
			checkTakeKeys(t, keys, p)
		}
		cancel()
		synctest.Wait()
	})
}

// TestPoolCoversRotation: with the key service down since a rotation, the keys
// of the epoch before are handed out, and after half a minute none are.
func TestPoolCoversRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := &flaky{Keyring: keyring(t, t.TempDir())}
		p := seal.NewPool(seal.PoolOptions{Keys: keys, Size: 4})
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait()
		keys.down.Store(true)
		rotate(t, keys.Keyring, seal.Plan{Here: true})
		time.Sleep(25 * time.Second)
		if k, err := p.Take(); err != nil || k.Epoch != "epoch-1" {
			t.Errorf("after 25 s: keys of %q, %v", k.Epoch, err)
		}
		time.Sleep(10 * time.Second)
		if k, err := p.Take(); !errors.Is(err, seal.ErrPoolEmpty) || p.Ready() != 0 {
			t.Errorf("after 35 s: keys of %q, %v, and %d ready", k.Epoch, err, p.Ready())
		}
		keys.down.Store(false)
		time.Sleep(time.Minute)
		checkTakeKeys(t, keys, p)
		cancel()
		synctest.Wait()
	})
}

// checkTakeKeys takes keys and holds them against each other: three classes,
// three identities, all wrapped to the current epoch.
func checkTakeKeys(t *testing.T, keys seal.Keys, p *seal.Pool) {
	t.Helper()
	k, err := p.Take()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if k.Epoch != keys.Current().ID {
		t.Errorf("epoch %s, not %s", k.Epoch, keys.Current().ID)
	}
	seen := map[string]bool{}
	for _, c := range seal.Classes {
		key := k.Class(c)
		id, err := keys.Unwrap(t.Context(), k.Epoch, key.Wrapped)
		if err != nil || id.Recipient().String() != key.Recipient.String() {
			t.Errorf("%s: wrapped identity does not fit: %v", c, err)
		}
		seen[key.Recipient.String()] = true
	}
	if len(seen) != len(seal.Classes) {
		t.Errorf("%d keys for %d classes", len(seen), len(seal.Classes))
	}
}

func BenchmarkTakeKeys(b *testing.B) {
	keys := keyring(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.NewTakeKeys(b.Context(), keys); err != nil {
			b.Fatal(err)
		}
	}
}
