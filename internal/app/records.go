package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sidetone/configs"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// Records reads what calls have left: for the command line, beside a running
// gateway or without one. Decryption happens here, with keys that this machine
// holds.
type Records struct {
	config  *configs.Config
	db      *store.DB
	ledger  *store.Ledger
	opened  *Objects // nil when the caller has opened the object store
	objects *store.Objects
}

// OpenRecords opens the stores for reading. The built-in object store is started
// if no gateway of this data directory runs.
func OpenRecords(ctx context.Context, c *configs.Config) (*Records, error) {
	objects, err := OpenObjects(ctx, c)
	if err != nil {
		return nil, err
	}
	r, err := OpenRecordsIn(ctx, c, objects.S3)
	if err != nil {
		return nil, errors.Join(err, objects.Close())
	}
	r.opened = objects
	return r, nil
}

// OpenRecordsIn is OpenRecords with an object store that the caller has opened.
func OpenRecordsIn(ctx context.Context, c *configs.Config, s3 store.S3Options) (*Records, error) {
	if _, err := os.Stat(databaseAt(c)); c.Database.URL == "" && err != nil {
		return nil, fmt.Errorf("app: nothing has been recorded in %s: %w", c.DataDir, err)
	}
	r := &Records{config: c}
	err := r.open(ctx, s3)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Records) open(ctx context.Context, s3 store.S3Options) (err error) {
	if r.db, err = store.OpenDB(ctx, databaseAt(r.config)); err != nil {
		return err
	}
	node, err := seal.OpenNode(NodeDir(r.config))
	if err != nil {
		return err
	}
	// Commands that read note it in a chain of their own, and sign it.
	if r.ledger, err = store.OpenLedger(ctx, ledgerAt(r.config), store.LedgerOptions{Sign: node.Sign, Key: node.PublicKey()}); err != nil {
		return err
	}
	r.objects, err = store.OpenS3(ctx, s3)
	return err
}

// Close closes the stores.
func (r *Records) Close() (err error) {
	if r.opened != nil {
		err = r.opened.Close()
	}
	if r.ledger != nil {
		err = errors.Join(err, r.ledger.Close())
	}
	if r.db != nil {
		err = errors.Join(err, r.db.Close())
	}
	return err
}

// Calls returns the calls that a query selects, newest first.
func (r *Records) Calls(ctx context.Context, q Query) ([]store.Call, error) {
	var lookup string
	if q.Caller != "" {
		var err error
		if lookup, err = Secret(r.config.DataDir, lookupKey); err != nil {
			return nil, err
		}
	}
	return q.find(ctx, r.db, []byte(lookup))
}

// CallDetail is a call and its rows of proof.
type CallDetail struct {
	store.Call
	Proof    []Proof `json:"proof"`
	Recorded []Proof `json:"recorded,omitempty"` // rows about the recording: sealed, accessed
}

// Proof is a row of the ledger.
type Proof struct {
	Seq   int64           `json:"seq"`
	At    string          `json:"at"`
	Event string          `json:"event"`
	Body  json.RawMessage `json:"body"`
}

// Call returns a call by its id or the carrier's.
func (r *Records) Call(ctx context.Context, id string) (CallDetail, error) {
	c, err := r.db.Call(ctx, id)
	if err != nil {
		return CallDetail{}, err
	}
	rows, err := r.ledger.Rows(ctx, c.ID)
	if err != nil {
		return CallDetail{}, err
	}
	d := CallDetail{Call: c, Proof: []Proof{}}
	for _, row := range rows {
		list := &d.Proof
		if aboutRecording(row.Event) {
			list = &d.Recorded
		}
		*list = append(*list, Proof{Seq: row.Seq, At: row.At.UTC().Format("2006-01-02T15:04:05.000Z"), Event: row.Event, Body: row.Body})
	}
	return d, nil
}

// RecordingInfo says what a recording has come to.
type RecordingInfo struct {
	Call       string   `json:"call"`
	Take       string   `json:"take"`
	Bytes      int64    `json:"bytes"`
	Seconds    float64  `json:"seconds"`
	Segments   int      `json:"segments"`
	Complete   bool     `json:"complete"`
	Incomplete []string `json:"incomplete,omitempty"`
}

