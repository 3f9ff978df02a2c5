package recorder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"sidetone/seal"
)

// Segment is a sealed byte range of the file: a line of the manifest.
type Segment struct {
	Seq    int   `json:"seq"`    // from 1, without a hole
	Offset int64 `json:"offset"` // of its first byte in the file
	Length int64 `json:"length"` // of its bytes in the file
	Sealed
}

// Sealed is what is known of a sealed object without opening it.
type Sealed struct {
	Size   int64  `json:"size"`
	SHA256 Digest `json:"sha256"`
}

// Digest is a SHA-256, written in hexadecimal.
type Digest [sha256.Size]byte

// String returns the hexadecimal form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("recorder: digest of %d characters", len(b))
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// sealer seals segments. It keeps its buffers, so that a recorded call needs
// none of its own; it belongs to one goroutine.
type sealer struct{ file, plain, sealed []byte }

// sealJob asks a sealer for segment seq of a take, from its start to position
// end, or for the snippet of a wish. spool is the segment's spool file, open and
// complete, or nil for all silence.
type sealJob struct {
	take  *take
	seq   int
	end   int64
	spool *spoolFile
	cuts  []Cut             // of the take, as far as they are known
	by    *Recorder         // who is asked before it is kept; nil for recovery
	wish  *wish             // nil for a segment
	hold  bool              // keep the spool file, for snippets
	free  [2]int            // of the kept spool files, from the first segment to before the second, nothing will be cut any more
	done  chan<- sealResult // of capacity 1
}

type sealResult struct {
	segment Segment
	snippet Snippet
	wish    *wish // nil for a segment
	damage  error // of the spool file: what could be read is in the segment
	err     error // nothing was sealed, and the spool file is as it was
}

// do does a job.
func (w *sealer) do(j sealJob) sealResult {
	if j.wish != nil {
		s, err := w.clip(j.take, *j.wish)
		return sealResult{wish: j.wish, snippet: s, err: err}
	}
	for seq := j.free[0]; seq < j.free[1]; seq++ {
		j.take.wipeHeld(seq)
	}
	return w.seal(j)
}

// seal seals a segment. In this order, so that a crash in between loses nothing and
// leaves no doubt: the sealed file under a passing name, the line in the
// journal, the sealed file's own name, the end of the spool file and its key, the
// upload.
func (w *sealer) seal(j sealJob) sealResult {
	started := time.Now()
	t := j.take
	w.plain = t.blank(w.plain, j.seq, j.end)
	damage, err := w.read(j)
	if err != nil {
		return sealResult{err: err}
	}
	t.cutOutOf(w.plain, j.seq, j.cuts)
	w.sealed, err = seal.Seal(w.sealed[:0], w.plain, t.Audio)
	if err != nil {
		return sealResult{err: err}
	}
	from, _ := t.span(j.seq)
	g := Segment{Seq: j.seq, Offset: t.offset(from), Length: int64(len(w.plain)),
		Sealed: Sealed{int64(len(w.sealed)), sha256.Sum256(w.sealed)}}
	if j.seq == 1 {
		g.Offset = 0
	}
	if j.by != nil && !j.by.commit(j) {
		return sealResult{err: errCut}
	}
	if err := t.keepSegment(g, w.sealed); err != nil {
		return sealResult{err: err}
	}
	if j.spool != nil {
		t.leaveSpool(j)
	}
	t.offerSegment(g, time.Now())
	t.spool.metrics.segments.Inc()
	t.spool.metrics.sealSeconds.Observe(time.Since(started).Seconds())
	return sealResult{segment: g, damage: damage}
}

// leaveSpool wipes the spool file of a sealed segment, or holds it for snippets.
func (t *take) leaveSpool(j sealJob) {
	if j.hold && os.Rename(j.spool.path, t.path(heldSpool(j.seq))) == nil {
		j.spool.file.Close()
		return
	}
	size := j.spool.end
	if err := j.spool.wipe(); err != nil {
		t.spool.log.Error("a sealed spool file could not be wiped", "call", t.Call, "take", t.Take, "err", err)
	}
	t.account(-size)
}

// read lays the records of the job's spool file into w.plain.
func (w *sealer) read(j sealJob) (damage, err error) {
	if j.spool == nil {
		return nil, nil
	}
	w.file, damage, err = j.spool.read(w.file, func(kind byte, pos int64, data []byte) {
		if Track(kind) < tracks {
			j.take.place(w.plain, j.seq, Track(kind), pos, data)
		}
	})
	return damage, err
}

// keepSegment puts a sealed segment into the directory of the take.
func (t *take) keepSegment(g Segment, b []byte) error {
	name := segmentFile(g.Seq)
	f, err := os.OpenFile(t.path(unfinished(name)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("recorder: spool: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("recorder: spool: %w", err), os.Remove(f.Name()))
	}
	n, err := t.journal.append(journalLine{Segment: &g})
	if err = errors.Join(err, t.journal.Sync()); err != nil {
		return fmt.Errorf("recorder: journal: %w", err)
	}
	if err := os.Rename(f.Name(), t.path(name)); err != nil {
		return fmt.Errorf("recorder: spool: %w", err)
	}
	t.account(g.Size + int64(n))
	return nil
}

// offerSegment hands a sealed segment to the uploader.
func (t *take) offerSegment(g Segment, sealed time.Time) {
	t.outbox.add(object{key: SegmentObject(t.Call, t.Take, g.Seq), path: t.path(segmentFile(g.Seq)),
		size: g.Size, sha256: g.SHA256, sealed: sealed})
}

// settleSegments finds out what a crash left of the journalled segments, and
// hands to the uploader what is not stored. A segment that has a spool file and
// nothing else was not sealed: it and what follows leave the list.
func (t *take) settleSegments() error {
	for i, g := range t.segments {
		sealed, err := t.settleSegment(g)
		if err != nil {
			return err
		}
		if !sealed {
			t.segments = t.segments[:i]
			break
		}
	}
	return nil
}

func (t *take) settleSegment(g Segment) (sealed bool, err error) {
	path, spool := t.path(segmentFile(g.Seq)), t.path(segmentSpool(g.Seq))
	b, err := os.ReadFile(unfinished(path))
	if err == nil && sha256.Sum256(b) == g.SHA256 {
		err = os.Rename(unfinished(path), path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("recorder: recover: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		if err := os.Rename(spool, t.path(heldSpool(g.Seq))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("recorder: recover: %w", err)
		}
		t.offerSegment(g, info.ModTime())
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("recorder: recover: %w", err)
	}
	if _, err := os.Stat(spool); err == nil {
		return false, nil
	}
	return true, nil // and stored
}
