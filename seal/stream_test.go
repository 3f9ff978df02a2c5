package seal_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"filippo.io/age"

	"sidetone/seal"
)

func TestSealTo(t *testing.T) {
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("sidetone"), 40_000) // several chunks of age
	var sealed bytes.Buffer
	w, err := seal.SealTo(&sealed, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	for rest := plain; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
		if _, err := w.Write(rest[:min(len(rest), 1000)]); err != nil {
			t.Fatal(err)
		}
	}
	cut := bytes.Clone(sealed.Bytes())
	if _, err := seal.Open(cut, id); err == nil {
		t.Error("a file that was not closed opens")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := seal.Open(sealed.Bytes(), id); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := seal.SealTo(io.Discard); !errors.Is(err, seal.ErrNoRecipient) {
		t.Errorf("sealed to nobody: %v", err)
	}
	if _, err := seal.SealTo(io.Discard, seal.Recipient{}); !errors.Is(err, seal.ErrNoRecipient) {
		t.Errorf("sealed to nobody: %v", err)
	}
}

func TestSealPassphraseTo(t *testing.T) {
	var sealed bytes.Buffer
	w, err := seal.SealPassphraseTo(&sealed, "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "words"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	id, err := age.NewScryptIdentity("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(&sealed, id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "words" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := seal.SealPassphraseTo(io.Discard, ""); err == nil {
		t.Error("no passphrase does")
	}
}
