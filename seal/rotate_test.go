package seal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/seal"
)

// recipients are the public halves of ids.
func recipients(ids ...seal.Identity) (rs []seal.Recipient) {
	for _, id := range ids {
		rs = append(rs, id.Recipient())
	}
	return rs
}

func proved(t testing.TB, dir string, ids ...seal.Identity) []seal.Recipient {
	t.Helper()
	if err := seal.Prove(dir, ids...); err != nil {
		t.Fatal(err)
	}
	return recipients(ids...)
}

func keyFileOf(t testing.TB, path string) seal.Identity {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

func TestPlans(t *testing.T) {
	dir := t.TempDir()
	a, b := identity(t), identity(t)
	known := proved(t, dir, a, b)
	elsewhere := filepath.Join(t.TempDir(), "vault.agekey")
	for _, test := range []struct {
		name string
		plan seal.Plan
		want error // nil: it begins
		here bool  // the private half is here
		size int   // recipients
	}{
		{"nobody", seal.Plan{}, seal.ErrNoRecipient, false, 0},
		{"two places", seal.Plan{Here: true, File: elsewhere}, seal.ErrPlan, false, 0},
		{"unproved", seal.Plan{Here: true, Recipients: recipients(a, identity(t))}, seal.ErrUnproved, false, 0},
		{"twice", seal.Plan{Recipients: recipients(a, a)}, seal.ErrPlan, false, 0},
		{"named", seal.Plan{Recipients: known}, nil, false, 2},
		{"elsewhere", seal.Plan{File: elsewhere, Recipients: known[:1]}, nil, false, 2},
		{"the same file again", seal.Plan{File: elsewhere}, seal.ErrPlan, false, 0},
		{"here", seal.Plan{Here: true}, nil, true, 1},
	} {
		k, err := seal.LoadKeyring(dir)
		var e seal.Epoch
		if errors.Is(err, fs.ErrNotExist) {
			if k, err = seal.InitKeyring(dir, test.plan); err == nil {
				e = k.Current()
			}
		} else if err == nil {
			e, err = k.Rotate(test.plan)
		}
		if !errors.Is(err, test.want) {
			t.Fatalf("%s: %v", test.name, err)
		}
		if err != nil {
			continue
		}
		if k.Serving() != test.here || len(e.Recipients) != test.size || k.Current().ID != e.ID {
			t.Errorf("%s: serving %v, %d recipients, current %s of %s", test.name, k.Serving(), len(e.Recipients), k.Current().ID, e.ID)
		}
		own, made := e.Own()
		if made != (test.plan.Here || test.plan.File != "") {
			t.Errorf("%s: a pair of its own: %v", test.name, made)
		}
		if test.plan.File != "" && keyFileOf(t, elsewhere).Recipient().String() != own.String() {
			t.Errorf("%s: the file holds another key", test.name)
		}
		if p, err := k.Proved(e); err != nil || p.IsZero() {
			t.Errorf("%s: proved %v, %v", test.name, p, err)
		}
	}
	if _, err := seal.InitKeyring(dir, seal.Plan{Here: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second first epoch: %v", err)
	}
}

// TestReload: a process sees what another one rotates, and outlives a list that
// it cannot read.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	gateway := keyring(t, dir)
	if changed, err := gateway.Reload(); changed || err != nil {
		t.Errorf("nothing happened, and: %v, %v", changed, err)
	}
	rotate(t, keyring(t, dir), seal.Plan{Here: true})
	if changed, err := gateway.Reload(); !changed || err != nil || gateway.Current().ID != "epoch-2" {
		t.Errorf("%v, %v; current %s", changed, err, gateway.Current().ID)
	}
	if err := os.WriteFile(filepath.Join(dir, "epochs.json"), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := gateway.Reload(); changed || err == nil || gateway.Current().ID != "epoch-2" {
		t.Errorf("damage: %v, %v; current %s", changed, err, gateway.Current().ID)
	}
}

func TestRotationsAtOnce(t *testing.T) {
	dir := t.TempDir()
	keyring(t, dir)
	done := make(chan error)
	for range 8 {
		go func() {
			k, err := seal.LoadKeyring(dir)
			if err == nil {
				_, err = k.Rotate(seal.Plan{Here: true})
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	k := keyring(t, dir)
	seen := map[string]bool{}
	for _, e := range k.Epochs() {
		seen[e.Recipients[0].String()] = true
	}
	if len(k.Epochs()) != 9 || len(seen) != 9 {
		t.Errorf("%d epochs with %d keys", len(k.Epochs()), len(seen))
	}
}

// TestDestroyedEpoch: the bytes of the private half are overwritten on the disk,
// and neither we nor age with any other key opens what was wrapped to it.
func TestDestroyedEpoch(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	k := keyring(t, dir)
	epoch, wrapped, err := k.Wrap(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Destroy(epoch, ""); !errors.Is(err, seal.ErrCurrent) {
		t.Errorf("the current one: %v", err)
	}
	rotate(t, k, seal.Plan{Here: true})
	path := filepath.Join(dir, "epoch-1.agekey")
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	e, err := k.Destroy(epoch, "")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, _ := held.Read(b)
	if n < 100 || !bytes.Equal(b[:n], make([]byte, n)) {
		t.Errorf("%d bytes of the file are left: %q", n, b[:n])
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its name is left: %v", err)
	}
	if _, err := k.Unwrap(t.Context(), epoch, wrapped); !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("Unwrap: %v", err)
	}
	if at, ok := e.Irrecoverable(time.Hour); !ok || !at.Equal(e.Destroyed.Add(time.Hour)) {
		t.Errorf("irrecoverable after %v, %v", at, ok)
	}
	if err := exec.CommandContext(t.Context(), "sh", "-c",
		`printf %s "$0" | age -d -i "$1"/epoch-2.agekey`, string(wrapped), dir).Run(); err == nil {
		t.Error("age opens it")
	}
	again, err := keyring(t, dir).Destroy(epoch, "")
	if err != nil || !again.Destroyed.Equal(e.Destroyed) {
		t.Errorf("again: %v, then %v, %v", e.Destroyed, again.Destroyed, err)
	}
}

// TestDestroyedElsewhere: what others hold counts as destroyed when they say so,
// and not while it opens what is recorded now.
func TestDestroyedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, file := t.TempDir(), filepath.Join(t.TempDir(), "one.agekey")
		a, b := identity(t), identity(t)
		known := proved(t, dir, a, b)
		k, err := seal.InitKeyring(dir, seal.Plan{File: file, Recipients: known})
		if err != nil {
			t.Fatal(err)
		}
		rotate(t, k, seal.Plan{Here: true, Recipients: known[1:]})
		if _, err := k.Destroy("epoch-1", ""); !errors.Is(err, seal.ErrNoIdentity) {
			t.Errorf("nothing is here: %v", err)
		}
		if _, err := k.Destroy("epoch-1", filepath.Join(dir, "epoch-2.agekey")); !errors.Is(err, seal.ErrPlan) {
			t.Errorf("the file of another epoch: %v", err)
		}
		if !k.Serving() {
			t.Fatal("it is gone")
		}
		e, err := k.Destroy("epoch-1", file)
		if err != nil || len(e.Openers()) != 2 {
			t.Errorf("%d can open it, %v", len(e.Openers()), err)
		}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is left: %v", err)
		}
		if e, err = k.Destroy("epoch-1", "", a.Recipient()); err != nil || len(e.Openers()) != 1 {
			t.Errorf("%d can open it, %v", len(e.Openers()), err)
		}
		if _, err := k.Destroy("epoch-1", "", b.Recipient()); !errors.Is(err, seal.ErrPlan) {
			t.Errorf("who takes part in the current epoch: %v", err)
		}
		if _, ok := e.Irrecoverable(0); ok {
			t.Error("irrecoverable, though somebody can open it")
		}
		rotate(t, k, seal.Plan{Here: true})
		if _, err := k.Destroy("epoch-2", "", b.Recipient()); !errors.Is(err, nil) {
			t.Errorf("the last epoch of somebody: %v", err)
		}
		time.Sleep(time.Hour)
		e, err = k.Destroy("epoch-1", "", b.Recipient())
		if at, ok := e.Irrecoverable(time.Minute); err != nil || !ok || !at.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("irrecoverable after %v, %v, %v", at, ok, err)
		}
	})
}

// TestDestructionGoesOn after a crash between any two of its steps.
func TestDestructionGoesOn(t *testing.T) {
	dir := t.TempDir()
	k := keyring(t, dir)
	rotate(t, k, seal.Plan{Here: true})
	own := k.Epochs()[0].Recipients[0]
	list, err := os.ReadFile(filepath.Join(dir, "epochs.json"))
	if err != nil {
		t.Fatal(err)
	}
	noted := bytes.Replace(list, []byte("\n  },"), []byte(",\n    \"wiping\": [\""+own.String()+"\"]\n  },"), 1)
	for _, left := range []string{"all of the file", "an overwritten file", "no file"} {
		path := filepath.Join(dir, "epoch-1.agekey")
		switch left {
		case "an overwritten file":
			err = os.WriteFile(path, make([]byte, 180), 0o600)
		case "no file":
			err = errors.Join(os.RemoveAll(path), err)
		}
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "epochs.json"), noted, 0o600)); err != nil {
			t.Fatal(err)
		}
		e, err := keyring(t, dir).Destroy("epoch-1", "")
		if _, ok := e.Irrecoverable(0); err != nil || !ok || len(e.Wiping) > 0 {
			t.Errorf("%s: %+v, %v", left, e, err)
		}
	}
}
