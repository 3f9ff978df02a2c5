package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sidetone/media"
	"sidetone/seal"
)

// errCut means that a cut reaches into a segment that a sealer has read before.
var errCut = errors.New("recorder: cut while it was being sealed")

// Cut is a stretch of a call that was taken back. Both tracks of the file are
// silent in [From, To), and no note begins in [Asked, To).
type Cut struct {
	From  media.Tick `json:"from"`
	To    media.Tick `json:"to"`
	Asked media.Tick `json:"asked"` // earlier than From where what lies between was sealed already
}

// reach is the metric label of a cut.
func (c Cut) reach() string {
	if c.Asked < c.From {
		return "short"
	}
	return "whole"
}

// valid reports whether c can be.
func (c Cut) valid() bool { return c.Asked <= c.From && c.From <= c.To }

// takes reports whether c takes back a note, which is a Line.
func (c Cut) takes(note []byte) bool {
	var l struct{ From media.Tick }
	return json.Unmarshal(note, &l) == nil && c.Asked <= l.From && l.From < c.To
}

// cutting is what the call, a recorder's Run and its sealer tell each other of
// cuts. The mutex is held for some comparisons.
type cutting struct {
	mu     sync.Mutex
	cuts   []Cut // all, in the order in which they were asked for
	sealed int64 // the position up to which no cut reaches any more
}

// Cut takes back [from, to) of both tracks, and the notes that begin in it,
// whether they have been handed over or are yet to be: it will be silence. to
// is raised to the end of what was handed over before the call; what lies
// behind it is kept. Like Write, Cut never blocks, is called from the call's
// goroutine, and is as durable. It comes before Finish and does nothing after.
//
// Cut returns from where on it takes effect: from, or the end of what was sealed
// already, which trails the live edge by 15 s. The manifest names both.
func (r *Recorder) Cut(from, to media.Tick) (kept media.Tick) {
	t := r.take
	from, to = max(from, t.origin), max(to, r.newest)
	if from >= to || r.state.Load() != recording {
		return max(from, to)
	}
	c := &r.cutting
	c.mu.Lock()
	kept = min(max(from, t.tick(c.sealed)), to)
	c.cuts = append(c.cuts, Cut{From: kept, To: to, Asked: from})
	c.mu.Unlock()
	r.rouse()
	return kept
}

// commit reports whether a segment may be kept as its sealer has read it: no
// cut that the job does not know of reaches it. From then on none does.
func (r *Recorder) commit(j sealJob) bool {
	c := &r.cutting
	c.mu.Lock()
	defer c.mu.Unlock()
	from, _ := j.take.span(j.seq)
	if j.take.cutIn(c.cuts[len(j.cuts):], from, j.end) {
		return false
	}
	c.sealed = j.end
	return true
}

// reopen lets cuts reach segment seq again: it could not be kept.
func (r *Recorder) reopen(seq int) {
	r.cutting.mu.Lock()
	defer r.cutting.mu.Unlock()
	r.cutting.sealed, _ = r.take.span(seq)
}

// applyCuts carries out what Cut has asked for: one line of the journal is what
// makes a cut, for all files at once and for recovery too. Then what it takes
// back leaves the spool, with the keys that open it.
func (r *Recorder) applyCuts() {
	t := r.take
	r.cutting.mu.Lock()
	fresh := r.cutting.cuts[len(t.cuts):]
	r.cutting.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	for i := range fresh {
		t.spool.metrics.cuts.WithLabelValues(fresh[i].reach()).Inc()
		n, err := t.journal.append(journalLine{Cut: &fresh[i]})
		if err != nil {
			t.spool.log.Error("a cut is not on the spool; a crash would undo it", "call", t.Call, "take", t.Take, "err", err)
		}
		t.account(int64(n))
		t.cuts = append(t.cuts, fresh[i])
	}
	t.spool.wrote()
	t.dropSnippets()
	r.dropWishes()
	for seq := range r.files {
		if !r.sealing || seq != r.next-1 { // else settle does it
			r.recut(seq, fresh)
		}
	}
	if r.notes != nil {
		r.notes = t.recut(r.notes, t.Text, func(kind byte, _ int64, data []byte) bool {
			return !(kind == kindNote && t.takesNote(data)) && !(kind == kindWish && t.takesWish(data))
		})
	}
}

