package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// TakeOptions describe one take: a stretch of a call between a grant and its
// withdrawal or the call's end.
type TakeOptions struct {
	Call    string        // id of the call, in every object's key
	Take    string        // "t1", "t2", ...: without a "-", which its keys' names have
	Rate    int           // Hz: 8000 with media.MuLaw, 16000 with media.PCM16
	Coding  media.Coding  //
	Origin  media.Tick    // the tick of the file's first sample; 0 for the first take
	Started time.Time     // wall time of Origin
	Played  string        // how it is known what was played: "mark", "stats" or "estimate"
	Clips   bool          // notes may ask for snippets
	Keys    seal.TakeKeys // from a seal.Pool
}

// head is what take.json in the directory of a take holds, so that recovery can
// finish the take. The wrapped identities lie beside it as objects to be
// uploaded.
type head struct {
	Version  int            `json:"version"`
	Call     string         `json:"call"`
	Take     string         `json:"take"`
	Rate     int            `json:"rate"`
	Coding   string         `json:"coding"`
	Origin   media.Tick     `json:"origin"`
	Started  time.Time      `json:"started"`
	Played   string         `json:"played,omitempty"`
	Epoch    string         `json:"epoch"`
	Audio    seal.Recipient `json:"audio"`
	Snippets seal.Recipient `json:"snippets"`
	Text     seal.Recipient `json:"text"`
}

const formatVersion = 1

// The names of the files in the directory of a take. Those that end in ".age",
// and the manifest, are objects that wait for their upload.
const (
	headFile     = "take.json"
	journalFile  = "journal"
	notesSpool   = "notes.spool"
	notesFile    = "notes.age"
	metaFile     = "meta.age"
	manifestFile = "manifest.json"
	asideFile    = "aside"
)

func keyFile(c seal.Class) string   { return "key-" + string(c) + ".age" }
func segmentSpool(seq int) string   { return fmt.Sprintf("%06d.spool", seq) }
func segmentFile(seq int) string    { return fmt.Sprintf("%06d.age", seq) }
func unfinished(name string) string { return name + ".tmp" }

// take is the directory of one take on the spool. What follows its head is
// owned by whoever drives the take: its Recorder, or Recover.
type take struct {
	head
	timeline
	dir     string
	spool   *Spool
	outbox  *outbox
	journal *journal
	bytes   atomic.Int64 // on the spool

	segments []Segment // sealed, in order
	gaps     gaps
	clips    bool      // spool files are held for snippets
	cuts     []Cut     // in the journal
	snippets []Snippet // made, and not taken back since; in the order of their ids
}

// createTake makes the directory of a take, with everything that recovery needs.
func createTake(s *Spool, o TakeOptions) (*take, error) {
	for _, c := range seal.Classes {
		if k := o.Keys.Class(c); k.Recipient == (seal.Recipient{}) || len(k.Wrapped) == 0 {
			return nil, fmt.Errorf("recorder: begin: %s: %w", c, seal.ErrNoRecipient)
		}
	}
	l, err := newTimeline(o.Rate, o.Coding, o.Origin)
	if err != nil {
		return nil, err
	}
	t := &take{
		head: head{
			Version: formatVersion, Call: o.Call, Take: o.Take,
			Rate: o.Rate, Coding: o.Coding.String(), Origin: o.Origin, Started: o.Started.UTC(), Played: o.Played,
			Epoch: o.Keys.Epoch,
			Audio: o.Keys.Audio.Recipient, Snippets: o.Keys.Snippets.Recipient, Text: o.Keys.Text.Recipient,
		},
		timeline: l,
		clips:    o.Clips,
		dir:      filepath.Join(s.takesDir(), takeName(o.Call, o.Take)),
		spool:    s,
	}
	if err := os.Mkdir(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("recorder: begin: %w", err)
	}
	if err := t.writeHead(o.Keys); err != nil {
		return nil, errors.Join(err, os.RemoveAll(t.dir))
	}
	return t, nil
}

