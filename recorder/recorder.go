package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"sidetone/consent"
	"sidetone/media"
)

// ErrFinished is returned by Finish when the take has been finished before.
var ErrFinished = errors.New("recorder: take is finished")

const (
	// queued is how much the queue to a recorder holds: 10 s of both tracks.
	queued = 10 * 50 * int(tracks)
	// notesQueued is how many notes and anchors may wait for the next flush.
	notesQueued = 64
	// flushEvery is how long audio waits in memory for the disk. With what a
	// busy machine adds, it stays below the 100 ms that a kill may cost.
	flushEvery = 60 * time.Millisecond
	// recordLength is the longest record.
	recordLength = 100 * time.Millisecond
	// trail is by how much sealing trails the live edge, so that a withdrawal
	// can cut back.
	trail = 15 * time.Second
	// sealAgain is how long a segment that could not be sealed waits.
	sealAgain = time.Second
)

// Recorder records one take. Write, Note and Anchor never block, and are
// called from one goroutine, the call's; Run is started once by the call.
type Recorder struct {
	take   *take
	queue  chan queuedFrame
	words  chan queuedWords
	lost   [tracks]lostFrames
	unsaid atomic.Int64  // notes lost to a full queue
	stop   chan struct{} // closed by Finish
	done   chan struct{} // closed when Run has returned
	ended  atomic.Bool

	// What follows belongs to Run and, after it, to Finish.
	pending [tracks]record
	edge    int64              // the end of what was placed, on either track
	files   map[int]*spoolFile // the segments that take audio, by number
	notes   *spoolFile         // nil before the first note
	next    int                // the first segment that is neither sealed nor being sealed
	sealing bool               // segment next-1 is with a sealer
	sealed  chan sealResult
	retry   time.Time // no sealing before it
	failed  bool      // the last flush; so that an error is logged once
}

type queuedFrame struct {
	track Track
	audio consent.RecordAudio
}

type queuedWords struct {
	kind byte
	line []byte
}

// lostFrames counts what a full queue refused; it is what Write tells Run.
type lostFrames struct {
	frames atomic.Int64
	end    atomic.Int64 // tick after the newest of them
}

// record is audio of one track that waits to be sealed and written.
type record struct {
	pos  int64
	data []byte
}

func newRecorder(t *take) *Recorder {
	return &Recorder{
		take:   t,
		queue:  make(chan queuedFrame, queued),
		words:  make(chan queuedWords, notesQueued),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
		files:  make(map[int]*spoolFile),
		next:   1,
		sealed: make(chan sealResult, 1),
	}
}

// Write hands over 20 ms of a track. What lies before the origin is left out;
// what lies where audio is already replaces it. When 10 s are queued it is lost,
// counted, and the manifest will say so.
func (r *Recorder) Write(track Track, a consent.RecordAudio) {
	if len(a.Frame().PCM) == 0 || track >= tracks {
		return
	}
	select {
	case r.queue <- queuedFrame{track, a}:
	default:
		r.lost[track].end.Store(int64(a.Frame().End()))
		r.lost[track].frames.Add(1)
	}
}

// Note hands over words. They are sealed as they are, at the next flush. It
// returns ErrNoWords for a note that holds none.
func (r *Recorder) Note(n Note) error {
	line, err := n.line()
	if err != nil {
		return err
	}
	r.say(queuedWords{kindNote, line})
	return nil
}

// Anchor hands over a pair of tick and wall time, once a minute or so.
func (r *Recorder) Anchor(a Anchor) {
	line, err := json.Marshal(a)
	if err != nil {
		return // a year beyond 9999 is no time to anchor to
	}
	r.say(queuedWords{kindAnchor, line})
}

func (r *Recorder) say(w queuedWords) {
	select {
	case r.words <- w:
	default:
		r.unsaid.Add(1)
	}
}

// Run writes what is handed over to the spool and has segments sealed, until
// Finish is called or ctx ends. It does not end for a disk that fails: that
// makes a gap, which the manifest will name.
func (r *Recorder) Run(ctx context.Context) error {
	defer close(r.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		job, jobs := r.nextJob()
		select {
		case <-tick.C:
			r.flush()
		case jobs <- job:
			r.handedOver(job)
		case res := <-r.sealed:
			if err := r.settle(res); err != nil {
				r.take.spool.log.Error("a segment cannot be sealed now; it stays on the spool",
					"call", r.take.Call, "take", r.take.Take, "segment", r.next, "error", err)
			}
		case <-r.stop:
			return nil
		case <-ctx.Done():
			r.flush()
			return ctx.Err()
		}
	}
}

// Finish ends the take: it waits for Run to return, seals what is left, signs
// the manifest and hands all to the uploader, for which it does not wait. After
// an error what was recorded stays on the spool, for Spool.Recover.
func (r *Recorder) Finish(ctx context.Context, e Ending) (Summary, error) {
	if r.ended.Swap(true) {
		return Summary{}, ErrFinished
	}
	defer r.take.spool.metrics.takes.Dec()
	close(r.stop)
	select {
	case <-r.done:
	case <-ctx.Done():
		return Summary{}, ctx.Err()
	}
	defer r.closeFiles()
	r.flush()
	if err := r.sealRest(ctx, e.At); err != nil {
		r.take.spool.leave(leftover{r.take.dir, r.take})
		return Summary{}, err
	}
	sum, err := r.take.conclude(e, r.notes, false)
	if err != nil {
		r.take.spool.leave(leftover{r.take.dir, r.take})
	}
	return sum, err
}

