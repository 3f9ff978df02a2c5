package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"sidetone/seal"
)

// The results of recovering a take: metric labels.
const (
	recoveredWhole = "complete" // only uploads were missing
	recoveredCut   = "cut"      // finished as crashed
	recoveredNot   = "failed"   // still on the spool, or put aside
)

// Recovery is what Recover did.
type Recovery struct {
	Complete int // takes of which only uploads were missing
	Cut      int // takes that were cut short and are finished now
	Failed   int // takes that stay on the spool, or are put aside
}

const (
	// recoverEvery is how often Run looks for takes that nobody drives.
	recoverEvery = time.Minute
	// restWithin is how long it waits for the recorder of one.
	restWithin = time.Second
	// recoverAtOnce is how many takes are recovered at once: most of the time goes
	// by in waiting for the disk, which syncs many files nearly as fast as one.
	recoverAtOnce = 16
)

// keepRecovering recovers what is left behind while the process runs.
func (s *Spool) keepRecovering(ctx context.Context) {
	tick := time.NewTicker(recoverEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := s.Recover(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("takes cannot be recovered now", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Recover finishes the takes that nobody drives: those that were on the spool
// when it was opened, and those whose Finish failed since. It seals what is
// there, writes a manifest that says that it is not complete, and hands all to
// the uploader. What is damaged is put aside, and the rest recovered. The error
// joins those of the takes that failed. Run does this each minute; call it at
// the start, when nobody records yet, to have it done.
func (s *Spool) Recover(ctx context.Context) (Recovery, error) {
	s.mu.Lock()
	r := &recovering{spool: s, left: len(s.leftover)}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for range min(r.left, recoverAtOnce) {
		wg.Go(func() {
			for r.more(ctx) {
				r.next(ctx)
			}
		})
	}
	wg.Wait()
	return r.done, errors.Join(r.errs...)
}

// recovering is one Recover, which is at several takes at once.
type recovering struct {
	spool *Spool

	mu   sync.Mutex
	left int // takes that nobody is at yet
	done Recovery
	errs []error
}

// more reports whether there is a take for who asks.
func (r *recovering) more(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil && r.left > 0 {
		r.left = 0
		r.errs = append(r.errs, err)
	}
	r.left--
	return r.left >= 0
}

// next recovers the next take, if nobody has it meanwhile.
func (r *recovering) next(ctx context.Context) {
	l, ok := r.spool.pick()
	if !ok {
		return
	}
	result, err := r.spool.recoverTake(ctx, l)
	r.spool.letGo(l.name())
	r.mu.Lock()
	defer r.mu.Unlock()
	switch result {
	case "":
		return
	case recoveredWhole:
		r.done.Complete++
	case recoveredCut:
		r.done.Cut++
	case recoveredNot:
		r.done.Failed++
		r.errs = append(r.errs, fmt.Errorf("%s: %w", l.name(), err))
	}
	r.spool.metrics.recovered.WithLabelValues(result).Inc()
}

// recoverTake recovers one take. The result is empty for one that had not
// begun, and for one whose recorder is still at work.
func (s *Spool) recoverTake(ctx context.Context, l leftover) (result string, err error) {
	if r := l.recorder; r != nil {
		ctx, cancel := context.WithTimeout(ctx, restWithin)
		defer cancel()
		if r.rest(ctx) != nil {
			s.leave(l)
			return "", nil
		}
		r.flush()
		r.closeFiles()
		l.recorder = nil
	}
	if l.take == nil {
		if _, err := os.Stat(filepath.Join(l.dir, headFile)); errors.Is(err, fs.ErrNotExist) {
			return "", os.RemoveAll(l.dir) // Begin never returned: nothing was recorded
		}
		l.take, err = openTake(s, l.dir)
		if errors.Is(err, ErrSpoolFile) {
			return recoveredNot, errors.Join(err, s.quarantine(l.dir, l.name(), err))
		}
		if err != nil {
			s.leave(l)
			return recoveredNot, err
		}
	}
	if result, err = l.take.recover(); err != nil {
		s.leave(l)
		return recoveredNot, err
	}
	return result, nil
}

// recover brings the take to its manifest and hands all of it to the uploader.
func (t *take) recover() (string, error) {
	for _, c := range seal.Classes {
		if err := t.offer(keyFile(c), KeyObject(t.Epoch, t.Call, t.Take, c), false); err != nil {
			return "", err
		}
	}
	if err := errors.Join(t.wipeOld(), t.settleSegments(), t.settleSnippets()); err != nil {
		return "", err
	}
	if _, err := os.Stat(t.path(manifestFile)); err == nil {
		return recoveredWhole, t.recoverUploads()
	}
	files, end, err := t.openSpools()
	defer func() {
		for _, f := range files {
			f.file.Close() // closed already where it was sealed
		}
	}()
	if err != nil {
		return "", err
	}
	if err := t.sealSpools(files, end); err != nil {
		return "", err
	}
	var wishes []wish
	notes, err := t.openSpool(notesSpool, t.Text, func(kind byte, _ int64, data []byte) {
		if w, ok := parseWish(data); ok && kind == kindWish {
			wishes = append(wishes, w)
		}
	})
	if err != nil {
		return "", err
	}
	t.recoverSnippets(wishes)
	_, err = t.conclude(Ending{Reason: Crashed}, notes, true)
	return recoveredCut, err
}

// recoverUploads hands over what is left of a take that had its manifest.
func (t *take) recoverUploads() error {
	if err := errors.Join(wipePath(t.path(notesSpool)), t.wipeAllHeld(), t.offerSnippets()); err != nil {
		return err
	}
	if err := t.offer(notesFile, NotesObject(t.Call, t.Take), false); err != nil {
		return err
	}
	if err := t.offer(metaFile, MetaObject(t.Call, t.Take), false); err != nil {
		return err
	}
	return t.offer(manifestFile, ManifestObject(t.Call, t.Take), true)
}

// offer puts a file of the take into the outbox, if it is still there: if not,
// it is stored.
func (t *take) offer(name, key string, last bool) error {
	b, err := os.ReadFile(t.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recorder: recover: %w", err)
	}
	t.outbox.add(newObject(key, t.path(name), b, last))
	return nil
}

// openSpools opens the spool files of the segments that are not sealed, and
// finds where the audio ends.
func (t *take) openSpools() (files map[int]*spoolFile, end int64, err error) {
	paths, err := filepath.Glob(t.path("[0-9]*.spool"))
	if err != nil {
		return nil, 0, fmt.Errorf("recorder: recover: %w", err)
	}
	files = make(map[int]*spoolFile)
	for _, path := range paths {
		name := filepath.Base(path)
		seq, err := strconv.Atoi(strings.TrimSuffix(name, ".spool"))
		if err != nil || seq <= len(t.segments) || seq > t.seq(t.samples(longest)) {
			continue
		}
		f, err := t.openSpool(name, t.Audio, func(kind byte, pos int64, data []byte) {
			if _, to := t.span(seq); Track(kind) < tracks {
				end = max(end, min(to, pos+int64(len(data))/t.width()))
			}
		})
		if err != nil {
			return files, 0, err
		}
		if f != nil {
			files[seq] = f
		}
	}
	return files, end, nil
}

// openSpool opens a spool file of the take and gives its records to keep. Where
// some are damaged, a copy is put aside that only the take's own key opens; a
// file that cannot be opened is put aside itself. It returns nil for that and
// for a file that is not there, or empty. Of a take of which something was cut
// nothing is put aside: it could be that.
func (t *take) openSpool(name string, own seal.Recipient, keep func(byte, int64, []byte)) (*spoolFile, error) {
	info, err := os.Stat(t.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() == 0 {
		return nil, os.Remove(t.path(name))
	}
	if err != nil {
		return nil, fmt.Errorf("recorder: recover: %w", err)
	}
	aside := t.Call + "." + t.Take + "." + name
	f, err := openSpoolFile(t.path(name), t.spool.node.Identity())
	if errors.Is(err, ErrSpoolFile) {
		t.gaps.add(Gap{Reason: GapDamaged, At: t.Origin, End: t.Origin})
		t.account(-info.Size())
		if len(t.cuts) > 0 {
			return nil, wipePath(t.path(name))
		}
		return nil, t.spool.quarantine(t.path(name), aside, err)
	}
	if err != nil {
		return nil, err
	}
	_, damage, err := f.read(nil, keep)
	if errors.Is(damage, errTorn) {
		t.spool.log.Warn("the last write to a spool file was cut short by the crash", "call", t.Call, "take", t.Take, "err", damage)
		damage = nil
	}
	if err == nil && damage != nil {
		t.gaps.add(Gap{Reason: GapDamaged, At: t.Origin, End: t.Origin})
	}
	if err == nil && damage != nil && len(t.cuts) == 0 {
		err = t.putAside(f, aside, own, damage)
	}
	if err != nil {
		f.file.Close()
		return nil, err
	}
	return f, nil
}

// putAside keeps a copy of a damaged spool file whose head is wrapped to the
// take's own key alone, so that erasing that key erases the copy.
func (t *take) putAside(f *spoolFile, name string, own seal.Recipient, damage error) error {
	wrapped, err := f.key.Wrap(own)
	if err != nil {
		return err
	}
	b := make([]byte, f.end)
	if _, err := f.file.ReadAt(b, 0); err != nil {
		return fmt.Errorf("recorder: quarantine: %w", err)
	}
	_, records, err := parseSpoolHead(b)
	if err != nil {
		return err
	}
	tmp := t.path(unfinished(asideFile))
	if err := os.WriteFile(tmp, append(appendSpoolHead(nil, wrapped), records...), 0o600); err != nil {
		return fmt.Errorf("recorder: quarantine: %w", err)
	}
	return t.spool.quarantine(tmp, name, damage)
}

// sealSpools seals all that follows the segments sealed before.
func (t *take) sealSpools(files map[int]*spoolFile, end int64) error {
	var w sealer
	for {
		seq := len(t.segments) + 1
		from, to := t.span(seq)
		if from >= end {
			return nil
		}
		res := w.seal(sealJob{take: t, seq: seq, end: min(to, end), spool: files[seq], cuts: t.cuts, hold: true})
		if res.err != nil {
			return res.err
		}
		t.segments = append(t.segments, res.segment)
	}
}
