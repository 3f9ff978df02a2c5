package seal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/seal"
)

func keyring(t testing.TB, dir string, escrow ...seal.Recipient) *seal.Keyring {
	t.Helper()
	k, err := seal.OpenKeyring(dir, escrow...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rotate(t testing.TB, k *seal.Keyring, p seal.Plan) seal.Epoch {
	t.Helper()
	e, err := k.Rotate(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestKeyringIsMadeOnceAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := keyring(t, dir).Current()
	again := keyring(t, dir).Current()
	if first.ID != "epoch-1" || again.ID != first.ID || again.Recipients[0].String() != first.Recipients[0].String() {
		t.Errorf("opened as %v, then as %v", first, again)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKeyringEpochs(t *testing.T) {
	dir, escrow := t.TempDir(), identity(t)
	if err := seal.Prove(dir, escrow); err != nil {
		t.Fatal(err)
	}
	k := keyring(t, dir, escrow.Recipient())
	ctx, id := t.Context(), identity(t)
	oldEpoch, old, err := k.Wrap(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, k, seal.Plan{Here: true, Recipients: []seal.Recipient{escrow.Recipient()}})
	k = keyring(t, dir)
	newEpoch, wrapped, err := k.Wrap(ctx, id)
	if err != nil || oldEpoch != "epoch-1" || newEpoch != "epoch-2" {
		t.Fatalf("wrapped in %s, then in %s: %v", oldEpoch, newEpoch, err)
	}
	for epoch, blob := range map[string][]byte{oldEpoch: old, newEpoch: wrapped} {
		got, err := k.Unwrap(ctx, epoch, blob)
		if err != nil || got.Secret() != id.Secret() {
			t.Errorf("Unwrap of %s: %v", epoch, err)
		}
		got, err = seal.Identities{identity(t), escrow}.Unwrap(ctx, epoch, blob)
		if err != nil || got.Secret() != id.Secret() {
			t.Errorf("escrow does not open %s: %v", epoch, err)
		}
	}
	if _, err := k.Unwrap(ctx, newEpoch, old); !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("the new epoch opens what was wrapped before: %v", err)
	}
	for _, epoch := range []string{"epoch-3", "../epoch-1", ""} {
		if _, err := k.Unwrap(ctx, epoch, old); !errors.Is(err, seal.ErrUnknownEpoch) {
			t.Errorf("Unwrap of %q: %v", epoch, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "epoch-1.agekey")); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(ctx, oldEpoch, old); !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("a destroyed epoch still opens: %v", err)
	}
}

// TestRecordOnly has a machine with the public halves alone.
func TestRecordOnly(t *testing.T) {
	whole := keyring(t, t.TempDir())
	private := whole.Current()
	dir := t.TempDir()
	list := `[{"id":"epoch-7","created":"2026-11-21T00:00:00Z","recipients":["` + private.Recipients[0].String() + `"]}]`
	if err := os.WriteFile(filepath.Join(dir, "epochs.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	k := keyring(t, dir)
	if k.Serving() || !whole.Serving() {
		t.Errorf("serving: %v without the key, %v with it", k.Serving(), whole.Serving())
	}
	id := identity(t)
	epoch, wrapped, err := k.Wrap(t.Context(), id)
	if err != nil || epoch != "epoch-7" {
		t.Fatalf("Wrap: %s, %v", epoch, err)
	}
	_, err = k.Unwrap(t.Context(), epoch, wrapped)
	for _, say := range []string{"epoch-7", private.Recipients[0].String(), filepath.Join(dir, "epoch-7.agekey")} {
		if !errors.Is(err, seal.ErrNoIdentity) || !strings.Contains(err.Error(), say) {
			t.Errorf("Unwrap does not say %s: %v", say, err)
		}
	}
	if got, err := whole.Unwrap(t.Context(), private.ID, wrapped); err != nil || got.Secret() != id.Secret() {
		t.Errorf("the private half elsewhere does not unwrap: %v", err)
	}
}

func TestKeyringRefusesDamage(t *testing.T) {
	other := `,"recipients":["` + identity(t).Recipient().String() + `"]}`
	for _, list := range []string{`[{"id":"../epoch-1"` + other + `]`, `[{"id":"a"` + other + `,{"id":"a"` + other + `]`, "", "[]", "{", `[{"id":"epoch-1","recipients":[]}]`, `[{"id":"epoch-1","recipients":["age1"]}]`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "epochs.json"), []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenKeyring(dir); err == nil {
			t.Errorf("epochs.json %q is accepted", list)
		}
	}
}

// TestStockAgeUnwraps opens a wrapped identity with the epoch's key file and
// age alone.
func TestStockAgeUnwraps(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	_, wrapped, err := keyring(t, dir).Wrap(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	age := exec.CommandContext(t.Context(), "age", "-d", "-i", filepath.Join(dir, "epoch-1.agekey"))
	age.Stdin = bytes.NewReader(wrapped)
	if got, err := age.Output(); err != nil || string(got) != id.Secret()+"\n" {
		t.Errorf("age -d: %d bytes, %v", len(got), err)
	}
}
