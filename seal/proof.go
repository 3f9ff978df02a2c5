package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age/armor"
)

var (
	// ErrUnproved means a recipient of whom it is not known that they can decrypt.
	ErrUnproved = errors.New("seal: recipient has not proved that it can decrypt")
	// ErrAnswer means that an answer is not what was in the challenge.
	ErrAnswer = errors.New("seal: not the answer to the challenge")
)

// challengeLives is for how long a challenge can be answered: an answer tells
// that the private half was there after it was made.
const challengeLives = 30 * 24 * time.Hour

const proofList = "proofs.json"

// Proof says whether the holder of a recipient's private half has shown to have
// it.
type Proof struct {
	Proved time.Time `json:"proved,omitzero"`  // when they last did; zero for never
	Asked  time.Time `json:"asked,omitzero"`   // when the challenge was made that is open
	Answer string    `json:"answer,omitempty"` // SHA-256 of its answer, in hex
}

// Proofs returns the proofs noted in the directory of a keyring, by recipient or
// key of a service, whether or not the recipient takes part in an epoch, and whether or not there
// is a keyring yet.
func Proofs(dir string) (map[string]Proof, error) {
	b, err := os.ReadFile(filepath.Join(dir, proofList))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Proof{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("seal: proofs: %w", err)
	}
	proofs := map[string]Proof{}
	if err := json.Unmarshal(b, &proofs); err != nil {
		return nil, fmt.Errorf("seal: %s: %w", filepath.Join(dir, proofList), err)
	}
	return proofs, nil
}

// Challenge returns an armored age file that only the holder of r's private half
// can open. What is in it is the answer, a line of text. An earlier challenge of
// r can not be answered any more.
func Challenge(dir string, r Recipient) ([]byte, error) {
	var nonce [20]byte
	rand.Read(nonce[:]) // never fails
	answer := "sidetone-" + strings.ToLower(base32.StdEncoding.EncodeToString(nonce[:]))
	sealed, err := Seal(nil, []byte(answer+"\n"), r)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := armor.NewWriter(&out)
	if _, err := w.Write(sealed); err != nil {
		return nil, fmt.Errorf("seal: challenge: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal: challenge: %w", err)
	}
	sum := sha256.Sum256([]byte(answer))
	return out.Bytes(), changeProof(dir, r.String(), func(p *Proof) error {
		p.Asked, p.Answer = now(), hex.EncodeToString(sum[:])
		return nil
	})
}

// Answer notes that r can decrypt, if answer is what is in its open challenge;
// else the error wraps ErrAnswer. An answer counts once.
func Answer(dir string, r Recipient, answer string) error {
	sum := sha256.Sum256([]byte(strings.TrimSpace(answer)))
	return changeProof(dir, r.String(), func(p *Proof) error {
		if p.Answer == "" || time.Since(p.Asked) > challengeLives {
			return fmt.Errorf("%w: there is none, or it is older than 30 days", ErrAnswer)
		}
		if subtle.ConstantTimeCompare([]byte(p.Answer), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return ErrAnswer
		}
		*p = Proof{Proved: now()}
		return nil
	})
}

// Prove notes that the private half of each of ids is at hand, by decrypting with
// it.
func Prove(dir string, ids ...Identity) error {
	unlock, err := lockKeys(dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, id := range ids {
		if err := prove(dir, id); err != nil {
			return err
		}
	}
	return nil
}

// prove is Prove for who holds the lock.
func prove(dir string, id Identity) error {
	sealed, err := Seal(nil, []byte(proofList), id.Recipient())
	if err != nil {
		return err
	}
	if _, err := Open(sealed, id); err != nil {
		return err
	}
	return putProof(dir, id.Recipient().String(), func(p *Proof) error {
		*p = Proof{Proved: now()}
		return nil
	})
}

// ProveCurrent notes that the current epoch's key opens what is wrapped to it, if
// its private half is here or with the keyring's service: the others have to be
// asked.
func (k *Keyring) ProveCurrent(ctx context.Context) error {
	e := k.Current()
	if e.ServiceKey != "" {
		if k.service == nil {
			return fmt.Errorf("%s: %w", e.ID, ErrNoService)
		}
		return ProveService(ctx, k.dir, k.service, e.ServiceKey)
	}
	if !k.Holds(e.ID) {
		return nil
	}
	id, err := k.Private(e.ID)
	if err != nil {
		return err
	}
	return Prove(k.dir, id)
}

// proved returns an error that wraps ErrUnproved for the first of rs who has
// never answered a challenge.
func proved(dir string, rs []Recipient) error {
	proofs, err := Proofs(dir)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if proofs[r.String()].Proved.IsZero() {
			return fmt.Errorf("%w: %s", ErrUnproved, r)
		}
	}
	return nil
}

// changeProof changes the proof of a recipient, or of a service's key.
func changeProof(dir, who string, change func(*Proof) error) error {
	unlock, err := lockKeys(dir)
	if err != nil {
		return err
	}
	defer unlock()
	return putProof(dir, who, change)
}

// putProof is changeProof for who holds the lock.
func putProof(dir, who string, change func(*Proof) error) error {
	proofs, err := Proofs(dir)
	if err != nil {
		return err
	}
	p := proofs[who]
	if err := change(&p); err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	proofs[who] = p
	b, err := json.MarshalIndent(proofs, "", "  ")
	if err != nil {
		return fmt.Errorf("seal: proofs: %w", err)
	}
	return replaceFile(filepath.Join(dir, proofList), append(b, '\n'))
}

// Proved returns when the recipient of an epoch of whom that is longest ago has
// shown to have the private half; the zero time if one of them never has.
func (k *Keyring) Proved(e Epoch) (time.Time, error) {
	proofs, err := Proofs(k.dir)
	if err != nil {
		return time.Time{}, err
	}
	if e.ServiceKey != "" {
		return proofs[e.ServiceKey].Proved, nil
	}
	oldest := proofs[e.Recipients[0].String()].Proved
	for _, r := range e.Recipients[1:] {
		if p := proofs[r.String()].Proved; p.Before(oldest) {
			oldest = p
		}
	}
	return oldest, nil
}
