package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/internal/sim"
	"sidetone/seal"
	"sidetone/seal/kms"
)

// All tests run against sim.KMS, which speaks the protocol; the real service was
// not to be had.

// client reaches a KMS without a network.
func client(t testing.TB, k *sim.KMS, change ...func(*kms.Options)) *kms.Client {
	t.Helper()
	o := kms.Options{Region: k.Region, Endpoint: "http://kms.invalid", AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, Transport: k}
	for _, f := range change {
		f(&o)
	}
	c, err := kms.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWrapsAndUnwraps(t *testing.T) {
	k := sim.NewKMS()
	one, two := k.CreateKey("one"), k.CreateKey("two")
	server := httptest.NewServer(k) // on a socket, for once
	defer server.Close()
	c := client(t, k, func(o *kms.Options) { o.Endpoint, o.Transport = server.URL, nil })
	blob, err := c.Encrypt(t.Context(), one, []byte("an identity"))
	if err != nil || bytes.Contains(blob, []byte("identity")) {
		t.Fatalf("%q, %v", blob, err)
	}
	if got, err := c.Decrypt(t.Context(), one, blob); err != nil || string(got) != "an identity" {
		t.Errorf("%q, %v", got, err)
	}
	changed := bytes.Clone(blob)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return c.Decrypt(t.Context(), two, blob) },
		"a changed blob":  func() ([]byte, error) { return c.Decrypt(t.Context(), one, changed) },
		"nothing":         func() ([]byte, error) { return c.Decrypt(t.Context(), one, []byte("x")) },
		"an unknown key":  func() ([]byte, error) { return c.Decrypt(t.Context(), one+"0", blob) },
		"a disabled key":  func() ([]byte, error) { k.SetState(one, "Disabled"); return c.Decrypt(t.Context(), one, blob) },
		"disabled, wraps": func() ([]byte, error) { k.SetState(one, "Disabled"); return c.Encrypt(t.Context(), one, blob) },
	} {
		if b, err := open(); !errors.Is(err, seal.ErrNoIdentity) || b != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		k.SetState(one, "Enabled")
	}
}

func TestResolve(t *testing.T) {
	k := sim.NewKMS()
	arn, signs, off := k.CreateKey("sidetone"), k.CreateKey("signs"), k.CreateKey("off")
	k.SetUsage(signs, "SIGN_VERIFY")
	k.SetState(off, "Disabled")
	c := client(t, k)
	_, id, _ := strings.Cut(arn, ":key/")
	for _, name := range []string{"alias/sidetone", arn, id} {
		if got, err := c.Resolve(t.Context(), name); err != nil || got != arn {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"alias/signs", "alias/off", "alias/none"} {
		if got, err := c.Resolve(t.Context(), name); !errors.Is(err, kms.ErrKey) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// TestForeignCredentials: the stand-in does check signatures, and what KMS says
// holds no secret.
func TestForeignCredentials(t *testing.T) {
	k := sim.NewKMS()
	arn := k.CreateKey("one")
	c := client(t, k, func(o *kms.Options) { o.SecretAccessKey = "another secret" })
	_, err := c.Encrypt(t.Context(), arn, []byte("an identity"))
	if err == nil || !strings.Contains(err.Error(), "InvalidSignature") || strings.Contains(err.Error(), "another secret") {
		t.Errorf("%v", err)
	}
}

func TestEndOfAKey(t *testing.T) {
	k := sim.NewKMS()
	arn := k.CreateKey("one")
	c := client(t, k)
	first, err := c.End(t.Context(), arn)
	if days := time.Until(first).Hours() / 24; err != nil || days < 6.9 || days > 7.1 {
		t.Fatalf("%v, %v", first, err)
	}
	if again, err := c.End(t.Context(), arn); err != nil || !again.Equal(first) {
		t.Errorf("again: %v, %v", again, err)
	}
	if _, err := c.Encrypt(t.Context(), arn, []byte("x")); !errors.Is(err, kms.ErrKey) {
		t.Errorf("it wraps: %v", err)
	}
}

// TestRetries: a fault that passes is not seen, and one that stays ends soon.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := sim.NewKMS()
		arn := k.CreateKey("one")
		c := client(t, k)
		for _, fault := range []string{"KMSInternalException", "ThrottlingException", "hang"} {
			if k.Hang(fault == "hang"); fault != "hang" {
				k.Fail(fault)
			}
			begun, before := time.Now(), k.Requests("Encrypt")
			if _, err := c.Encrypt(t.Context(), arn, []byte("x")); err == nil || errors.Is(err, seal.ErrNoIdentity) {
				t.Errorf("%s: %v", fault, err)
			}
			if took, n := time.Since(begun), k.Requests("Encrypt")-before; took > 20*time.Second || n != 3 {
				t.Errorf("%s: %d requests in %v", fault, n, took)
			}
			k.Hang(false)
			go func() {
				time.Sleep(10 * time.Millisecond)
				k.Fail("")
			}()
			time.Sleep(20 * time.Millisecond)
			if _, err := c.Encrypt(t.Context(), arn, []byte("x")); err != nil {
				t.Errorf("after %s: %v", fault, err)
			}
		}
	})
}

