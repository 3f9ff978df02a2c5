package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// Limits of the readers that are kept.
const (
	readersKept = 8           // each holds at most two segments, 640 kB of a web call
	readerIdle  = time.Minute // then it is dropped
)

// errErased says that the key of a take is gone.
var errErased = errors.New("app: its key is gone")

// readers keeps those takes open that are being listened to, so that a jump costs
// a segment and not the manifest too.
type readers struct {
	open func(ctx context.Context, call, take string) (*recorder.Recording, error)

	mu   sync.Mutex
	kept []keptReader // the one used last at the end
}

// keptReader is a take that is open.
type keptReader struct {
	call, take string
	audio      *recorder.Reader
	used       time.Time
}

// openReaders gets ready to hand out what calls have left: to open takes with the
// keys of this gateway, to note who reads, and to make links.
func (a *App) openReaders(context.Context, Options) error {
	a.recordings = recorder.NewMetrics(a.registry)
	a.settled = newSettled(a.registry)
	secret, err := Secret(a.config.DataDir, "link_key")
	if err != nil {
		return err
	}
	a.links = links{[]byte(secret), time.Duration(a.config.Server.LinkLife)}
	a.accesses = newAccesses(a.ledger, a.registry)
	a.readers = &readers{open: func(ctx context.Context, call, take string) (*recorder.Recording, error) {
		return a.trust.open(ctx, recorder.OpenOptions{From: a.objects, Keys: a.keys, Call: call, Take: take, Metrics: a.recordings})
	}}
	a.background("readers", a.readers.run)
	return nil
}

// run drops what nobody listens to any more.
func (s *readers) run(ctx context.Context) error {
	again := time.NewTicker(readerIdle / 2)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			s.drop(func(k keptReader) bool { return time.Since(k.used) > readerIdle })
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop forgets readers, with the sound that they hold.
func (s *readers) drop(gone func(keptReader) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []keptReader
	for _, k := range s.kept {
		if !gone(k) {
			kept = append(kept, k)
		}
	}
	s.kept = kept
}

// get returns a reader of a take whose key is there now. errErased says that it is
// not, store.ErrNotFound that there is no such take.
func (s *readers) get(ctx context.Context, call, take string) (*recorder.Reader, error) {
	same := func(k keptReader) bool { return k.call == call && k.take == take }
	s.mu.Lock()
	var audio *recorder.Reader
	for _, k := range s.kept {
		if same(k) {
			audio = k.audio
		}
	}
	s.mu.Unlock()
	var err error
	if audio == nil {
		var recording *recorder.Recording
		if recording, err = s.open(ctx, call, take); err == nil {
			audio, err = recording.Reader()
		}
		if err != nil {
			return nil, err
		}
	}
	if err = audio.Check(ctx); errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %s of %s", errErased, seal.Audio, call)
	}
	s.drop(same)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, keptReader{call, take, audio, time.Now()})
	if len(s.kept) > readersKept {
		s.kept = append([]keptReader(nil), s.kept[1:]...)
	}
	return audio, nil
}
