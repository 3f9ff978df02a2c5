package media

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// sinkLog is a sink that only remembers.
type sinkLog struct {
	frames int
	marks  []MarkID
	log    []string
	err    error
}

func (s *sinkLog) Send(Frame) error {
	s.frames++
	s.log = append(s.log, "frame")
	return s.err
}

func (s *sinkLog) Mark(id MarkID) error {
	s.marks = append(s.marks, id)
	s.log = append(s.log, fmt.Sprintf("mark %d", id))
	return s.err
}

func (s *sinkLog) Clear() error {
	s.log = append(s.log, "clear")
	return s.err
}

// brief describes spans without their audio.
func brief(spans []Span) (all []string) {
	for _, s := range spans {
		done := ""
		if s.Done {
			done = ", done"
		}
		all = append(all, fmt.Sprintf("clip %d from %d at %d: %d samples%s", s.Clip, s.From, s.At, len(s.PCM), done))
	}
	return all
}

func mustStep(t *testing.T, p *Playout, now time.Time) time.Time {
	t.Helper()
	next, err := p.Step(now)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestPlayoutSchedule(t *testing.T) {
	for _, tt := range []struct {
		lead         Tick
		atOnce       int
		next         time.Duration // after the first Step
		after3Frames int
	}{
		{lead: 0, atOnce: 1, next: 20 * time.Millisecond, after3Frames: 4},
		{lead: FrameTicks, atOnce: 1, next: 20 * time.Millisecond, after3Frames: 4},
		{lead: 10 * FrameTicks, atOnce: 10, next: 20 * time.Millisecond, after3Frames: 13},
	} {
		s := &sinkLog{}
		p := NewPlayout(PlayoutOptions{Rate: 8000, Lead: tt.lead}, s)
		if next := mustStep(t, p, epoch); !next.IsZero() || len(s.log) != 0 {
			t.Fatalf("an idle playout did %v and wants to be called at %v", s.log, next)
		}
		p.Append(1, clipPCM(1, 0, 100, 8000))
		if got := p.Queued(); got != 100*FrameTicks {
			t.Errorf("%d ticks are queued", got)
		}
		next := mustStep(t, p, epoch)
		if s.frames != tt.atOnce || s.log[0] != "mark 1" || !next.Equal(epoch.Add(tt.next)) {
			t.Errorf("lead %d: %d frames at once after %q, next at %v", tt.lead, s.frames, s.log[0], next.Sub(epoch))
		}
		for range 3 { // each call late, none later than the one before
			next = mustStep(t, p, next.Add(4*time.Millisecond))
		}
		if s.frames != tt.after3Frames || !next.Equal(epoch.Add(tt.next+60*time.Millisecond)) {
			t.Errorf("lead %d: %d frames, next at %v", tt.lead, s.frames, next.Sub(epoch))
		}
		if mustStep(t, p, next.Add(10*time.Millisecond)); s.frames != tt.after3Frames+1 {
			t.Errorf("lead %d: %d frames", tt.lead, s.frames)
		}
	}
}

func TestPlayoutMarks(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(PlayoutOptions{Rate: 8000, Lead: 100 * FrameTicks, MarkEvery: 3 * FrameTicks}, s)
	p.Append(1, make([]int16, 4*160))
	p.Append(2, make([]int16, 2*160-1)) // finishes clip 1
	mustStep(t, p, epoch)
	p.Finish(2)
	mustStep(t, p, epoch)
	want := []string{"mark 1", "frame", "frame", "frame", "mark 2", "frame", "mark 3", "frame", "frame", "mark 4"}
	if !slices.Equal(s.log, want) {
		t.Errorf("sent %v, want %v", s.log, want)
	}
	if got := p.Marked(1, false, 0); len(got) != 0 {
		t.Errorf("the start confirmed %q", brief(got))
	}
	got := p.Marked(4, false, 6*FrameTicks) // the echoes between were lost
	want = []string{
		"clip 1 from 0 at 480: 640 samples, done",
		"clip 2 from 0 at 4320: 160 samples",
		"clip 2 from 960 at 5280: 160 samples, done",
	}
	if !slices.Equal(brief(got), want) {
		t.Errorf("confirmed %q, want %q", brief(got), want)
	}
	if p.Marked(4, false, 0) != nil || p.Marked(99, true, 0) != nil {
		t.Error("an unknown mark confirmed something")
	}
}

// The end of a clip that is told only after all its audio was played.
func TestPlayoutLateFinish(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, make([]int16, 1600))
	mustStep(t, p, epoch)
	p.Marked(1, false, 0)
	if got := p.Marked(2, false, 10*FrameTicks); len(got) != 1 || got[0].Done {
		t.Fatalf("confirmed %q", brief(got))
	}
	p.Finish(1)
	mustStep(t, p, epoch.Add(time.Minute))
	got := p.Marked(3, false, 60*TickRate)
	if len(got) != 1 || !got[0].Done || len(got[0].PCM) != 0 || got[0].From != 10*FrameTicks || got[0].At != 480+10*FrameTicks {
		t.Errorf("confirmed %q", brief(got))
	}
	if !p.Idle() {
		t.Error("not idle")
	}
}