func (t *take) writeHead(keys seal.TakeKeys) error {
	t.outbox = t.spool.uploads.outbox(t)
	var objects []object
	for _, c := range seal.Classes {
		o, err := t.write(keyFile(c), KeyObject(t.Epoch, t.Call, t.Take, c), keys.Class(c).Wrapped)
		if err != nil {
			return err
		}
		objects = append(objects, o)
	}
	b, err := json.MarshalIndent(t.head, "", "  ")
	if err != nil {
		return fmt.Errorf("recorder: begin: %w", err)
	}
	if _, err := t.write(headFile, "", append(b, '\n')); err != nil {
		return err
	}
	if t.journal, err = openJournal(filepath.Join(t.dir, journalFile)); err != nil {
		return err
	}
	for _, o := range objects {
		t.outbox.add(o)
	}
	return nil
}

// openTake reads the directory of a take that another process left.
func openTake(s *Spool, dir string) (*take, error) {
	b, err := os.ReadFile(filepath.Join(dir, headFile))
	if err != nil {
		return nil, fmt.Errorf("recorder: recover: %w", err)
	}
	t := &take{dir: dir, spool: s}
	if t.head, err = parseHead(b); err == nil {
		t.timeline, err = newTimeline(t.Rate, parseCoding(t.Coding), t.Origin)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSpoolFile, headFile, err)
	}
	all, err := readJournal(t.path(journalFile))
	if err != nil {
		return nil, err
	}
	t.segments, t.gaps, t.cuts, t.snippets = all.segments, all.gaps, all.cuts, all.snippets
	if t.journal, err = openJournal(t.path(journalFile)); err != nil {
		return nil, err
	}
	t.outbox = s.uploads.outbox(t)
	t.account(dirBytes(dir))
	return t, nil
}

// parseHead parses take.json.
func parseHead(b []byte) (h head, err error) {
	if err := json.Unmarshal(b, &h); err != nil {
		return h, err
	}
	if h.Version != formatVersion {
		return h, fmt.Errorf("version %d", h.Version)
	}
	if h.Audio == (seal.Recipient{}) || h.Text == (seal.Recipient{}) || h.Snippets == (seal.Recipient{}) {
		return h, seal.ErrNoRecipient
	}
	return h, checkIDs(h.Call, h.Take, h.Epoch)
}

// takeName names a take on the spool. Ids hold no dot.
func takeName(call, take string) string { return call + "." + take }

func (t *take) name() string { return takeName(t.Call, t.Take) }

// path is the path of a file of the take.
func (t *take) path(name string) string { return filepath.Join(t.dir, name) }

// account counts bytes that were put on the spool, or taken off it.
func (t *take) account(n int64) {
	t.bytes.Add(n)
	t.spool.bytes.Add(n)
}

// unaccount counts all of the take as off the spool.
func (t *take) unaccount() { t.spool.bytes.Add(-t.bytes.Swap(0)) }

// write puts b into a file of the take, whole or not at all, without waiting
// for the disk. The object it returns is ready for the outbox.
func (t *take) write(name, key string, b []byte) (object, error) {
	tmp := t.path(unfinished(name))
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return object{}, fmt.Errorf("recorder: spool: %w", err)
	}
	if err := os.Rename(tmp, t.path(name)); err != nil {
		return object{}, fmt.Errorf("recorder: spool: %w", err)
	}
	t.account(int64(len(b)))
	t.spool.wrote()
	return newObject(key, t.path(name), b, false), nil
}

// remove takes the directory off the spool: the head first, so that recovery
// does not take what a crash leaves of it for a take.
func (t *take) remove() error {
	if err := errors.Join(t.journal.Close(), os.Remove(t.path(headFile)), t.wipeOld(), os.RemoveAll(t.dir)); err != nil {
		return fmt.Errorf("recorder: spool: %w", err)
	}
	t.unaccount()
	return nil
}

// dirBytes is the size of the files in dir; what cannot be read counts nothing.
func dirBytes(dir string) (n int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
