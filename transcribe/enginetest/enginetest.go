// Package enginetest is what every transcribe.Engine must pass, and the human
// speech to test it with: recordings of Debian's pocketsphinx-testdata.
//
// It refuses to be merciful: a missing recording fails the test. Its goroutines
// are those of a session's Run, and end with the test.
package enginetest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// Subject is an engine under test.
type Subject struct {
	Engine transcribe.Engine
	// Bubble makes the engine within a bubble of virtual time, one for each test; nil
	// for engines that work in real time, which are given as Engine.
	Bubble func(t *testing.T) transcribe.Engine
	// Said is speech that the engine knows how to hear; its rate is that of the
	// sessions.
	Said Clip
	// WordErrors is how many words of Said the engine may get wrong.
	WordErrors int
}

// Run holds an engine against the contract of transcribe.Session. What a test
// waits for must come within the test binary's own time limit.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		hold func(Subject, *testing.T)
	}{
		{"name", Subject.name},
		{"one final each finalize", Subject.oneFinal},
		{"nothing said", Subject.nothingSaid},
		{"words stay in their turn", Subject.turns},
		{"late start", Subject.lateStart},
		{"jump", Subject.jump},
		{"end", Subject.end},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s.Bubble == nil {
				c.hold(s, t)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				s := s
				s.Engine = s.Bubble(t)
				c.hold(s, t)
			})
		})
	}
}

func (s Subject) name(t *testing.T) {
	if s.Engine.Name() == "" || strings.ToLower(s.Engine.Name()) != s.Engine.Name() {
		t.Errorf("engine name %q is not a lower case label", s.Engine.Name())
	}
}

// Driver plays a call's part towards one session.
type Driver struct {
	Session transcribe.Session
	At      media.Tick // the end of what was written
	Paced   bool       // audio is written as it comes in a call; in a bubble of virtual time
	rate    int
	began   media.Tick
	t       testing.TB
	gate    *consent.Gate
}

// Drive returns a Driver whose first frame will be at a tick. The session does
// not run yet.
func Drive(t testing.TB, s transcribe.Session, rate int, at media.Tick) *Driver {
	return &Driver{Session: s, At: at, began: at, rate: rate, t: t, gate: gatetest.OpenAt(at)}
}

// Start runs the session until the test ends, when it must return nil.
func (d *Driver) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Session.Run(ctx) }()
	d.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			d.t.Errorf("Run = %v, want nil at the end of its context", err)
		}
	})
}

// Write writes audio at d.At.
func (d *Driver) Write(pcm []int16) {
	for _, f := range Frames(pcm, d.rate, d.At) {
		audio, ok := d.gate.Converse(f)
		if !ok {
			d.t.Fatalf("the gate is shut at %d", f.At)
		}
		if d.Paced {
			time.Sleep(media.FrameDuration)
		}
		d.Session.Write(audio)
		d.At = f.End()
	}
}

// Silence writes silence.
func (d *Driver) Silence(length time.Duration) {
	d.Write(make([]int16, media.TicksIn(length).Sample(d.rate)))
}

// Say writes speech with a little silence on both sides, and tells the session
// of it as late as voice activity detection would.
func (d *Driver) Say(pcm []int16) {
	d.Silence(400 * time.Millisecond)
	from := d.At
	known := min(len(pcm), int(media.TicksIn(100*time.Millisecond).Sample(d.rate)))
	d.Write(pcm[:known])
	d.Session.Speech(from, true)
	d.Write(pcm[known:])
	to := d.At
	d.Silence(100 * time.Millisecond)
	d.Session.Speech(to, false)
	d.Silence(300 * time.Millisecond)
}

// Final waits for the next final and checks the events up to it.
func (d *Driver) Final() transcribe.Event {
	d.t.Helper()
	for e := range d.Session.Events() {
		if e.From < d.began || e.To < e.From || e.To > d.At {
			d.t.Errorf("event spans %d to %d, want within %d to %d", e.From, e.To, d.began, d.At)
		}
		if e.Confidence < 0 || e.Confidence > 1 {
			d.t.Errorf("confidence %v is not between 0 and 1", e.Confidence)
		}
		switch e.Kind {
		case transcribe.Partial:
			if e.Text == "" {
				d.t.Error("a partial says nothing")
			}
		case transcribe.Final:
			if e.Took < 0 || e.Text != "" && e.Took == 0 {
				d.t.Errorf("the final took %v", e.Took)
			}
			return e
		default:
			d.t.Errorf("event of kind %d", e.Kind)
		}
	}
	d.t.Fatal("the events ended before a final")
	return transcribe.Event{}
}

