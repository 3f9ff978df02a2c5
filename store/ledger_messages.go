package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// hashName is how a message, and the sound of a part, are named.
var hashName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// soundHeader is the length of a kept sound's WAV header: its name is the
// SHA-256 of the samples behind that.
const soundHeader = 44

// named gathers what the rows of a call name: messages, whose name is the SHA-256
// of the file, and the sounds of their parts.
type named struct {
	dir     string // where the gateway keeps them
	seen    map[string]bool
	files   []file
	sums    strings.Builder
	missing []string // names, of what is not there or is not what its name says
}

// message is what rows say of a message, and what it says itself, as far as both
// name files.
type message struct {
	ID    string `json:"id"`
	Parts []struct {
		SHA256 string `json:"sha256"`
	} `json:"parts"`
}

// addRow takes what a row names. What is not JSON names nothing.
func (n *named) addRow(r Row) error {
	var row struct {
		Message message `json:"message"`
	}
	if json.Unmarshal(r.Body, &row) != nil {
		return nil
	}
	text, err := n.add(row.Message.ID, ".json", 0)
	if err != nil {
		return err
	}
	var all message
	if json.Unmarshal(text, &all) != nil {
		all.Parts = nil
	}
	for _, p := range append(row.Message.Parts, all.Parts...) {
		if _, err := n.add(p.SHA256, ".wav", soundHeader); err != nil {
			return err
		}
	}
	return nil
}

// add takes a file the first time that it is named, and returns its content.
// What is hashed begins after the first skip bytes.
func (n *named) add(hash, suffix string, skip int) ([]byte, error) {
	name := hash + suffix
	if !hashName.MatchString(hash) || n.seen[name] {
		return nil, nil
	}
	n.seen[name] = true
	body, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil || len(body) < skip || fmt.Sprintf("%x", sha256.Sum256(body[skip:])) != hash {
		n.missing = append(n.missing, name)
		return nil, nil
	}
	name = "messages/" + name
	n.files = append(n.files, file{name, body})
	fmt.Fprintf(&n.sums, "%x  %s\n", sha256.Sum256(body), name)
	return body, nil
}

// addMessages adds what the rows of the call name.
func (b *bundle) addMessages(dir string, rows []Row) error {
	n := &named{dir: dir, seen: map[string]bool{}}
	for _, r := range rows {
		if err := n.addRow(r); err != nil {
			return err
		}
	}
	b.Missing = n.missing
	for _, f := range n.files {
		if strings.HasSuffix(f.name, ".wav") {
			b.Sounds++
		} else {
			b.Messages++
		}
	}
	if b.files = append(b.files, n.files...); len(n.files) > 0 {
		b.add("messages.sha256", []byte(n.sums.String()))
	}
	return nil
}
