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
	// flushAt is how many frames may wait for the disk. Those that come in a burst,
	// as after a moment in which the machine stood still, wait for no time to pass.
	flushAt = 5
	// recordLength is the longest record.
	recordLength = 100 * time.Millisecond
	// trail is by how much sealing trails the live edge, so that a withdrawal
	// can cut back.
	trail = 15 * time.Second
	// sealAgain is how long a segment that could not be sealed waits.
	sealAgain = time.Second
)

// Recorder records one take. Write, Note, Anchor and Cut never block, and are
// called from one goroutine, the call's; Run is started once by the call.
type Recorder struct {
	take    *take
	queue   chan queuedFrame
	words   chan queuedWords
	lost    [tracks]lostFrames
	unsaid  atomic.Int64  // notes lost to a full queue
	wake    chan struct{} // of capacity 1: there is what does not wait for the next flush
	stop    chan struct{} // closed by Finish or Destroy
	done    chan struct{} // closed when Run has returned, or never will begin
	begun   atomic.Bool   // Run has begun, or never will
	state   atomic.Int32  // recording, finishing or destroyed
	newest  media.Tick    // end of the newest audio handed over; belongs to the call
	refused atomic.Bool   // the disk has not taken all
	wished  wish          // the newest; belongs to the call

	cutting cutting

	// What follows belongs to Run and, after it, to Finish.
	pending [tracks]record
	edge    int64              // the end of what was placed, on either track
	files   map[int]*spoolFile // the segments that take audio, by number
	notes   *spoolFile         // nil before the first note
	next    int                // the first segment that is neither sealed nor being sealed
	held    int                // the first segment whose spool file may be there still, for snippets
	wishes  []wish             // for snippets that are not made, in the order of their ids
	sealing bool               // segment next-1 is with a sealer
	sealed  chan sealResult
	retry   time.Time // no sealing before it
	failed  bool      // the last flush; so that an error is logged once
}

// The states of a recorder. Only one that is recording takes anything.
const (
	recording int32 = iota
	finishing       // Finish has been called
	destroyed       // by Spool.Destroy
)

type queuedFrame struct {
	track Track
	audio consent.RecordAudio
	rest  []consent.RecordAudio // of WriteAll
}

type queuedWords struct {
	kind byte
	line []byte
	wish wish // of a note; none if its id is empty
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
		held:   1,
		sealed: make(chan sealResult, 1),

		wake: make(chan struct{}, 1),
	}
}

// Write hands over 20 ms of a track. What lies before the origin is left out;
// what lies where audio is already replaces it. When 10 s are queued it is lost,
// counted, and the manifest will say so.
func (r *Recorder) Write(track Track, a consent.RecordAudio) {
	r.put(queuedFrame{track: track, audio: a}, a.Frame().End())
}

// WriteAll hands over frames of a track, in order, that are there at once, such as an
// announcement that was played before the recording could begin: they take as much of
// the queue as one.
func (r *Recorder) WriteAll(track Track, all []consent.RecordAudio) {
	if len(all) > 0 {
		r.put(queuedFrame{track, all[0], all[1:]}, all[len(all)-1].Frame().End())
	}
}

// put queues frames that end at a tick.
func (r *Recorder) put(q queuedFrame, end media.Tick) {
	if len(q.audio.Frame().PCM) == 0 || q.track >= tracks || r.state.Load() != recording {
		return
	}
	r.newest = max(r.newest, end)
	select {
	case r.queue <- q:
	default:
		r.lost[q.track].end.Store(int64(end))
		r.lost[q.track].frames.Add(1 + int64(len(q.rest)))
	}
	if len(r.queue) >= flushAt {
		r.rouse()
	}
}

// Refused reports whether the disk has not taken something that was handed over: it
// is missing in the recording. Any goroutine may ask.
func (r *Recorder) Refused() bool { return r.refused.Load() }

// rouse has Run flush now.
func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Note hands over words. They are sealed as they are, at the next flush, and the
// snippet of them when nothing of it can be taken back any more. It returns
// ErrNoWords for a note that holds none.
func (r *Recorder) Note(n Note) error {
	id, fresh := r.wish(n)
	line, err := n.line(id)
	if err != nil {
		return err
	}
	if fresh.ID != "" {
		r.wished = fresh
	}
	r.say(queuedWords{kindNote, line, fresh})
	return nil
}

// Anchor hands over a pair of tick and wall time, once a minute or so.
func (r *Recorder) Anchor(a Anchor) {
	line, err := json.Marshal(a)
	if err != nil {
		return // a year beyond 9999 is no time to anchor to
	}
	r.say(queuedWords{kind: kindAnchor, line: line})
}