// flush takes over what is queued and writes it to the spool.
func (r *Recorder) flush() {
	for more := true; more; {
		select {
		case q := <-r.queue:
			r.add(q)
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
func (r *Recorder) add(q queuedFrame) {
	t := r.take
	f := q.audio.Frame()
	pos, pcm := t.position(f.At), f.PCM
	if pos < 0 {
		pcm = pcm[min(-pos, int64(len(pcm))):]
		pos = 0
	}
	switch end := pos + int64(len(pcm)); {
	case len(pcm) == 0:
		return
	case end > t.samples(longest):
		r.gap(GapBeyond, q.track, f.At, f.End(), 1)
		return
	case t.seq(pos) < r.next:
		r.gap(GapLate, q.track, f.At, f.End(), 1)
		return
	}
	p := &r.pending[q.track]
	held := int64(len(p.data)) / t.width()
	if held > 0 && (p.pos+held != pos || held+int64(len(pcm)) > t.samples(recordLength)) {
		r.emit(q.track)
	}
	if len(p.data) == 0 {
		p.pos = pos
	}
	p.data = t.encode(p.data, pcm)
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
	if r.notes == nil {
		r.notes, err = createSpoolFile(t.path(notesSpool), t.Text, t.spool.node.Identity().Recipient())
	}
	if err != nil || !r.notes.add(w.kind, 0, w.line) {
		now := t.tick(r.edge)
		r.gap(GapDisk, Caller, now, now, 1)
	}
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
			"call", r.take.Call, "take", r.take.Take, "error", errs[0])
	}
	r.failed = failed
}

// gap notes that something is missing, in the manifest and the figures.
func (r *Recorder) gap(reason GapReason, track Track, at, end media.Tick, frames int) {
	t := r.take
	t.spool.metrics.dropped.WithLabelValues(string(reason)).Add(float64(frames))
	g, fresh := t.gaps.add(Gap{reason, track, at, end, frames})
	if !fresh {
		return
	}
	t.spool.log.Error("a recording has a gap", "call", t.Call, "take", t.Take, "reason", string(reason))
	if n, err := t.journal.append(journalLine{Gap: &g}); err == nil { // else it is in the manifest alone
		t.account(int64(n))
	}
}

// nextJob returns the segment to be sealed now and whom to hand it to, or a nil
// channel while there is none: one at a time, in order, behind the live edge.
func (r *Recorder) nextJob() (sealJob, chan<- sealJob) {
	_, end := r.take.span(r.next)
	if r.sealing || r.edge-r.take.samples(trail) < end || time.Now().Before(r.retry) {
		return sealJob{}, nil
	}
	f := r.files[r.next]
	if f != nil && len(f.out) > 0 {
		return sealJob{}, nil
	}
	return r.job(end), r.take.spool.jobs
}

// job asks for the next segment, up to position end.
func (r *Recorder) job(end int64) sealJob {
	return sealJob{take: r.take, seq: r.next, end: end, spool: r.files[r.next], done: r.sealed}
}

// handedOver notes that a sealer has the job, and with it the spool file.
func (r *Recorder) handedOver(j sealJob) {
	r.sealing = true
	r.next = j.seq + 1
}

// settle takes the result of the sealer. After an error the segment is as it
// was, and is tried again.
func (r *Recorder) settle(res sealResult) error {
	r.sealing = false
	seq := r.next - 1
	if res.err != nil {
		r.next = seq
		r.retry = time.Now().Add(sealAgain)
		r.take.spool.metrics.sealErrors.Inc()
		return res.err
	}
	if res.damage != nil {
		from, to := r.take.span(seq)
		r.gap(GapDamaged, Caller, r.take.tick(from), r.take.tick(to), 0)
	}
	delete(r.files, seq)
	r.take.segments = append(r.take.segments, res.segment)
	return nil
}

// sealRest seals everything up to the end of the take.
func (r *Recorder) sealRest(ctx context.Context, end media.Tick) error {
	t := r.take
	if r.sealing {
		_ = r.settle(<-r.sealed) // after an error it is tried again below
	}
	if r.edge == 0 {
		return nil // nothing was recorded: there is no file
	}
	length := max(r.edge, min(t.position(end), t.samples(longest)))
	for from, _ := t.span(r.next); from < length; from, _ = t.span(r.next) {
		_, to := t.span(r.next)
		j := r.job(min(to, length))
		select {
		case t.spool.jobs <- j:
			r.handedOver(j)
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.settle(<-r.sealed); err != nil {
			return err
		}
	}
	return nil
}

// closeFiles lets go of what Finish could not seal.
func (r *Recorder) closeFiles() {
	for _, f := range r.files {
		f.file.Close()
	}
	r.files = nil
}