// State puts in words whether the recording is whole.
func (i RecordingInfo) State() string {
	if i.Complete {
		return "complete"
	}
	return "incomplete: " + strings.Join(i.Incomplete, ", ")
}

// Recording verifies and decrypts a take and writes it as a WAV file. identity
// is the path of an age identity file; empty means the operator's keys.
func (r *Records) Recording(ctx context.Context, call, take, identity string, w io.Writer) (RecordingInfo, error) {
	recording, err := r.take(ctx, call, take, identity, seal.Audio)
	if err != nil {
		return RecordingInfo{}, err
	}
	m := recording.Manifest()
	info := RecordingInfo{Call: m.Call, Take: m.Take, Bytes: m.Length, Segments: len(m.Segments),
		Seconds:  seconds(m),
		Complete: m.Complete, Incomplete: m.Incomplete}
	if err := r.noteAccess(ctx, theRecording, m); err != nil {
		return info, err
	}
	return info, recording.WriteWAV(ctx, w)
}

// Play writes the audio of a take from a time on as a WAV file, for a player.
func (r *Records) Play(ctx context.Context, call, take, identity string, from time.Duration, w io.Writer) error {
	recording, err := r.take(ctx, call, take, identity, seal.Audio)
	if err != nil {
		return err
	}
	audio, err := recording.Reader()
	if err != nil {
		return err
	}
	file, err := audio.File(ctx, recorder.Stereo)
	if err != nil {
		return err
	}
	if err := r.noteAccess(ctx, theRecording, recording.Manifest()); err != nil {
		return err
	}
	file.SeekTo(from)
	return file.WriteRest(w)
}

// noteAccess has it noted that a command reads a part of a call.
func (r *Records) noteAccess(ctx context.Context, part what, m *recorder.Manifest) error {
	return noteAccess(ctx, r.ledger, access{m.Call, part, m.Take, byCLI, ""})
}

// Transcript decrypts the transcript of a take and writes it as text, json or
// vtt.
func (r *Records) Transcript(ctx context.Context, call, take, identity, format string, w io.Writer) error {
	write, ok := transcriptFormats[format]
	if !ok {
		return fmt.Errorf("app: unknown format %q: want text, json or vtt", format)
	}
	recording, err := r.take(ctx, call, take, identity, seal.Text)
	if err != nil {
		return err
	}
	if err := r.noteAccess(ctx, theTranscript, recording.Manifest()); err != nil {
		return err
	}
	t, err := transcriptOf(ctx, r.ledger, recording)
	if err != nil {
		return err
	}
	return write.to(&t, w)
}

// take opens a take of a call, named by its id or the carrier's, for one who reads a
// class of it.
func (r *Records) take(ctx context.Context, call, take, identity string, class seal.Class) (*recorder.Recording, error) {
	c, err := r.db.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	if isGone(c) {
		return nil, fmt.Errorf("app: call %s: %s", c.ID, whyGone(c))
	}
	if c.Expired.Has(string(class)) {
		return nil, fmt.Errorf("app: call %s: %s", c.ID, whyExpired(class))
	}
	tombs, err := openTombstones(ctx, r.config)
	if err == nil {
		err = checkBuried(ctx, tombs, c)
	}
	if err != nil {
		return nil, err
	}
	keys, err := r.unwrapper(ctx, identity)
	if err != nil {
		return nil, err
	}
	t, err := r.trust(TrustOptions{})
	if err != nil {
		return nil, err
	}
	recording, err := t.open(ctx, recorder.OpenOptions{From: r.objects, Keys: keys, Call: c.ID, Take: take})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("call %s has no stored take %s (consent %s, recording %s): %w", c.ID, take, c.Consent, c.Recording, err)
	}
	return recording, err
}

// trust knows whose signatures count here.
func (r *Records) trust(o TrustOptions) (*trust, error) {
	return newTrust(r.config, o, func(context.Context) (recorder.Getter, error) { return r.objects, nil })
}

// unwrapper returns the keys of an identity file, or the operator's.
func (r *Records) unwrapper(ctx context.Context, identity string) (recorder.Unwrapper, error) {
	if identity == "" {
		keys, err := loadKeys(ctx, r.config)
		if err != nil {
			return nil, fmt.Errorf("the operator's keys are not here; name an identity file: %w", err)
		}
		return keys, nil
	}
	f, err := os.Open(identity)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return seal.ParseIdentities(f)
}
