package app

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

//go:embed export.txt
var exportText string

// exportReadme is the page of a bundle.
var exportReadme = template.Must(template.New("README.txt").Parse(exportText))

// ExportRequest says what is handed out, and to whom.
type ExportRequest struct {
	Call       string   `json:"call,omitempty"`   // our id, or the carrier's
	Caller     string   `json:"caller,omitempty"` // a number, such as +12125550123: all calls of it
	Recipients []string `json:"recipients,omitempty"`
	Passphrase string   `json:"-"` // in place of recipients
	Identity   string   `json:"-"` // file of an age identity that opens recordings; empty: the operator's keys
}

// exportFormat is the form of a bundle.
const exportFormat = "sidetone-export/1"

// Exported is the manifest of a bundle: what is in it, and what is not. It names
// nobody.
type Exported struct {
	Format    string         `json:"format"`
	Made      time.Time      `json:"made_at"`
	Calls     []ExportedCall `json:"calls"`
	Files     []string       `json:"files"` // as sha256sum writes them
	Node      string         `json:"node"`  // fingerprint of the key that signs
	Signature string         `json:"signature"`
}

// ExportedCall is a call of a bundle.
type ExportedCall struct {
	Call      string    `json:"call"`
	Agent     string    `json:"agent"`
	Kind      string    `json:"kind"`
	Direction string    `json:"direction"`
	Started   time.Time `json:"started_at"`
	Ended     time.Time `json:"ended_at,omitzero"`
	Consent   string    `json:"consent"`
	Recording string    `json:"recording"`
	Outcome   string    `json:"outcome,omitempty"`
	Absent    []Absence `json:"absent"`
}

// Absence says why a class of a take, or all of a call, is not in a bundle.
type Absence struct {
	Take  string     `json:"take,omitempty"`
	Class seal.Class `json:"class,omitempty"`
	Why   string     `json:"why"`
}

// The reasons for which something is not in a bundle, beside the states of a recording.
const (
	absentExpired     = "expired"
	absentNotRecorded = "not_recorded"
	absentNotStored   = "not_stored"
)

// Export writes what there is of a call, or of all calls of a number, to w: a tar in an
// age file, made while it is written, with a row in the ledger for each part that is
// read. What can not be read, though it should be there, is an error, after which what
// has been written is no whole file.
func (r *Records) Export(ctx context.Context, asked ExportRequest, w io.Writer) (Exported, error) {
	calls, err := r.exported(ctx, asked)
	if err != nil {
		return Exported{}, err
	}
	sealed, err := asked.seal(w)
	if err != nil {
		return Exported{}, err
	}
	b := &bundle{records: r, identity: asked.Identity, tar: tar.NewWriter(sealed),
		Exported: Exported{Format: exportFormat, Made: time.Now().UTC().Truncate(time.Second), Files: []string{}}}
	if err := b.write(ctx, calls); err != nil {
		return b.Exported, fmt.Errorf("app: export: %w", err)
	}
	if err := errors.Join(b.tar.Close(), sealed.Close()); err != nil {
		return b.Exported, fmt.Errorf("app: export: %w", err)
	}
	return b.Exported, nil
}

// seal begins the age file.
func (asked ExportRequest) seal(w io.Writer) (io.WriteCloser, error) {
	if asked.Passphrase != "" {
		if len(asked.Passphrase) < minPassphrase {
			return nil, fmt.Errorf("%w: the passphrase has less than %d characters", errQuery, minPassphrase)
		}
		return seal.SealPassphraseTo(w, asked.Passphrase)
	}
	var to []seal.Recipient
	for _, text := range asked.Recipients {
		one, err := seal.ParseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errQuery, err)
		}
		to = append(to, one)
	}
	if len(to) == 0 {
		return nil, fmt.Errorf("%w: name a recipient; nothing is handed out in the clear", errQuery)
	}
	return seal.SealTo(w, to...)
}

// exported returns the calls that are asked for, newest first.
func (r *Records) exported(ctx context.Context, asked ExportRequest) (calls []store.Call, err error) {
	switch {
	case (asked.Call == "") == (asked.Caller == ""):
		return nil, fmt.Errorf("%w: want a call or a caller", errQuery)
	case asked.Call != "":
		c, err := r.db.Call(ctx, asked.Call)
		return []store.Call{c}, err
	}
	const page = 1000
	for before := ""; ; before = calls[len(calls)-1].ID {
		more, err := r.Calls(ctx, Query{Caller: asked.Caller, Before: before, Limit: page})
		if err != nil {
			return nil, err
		}
		calls = append(calls, more...)
		if len(calls) == 0 {
			return nil, fmt.Errorf("app: there are no calls of that number: none was noted, or all are erased: %w", store.ErrNotFound)
		}
		if len(more) < page {
			return calls, nil
		}
	}
}

// bundle is an export that is being written.
type bundle struct {
	Exported
	records  *Records
	identity string
	tar      *tar.Writer
}

