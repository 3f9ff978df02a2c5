package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/transcribe"
)

// correctedEvent is the event of rows that say that a note was made of a call.
const correctedEvent = "corrected"

// correctedRow is the body of such a row. It holds no words, nor a hash of words.
type correctedRow struct {
	Take   string          `json:"take"`
	ID     string          `json:"note"`
	SHA256 recorder.Digest `json:"sha256"` // of the sealed note
}

// CorrectionRequest is a note that is to be made of a call.
type CorrectionRequest struct {
	Take string   `json:"take,omitempty"` // empty: t1
	At   *float64 `json:"at,omitempty"`   // seconds of the recording, as the transcript shows them; nil: of the call as such
	Text string   `json:"text"`
}

// maxCorrection is the longest note, in bytes.
const maxCorrection = 8 << 10

// check returns what is wrong with a request.
func (q CorrectionRequest) check() error {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	switch {
	case strings.TrimSpace(q.Text) == "" || len(q.Text) > maxCorrection || !utf8.ValidString(q.Text) || strings.ContainsFunc(q.Text, bad):
		return fmt.Errorf("%w: text must be 1 to %d bytes of UTF-8, without control characters", errQuery, maxCorrection)
	case q.At != nil && !(*q.At >= 0 && *q.At < 1e6):
		return fmt.Errorf("%w: at must be seconds of the recording", errQuery)
	}
	return nil
}

// Corrected names a note that was made.
type Corrected struct {
	Call string `json:"call"`
	Take string `json:"take"`
	ID   string `json:"note"`
}

// sealedCorrection is what is sealed of a note.
type sealedCorrection struct {
	Made time.Time `json:"made_at"`
	At   *float64  `json:"at,omitempty"`
	Text string    `json:"text"`
}

// The reasons for which no note is made.
var (
	errGone         = errors.New("app: there is nothing left to correct")
	errNoTranscript = errors.New("app: there is no stored transcript to correct")
)

