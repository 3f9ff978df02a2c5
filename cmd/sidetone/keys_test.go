package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/internal/app"
)

// fails runs the program to its end, which is to be a failure that says so.
func (s *site) fails(t *testing.T, say string, args ...string) {
	t.Helper()
	out, err := s.command(t.Context(), args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), say) {
		t.Errorf("sidetone %s: %v, without %q:\n%s", strings.Join(args, " "), err, say, out)
	}
}

// holder is somebody with a key, and the age of the distribution.
type holder struct{ file, recipient string }

func newHolder(t *testing.T) holder {
	t.Helper()
	h := holder{file: filepath.Join(t.TempDir(), "their.key")}
	if out, err := exec.CommandContext(t.Context(), "age-keygen", "-o", h.file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "age-keygen", "-y", h.file).Output()
	if err != nil {
		t.Fatal(err)
	}
	h.recipient = strings.TrimSpace(string(out))
	return h
}

func (h holder) open(t *testing.T, sealed string) string {
	t.Helper()
	age := exec.CommandContext(t.Context(), "age", "-d", "-i", h.file)
	age.Stdin = strings.NewReader(sealed)
	out, err := age.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestKeys is the life of keys from the first to the last, by commands.
func TestKeys(t *testing.T) {
	s, escrow := newSite(t), newHolder(t)
	s.fails(t, "has not proved that it can decrypt", "keys", "init", "--here", "--recipient", escrow.recipient)
	answer := escrow.open(t, s.run(t, "keys", "challenge", escrow.recipient))
	s.fails(t, "not the answer", "keys", "challenge", escrow.recipient, "--answer", "sidetone-guess")
	if out := s.run(t, "keys", "challenge", escrow.recipient, "--answer", strings.TrimSpace(answer)); !strings.Contains(out, escrow.recipient+" can decrypt") {
		t.Errorf("challenge: %s", out)
	}
	s.run(t, "keys", "init", "--here", "--recipient", escrow.recipient)
	s.fails(t, "file already exists", "keys", "init", "--here")

	var list []app.KeyEpoch
	epochs := func() []app.KeyEpoch {
		t.Helper()
		if err := json.Unmarshal([]byte(s.run(t, "keys", "list", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if e := epochs(); len(e) != 1 || len(e[0].Recipients) != 2 || e[0].Recipients[1].Recipient != escrow.recipient ||
		e[0].Recipients[1].Role != "escrow" || e[0].Recipients[0].Role != "own" || e[0].Recipients[1].Proved.IsZero() {
		t.Errorf("%+v", e)
	}
	if out := s.run(t, "keys", "rotate"); !strings.Contains(out, "epoch-2 is the current epoch") {
		t.Errorf("rotate: %s", out)
	}
	text := s.run(t, "keys", "list")
	for _, want := range []string{"epoch-1  begun ", "private half here", "(current)", "escrow  " + escrow.recipient + " proved "} {
		if !strings.Contains(strings.ReplaceAll(text, "  proved", " proved"), want) {
			t.Errorf("list has no %q:\n%s", want, text)
		}
	}
	s.fails(t, "gateways may still use epoch-1", "keys", "destroy-epoch", "epoch-1")
	s.fails(t, "recordings are wrapped to this epoch now", "keys", "destroy-epoch", "epoch-2")
	s.fails(t, "leaves only sealed", "keys", "export", "epoch-2")
	private, err := os.ReadFile(filepath.Join(s.data(), "keys", "epoch-2.agekey"))
	if err != nil {
		t.Fatal(err)
	}
	backup := s.run(t, "keys", "export", "epoch-2", "--recipient", escrow.recipient)
	if !strings.Contains(escrow.open(t, backup), string(private[bytes.Index(private, []byte("AGE-SECRET")):])) {
		t.Error("the backup holds another key")
	}
	if public := s.run(t, "keys", "export", "--public"); strings.Contains(public, "SECRET") || !strings.Contains(public, "epoch-2") {
		t.Errorf("public halves: %s", public)
	}
}

// data is the site's data directory.
func (s *site) data() string {
	for _, e := range s.env {
		if dir, ok := strings.CutPrefix(e, "SIDETONE_DATA_DIR="); ok {
			return dir
		}
	}
	return ""
}
