package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sidetone/media"
	"sidetone/seal"
)

// Ending says how a take ends.
type Ending struct {
	At      media.Tick // where the call or the grant ended; the file is filled with silence up to it
	Outcome string     // the call's result
	Reason  string     //
}

// Summary is what a take has come to.
type Summary struct {
	Bytes    int64 // length of the file
	Segments int
	Notes    int
	Complete bool     // all that was handed over is in it
	Missing  []string // why not
}

// words collects what a notes spool holds.
type words struct {
	lines   []byte // JSON lines
	notes   int
	anchors []Anchor
	take    *take // whose cuts take notes back
}

func (w *words) keep(kind byte, _ int64, data []byte) {
	switch kind {
	case kindNote:
		if w.take.takesNote(data) {
			return
		}
		w.lines = append(w.lines, w.take.linked(data)...)
		w.notes++
	case kindAnchor:
		var a Anchor
		if json.Unmarshal(data, &a) == nil {
			w.anchors = append(w.anchors, a)
		}
	}
}

// conclude seals what is known of a take whose audio is all sealed, signs its
// manifest and hands both to the uploader. notes is its spool file, open and
// complete, or nil.
func (t *take) conclude(e Ending, notes *spoolFile, crashed bool) (Summary, error) {
	t.dropSnippets() // what a cut has taken back since; the notes lose their links
	w := words{take: t}
	if notes != nil {
		_, damage, err := notes.read(nil, w.keep)
		if err != nil {
			return Summary{}, err
		}
		if damage != nil && !(crashed && errors.Is(damage, errTorn)) {
			t.gaps.add(Gap{Reason: GapDamaged, At: t.Origin, End: t.Origin})
		}
	}
	m := t.manifest(e, crashed)
	objects := t.snippetObjects()
	sealed, err := t.sealWords(w, &m)
	if err != nil {
		return Summary{}, err
	}
	objects = append(objects, sealed...)
	b, err := signManifest(m, t.spool.node)
	if err != nil {
		return Summary{}, err
	}
	last, err := t.write(manifestFile, ManifestObject(t.Call, t.Take), b)
	if err != nil {
		return Summary{}, err
	}
	if err := t.syncDir(); err != nil {
		return Summary{}, err
	}
	if err := t.wipeAllHeld(); err != nil {
		t.spool.log.Error("a sealed spool file could not be wiped", "call", t.Call, "take", t.Take, "err", err)
	}
	if notes != nil {
		size := notes.end
		if err := notes.wipe(); err != nil {
			t.spool.log.Error("a sealed spool file could not be wiped", "call", t.Call, "take", t.Take, "err", err)
		}
		t.account(-size)
	}
	last.last = true
	for _, o := range append(objects, last) {
		t.outbox.add(o)
	}
	return Summary{Bytes: m.Length, Segments: len(m.Segments), Notes: w.notes, Complete: m.Complete, Missing: m.Incomplete}, nil
}

// manifest lists the take as far as its segments go.
func (t *take) manifest(e Ending, crashed bool) Manifest {
	m := Manifest{
		Version: formatVersion, Call: t.Call, Take: t.Take, Epoch: t.Epoch,
		Started: t.Started, Origin: t.Origin, Rate: t.Rate, Coding: t.Coding, Channels: int(tracks),
		Header: len(t.header), Segments: t.segments, Snippets: t.snippets,
		Incomplete: t.gaps.reasons(), Outcome: e.Outcome, Reason: e.Reason, Cuts: t.cuts, Played: t.Played,
	}
	if crashed {
		m.Incomplete = append(m.Incomplete, Crashed)
	}
	m.Complete = len(m.Incomplete) == 0
	for _, g := range t.segments {
		m.Length += g.Length
	}
	return m
}

// sealWords seals notes and meta, and lists them in the manifest.
func (t *take) sealWords(w words, m *Manifest) (objects []object, err error) {
	if w.notes > 0 {
		o, err := t.sealObject(notesFile, NotesObject(t.Call, t.Take), w.lines, t.Text)
		if err != nil {
			return nil, err
		}
		m.Notes = &Sealed{o.size, o.sha256}
		objects = append(objects, o)
	}
	meta, err := json.Marshal(Meta{Version: formatVersion, Gaps: t.gaps,
		Anchors: append([]Anchor{{t.Origin, t.Started}}, w.anchors...)})
	if err != nil {
		return nil, fmt.Errorf("recorder: meta: %w", err)
	}
	o, err := t.sealObject(metaFile, MetaObject(t.Call, t.Take), meta, t.Audio, t.Text)
	if err != nil {
		return nil, err
	}
	m.Meta = Sealed{o.size, o.sha256}
	return append(objects, o), nil
}

func (t *take) sealObject(name, key string, plain []byte, to ...seal.Recipient) (object, error) {
	b, err := seal.Seal(nil, plain, to...)
	if err != nil {
		return object{}, err
	}
	return t.write(name, key, b)
}

// syncDir has everything that was written for the manifest on disk, before the
// words are wiped from the spool.
func (t *take) syncDir() error {
	names := []string{notesFile, metaFile, manifestFile, "."}
	for _, s := range t.snippets {
		names = append(names, snippetFile(s.ID))
	}
	for _, name := range names {
		f, err := os.Open(t.path(name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recorder: spool: %w", err)
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return fmt.Errorf("recorder: spool: %w", err)
		}
	}
	return nil
}
