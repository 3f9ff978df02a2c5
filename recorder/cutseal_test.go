package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"sidetone/media"
	"sidetone/seal"
)

// A cut that meets a sealer. The parts of a recorder that a sealing runs through
// are called one by one here, so that the cut comes at each place in between.

// sealing is a take of 26 s of sound, whose first segment is due.
type sealing struct {
	*Recorder
	audio seal.Identity
	w     sealer
}

func newSealing(t *testing.T, begin func(call string) *Recorder, call string) *sealing {
	t.Helper()
	s := &sealing{Recorder: begin(call)}
	var err error
	if s.audio, err = seal.GenerateIdentity(); err != nil {
		t.Fatal(err)
	}
	s.take.Audio = s.audio.Recipient()
	t.Cleanup(s.closeFiles)
	pcm := slices.Repeat([]int16{1000}, 160)
	for n := range 26 * 50 {
		feed(s.Recorder, n, pcm)
	}
	s.flush()
	return s
}

func (s *sealing) begin() sealJob {
	_, end := s.take.span(s.next)
	j := s.job(end)
	s.handedOver(j)
	return j
}

// check holds that the sealed first segment has sound up to tick kept and none
// behind it.
func (s *sealing) check(t *testing.T, kept media.Tick) {
	t.Helper()
	b, err := os.ReadFile(s.take.path(segmentFile(1)))
	if err == nil {
		b, err = seal.Open(b, s.audio)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b[len(s.take.header):] {
		if sound := int64(i)/2 < kept.Sample(8000); sound != (c != media.ULawSilence) {
			t.Fatalf("byte %d is %#x, and kept are %v s", i, c, kept.Seconds())
		}
	}
}

const sec = media.Tick(media.TickRate)

func TestCutMeetsASealer(t *testing.T) {
	_, begin := benchSpool(t)
	for name, c := range map[string]struct {
		do   func(t *testing.T, s *sealing) media.Tick // returns what Cut did
		kept media.Tick
	}{
		"before it reads": {func(t *testing.T, s *sealing) media.Tick {
			j := s.begin()
			kept := s.Cut(4*sec, 26*sec)
			if err := s.settle(s.w.seal(j)); err != nil || s.next != 1 || len(s.take.segments) > 0 {
				t.Errorf("settled with %v, next is %d", err, s.next)
			}
			s.flush()
			if err := s.settle(s.w.seal(s.begin())); err != nil {
				t.Error(err)
			}
			return kept
		}, 4 * sec},
		"and Run has carried it out": {func(t *testing.T, s *sealing) media.Tick {
			j := s.begin()
			kept := s.Cut(4*sec, 26*sec)
			s.flush()
			if res := s.w.seal(j); !errors.Is(res.err, errCut) || s.settle(res) != nil {
				t.Errorf("sealed with %v", res.err)
			}
			s.flush()
			plain := SpoolPlaintext(s.take.path(segmentSpool(1)), s.take.spool.node.Identity())
			if sound := len(plain) - bytes.Count(plain, []byte{media.ULawSilence}); sound != 2*4*8000 {
				t.Errorf("the spool file has %d bytes of sound", sound)
			}
			if err := s.settle(s.w.seal(s.begin())); err != nil {
				t.Error(err)
			}
			return kept
		}, 4 * sec},
		"when it has kept the segment": {func(t *testing.T, s *sealing) media.Tick {
			res := s.w.seal(s.begin())
			kept := s.Cut(4*sec, 26*sec)
			s.flush()
			if err := s.settle(res); err != nil || s.next != 2 {
				t.Errorf("settled with %v, next is %d", err, s.next)
			}
			return kept
		}, 10 * sec},
		"that could not keep the segment": {func(t *testing.T, s *sealing) media.Tick {
			blocker := s.take.path(unfinished(segmentFile(1)))
			if err := os.Mkdir(blocker, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := s.settle(s.w.seal(s.begin())); err == nil {
				t.Error("kept it")
			}
			kept := s.Cut(4*sec, 26*sec)
			if err := os.Remove(blocker); err != nil {
				t.Fatal(err)
			}
			s.flush()
			if err := s.settle(s.w.seal(s.begin())); err != nil {
				t.Error(err)
			}
			return kept
		}, 4 * sec},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSealing(t, begin, fmt.Sprint("c", len(name)))
			if kept := c.do(t, s); kept != c.kept {
				t.Errorf("cut from %v s on", kept.Seconds())
			}
			s.check(t, c.kept)
			if m := s.take.manifest(Ending{}, false); len(m.Cuts) != 1 || m.Cuts[0] != (Cut{From: c.kept, To: 26 * sec, Asked: 4 * sec}) {
				t.Errorf("the manifest has %+v", m.Cuts)
			}
		})
	}
}

// Whenever the cut comes, the segment is what Cut said.
func TestCutRacesASealer(t *testing.T) {
	_, begin := benchSpool(t)
	before := 0
	for i := range 60 {
		s := newSealing(t, begin, fmt.Sprint("r", i))
		j := s.begin()
		var res sealResult
		var kept media.Tick
		var both sync.WaitGroup
		both.Go(func() { res = s.w.seal(j) })
		both.Go(func() {
			for range i * 20 {
				runtime.Gosched()
			}
			kept = s.Cut(4*sec, 26*sec)
		})
		both.Wait()
		if err := s.settle(res); err != nil {
			t.Fatal(err)
		}
		s.flush()
		if s.next == 1 {
			before++
			if err := s.settle(s.w.seal(s.begin())); err != nil {
				t.Fatal(err)
			}
		}
		if want := map[bool]media.Tick{true: 4 * sec, false: 10 * sec}[errors.Is(res.err, errCut)]; kept != want {
			t.Errorf("cut from %v s on, sealed with %v", kept.Seconds(), res.err)
		}
		s.check(t, kept)
	}
	t.Logf("%d of 60 cuts came before the sealer", before)
}
