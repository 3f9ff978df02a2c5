package models_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
)

var files = []string{models.Runtime, models.Encoder, models.Decoder, models.Vocabulary, models.Silero, models.Flite, models.Joe, models.JoeConfig}

func TestReadGivesWhatWasFetched(t *testing.T) {
	dir := modelstest.Dir(t)
	for _, name := range files {
		content, err := models.Read(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		path, err := models.Verify(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != int64(len(content)) {
			t.Errorf("Verify(%q) = %q, which holds not what Read returned (%v)", name, path, err)
		}
	}
}

func TestReadNamesTheRemedyForAMissingFile(t *testing.T) {
	for _, name := range files {
		_, err := models.Read(t.TempDir(), name)
		if !errors.Is(err, models.ErrMissing) {
			t.Fatalf("Read of missing %s: %v, want ErrMissing", name, err)
		}
		if !strings.Contains(err.Error(), "make models") || !strings.Contains(err.Error(), filepath.FromSlash(name)) {
			t.Errorf("error %q names not both the file and `make models`", err)
		}
	}
}

func TestReadRefusesATamperedFile(t *testing.T) {
	content, err := models.Read(modelstest.Dir(t), models.Silero)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), content...)
	flipped[len(flipped)/2] ^= 1
	for name, bad := range map[string][]byte{
		"one bit":   flipped,
		"truncated": content[:len(content)-1],
		"extended":  append(append([]byte(nil), content...), 0),
		"empty":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, models.Silero)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := models.Read(dir, models.Silero)
			if !errors.Is(err, models.ErrTampered) {
				t.Fatalf("Read = %v, want ErrTampered", err)
			}
			const want = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %q names not both the file and the wanted sum", err)
			}
		})
	}
}

func TestReadRefusesUnlistedNames(t *testing.T) {
	if _, err := models.Read(modelstest.Dir(t), "moonshine-tiny-en/../silero-vad/silero_vad_v6.onnx"); err == nil {
		t.Error("a name that is not on the list was read")
	}
}