func (r *Recorder) say(w queuedWords) {
	if r.state.Load() != recording {
		return
	}
	select {
	case r.words <- w:
	default:
		r.unsaid.Add(1)
	}
}

// Run writes what is handed over to the spool and has segments sealed, until
// Finish is called, the take is destroyed, or ctx ends. It does not end for a
// disk that fails: that makes a gap, which the manifest will name.
func (r *Recorder) Run(ctx context.Context) error {
	if r.begun.Swap(true) {
		return nil
	}
	defer close(r.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		job, jobs := r.nextJob()
		select {
		case <-tick.C:
			r.flush()
		case <-r.wake:
			r.flush()
			tick.Reset(flushEvery)
		case jobs <- job:
			r.handedOver(job)
		case res := <-r.sealed:
			if err := r.settle(res); err != nil {
				r.take.spool.log.Error("a segment cannot be sealed now; it stays on the spool",
					"call", r.take.Call, "take", r.take.Take, "segment", r.next, "err", err)
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
// the manifest and hands all to the uploader, for which it does not wait. Any
// goroutine may call it, while the call goes on to its next take. After an
// error what was recorded stays on the spool, for Spool.Recover. It returns an
// error that wraps ErrDestroyed for a take that is destroyed.
func (r *Recorder) Finish(ctx context.Context, e Ending) (Summary, error) {
	if !r.state.CompareAndSwap(recording, finishing) {
		if r.state.Load() == destroyed {
			return Summary{}, ErrDestroyed
		}
		return Summary{}, ErrFinished
	}
	t := r.take
	defer t.spool.letGo(t.name())
	defer t.spool.metrics.takes.Dec()
	close(r.stop)
	if err := r.halted(ctx); err != nil {
		t.spool.leave(leftover{dir: t.dir, take: t, recorder: r})
		return Summary{}, err
	}
	defer r.closeFiles()
	r.flush()
	err := r.sealRest(ctx, e.At)
	if err == nil {
		err = r.clipRest(ctx)
	}
	if err != nil {
		t.spool.leave(leftover{dir: t.dir, take: t})
		return Summary{}, err
	}
	sum, err := t.conclude(e, r.notes, false)
	if err != nil {
		t.spool.leave(leftover{dir: t.dir, take: t})
	}
	return sum, err
}

// halted waits until Run has returned, or keeps it from beginning. stop is
// closed.
func (r *Recorder) halted(ctx context.Context) error {
	if !r.begun.Swap(true) {
		close(r.done)
	}
	select {
	case <-r.done:
		return nil
	default:
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rest waits until nobody is at work for a recorder that Finish or Destroy has
// stopped: neither Run nor a sealer.
func (r *Recorder) rest(ctx context.Context) error {
	if err := r.halted(ctx); err != nil {
		return err
	}
	if r.sealing {
		select {
		case res := <-r.sealed:
			_ = r.settle(res) // after an error recovery tries again
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// nextJob returns the segment to be sealed now, or the snippet, and whom to hand
// it to, or a nil channel while there is none: one at a time, in order, behind the
// live edge.
func (r *Recorder) nextJob() (sealJob, chan<- sealJob) {
	_, end := r.take.span(r.next)
	if r.sealing || time.Now().Before(r.retry) {
		return sealJob{}, nil
	}
	if w := r.nextWish(); w != nil {
		return sealJob{take: r.take, wish: w, done: r.sealed}, r.take.spool.jobs
	}
	if r.edge-r.take.samples(trail) < end {
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
	return sealJob{take: r.take, seq: r.next, end: end, spool: r.files[r.next], cuts: r.take.cuts, by: r,
		hold: r.take.clips, free: r.unheld(), done: r.sealed}
}

// handedOver notes that a sealer has the job, and with it the spool file.
func (r *Recorder) handedOver(j sealJob) {
	r.sealing = true
	if j.wish == nil {
		r.next, r.held = j.seq+1, j.free[1]
	}
}

// settle takes the result of the sealer. After an error the segment is as it
// was, and is tried again.
func (r *Recorder) settle(res sealResult) error {
	r.sealing = false
	if res.wish != nil {
		return r.settleWish(res)
	}
	seq := r.next - 1
	if errors.Is(res.err, errCut) {
		r.next = seq
		r.recut(seq, r.take.cuts)
		return nil
	}
	if res.err != nil {
		r.next = seq
		r.reopen(seq)
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

// closeFiles lets go of what was not sealed.
func (r *Recorder) closeFiles() {
	for _, f := range r.files {
		f.file.Close()
	}
	r.files = nil
	if r.notes != nil {
		r.notes.file.Close()
	}
}
