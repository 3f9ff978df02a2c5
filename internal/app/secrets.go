package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Secret returns the secret that is kept in the file name under dataDir, made
// of 32 random bytes and written with mode 0600 when it is not there yet.
func Secret(dataDir, name string) (string, error) {
	path := filepath.Join(dataDir, "secrets", name)
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("app: read secret: %w", err)
	}
	var raw [32]byte
	rand.Read(raw[:])
	secret := hex.EncodeToString(raw[:])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("app: make secret: %w", err)
	}
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("app: make secret: %w", err)
	}
	return secret, nil
}

// TwilioToken is the name of the generated auth token, with which the built-in
// default checks signatures and `sidetone try` signs.
const TwilioToken = "twilio_auth_token"
