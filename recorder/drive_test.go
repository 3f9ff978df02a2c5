package recorder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"sidetone/media"
	"sidetone/seal"
)

// A disk that hangs keeps Run from ending; the call does not wait for it, and
// the take is finished when it has.
func TestFinishLeavesWhatHangs(t *testing.T) {
	s, begin := benchSpool(t)
	r := begin("c")
	r.begun.Store(true) // a Run that hangs
	pcm := media.Tone(8000, 300, media.FrameDuration, -20)
	for n := range 100 {
		a, _ := benchGate.Record(media.Frame{At: media.Tick(n) * media.FrameTicks, PCM: pcm})
		r.Write(Caller, a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Finish(ctx, Ending{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Finish: %v", err)
	}
	if rec, err := s.Recover(t.Context()); err != nil || rec != (Recovery{}) {
		t.Errorf("while it hangs: %+v, %v", rec, err)
	}
	close(r.done)
	if rec, err := s.Recover(t.Context()); err != nil || rec != (Recovery{Cut: 1}) {
		t.Errorf("then: %+v, %v", rec, err)
	}
	if got := r.take.segments; len(got) != 1 || got[0].Length != 58+2*16000 {
		t.Errorf("segments %+v", got)
	}
}

// Nobody gets a take that another has.
func TestOneDrivesATake(t *testing.T) {
	s, begin := benchSpool(t)
	r := begin("c")
	s.leave(leftover{dir: r.take.dir, take: r.take})
	if l, ok := s.pick(); ok {
		t.Errorf("Recover gets %s, which is being recorded", l.name())
	}
	s.letGo(r.take.name())
	if _, ok := s.pick(); !ok {
		t.Error("Recover does not get what nobody has")
	}
	if _, ok := s.pick(); ok {
		t.Error("Recover gets it twice")
	}
	s.letGo(r.take.name())
	s.leave(leftover{dir: r.take.dir, take: r.take})
	s.condemn("c", "t1")
	if _, ok := s.pick(); ok {
		t.Error("Recover gets what is to be destroyed")
	}
	r.closeFiles()
}

// Destroy wipes nothing under a Run or a sealer that may still write; but no
// upload begins any more.
func TestDestroyWaitsForWhatHangs(t *testing.T) {
	s, begin := benchSpool(t)
	r := begin("c")
	feed(r, 0, media.Tone(8000, 300, media.FrameDuration, -20))
	r.begun.Store(true)
	r.sealing = true
	hanging, cancel := context.WithCancel(t.Context())
	cancel()
	key := r.take.path(keyFile(seal.Audio))
	for _, step := range []func(){func() {}, func() { close(r.done) }} { // Run, then a sealer
		step()
		if err := s.Destroy(hanging, "c", "t1"); !errors.Is(err, context.Canceled) {
			t.Errorf("Destroy: %v", err)
		}
		if _, err := os.Stat(key); err != nil {
			t.Error("wiped under a recorder: ", err)
		}
		s.uploads.mu.Lock()
		if len(s.uploads.ready) > 0 || len(s.uploads.waiting) > 0 {
			t.Error("an upload may begin")
		}
		s.uploads.mu.Unlock()
	}
	r.sealed <- sealResult{err: errCut}
	if err := s.Destroy(t.Context(), "c", "t1"); !errors.Is(err, errNoEraser) {
		t.Errorf("Destroy: %v", err)
	}
	if _, err := os.Stat(r.take.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the take is on the spool: %v", err)
	}
}
