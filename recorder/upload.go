package recorder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

var (
	// errSpoiled means that a sealed file changed on the spool's disk.
	errSpoiled = errors.New("recorder: sealed file changed on the spool")
	// errGone means that a sealed file is not on the spool any more: it was
	// handed over twice, by a recorder and by recovery, and is stored.
	errGone = errors.New("recorder: sealed file is stored already")
)

const (
	firstRetry   = 200 * time.Millisecond
	longestRetry = 30 * time.Second
	putTimeout   = time.Minute // of one attempt
)

// object is a sealed file that waits for its upload.
type object struct {
	key, path string
	size      int64
	sha256    Digest
	sealed    time.Time // for the lag
	last      bool      // the take's manifest
}

// newObject describes the file at path, which holds b.
func newObject(key, path string, b []byte, last bool) object {
	return object{key, path, int64(len(b)), sha256.Sum256(b), time.Now(), last}
}

// outbox holds the objects of one take, in the order in which they are to be
// stored: keys, segments, words, manifest. Its fields belong to uploads.mu.
type outbox struct {
	take    *take
	uploads *uploads
	objects []object
	queued  bool // among uploads.ready, with a worker, or waiting for a retry
	retry   time.Duration
	failed  bool          // nothing more of it can be stored
	busy    bool          // with a worker
	fenced  bool          // nothing more of it may be stored
	idle    chan struct{} // of a fenced one: closed when no worker has it
}

// uploads stores the objects of all takes: one at a time of each, several
// takes at once.
type uploads struct {
	spool    *Spool
	put      Putter
	conflict error
	parallel int
	stored   func(call, take string, err error)
	witness  func(ctx context.Context, w Witnessed) error

	mu      sync.Mutex
	boxes   map[string]*outbox // of all takes that are open, by name
	ready   []*outbox          // has an object that may be tried now
	wake    chan struct{}      // of capacity 1: ready is not empty
	waiting map[*outbox]struct{}
	empty   chan struct{} // closed when waiting becomes empty; nil while it is
}

func newUploads(s *Spool, o SpoolOptions) *uploads {
	u := &uploads{spool: s, put: o.Put, conflict: o.Conflict, parallel: orDefault(o.Uploads, 16), stored: o.Stored, witness: o.Witness,
		boxes: make(map[string]*outbox), wake: make(chan struct{}, 1), waiting: make(map[*outbox]struct{})}
	if u.stored == nil {
		u.stored = func(string, string, error) {}
	}
	return u
}

// outbox makes the empty outbox of a take.
func (u *uploads) outbox(t *take) *outbox {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := &outbox{take: t, uploads: u}
	u.boxes[t.name()] = o
	return o
}

// add puts an object at the end of the outbox. It does not block.
func (o *outbox) add(obj object) {
	u := o.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	if o.failed || o.fenced {
		return
	}
	o.objects = append(o.objects, obj)
	u.waiting[o] = struct{}{}
	if u.empty == nil {
		u.empty = make(chan struct{})
	}
	if !o.queued {
		u.enqueue(o)
	}
}

// enqueue lets a worker have o. The caller holds mu.
func (u *uploads) enqueue(o *outbox) {
	o.queued = true
	u.ready = append(u.ready, o)
	u.signal()
}

func (u *uploads) signal() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// next waits for an outbox with an object that may be tried now.
func (u *uploads) next(ctx context.Context) (*outbox, object, bool) {
	for {
		u.mu.Lock()
		if len(u.ready) > 0 {
			o := u.ready[0]
			u.ready = u.ready[1:]
			if len(u.ready) > 0 {
				u.signal()
			}
			obj := o.objects[0]
			o.busy = true
			u.mu.Unlock()
			return o, obj, true
		}
		u.mu.Unlock()
		select {
		case <-u.wake:
		case <-ctx.Done():
			return nil, object{}, false
		}
	}
}

// work stores objects until ctx ends.
func (u *uploads) work(ctx context.Context) {
	for {
		o, obj, ok := u.next(ctx)
		if !ok {
			return
		}
		err := u.store(ctx, obj)
		if ctx.Err() != nil {
			u.giveBack(o)
			return
		}
		switch {
		case u.isFenced(o):
			u.giveBack(o)
		case err == nil:
			u.takeOff(o, obj)
			u.advance(o, obj)
		case errors.Is(err, errGone):
			u.advance(o, obj)
		case errors.Is(err, u.conflict), errors.Is(err, errSpoiled):
			u.gaveUp(o, obj, err)
		default:
			u.tryAgain(o, obj, err)
		}
	}
}

