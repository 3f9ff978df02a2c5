package recorder

import (
	"sidetone/consent"
	"sidetone/media"
)

// flush takes over what is queued and writes it to the spool.
func (r *Recorder) flush() {
	r.applyCuts()
	for more := true; more; {
		select {
		case q := <-r.queue:
			r.add(q.track, q.audio)
			for _, a := range q.rest {
				r.add(q.track, a)
			}
		default:
			more = false
		}
	}
	for track := range tracks {
		r.emit(track)
		if n := r.lost[track].frames.Swap(0); n > 0 {
			end := media.Tick(r.lost[track].end.Load())
			r.gap(GapOverflow, track, end-media.Tick(n)*media.FrameTicks, end, int(n))
		}
	}
	for more := true; more; {
		select {
		case w := <-r.words:
			r.addWords(w)
		default:
			more = false
		}
	}
	if n := r.unsaid.Swap(0); n > 0 {
		now := r.take.tick(r.edge)
		r.gap(GapOverflow, Caller, now, now, int(n))
	}
	r.write()
}

// add appends a frame to the record that it continues, or begins the next.
func (r *Recorder) add(track Track, a consent.RecordAudio) {
	t := r.take
	f := a.Frame()
	pos, pcm := t.position(f.At), f.PCM
	if pos < 0 {
		pcm = pcm[min(-pos, int64(len(pcm))):]
		pos = 0
	}
	switch end := pos + int64(len(pcm)); {
	case len(pcm) == 0:
		return
	case end > t.samples(longest):
		r.gap(GapBeyond, track, f.At, f.End(), 1)
		return
	case t.seq(pos) < r.next:
		r.gap(GapLate, track, f.At, f.End(), 1)
		return
	}
	p := &r.pending[track]
	held := int64(len(p.data)) / t.width()
	if held > 0 && (p.pos+held != pos || held+int64(len(pcm)) > t.samples(recordLength)) {
		r.emit(track)
	}
	if len(p.data) == 0 {
		p.pos = pos
	}
	begun := len(p.data)
	p.data = t.encode(p.data, pcm)
	t.cutOut(t.cuts, pos, t.width(), p.data[begun:])
	r.edge = max(r.edge, pos+int64(len(pcm)))
}

// emit puts a track's pending record into the spool file of its segment, or of
// two if it lies across their border.
func (r *Recorder) emit(track Track) {
	t, p := r.take, &r.pending[track]
	for data, pos := p.data, p.pos; len(data) > 0; {
		seq := t.seq(pos)
		_, to := t.span(seq)
		n := min(int64(len(data))/t.width(), to-pos)
		f, err := r.file(seq)
		if err != nil || !f.add(byte(track), pos, data[:n*t.width()]) {
			r.gap(GapDisk, track, t.tick(pos), t.tick(pos+n), int(n*50)/t.rate)
		} else {
			t.spool.metrics.audioBytes.Add(float64(n * t.width()))
		}
		data, pos = data[n*t.width():], pos+n
	}
	p.data = p.data[:0]
}

// file is the spool file of a segment, made when it is first needed.
func (r *Recorder) file(seq int) (*spoolFile, error) {
	if f := r.files[seq]; f != nil {
		return f, nil
	}
	t := r.take
	if t.spool.full.Load() {
		return nil, ErrSpoolFull
	}
	f, err := createSpoolFile(t.path(segmentSpool(seq)), t.Audio, t.spool.node.Identity().Recipient())
	if err == nil {
		r.files[seq] = f
	}
	return f, err
}

func (r *Recorder) addWords(w queuedWords) {
	t, err := r.take, error(nil)
	if w.kind == kindNote && t.takesNote(w.line) {
		return
	}
	if r.notes == nil {
		r.notes, err = createSpoolFile(t.path(notesSpool), t.Text, t.spool.node.Identity().Recipient())
	}
	if err != nil || !r.notes.add(w.kind, 0, w.line) {
		now := t.tick(r.edge)
		r.gap(GapDisk, Caller, now, now, 1)
		return
	}
	r.addWish(w.wish)
}

// write flushes the spool files. A file that cannot be written keeps what it
// was given, up to a bound, for the next time.
func (r *Recorder) write() {
	var errs []error
	wrote := 0
	flush := func(f *spoolFile) {
		n, err := f.flush()
		wrote += n
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, f := range r.files {
		flush(f)
	}
	if r.notes != nil {
		flush(r.notes)
	}
	if wrote > 0 {
		r.take.account(int64(wrote))
		r.take.spool.wrote()
	}
	failed := len(errs) > 0
	if failed && !r.failed {
		r.take.spool.log.Error("the spool cannot be written; audio is held in memory for a moment, then lost",
			"call", r.take.Call, "take", r.take.Take, "err", errs[0])
	}
	r.failed = failed
}

// gap notes that something is missing, in the manifest and the figures.
func (r *Recorder) gap(reason GapReason, track Track, at, end media.Tick, frames int) {
	t := r.take
	t.spool.metrics.dropped.WithLabelValues(string(reason)).Add(float64(frames))
	if reason == GapDisk {
		r.refused.Store(true)
	}
	g, fresh := t.gaps.add(Gap{reason, track, at, end, frames})
	if !fresh {
		return
	}
	t.spool.log.Error("a recording has a gap", "call", t.Call, "take", t.Take, "reason", string(reason))
	if n, err := t.journal.append(journalLine{Gap: &g}); err == nil { // else it is in the manifest alone
		t.account(int64(n))
	}
}