// openKeyring makes a keyring whose first epoch is a KMS key.
func openKeyring(t testing.TB, c *kms.Client, key string) *seal.Keyring {
	t.Helper()
	dir := t.TempDir()
	if err := seal.ProveService(t.Context(), dir, c, key); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.InitKeyring(dir, seal.Plan{ServiceKey: key})
	if err != nil {
		t.Fatal(err)
	}
	keys.Use(c)
	return keys
}

func TestKeyring(t *testing.T) {
	k := sim.NewKMS()
	one, two := k.CreateKey("one"), k.CreateKey("two")
	c := client(t, k)
	keys := openKeyring(t, c, one)
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	epoch, wrapped, err := keys.Wrap(t.Context(), id)
	if err != nil || epoch != "epoch-1" {
		t.Fatal(epoch, err)
	}
	if got, err := keys.Unwrap(t.Context(), epoch, wrapped); err != nil || got.Secret() != id.Secret() {
		t.Errorf("%v", err)
	}
	if p, err := keys.Proved(keys.Current()); err != nil || p.IsZero() || keys.Serving() || !keys.UsesService() {
		t.Errorf("proved %v, %v; serving %v", p, err, keys.Serving())
	}
	for name, test := range map[string]struct {
		plan seal.Plan
		want error
	}{
		"unproved":     {seal.Plan{ServiceKey: two}, seal.ErrUnproved},
		"the same key": {seal.Plan{ServiceKey: one}, seal.ErrPlan},
		"and a pair":   {seal.Plan{ServiceKey: two, Here: true}, seal.ErrPlan},
	} {
		if _, err := keys.Rotate(test.plan); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keys.Rotate(seal.Plan{Here: true}); err != nil { // from the service to a file
		t.Fatal(err)
	}
	if got, err := keys.Unwrap(t.Context(), epoch, wrapped); err != nil || got.Secret() != id.Secret() {
		t.Errorf("after a rotation: %v", err)
	}
	bare, err := seal.LoadKeyring(keys.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Unwrap(t.Context(), epoch, wrapped); !errors.Is(err, seal.ErrNoService) || !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("without the service: %v", err)
	}
	e, err := keys.DestroyService(t.Context(), epoch)
	if at, ok := e.Irrecoverable(time.Hour); err != nil || !ok || time.Until(at) < 6*24*time.Hour || time.Until(at) > 8*24*time.Hour {
		t.Errorf("irrecoverable after %v, %v, %v", at, ok, err)
	}
	if _, err := keys.Unwrap(t.Context(), epoch, wrapped); !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("after its end: %v", err)
	}
}

// TestPoolCovers has KMS down, and slow: calls find keys in the pool as long as
// there are any, and then none, until KMS is back.
func TestPoolCovers(t *testing.T) {
	for _, fault := range []string{"down", "slow"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := sim.NewKMS()
				arn := k.CreateKey("one")
				keys := openKeyring(t, client(t, k), arn)
				pool := seal.NewPool(seal.PoolOptions{Keys: keys, Size: 8})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- pool.Run(ctx) }()
				synctest.Wait()
				if fault == "slow" {
					k.Hang(true)
				} else {
					k.Fail("KMSInternalException")
				}
				for range 8 {
					if _, err := pool.Take(); err != nil {
						t.Fatalf("the pool does not cover: %v", err)
					}
				}
				for range 10 {
					time.Sleep(time.Minute)
					if keys, err := pool.Take(); !errors.Is(err, seal.ErrPoolEmpty) {
						t.Fatalf("keys of %q, %v", keys.Epoch, err)
					}
				}
				k.Hang(false)
				k.Fail("")
				time.Sleep(time.Minute)
				got, err := pool.Take()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := keys.Unwrap(t.Context(), got.Epoch, got.Audio.Wrapped); err != nil {
					t.Error(err)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