func TestPlayoutSpansHoldTheAudio(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(PlayoutOptions{Rate: 16000, Lead: 1000 * FrameTicks}, s)
	pcm := Tone(16000, 440, 777*time.Millisecond, -6)
	for rest, k := pcm, 1; len(rest) > 0; k = k*3%701 + 1 {
		k = min(k, len(rest))
		p.Append(1, rest[:k])
		rest = rest[k:]
	}
	p.Finish(1)
	mustStep(t, p, epoch)
	var got []int16
	for _, span := range p.Marked(MarkID(len(s.marks)), false, TickRate) {
		if want := TickOfSample(int64(len(got)), 16000); span.From != want {
			t.Errorf("a span begins at %d, want %d", span.From, want)
		}
		got = append(got, span.PCM...)
	}
	pad := len(got) - len(pcm)
	if pad < 0 || pad >= 320 || !slices.Equal(got[:len(pcm)], pcm) || RMS(got[len(pcm):]) != SilenceDBFS {
		t.Errorf("%d samples became %d, or others", len(pcm), len(got))
	}
}

func TestPlayoutIgnoresOldClips(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(2, make([]int16, 160))
	p.Append(1, make([]int16, 160)) // older
	p.Finish(2)
	p.Append(2, make([]int16, 160)) // finished
	if got := p.Queued(); got != FrameTicks {
		t.Errorf("%d ticks are queued", got)
	}
	p.Append(3, make([]int16, 100))
	if err := p.Hold(epoch); err != nil {
		t.Fatal(err)
	}
	p.Drop()
	p.Append(3, make([]int16, 1600)) // dropped
	p.Finish(3)
	if p.Queued() != 0 || !p.Idle() || len(s.log) != 0 {
		t.Errorf("%d ticks are queued; sent %v", p.Queued(), s.log)
	}
	p.Append(4, make([]int16, 160))
	if mustStep(t, p, epoch); s.frames != 1 {
		t.Error("a newer clip is not played")
	}
}

// A hold before the far end has heard anything, whose echo never comes.
func TestPlayoutSettlesByEstimate(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, clipPCM(1, 0, 100, 8000))
	for i := range 16 {
		mustStep(t, p, epoch.Add(time.Duration(i)*FrameDuration))
	}
	held := epoch.Add(300 * time.Millisecond)
	if err := p.Hold(held); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.log[len(s.log)-2:], []string{fmt.Sprint("mark ", len(s.marks)), "clear"}) {
		t.Errorf("a hold sent %v", s.log)
	}
	if p.Settled() || !p.Playing(held) {
		t.Error("settled at once")
	}
	p.Resume()
	if next := mustStep(t, p, held.Add(time.Second)); !next.IsZero() || p.Overdue(held.Add(time.Second)) < time.Second {
		t.Errorf("next at %v, overdue %v", next, p.Overdue(held.Add(time.Second)))
	}
	// A second has passed since the hold; 2 s of the media clock have.
	got := p.Settle(held.Add(time.Second), 2*TickRate)
	if len(got) != 1 || len(got[0].PCM) != 15*160 || got[0].At != TickRate+480-15*FrameTicks {
		t.Errorf("settled as %q", brief(got))
	}
	if !p.Settled() || p.Overdue(held.Add(time.Hour)) != 0 || p.Settle(held, 0) != nil {
		t.Error("not settled")
	}
	frames := s.frames
	if mustStep(t, p, held.Add(time.Second)); s.frames != frames+10 {
		t.Error("not resumed")
	}
}