// Correct makes a note of a call whose words are stored. It is sealed to a key of its
// own, which is wrapped to the operator's current epoch and goes with the call's words:
// no private key is needed. errGone and errNoTranscript say that there is nothing to
// correct.
func (r *Records) Correct(ctx context.Context, call string, q CorrectionRequest) (Corrected, error) {
	if err := q.check(); err != nil {
		return Corrected{}, err
	}
	c, err := r.correctable(ctx, call)
	if err != nil {
		return Corrected{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	done := Corrected{Call: c.ID, Take: q.Take, ID: newID(now)}
	if done.Take == "" {
		done.Take = takeName(1)
	}
	t, err := r.trust(TrustOptions{})
	if err != nil {
		return done, err
	}
	recording, err := t.open(ctx, recorder.OpenOptions{From: r.objects, Call: c.ID, Take: done.Take})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, recorder.ErrID) || err == nil && recording.Manifest().Notes == nil {
		return done, fmt.Errorf("%w: call %s, take %.20s", errNoTranscript, c.ID, done.Take)
	}
	if err != nil {
		return done, err
	}
	body, err := json.Marshal(sealedCorrection{now, q.At, q.Text})
	if err != nil {
		return done, err
	}
	if err := r.storeCorrection(ctx, done, body); err != nil {
		return done, err
	}
	if _, err := r.correctable(ctx, c.ID); errors.Is(err, errGone) { // it went meanwhile
		return done, errors.Join(err, r.dropCorrection(ctx, done))
	}
	return done, nil
}

// correctable returns a call of which notes may be made.
func (r *Records) correctable(ctx context.Context, call string) (store.Call, error) {
	c, err := r.db.Call(ctx, call)
	if err != nil {
		return c, err
	}
	switch {
	case isGone(c):
		return c, fmt.Errorf("%w: call %s: %s", errGone, c.ID, whyGone(c))
	case c.Expired.Text:
		return c, fmt.Errorf("%w: call %s: %s", errGone, c.ID, whyExpired(seal.Text))
	}
	tombs, err := openTombstones(ctx, r.config)
	if err == nil {
		err = checkBuried(ctx, tombs, c)
	}
	return c, err
}

// storeCorrection stores the key of a note, the note, and its row: a note without a row
// is none.
func (r *Records) storeCorrection(ctx context.Context, n Corrected, body []byte) error {
	keys, err := loadKeys(ctx, r.config)
	if err != nil {
		return err
	}
	id, err := seal.GenerateIdentity()
	if err != nil {
		return err
	}
	epoch, wrapped, err := keys.Wrap(ctx, id)
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(nil, body, id.Recipient())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(sealed)
	row, err := json.Marshal(correctedRow{n.Take, n.ID, sum})
	if err != nil {
		return err
	}
	err = r.objects.Put(ctx, recorder.CorrectionKey(epoch, n.Call, n.Take, n.ID), wrapped, sha256.Sum256(wrapped))
	if err == nil {
		err = r.objects.Put(ctx, recorder.CorrectionObject(n.Call, n.Take, n.ID), sealed, sum)
	}
	if err == nil {
		_, err = r.ledger.Append(ctx, n.Call, correctedEvent, row)
	}
	if err != nil {
		return fmt.Errorf("app: the note is not made: %w", errors.Join(err, r.dropCorrection(ctx, n)))
	}
	return nil
}

// dropCorrection removes a note.
func (r *Records) dropCorrection(ctx context.Context, n Corrected) error {
	ctx = context.WithoutCancel(ctx)
	epochs, err := r.objects.Folders(ctx, keysPrefix)
	for _, epoch := range epochs {
		err = errors.Join(err, r.objects.Erase(ctx, recorder.CorrectionKey(epoch, n.Call, n.Take, n.ID)))
	}
	return errors.Join(err, r.objects.Erase(ctx, recorder.CorrectionObject(n.Call, n.Take, n.ID)))
}

// correctionRows returns the rows of the notes of a take.
func correctionRows(rows []store.Row, take string) (found []correctedRow) {
	for _, r := range rows {
		var row correctedRow
		if r.Event == correctedEvent && json.Unmarshal(r.Body, &row) == nil && row.Take == take {
			found = append(found, row)
		}
	}
	return found
}

// correctionsOf reads the notes of a take that have rows. One that can not be read, or
// is not the one of its row, is named as lost.
func correctionsOf(ctx context.Context, l *store.Ledger, recording *recorder.Recording) (all []transcribe.Correction, err error) {
	rows, err := l.Rows(ctx, recording.Call)
	if err != nil {
		return nil, err
	}
	var epochs []string
	for _, row := range correctionRows(rows, recording.Take) {
		if epochs == nil {
			if epochs, err = epochsOf(ctx, recording); err != nil {
				return nil, err
			}
		}
		one, err := readCorrection(ctx, recording, row, epochs)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		one.ID, one.Lost = row.ID, err != nil
		all = append(all, one)
	}
	return all, nil
}

// epochsOf lists the epochs in which keys of a take may be wrapped, the newest first.
func epochsOf(ctx context.Context, recording *recorder.Recording) ([]string, error) {
	lister, ok := recording.From.(interface {
		Folders(ctx context.Context, prefix string) ([]string, error)
	})
	if !ok {
		return []string{recording.Manifest().Epoch}, nil
	}
	epochs, err := lister.Folders(ctx, keysPrefix)
	slices.Reverse(epochs)
	return epochs, err
}

// readCorrection fetches a note, holds it against its row, and opens it.
func readCorrection(ctx context.Context, recording *recorder.Recording, row correctedRow, epochs []string) (c transcribe.Correction, err error) {
	b, err := recording.From.Get(ctx, recorder.CorrectionObject(recording.Call, recording.Take, row.ID))
	if err != nil {
		return c, err
	}
	if sum := sha256.Sum256(b); sum != row.SHA256 {
		return c, fmt.Errorf("app: note %s: its row has another SHA-256 than %s", row.ID, hex.EncodeToString(sum[:]))
	}
	err = seal.ErrNoIdentity
	for _, epoch := range epochs {
		var wrapped []byte
		if wrapped, err = recording.From.Get(ctx, recorder.CorrectionKey(epoch, recording.Call, recording.Take, row.ID)); err != nil {
			continue
		}
		var id seal.Identity
		if id, err = recording.Keys.Unwrap(ctx, epoch, wrapped); err != nil {
			continue
		}
		var plain []byte
		if plain, err = seal.Open(b, id); err != nil {
			return c, err
		}
		var n sealedCorrection
		err = json.Unmarshal(plain, &n)
		return transcribe.Correction{Made: n.Made, At: n.At, Text: n.Text}, err
	}
	return c, err
}

// corrections holds the notes of a take against their rows, and names what is wrong.
func (v *Verifier) corrections(ctx context.Context, call, take string, rows []correctedRow, gone bool) (faults []Fault, err error) {
	fault := func(kind recorder.FaultKind, object, what string) {
		faults = append(faults, Fault{Kind: kind, Object: object, What: what})
	}
	there, err := v.objects.List(ctx, recorder.CorrectionFolder(call, take))
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{} // by the name behind the epoch
	for _, epoch := range v.epochs {
		list, err := v.objects.List(ctx, recorder.CorrectionKeys(epoch, call, take))
		if err != nil {
			return nil, err
		}
		for _, key := range list {
			keys[strings.TrimPrefix(key, keysPrefix+epoch)] = true
			if gone {
				fault(recorder.FaultExpired, key, "is there, though its class is past its time")
			}
		}
	}
	if gone {
		return faults, nil // objects are among those of the class
	}
	for _, row := range rows {
		object := recorder.CorrectionObject(call, take, row.ID)
		b, err := v.objects.Get(ctx, object)
		switch {
		case errors.Is(err, store.ErrNotFound):
			fault(recorder.FaultMissing, object, "is not there")
		case err != nil:
			return nil, err
		case sha256.Sum256(b) != row.SHA256:
			fault(recorder.FaultContent, object, "has another SHA-256 than its row")
		}
		if !keys[strings.TrimPrefix(recorder.CorrectionKey("", call, take, row.ID), keysPrefix)] {
			fault(recorder.FaultKey, recorder.CorrectionKey("*", call, take, row.ID), "is in no epoch: nobody can open this note")
		}
		there = slices.DeleteFunc(there, func(key string) bool { return key == object })
	}
	for _, object := range there {
		fault(recorder.FaultUnlisted, object, "has no row")
	}
	return faults, nil
}
