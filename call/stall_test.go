package call_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/telephony"
	"sidetone/transcribe/vad"
)

// dozing is a detector whose machine stops now and then.
type dozing struct {
	vad.Detector
	every, next media.Tick
	made        []media.Tick // up to where it was told that there were none
}

func (d *dozing) Write(f media.Frame) (vad.State, error) {
	if f.At >= d.next {
		d.next = f.At + d.every
		time.Sleep(1500 * time.Millisecond)
	}
	return d.Detector.Write(f)
}

func (d *dozing) Silence(at media.Tick) (vad.State, error) {
	d.made = append(d.made, at)
	return d.Detector.Silence(at)
}

// TestPauseOfTheMachineEndsNoCall has the call's loop stop for longer than a mark
// may be late: what has come meanwhile is read before the carrier is blamed, and
// before it is taken for silence.
func TestPauseOfTheMachineEndsNoCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var doze *dozing
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			replier: &replies{each: []string{"440Hz 550Hz 660Hz", "500Hz"}},
			voices: func(rate int, o vad.Options) (vad.Detector, error) {
				d, err := vad.NewEnergy(rate, o)
				doze = &dozing{Detector: d, every: media.TickRate / 3, next: media.TickRate / 2}
				return doze, err
			}})
		c := g.dial()
		report, err := (sim.Script{HangupAfter: 20 * time.Second}).Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if result := <-g.results; result != (call.Result{Outcome: call.Caller, Reason: call.HungUp}) || report.Ending != sim.EndHungUp {
			t.Errorf("the call ended %v (%s), want the caller to end it", result, report.Ending)
		}
		if onset(report.Heard, 660) < 0 {
			t.Error("the caller did not hear the agent to the end")
		}
		if len(doze.made) > 0 {
			t.Errorf("what the caller said was taken for silence up to %v", doze.made[0].Duration())
		}
	})
}

// bursty is a leg on a line that stands still for 300 ms of each second: the frames
// of that time come at once, after it.
type bursty struct {
	telephony.Leg
	frames chan media.Frame
}

func (b *bursty) Recv() <-chan media.Frame { return b.frames }

func (b *bursty) Run(ctx context.Context) error {
	var pump sync.WaitGroup
	defer pump.Wait()
	pump.Go(func() {
		defer close(b.frames)
		for f := range b.Leg.Recv() {
			if f.At%media.TickRate < media.FrameTicks {
				time.Sleep(300 * time.Millisecond)
			}
			select {
			case b.frames <- f:
			default: // the call has ended, and what it leaves unread has no room any more
			}
		}
	})
	return b.Leg.Run(ctx)
}

// TestLateFramesAreHeard has the caller speak over a line that stalls: the detector
// hears all of it, and none of it is taken for silence.
func TestLateFramesAreHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var doze *dozing
		engine := &engine{wait: 100 * time.Millisecond}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
			engine: engine, replier: &replies{each: []string{"440Hz", "500Hz"}},
			over: func(l telephony.Leg) telephony.Leg { return &bursty{l, make(chan media.Frame, 64)} },
			voices: func(rate int, o vad.Options) (vad.Detector, error) {
				d, err := vad.NewEnergy(rate, o)
				doze = &dozing{Detector: d, next: media.TickRate * 3600}
				return doze, err
			}})
		c := g.dial()
		until(t, c, 6*time.Second)
		c.Say(media.Tone(8000, 1200, 1500*time.Millisecond, -10))
		g.end(c)
		if len(doze.made) > 0 {
			t.Errorf("what the caller said was taken for silence up to %v", doze.made[0].Duration())
		}
		if got := texts(g.recording().turns); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "caller: heard 2") }) {
			t.Errorf("the transcript is %q, want one turn of what the caller said", got)
		}
	})
}

// sluggish is a leg whose far end confirms nothing for a while.
type sluggish struct {
	telephony.Leg
	events chan telephony.Event
	at     media.Tick // from when on
	length time.Duration
}

func (s *sluggish) Events() <-chan telephony.Event { return s.events }

func (s *sluggish) Run(ctx context.Context) error {
	var pump sync.WaitGroup
	defer pump.Wait()
	pump.Go(func() {
		defer close(s.events)
		for e := range s.Leg.Events() {
			if e.Kind == telephony.Played && e.At >= s.at && s.length > 0 {
				time.Sleep(s.length)
				s.length = 0
			}
			s.events <- e
		}
	})
	return s.Leg.Run(ctx)
}

// TestLateMarks has the far end confirm nothing for some seconds, during the notice and
// after it: a line that comes round costs nothing, one that does not ends the call.
func TestLateMarks(t *testing.T) {
	for _, from := range []time.Duration{time.Second, 6 * time.Second} {
		for _, c := range []struct {
			length time.Duration
			want   call.Result
		}{
			{4 * time.Second, call.Result{Outcome: call.Caller, Reason: call.HungUp}},
			{7 * time.Second, call.Result{Outcome: call.Carrier, Reason: call.Stalled}},
		} {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
					replier: &replies{each: []string{"440Hz 550Hz 660Hz 440Hz 550Hz 660Hz 440Hz 550Hz 660Hz 770Hz", "500Hz"}},
					over: func(l telephony.Leg) telephony.Leg {
						return &sluggish{l, make(chan telephony.Event, 256), media.TicksIn(from), c.length}
					}})
				line := g.dial()
				report, err := (sim.Script{HangupAfter: 25 * time.Second}).Run(t.Context(), line)
				if err != nil {
					t.Fatal(err)
				}
				result := <-g.results
				if result != c.want {
					t.Errorf("nothing confirmed for %v from %v on: the call ended %v, want %v", c.length, from, result, c.want)
				}
				if c.want.Reason == call.HungUp && onset(report.Heard, 770) < 0 {
					t.Errorf("nothing confirmed for %v from %v on: the caller did not hear the agent to the end", c.length, from)
				}
			})
		}
	}
}