// open opens a session that starts at a tick.
func (s Subject) open(t *testing.T, at media.Tick) *Driver {
	t.Helper()
	session, err := s.Engine.Open(transcribe.Options{Rate: s.Said.Rate, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return Drive(t, session, s.Said.Rate, at)
}

// heard checks the words of a final.
func (s Subject) heard(t *testing.T, e transcribe.Event) {
	t.Helper()
	if errors, _ := sim.WordErrors(s.Said.Words, e.Text); errors > s.WordErrors {
		t.Errorf("heard %q, want %q with at most %d word errors", e.Text, s.Said.Words, s.WordErrors)
	}
}

func (s Subject) oneFinal(t *testing.T) {
	d := s.open(t, 0)
	d.Start()
	for range 3 {
		from := d.At
		d.Say(s.Said.PCM)
		d.Session.Finalize(d.At)
		e := d.Final()
		s.heard(t, e)
		if e.From < from || e.To <= e.From {
			t.Errorf("the words span %d to %d, which is not after %d", e.From, e.To, from)
		}
	}
	select {
	case e := <-d.Session.Events():
		t.Errorf("an event that nobody asked for: %+v", e)
	default:
	}
}

func (s Subject) nothingSaid(t *testing.T) {
	d := s.open(t, 0)
	d.Session.Finalize(0)
	d.Silence(time.Second)
	d.Session.Finalize(d.At)
	d.Session.Finalize(d.At)
	d.Start()
	for range 3 {
		if e := d.Final(); e.Text != "" {
			t.Errorf("heard %q in silence", e.Text)
		}
	}
}

// turns says two things before the session runs, as when an engine is slow to
// connect, and expects each in its own final.
func (s Subject) turns(t *testing.T) {
	d := s.open(t, 0)
	d.Say(s.Said.PCM)
	middle := d.At
	d.Session.Finalize(middle)
	d.Say(s.Said.PCM)
	d.Session.Finalize(d.At)
	d.Start()
	first, second := d.Final(), d.Final()
	s.heard(t, first)
	s.heard(t, second)
	if first.To > middle || second.From < middle {
		t.Errorf("turns span %d to %d and %d to %d, want %d between them", first.From, first.To, second.From, second.To, middle)
	}
}

// lateStart begins in mid-call, with speech that began before the first frame:
// consent was given while the caller spoke.
func (s Subject) lateStart(t *testing.T) {
	const at = 3600 * media.TickRate
	d := s.open(t, at)
	d.Start()
	d.Write(s.Said.PCM[:s.Said.Rate/5])
	d.Session.Speech(at-media.TickRate/2, true)
	d.Write(s.Said.PCM[s.Said.Rate/5:])
	to := d.At
	d.Silence(100 * time.Millisecond)
	d.Session.Speech(to, false)
	d.Session.Finalize(d.At)
	s.heard(t, d.Final())
}

// jump loses half a second of silence, and then a minute of it.
func (s Subject) jump(t *testing.T) {
	d := s.open(t, 0)
	d.Start()
	for _, gap := range []time.Duration{500 * time.Millisecond, time.Minute} {
		d.Silence(time.Second)
		d.At += media.TicksIn(gap)
		from := d.At
		d.Say(s.Said.PCM)
		d.Session.Finalize(d.At)
		e := d.Final()
		s.heard(t, e)
		if e.From < from {
			t.Errorf("after a jump to %d the words lie at %d", from, e.From)
		}
	}
}

// end stops a session in the middle of its work.
func (s Subject) end(t *testing.T) {
	d := s.open(t, 0)
	d.Say(s.Said.PCM)
	d.Session.Finalize(d.At)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Session.Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil at the end of its context", err)
	}
	for range d.Session.Events() {
	}
	d.Session.Finalize(d.At) // calls after the end do no harm
	d.Session.Speech(d.At, true)
	d.Silence(time.Second)
}