// write writes all files, the manifest last.
func (b *bundle) write(ctx context.Context, calls []store.Call) error {
	node, err := seal.OpenNode(NodeDir(b.records.config))
	if err != nil {
		return err
	}
	b.Node = seal.Fingerprint(node.PublicKey())
	for _, c := range calls {
		b.Calls = append(b.Calls, ExportedCall{Call: c.ID, Agent: c.Agent, Kind: c.Kind, Direction: c.Direction, Started: c.Started, Ended: c.Ended,
			Consent: c.Consent, Recording: c.Recording, Outcome: c.Outcome, Absent: []Absence{}})
	}
	var page bytes.Buffer
	if err := exportReadme.Execute(&page, b.Exported); err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(NodeDir(b.records.config), "node.pub.pem"))
	if err == nil {
		err = errors.Join(b.add("README.txt", page.Bytes()), b.add("node.pub.pem", key))
	}
	if err != nil {
		return err
	}
	for i, c := range calls {
		if err := b.call(ctx, c, &b.Calls[i]); err != nil {
			return fmt.Errorf("call %s: %w", c.ID, err)
		}
	}
	body, err := seal.SignDocument(b.Exported, node.Sign)
	if err != nil {
		return err
	}
	files := b.Files
	err = b.add("manifest.json", body)
	b.Files = files // it does not list itself
	return err
}

// call writes what there is of a call, and then its rows, which tell of that too.
func (b *bundle) call(ctx context.Context, c store.Call, e *ExportedCall) error {
	folder := "calls/" + c.ID + "/"
	switch {
	case c.Begun:
		e.Absent = append(e.Absent, Absence{Why: store.ErasedState})
	case isGone(c):
		e.Absent = append(e.Absent, Absence{Why: c.Recording})
	case c.Takes == 0:
		e.Absent = append(e.Absent, Absence{Why: absentNotRecorded})
	default:
		for n := 1; n <= c.Takes; n++ {
			if err := b.take(ctx, c, takeName(n), folder, e); err != nil {
				return err
			}
		}
	}
	err := b.records.ledger.ExportTo(ctx, c.ID, messagesDir(b.records.config), func(name string, body []byte) error {
		return b.add(folder+"consent/"+name, body)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // it had no rows
	}
	return err
}

// take writes the classes of a take.
func (b *bundle) take(ctx context.Context, c store.Call, take, folder string, e *ExportedCall) error {
	recording, err := b.records.take(ctx, c.ID, take, b.identity, "")
	if errors.Is(err, store.ErrNotFound) {
		e.Absent = append(e.Absent, Absence{Take: take, Why: absentNotStored})
		return nil
	}
	if err != nil {
		return err
	}
	folder += take + "/"
	for _, part := range []struct {
		class seal.Class
		what  what
		write func(context.Context, *recorder.Recording, string) error
	}{{seal.Text, theTranscript, b.transcript}, {seal.Snippets, theSnippet, b.snippets}, {seal.Audio, theRecording, b.audio}} {
		if c.Expired.Has(string(part.class)) {
			e.Absent = append(e.Absent, Absence{take, part.class, absentExpired})
			continue
		}
		if part.class == seal.Snippets && len(recording.Manifest().Snippets) == 0 {
			continue
		}
		if err := noteAccess(ctx, b.records.ledger, access{c.ID, part.what, take, byExport, ""}); err != nil {
			return err
		}
		if err := part.write(ctx, recording, folder); err != nil {
			return err
		}
	}
	return nil
}

// transcript writes what was said, for people and for programs.
func (b *bundle) transcript(ctx context.Context, recording *recorder.Recording, folder string) error {
	t, err := transcriptOf(ctx, b.records.ledger, recording)
	if err != nil {
		return err
	}
	for _, format := range []string{"text", "json"} {
		var text bytes.Buffer
		f := transcriptFormats[format]
		if err := f.to(&t, &text); err != nil {
			return err
		}
		if err := b.add(folder+"transcript"+f.extension, text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// snippets writes the clips.
func (b *bundle) snippets(ctx context.Context, recording *recorder.Recording, folder string) error {
	for _, s := range recording.Manifest().Snippets {
		_, wav, err := recording.Snippet(ctx, s.ID)
		if err == nil {
			err = b.add(folder+"snippets/"+s.ID+".wav", wav)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// audio writes the recording, which is fetched and opened a segment at a time. It takes
// the recording over.
func (b *bundle) audio(ctx context.Context, recording *recorder.Recording, folder string) error {
	audio, err := recording.Reader()
	if err != nil {
		return err
	}
	file, err := audio.File(ctx, recorder.Stereo)
	if err != nil {
		return err
	}
	return b.copy(folder+"recording.wav", file.Size(), file)
}

// add writes a file.
func (b *bundle) add(name string, body []byte) error {
	return b.copy(name, int64(len(body)), bytes.NewReader(body))
}

// copy writes a file of a size, and lists it.
func (b *bundle) copy(name string, size int64, from io.Reader) error {
	if err := b.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, ModTime: b.Made}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(b.tar, sum), from); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.Files = append(b.Files, hex.EncodeToString(sum.Sum(nil))+"  "+name)
	return nil
}
