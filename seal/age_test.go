package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/seal"
)

func identity(t testing.TB) seal.Identity {
	t.Helper()
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAnyOneRecipientOpens(t *testing.T) {
	a, b, other := identity(t), identity(t), identity(t)
	plain := bytes.Repeat([]byte("what was said "), 20_000) // several age chunks
	sealed, err := seal.Seal([]byte("prefix"), plain, a.Recipient(), b.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	sealed, ok := bytes.CutPrefix(sealed, []byte("prefix"))
	if !ok {
		t.Fatal("Seal does not append")
	}
	for _, id := range []seal.Identity{a, b} {
		got, err := seal.Open(sealed, other, id)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("Open: %d bytes, %v", len(got), err)
		}
	}
	for _, ids := range [][]seal.Identity{nil, {other}} {
		if _, err := seal.Open(sealed, ids...); !errors.Is(err, seal.ErrNoIdentity) {
			t.Errorf("Open with %d wrong identities: %v", len(ids), err)
		}
	}
}

func TestNothingIsSealedToNobody(t *testing.T) {
	for _, to := range [][]seal.Recipient{nil, {seal.Recipient{}}, {identity(t).Recipient(), seal.Recipient{}}} {
		if b, err := seal.Seal(nil, []byte("x"), to...); !errors.Is(err, seal.ErrNoRecipient) || len(b) > 0 {
			t.Errorf("Seal to %v: %d bytes, %v", to, len(b), err)
		}
	}
}

func TestOpenRefusesEveryCutAndChange(t *testing.T) {
	id := identity(t)
	sealed, err := seal.Seal(nil, []byte("some words"), id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for n := range sealed {
		if b, err := seal.Open(sealed[:n], id); err == nil {
			t.Fatalf("cut to %d of %d bytes opens as %q", n, len(sealed), b)
		}
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		if b, err := seal.Open(changed, id); err == nil {
			t.Fatalf("changed at %d opens as %q", n, b)
		}
	}
	if _, err := seal.Open(append(sealed, 0), id); err == nil {
		t.Error("trailing data is accepted")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	id := identity(t)
	key, _, err := seal.NewSpoolKey(id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"id": id})
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		out += fmt.Sprintf(verb, id) + fmt.Sprintf(verb, struct{ ID seal.Identity }{id}) + fmt.Sprintf(verb, key)
	}
	if strings.Contains(out, id.Secret()) || strings.Contains(out, fmt.Sprintf("%d", key[0])+" "+fmt.Sprintf("%d", key[1])) {
		t.Errorf("a secret prints: %s", out)
	}
	if _, err := seal.ParseIdentity(id.Secret() + "x"); err == nil || strings.Contains(err.Error(), id.Secret()[:30]) {
		t.Errorf("ParseIdentity: %v", err)
	}
}

// TestStockAge holds what we seal against the age of the distribution.
func TestStockAge(t *testing.T) {
	id := identity(t)
	dir := t.TempDir()
	key := filepath.Join(dir, "call.key")
	if err := os.WriteFile(key, []byte(id.Secret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.Seal(nil, []byte("some words"), identity(t).Recipient(), id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	age := exec.CommandContext(t.Context(), "age", "-d", "-i", key)
	age.Stdin = bytes.NewReader(sealed)
	got, err := age.Output()
	if err != nil || string(got) != "some words" {
		t.Errorf("age -d: %q, %v", got, err)
	}
	enc := exec.CommandContext(t.Context(), "age", "-r", id.Recipient().String())
	enc.Stdin = strings.NewReader("their words")
	sealed, err = enc.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Open(sealed, id); err != nil || string(got) != "their words" {
		t.Errorf("Open of what age sealed: %q, %v", got, err)
	}
}

func TestRecipientText(t *testing.T) {
	r := identity(t).Recipient()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back seal.Recipient
	if err := json.Unmarshal(b, &back); err != nil || back.String() != r.String() {
		t.Errorf("%s comes back as %s: %v", r, back, err)
	}
	for _, bad := range []string{"", "age1", strings.ToUpper(r.String()) + "x", identity(t).Secret()} {
		if _, err := seal.ParseRecipient(bad); err == nil {
			t.Errorf("ParseRecipient(%.10q...) is accepted", bad)
		}
	}
}

func FuzzParseIdentities(f *testing.F) {
	f.Add([]byte("# created: now\n\nAGE-SECRET-KEY-1QQQ\n"))
	id, err := seal.GenerateIdentity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(id.Secret()))
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, err := seal.ParseIdentities(bytes.NewReader(b))
		if (err == nil) != (len(ids) > 0) {
			t.Fatalf("%d identities and %v", len(ids), err)
		}
	})
}