// recut takes what lies in cuts off the spool file of a segment.
func (r *Recorder) recut(seq int, cuts []Cut) {
	t := r.take
	from, to := t.span(seq)
	f := r.files[seq]
	if f == nil || !t.cutIn(cuts, from, to) {
		return
	}
	r.files[seq] = t.recut(f, t.Audio, func(_ byte, pos int64, data []byte) bool {
		t.cutOut(t.cuts, pos, t.width(), data)
		return true // though it be silence: it says how far the file goes
	})
}

// recut returns the spool file that takes the place of f: under a new key, it
// holds what keep leaves of f's records. The old key is wiped as soon as the
// new file is on disk. After an error, which is logged, it returns f: what is cut
// stays in it, encrypted, until its segment is sealed without it.
func (t *take) recut(f *spoolFile, to seal.Recipient, keep func(kind byte, pos int64, data []byte) bool) *spoolFile {
	n, err := t.rewrite(f, to, keep)
	if err == nil {
		err = t.replace(f, n)
	}
	if err == nil {
		return n
	}
	if n != nil {
		err = errors.Join(err, n.wipe())
	}
	t.spool.log.Error("what was cut stays on the spool until it is sealed", "call", t.Call, "take", t.Take, "err", err)
	return f
}

// rewrite writes what keep leaves of f under a passing name. n may be half
// written after an error.
func (t *take) rewrite(f *spoolFile, to seal.Recipient, keep func(kind byte, pos int64, data []byte) bool) (n *spoolFile, err error) {
	wrote, err := f.flush()
	t.account(int64(wrote))
	if err != nil {
		return nil, err
	}
	if n, err = createSpoolFile(unfinished(f.path), to, t.spool.node.Identity().Recipient()); err != nil {
		return nil, err
	}
	var full error
	_, damage, err := f.read(nil, func(kind byte, pos int64, data []byte) {
		if !keep(kind, pos, data) || full != nil || n.add(kind, pos, data) {
			return
		}
		if _, full = n.flush(); full == nil && !n.add(kind, pos, data) {
			full = fmt.Errorf("recorder: cut: a record of %d bytes", len(data))
		}
	})
	if err = errors.Join(err, damage, full); err == nil {
		_, err = n.flush()
	}
	return n, err
}

// replace puts n in the place of f, in one step, and dooms f.
func (t *take) replace(f, n *spoolFile) error {
	old := ""
	for i, err := 1, fs.ErrExist; errors.Is(err, fs.ErrExist); i++ {
		old = fmt.Sprintf("%s.%d%s", f.path, i, oldSuffix)
		if err = os.Link(f.path, old); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("recorder: cut: %w", err)
		}
	}
	if err := os.Rename(n.path, f.path); err != nil {
		return errors.Join(fmt.Errorf("recorder: cut: %w", err), os.Remove(old))
	}
	n.path = f.path
	f.file.Close()
	t.account(n.end - f.end)
	t.spool.wrote()
	t.spool.shred(old)
	return nil
}

// oldSuffix ends the name of a spool file that another has taken the place of,
// and whose key is to be wiped.
const oldSuffix = ".old"

// takesNote reports whether one of the take's cuts takes back a note.
func (t *take) takesNote(note []byte) bool {
	for _, c := range t.cuts {
		if c.takes(note) {
			return true
		}
	}
	return false
}

// wipeOld wipes the spool files that others have taken the place of. One that a
// crash kept from being replaced is still in its place, and only loses its
// second name.
func (t *take) wipeOld() error {
	old, err := filepath.Glob(t.path("*.spool.*" + oldSuffix))
	for _, path := range old {
		name, _, _ := strings.Cut(filepath.Base(path), ".spool.")
		if !sameFile(path, t.path(name+".spool")) {
			err = errors.Join(err, wipePath(path))
		} else if e := os.Remove(path); e != nil {
			err = errors.Join(err, fmt.Errorf("recorder: wipe: %w", e))
		}
	}
	begun, globErr := filepath.Glob(t.path(unfinished("*.spool")))
	err = errors.Join(err, globErr)
	for _, path := range begun {
		err = errors.Join(err, wipePath(path))
	}
	return err
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
