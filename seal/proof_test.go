package seal_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/seal"
)

func challenge(t testing.TB, dir string, r seal.Recipient) []byte {
	t.Helper()
	b, err := seal.Challenge(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ageAnswers opens a challenge with the age of the distribution.
func ageAnswers(t testing.TB, challenge []byte, id seal.Identity) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "their.key")
	if err := os.WriteFile(key, id.KeyFile(time.Now()), 0o600); err != nil {
		t.Fatal(err)
	}
	age := exec.Command("age", "-d", "-i", key)
	age.Stdin = bytes.NewReader(challenge)
	answer, err := age.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestChallenge(t *testing.T) {
	dir, id, other := filepath.Join(t.TempDir(), "keys"), identity(t), identity(t)
	r := id.Recipient()
	first := challenge(t, dir, r)
	if !bytes.HasPrefix(first, []byte("-----BEGIN AGE ENCRYPTED FILE-----\n")) {
		t.Errorf("not armored: %q", first)
	}
	early := ageAnswers(t, first, id)
	answer := ageAnswers(t, challenge(t, dir, r), id)
	list, err := os.ReadFile(filepath.Join(dir, "proofs.json"))
	if err != nil || bytes.Contains(list, []byte(strings.TrimSpace(answer))) {
		t.Errorf("the answer lies open: %s, %v", list, err)
	}
	for name, err := range map[string]error{
		"of an earlier one": seal.Answer(dir, r, early),
		"of nobody":         seal.Answer(dir, other.Recipient(), answer),
		"nothing":           seal.Answer(dir, r, ""),
	} {
		if !errors.Is(err, seal.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := seal.InitKeyring(dir, seal.Plan{Recipients: recipients(id)}); !errors.Is(err, seal.ErrUnproved) {
		t.Errorf("before the answer: %v", err)
	}
	if err := seal.Answer(dir, r, answer); err != nil {
		t.Fatal(err)
	}
	if err := seal.Answer(dir, r, answer); !errors.Is(err, seal.ErrAnswer) {
		t.Errorf("a second time: %v", err)
	}
	if _, err := seal.InitKeyring(dir, seal.Plan{Recipients: recipients(id)}); err != nil {
		t.Errorf("after the answer: %v", err)
	}
}

func TestProofsHaveTheirTime(t *testing.T) {
	dir, a, b := t.TempDir(), identity(t), identity(t)
	var answer string
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		proved(t, dir, a)
		time.Sleep(24 * time.Hour)
		k, err := seal.InitKeyring(dir, seal.Plan{Recipients: proved(t, dir, b)})
		if err != nil {
			t.Fatal(err)
		}
		e := rotate(t, k, seal.Plan{Recipients: recipients(b, a)})
		if at, err := k.Proved(e); err != nil || !at.Equal(begin) {
			t.Errorf("of two the older proof counts: %v, %v", at, err)
		}
		c := identity(t)
		sealed := challenge(t, dir, c.Recipient())
		proofs, err := seal.Proofs(dir)
		if err != nil || !proofs[c.Recipient().String()].Proved.IsZero() || proofs[c.Recipient().String()].Asked.IsZero() {
			t.Errorf("%+v, %v", proofs, err)
		}
		answer = ageAnswers(t, sealed, c)
		time.Sleep(31 * 24 * time.Hour)
		if err := seal.Answer(dir, c.Recipient(), answer); !errors.Is(err, seal.ErrAnswer) {
			t.Errorf("after a month: %v", err)
		}
	})
}

func TestProofsRefuseDamage(t *testing.T) {
	dir, id := t.TempDir(), identity(t)
	if err := os.WriteFile(filepath.Join(dir, "proofs.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := seal.Prove(dir, id); err == nil {
		t.Error("Prove")
	}
	if _, err := seal.Challenge(dir, id.Recipient()); err == nil {
		t.Error("Challenge")
	}
	if _, err := seal.OpenKeyring(dir, id.Recipient()); err == nil {
		t.Error("OpenKeyring")
	}
}

// TestPassphrase seals a private half to a passphrase, for age of the
// distribution, which asks for it on a terminal.
func TestPassphrase(t *testing.T) {
	id := identity(t)
	sealed, err := seal.SealPassphrase(nil, id.KeyFile(time.Now()), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.age")
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	for passphrase, opens := range map[string]bool{"correct horse battery": true, "wrong horse battery": false} {
		out := filepath.Join(t.TempDir(), "epoch-1.agekey")
		age := exec.CommandContext(t.Context(), "script", "-qec", "age -d -o "+out+" "+path, os.DevNull)
		age.Stdin = strings.NewReader(passphrase + "\n")
		if text, err := age.CombinedOutput(); (err == nil) != opens {
			t.Errorf("age with %q: %v: %s", passphrase, err, text)
		}
		if opens && keyFileOf(t, out).Secret() != id.Secret() {
			t.Error("another key")
		}
	}
	if _, err := seal.SealPassphrase(nil, nil, ""); err == nil {
		t.Error("an empty passphrase is accepted")
	}
}
