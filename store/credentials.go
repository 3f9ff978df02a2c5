package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// credentialPair is what the built-in server and its clients share.
type credentialPair struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// loadCredentials reads the server's credentials, or makes them. They are
// linked into place whole, so that of two processes that start at once both
// read the same.
func loadCredentials(name string) (credentialPair, error) {
	var keys credentialPair
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		if err := makeCredentials(name); err != nil {
			return keys, err
		}
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return keys, err
	}
	// A decoder's error could quote what it read.
	if json.Unmarshal(text, &keys) != nil || keys.AccessKeyID == "" || keys.SecretAccessKey == "" {
		return keys, fmt.Errorf("%s: not credentials of the built-in object store", name)
	}
	return keys, nil
}

func makeCredentials(name string) error {
	text, err := json.Marshal(credentialPair{
		AccessKeyID:     "sidetone-" + rand.Text()[:8],
		SecretAccessKey: rand.Text() + rand.Text(),
	})
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(name), credentialsName) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Link(draft.Name(), name)
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}