// store puts one object and has the store confirm it.
func (u *uploads) store(ctx context.Context, obj object) error {
	body, err := os.ReadFile(obj.path)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return fmt.Errorf("recorder: upload: %w", err)
	}
	if sha256.Sum256(body) != obj.sha256 {
		return errSpoiled
	}
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	if err := u.put.Put(ctx, obj.key, body, obj.sha256); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	size, sum, err := u.put.Head(ctx, obj.key)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if size != obj.size || sum != obj.sha256 {
		return fmt.Errorf("recorder: store has %d bytes with SHA-256 %v, want %d with %v", size, Digest(sum), obj.size, obj.sha256)
	}
	if !obj.last || u.witness == nil {
		return nil
	}
	return u.attest(ctx, body)
}

// attest has a stored manifest witnessed, while its take is on the spool yet.
func (u *uploads) attest(ctx context.Context, manifest []byte) error {
	m, _, _, err := parseManifest(manifest)
	if err != nil {
		return err
	}
	w := Witnessed{Call: m.Call, Take: m.Take, Manifest: sha256.Sum256(manifest), Complete: m.Complete}
	if err := u.witness(ctx, w); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	return nil
}

// takeOff takes a stored object off the spool, and the take after its last.
func (u *uploads) takeOff(o *outbox, obj object) {
	m := u.spool.metrics
	m.uploads.WithLabelValues("stored").Inc()
	m.uploadLag.Observe(time.Since(obj.sealed).Seconds())
	var err error
	if obj.last {
		err = o.take.remove()
	} else if err = os.Remove(obj.path); err == nil {
		o.take.account(-obj.size)
	}
	if err != nil {
		u.spool.log.Error("a stored object cannot be taken off the spool", "object", obj.key, "err", err)
	}
}

// advance goes on to the next object of a take.
func (u *uploads) advance(o *outbox, obj object) {
	if obj.last {
		u.stored(o.take.Call, o.take.Take, nil)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if obj.last {
		delete(u.boxes, o.take.name())
	}
	if u.giveBackLocked(o) {
		return
	}
	o.objects = o.objects[1:]
	o.retry = 0
	o.queued = false
	if len(o.objects) > 0 {
		u.enqueue(o)
	} else {
		u.settle(o)
	}
}

// gaveUp leaves the take on the spool: trying again would not help.
func (u *uploads) gaveUp(o *outbox, obj object, err error) {
	result := "conflict"
	if errors.Is(err, errSpoiled) {
		result = "spoiled"
	}
	u.spool.metrics.uploads.WithLabelValues(result).Inc()
	u.stored(o.take.Call, o.take.Take, fmt.Errorf("%s: %w", obj.key, err))
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.giveBackLocked(o) {
		return
	}
	o.failed = true
	o.objects = nil
	u.settle(o)
}

// tryAgain has the object tried again after a while, which grows.
func (u *uploads) tryAgain(o *outbox, obj object, err error) {
	u.spool.metrics.uploads.WithLabelValues("error").Inc()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.giveBackLocked(o) {
		return
	}
	if o.retry == 0 {
		o.retry = firstRetry
		u.spool.log.Warn("an upload failed and is tried again", "object", obj.key, "err", err)
	} else {
		o.retry = min(2*o.retry, longestRetry)
	}
	time.AfterFunc(o.retry/2+rand.N(o.retry/2), func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if !o.fenced {
			u.enqueue(o)
		}
	})
}

// settle notes that nothing of o is waiting. The caller holds mu.
func (u *uploads) settle(o *outbox) {
	delete(u.waiting, o)
	if len(u.waiting) == 0 && u.empty != nil {
		close(u.empty)
		u.empty = nil
	}
}

// drain waits until nothing is waiting.
func (u *uploads) drain(ctx context.Context) error {
	for {
		u.mu.Lock()
		empty := u.empty
		u.mu.Unlock()
		if empty == nil {
			return nil
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// oldest returns for how long the oldest object has been waiting.
func (u *uploads) oldest() (age time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for o := range u.waiting {
		age = max(age, time.Since(o.objects[0].sealed))
	}
	return age
}

// takes returns how many takes have something that waits, and how many have failed.
func (u *uploads) takes() (waiting, failed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, o := range u.boxes {
		if o.failed {
			failed++
		}
	}
	return len(u.waiting), failed
}
