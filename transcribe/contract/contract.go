// Package contract is what every transcribe.Engine keeps to: the cases, and a
// Driver that plays a call's part towards a session. Tests hold engines against
// them, and `sidetone providers check` a vendor.
//
// It opens a gate as the real machine does, for audio that is nobody's; it
// refuses to hear a call. Its goroutines are those of a session's Run, and end
// with the case.
package contract

import (
	"context"
	"strings"
	"time"

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// T is what takes note of a case's faults; *testing.T is one. Fatal and Fatalf do
// not return.
type T interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	Cleanup(func())
}

// Subject is an engine, and what is said to it.
type Subject struct {
	Engine transcribe.Engine
	Words  string // lower case, without punctuation
	Rate   int    // Hz, of the sessions and of PCM
	PCM    []int16
	// WordErrors is how many of the words the engine may get wrong.
	WordErrors int
	// Paced has audio come as in a call.
	Paced bool
}

// Case is one part of the contract.
type Case struct {
	Name string
	Hold func(T, Subject)
}

// Cases are the contract of transcribe.Session.
var Cases = []Case{
	{"name", func(t T, s Subject) { s.name(t) }},
	{"one final each finalize", func(t T, s Subject) { s.oneFinal(t) }},
	{"nothing said", func(t T, s Subject) { s.nothingSaid(t) }},
	{"words stay in their turn", func(t T, s Subject) { s.turns(t) }},
	{"late start", func(t T, s Subject) { s.lateStart(t) }},
	{"jump", func(t T, s Subject) { s.jump(t) }},
	{"end", func(t T, s Subject) { s.end(t) }},
}

func (s Subject) name(t T) {
	if s.Engine.Name() == "" || strings.ToLower(s.Engine.Name()) != s.Engine.Name() {
		t.Errorf("engine name %q is not a lower case label", s.Engine.Name())
	}
}

// open opens a session that starts at a tick.
func (s Subject) open(t T, at media.Tick) *Driver {
	t.Helper()
	session, err := s.Engine.Open(transcribe.Options{Rate: s.Rate, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	d := Drive(t, session, s.Rate, at)
	d.Paced = s.Paced
	return d
}

// heard checks the words of a final.
func (s Subject) heard(t T, e transcribe.Event) {
	t.Helper()
	if errors, _ := sim.WordErrors(s.Words, e.Text); errors > s.WordErrors {
		t.Errorf("heard %q, want %q with at most %d word errors", e.Text, s.Words, s.WordErrors)
	}
}

func (s Subject) oneFinal(t T) {
	d := s.open(t, 0)
	d.Start()
	for range 3 {
		from := d.At
		d.Say(s.PCM)
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

func (s Subject) nothingSaid(t T) {
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
func (s Subject) turns(t T) {
	d := s.open(t, 0)
	d.Say(s.PCM)
	middle := d.At
	d.Session.Finalize(middle)
	d.Say(s.PCM)
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
func (s Subject) lateStart(t T) {
	const at = 3600 * media.TickRate
	d := s.open(t, at)
	d.Start()
	d.Write(s.PCM[:s.Rate/5])
	d.Session.Speech(at-media.TickRate/2, true)
	d.Write(s.PCM[s.Rate/5:])
	to := d.At
	d.Silence(100 * time.Millisecond)
	d.Session.Speech(to, false)
	d.Session.Finalize(d.At)
	s.heard(t, d.Final())
}

// jump loses half a second of silence, and then a minute of it.
func (s Subject) jump(t T) {
	d := s.open(t, 0)
	d.Start()
	for _, gap := range []time.Duration{500 * time.Millisecond, time.Minute} {
		d.Silence(time.Second)
		d.At += media.TicksIn(gap)
		from := d.At
		d.Say(s.PCM)
		d.Session.Finalize(d.At)
		e := d.Final()
		s.heard(t, e)
		if e.From < from {
			t.Errorf("after a jump to %d the words lie at %d", from, e.From)
		}
	}
}

// end stops a session in the middle of its work.
func (s Subject) end(t T) {
	d := s.open(t, 0)
	d.Say(s.PCM)
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
