// Package models knows the files that built-in speech needs and the SHA-256
// sum of each, and hands none of them out unchecked.
//
// It refuses to fetch anything: scripts/models.sh does, against the same list
// of sums. It starts no goroutine.
package models

import (
	"crypto/sha256"
	_ "embed" // for sums
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The files, named by their path inside a models folder.
const (
	Runtime    = "onnxruntime/libonnxruntime.so"
	Encoder    = "moonshine-tiny-en/encoder_model.onnx"
	Decoder    = "moonshine-tiny-en/decoder_model_merged.onnx"
	Vocabulary = "moonshine-tiny-en/llama-tokenizer.js"
	Silero     = "silero-vad/silero_vad_v6.onnx"
	Flite      = "flite/flite.wasm"
	Joe        = "piper-joe/en_US-joe-medium.onnx"
	JoeConfig  = "piper-joe/en_US-joe-medium.onnx.json"
)

var (
	// ErrMissing says that a file has not been fetched.
	ErrMissing = errors.New("models: not fetched")
	// ErrTampered says that a file is not the one this binary was built for.
	ErrTampered = errors.New("models: wrong content")
)

// sums is in the format of sha256sum: one "sum  name" a line.
//
//go:embed models.sha256
var sums string

// Read returns the content of a file of the models folder dir, once it has
// been held against its sum. The error wraps ErrMissing or ErrTampered and
// names the file and the remedy.
func Read(dir, name string) ([]byte, error) {
	want, err := sum(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s; run `make models`", ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	hash := sha256.Sum256(content)
	if got := hex.EncodeToString(hash[:]); got != want {
		return nil, fmt.Errorf("%w: %s has SHA-256 %s, wanted %s; run `make models`", ErrTampered, path, got, want)
	}
	return content, nil
}

// Verify is Read for files that are loaded by path, such as Runtime: it
// returns the path of the file instead of its content.
func Verify(dir, name string) (path string, err error) {
	if _, err := Read(dir, name); err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(name)), nil
}

// sum returns the SHA-256 sum that a file must have, in hexadecimal.
func sum(name string) (string, error) {
	for line := range strings.Lines(sums) {
		if want, file, ok := strings.Cut(strings.TrimSpace(line), "  "); ok && file == name {
			return want, nil
		}
	}
	return "", fmt.Errorf("models: %q is not a model file", name)
}
