package recorder

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// ErrManifest means a manifest that is malformed or contradicts itself.
var ErrManifest = errors.New("recorder: malformed manifest")

// Manifest lists the objects of a take. It lies open: ids, lengths, hashes and
// times, and nothing that was said. What is signed is the manifest without the
// line of its signature: "grep -v '^  \"signature\": ' manifest.json".
type Manifest struct {
	Version    int        `json:"version"`
	Call       string     `json:"call"`
	Take       string     `json:"take"`
	Epoch      string     `json:"epoch"`   // of the operator's key that the take's keys are wrapped to
	Started    time.Time  `json:"started"` // wall time of Origin
	Origin     media.Tick `json:"origin"`  // the tick of the first sample
	Rate       int        `json:"rate"`
	Coding     string     `json:"coding"`
	Channels   int        `json:"channels"`
	Header     int        `json:"header"` // bytes of the file before the first sample
	Length     int64      `json:"length"` // bytes of the file
	Segments   []Segment  `json:"segments"`
	Snippets   []Snippet  `json:"snippets,omitempty"`
	Notes      *Sealed    `json:"notes,omitempty"` // none where nothing was said
	Meta       Sealed     `json:"meta"`
	Complete   bool       `json:"complete"`             // all that was handed to the recorder is in it
	Incomplete []string   `json:"incomplete,omitempty"` // why not: a GapReason, "crashed" or "no_spool"
	Outcome    string     `json:"outcome"`              // how the call ended
	Reason     string     `json:"reason"`
	Cuts       []Cut      `json:"cuts,omitempty"`   // what was taken back, and is in no object
	Played     string     `json:"played,omitempty"` // how it is known what was played: mark, stats or estimate
	Source     string     `json:"source,omitempty"` // where its list comes from, if not from the spool: listing
	Node       string     `json:"node"`             // the key that signs, base64
	Signature  string     `json:"signature"`        // Ed25519, base64
}

// Crashed is the reason, and one of the reasons why a manifest is incomplete,
// of a take that recovery had to finish.
const Crashed = "crashed"

// signManifest returns the manifest as it is stored.
func signManifest(m Manifest, node *seal.Node) ([]byte, error) {
	m.Node = base64.StdEncoding.EncodeToString(node.PublicKey())
	m.Signature = ""
	if m.Segments == nil {
		m.Segments = []Segment{}
	}
	b, err := seal.SignDocument(m, node.Sign)
	if err != nil {
		return nil, fmt.Errorf("recorder: manifest: %w", err)
	}
	return b, nil
}

// ParseManifest parses a stored manifest and checks that it fits together, and
// that one of the trusted keys signed it.
func ParseManifest(b []byte, trusted ...ed25519.PublicKey) (*Manifest, error) {
	m, signed, signature, err := parseManifest(b)
	if err != nil {
		return nil, err
	}
	if err := seal.Verify(signed, signature, trusted...); err != nil {
		return nil, fmt.Errorf("manifest of %s %s: %w", m.Call, m.Take, err)
	}
	return m, nil
}

// Signer returns the key by which a stored manifest says that it is signed, and
// when its take began. It verifies neither.
func Signer(manifest []byte) (node ed25519.PublicKey, started time.Time, err error) {
	m, _, _, err := parseManifest(manifest)
	if err != nil {
		return nil, time.Time{}, err
	}
	node, err = base64.StdEncoding.DecodeString(m.Node)
	if err != nil || len(node) != ed25519.PublicKeySize {
		return nil, time.Time{}, fmt.Errorf("%w: node is no key", ErrManifest)
	}
	return node, m.Started, nil
}

func parseManifest(b []byte) (m *Manifest, signed, signature []byte, err error) {
	m = new(Manifest)
	if signed, signature, err = seal.ReadDocument(b, m); err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if err := m.check(); err != nil {
		return nil, nil, nil, err
	}
	return m, signed, signature, nil
}

// check holds what the manifest says against itself.
func (m *Manifest) check() error {
	if m.Version != formatVersion {
		return fmt.Errorf("%w: version %d", ErrManifest, m.Version)
	}
	if err := checkIDs(m.Call, m.Take, m.Epoch); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	var end int64
	for i, g := range m.Segments {
		switch {
		case g.Seq != i+1:
			return fmt.Errorf("%w: segment %d is numbered %d", ErrManifest, i+1, g.Seq)
		case g.Offset != end || g.Length <= 0 || g.Length > m.Length-end:
			return fmt.Errorf("%w: segment %d does not follow the one before", ErrManifest, g.Seq)
		}
		end += g.Length
	}
	for i, s := range m.Snippets {
		if err := s.valid(); err != nil {
			return fmt.Errorf("%w: %w", ErrManifest, err)
		}
		if i > 0 && s.ID <= m.Snippets[i-1].ID {
			return fmt.Errorf("%w: snippet %s follows %s", ErrManifest, s.ID, m.Snippets[i-1].ID)
		}
	}
	for _, c := range m.Cuts {
		if !c.valid() {
			return fmt.Errorf("%w: cut from %d to %d, asked for from %d", ErrManifest, c.From, c.To, c.Asked)
		}
	}
	if end != m.Length {
		return fmt.Errorf("%w: segments end at %d of %d bytes", ErrManifest, end, m.Length)
	}
	return nil
}