// Drop before the cut is settled drops what was queued by then, and no later
// clip; a Hold after it goes on.
func TestPlayoutDropsWhenSettled(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, clipPCM(1, 0, 100, 8000))
	p.Append(2, clipPCM(2, 0, 100, 8000))
	mustStep(t, p, epoch)
	p.Marked(1, false, 0)
	hold := func() {
		if err := p.Hold(epoch.Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	hold()
	p.Drop()
	p.Append(2, clipPCM(2, 100, 1, 8000)) // dropped
	p.Append(3, clipPCM(3, 0, 7, 8000))
	hold()
	if got := p.Marked(2, false, 10*FrameTicks); len(got) != 1 || len(got[0].PCM) != 1600 {
		t.Errorf("an echo that was on its way confirmed %q", brief(got))
	}
	if got := p.Marked(3, true, 10*FrameTicks); len(got) != 0 || !p.Settled() {
		t.Errorf("the cut is settled: %v, %q", p.Settled(), brief(got))
	}
	if p.Queued() != 7*FrameTicks {
		t.Errorf("%d ticks are queued", p.Queued())
	}
	frames := s.frames
	if mustStep(t, p, epoch.Add(time.Second)); s.frames != frames {
		t.Error("plays in a hold")
	}
	p.Resume()
	if mustStep(t, p, epoch.Add(time.Second)); s.frames != frames+7 {
		t.Errorf("%d frames were sent after it", s.frames-frames)
	}
}

// The far end is lost while a hold waits for its echo.
func TestPlayoutLostInAHold(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, clipPCM(1, 0, 100, 8000))
	mustStep(t, p, epoch)
	p.Marked(1, false, 0)
	if err := p.Hold(epoch.Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got := p.Lost(4 * FrameTicks); len(got) != 1 || len(got[0].PCM) != 4*160 || !p.Settled() {
		t.Errorf("settled: %v, %q", p.Settled(), brief(got))
	}
	p.Resume()
	if mustStep(t, p, epoch.Add(time.Second)); s.frames != 10 {
		t.Error("plays to a far end that is lost")
	}
	p.Found()
	if mustStep(t, p, epoch.Add(time.Second)); s.frames != 20 || p.Queued() != 86*FrameTicks {
		t.Errorf("%d frames were sent, %d ticks are left", s.frames, p.Queued())
	}
}

func TestPlayoutStops(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, make([]int16, 160*2000))
	var err error
	for i := 0; err == nil && i < 2000; i++ {
		_, err = p.Step(epoch.Add(time.Duration(i) * FrameDuration))
	}
	if !errors.Is(err, ErrStalled) || len(s.marks) > maxMarks+2 {
		t.Errorf("%v after %d marks", err, len(s.marks))
	}
	s.err = errors.New("gone")
	q := NewPlayout(phone, s)
	q.Append(1, make([]int16, 160))
	if _, err := q.Step(epoch); !errors.Is(err, s.err) {
		t.Errorf("Step: %v", err)
	}
	if err := p.Hold(epoch); !errors.Is(err, s.err) {
		t.Errorf("Hold: %v", err)
	}
}

// steady plays one long clip to a far end that confirms at once.
type steady struct {
	p   *Playout
	now time.Time
	id  MarkID
}

func (s *steady) Send(Frame) error     { return nil }
func (s *steady) Mark(id MarkID) error { s.id = id; return nil }
func (s *steady) Clear() error         { return nil }
func newSteady(frames int) *steady {
	s := &steady{now: epoch}
	s.p = NewPlayout(phone, s)
	s.p.Append(1, make([]int16, frames*160))
	return s
}

func (s *steady) frame() error {
	next, err := s.p.Step(s.now)
	s.now = next
	if s.id != 0 {
		s.p.Marked(s.id, false, TicksIn(next.Sub(epoch)))
		s.id = 0
	}
	return err
}

func TestPlayoutAllocatesNothing(t *testing.T) {
	s := newSteady(4000)
	for range 100 {
		if err := s.frame(); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		for range 200 {
			if err := s.frame(); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations in 200 frames", n)
	}
}

func BenchmarkPlayoutStep(b *testing.B) {
	const frames = 50 * 60
	s := newSteady(frames)
	b.ReportAllocs()
	for i := 1; b.Loop(); i++ {
		if i%(frames-20) == 0 {
			b.StopTimer()
			s = newSteady(frames)
			b.StartTimer()
		}
		if err := s.frame(); err != nil {
			b.Fatal(err)
		}
	}
}
