// Package legtest is the conformance suite of telephony.Leg: what a call may
// rely on, whatever the transport.
//
// It knows no protocol: the far end is driven through Far, and audio is judged
// by its level, so that lossy codecs pass too. Each test runs in a
// testing/synctest bubble, which fails on any goroutine the leg leaves behind,
// so the leg's transport must be one that bubbles know, such as net.Pipe.
package legtest

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

// patience bounds each wait, in the bubble's time.
const patience = 30 * time.Second

// Far is the far end of a leg, as much of it as the suite needs.
type Far interface {
	// Say sends one frame of audio that begins at tick at of the far end's clock.
	Say(at media.Tick, pcm []int16)
	// Press presses a key.
	Press(digit byte)
	// Heard waits until at least n samples have come in all, or none has come for
	// a second, and returns all that came.
	Heard(n int) []int16
	// Play lets everything that has come be played to its end: whatever tells the
	// leg so (echoes of marks, reports) is sent.
	Play()
	// Freeze stops reading from the transport, Thaw goes on with it.
	Freeze()
	Thaw()
	// HangUp ends the call from the far end.
	HangUp()
}

// Open makes a leg that is connected to far and has not been run. It tears down
// whatever else it made with t.Cleanup.
type Open func(t *testing.T) (leg telephony.Leg, far Far)

// Run runs the suite, each test in a bubble of its own.
func Run(t *testing.T, open Open) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(begin(t, open)) })
		})
	}
}

var tests = map[string]func(*line){
	"order":             order,
	"jump":              jump,
	"slow reader":       slowReader,
	"keys":              keys,
	"sent is heard":     sentIsHeard,
	"marks":             marks,
	"clear flushes":     clearFlushes,
	"clear overtakes":   clearOvertakes,
	"send never blocks": sendNeverBlocks,
	"events overflow":   eventsOverflow,
	"end":               end,
	"end before run":    endBeforeRun,
	"hang up":           hangUp,
	"cancelled":         cancelled,
	"closing order":     closingOrder,
}

// line is a leg under test and its far end.
type line struct {
	*testing.T
	leg    telephony.Leg
	far    Far
	cancel context.CancelFunc
	ctx    context.Context
	ran    chan error // what Run returned
}

func begin(t *testing.T, open Open) *line {
	leg, far := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	l := &line{T: t, leg: leg, far: far, ctx: ctx, cancel: cancel, ran: make(chan error, 1)}
	t.Cleanup(func() {
		cancel()
		if l.leg.Cause() == "" {
			l.result()
		}
	})
	return l
}

// run starts the leg.
func (l *line) run() { go func() { l.ran <- l.leg.Run(l.ctx) }() }

// result waits for Run to return.
func (l *line) result() error {
	l.Helper()
	select {
	case err := <-l.ran:
		return err
	case <-time.After(patience):
		l.Fatal("Run did not return")
		return nil
	}
}

// frame waits for the next frame.
func (l *line) frame() media.Frame {
	l.Helper()
	select {
	case f, open := <-l.leg.Recv():
		if !open {
			l.Fatal("Recv closed early")
		}
		return f
	case <-time.After(patience):
		l.Fatal("no frame came")
		return media.Frame{}
	}
}

// event waits for the next event.
func (l *line) event() telephony.Event {
	l.Helper()
	select {
	case e, open := <-l.leg.Events():
		if !open {
			l.Fatal("Events closed early")
		}
		return e
	case <-time.After(patience):
		l.Fatal("no event came")
		return telephony.Event{}
	}
}

// drain reads what is left in Recv until it is closed.
func (l *line) drain() (frames []media.Frame) {
	l.Helper()
	for {
		select {
		case f, open := <-l.leg.Recv():
			if !open {
				return frames
			}
			frames = append(frames, f)
		case <-time.After(patience):
			l.Fatal("Recv was not closed")
		}
	}
}

// say sends n frames of a tone from tick at on and returns the tick after them.
func (l *line) say(at media.Tick, n int, amplitude float64) media.Tick {
	for range n {
		l.far.Say(at, l.tone(amplitude))
		at += media.FrameTicks
	}
	return at
}

// send sends n frames of a tone and fails the test on an error.
func (l *line) send(n int, amplitude float64) {
	l.Helper()
	for range n {
		if err := l.leg.Send(media.Frame{PCM: l.tone(amplitude)}); err != nil {
			l.Fatalf("Send: %v", err)
		}
	}
}

func (l *line) mark(id media.MarkID) {
	l.Helper()
	if err := l.leg.Mark(id); err != nil {
		l.Fatalf("Mark: %v", err)
	}
}

// tone is one frame of 400 Hz, eight whole periods, so that frames join without
// a seam.
func (l *line) tone(amplitude float64) []int16 {
	rate := l.leg.Info().Rate
	pcm := make([]int16, media.FrameSamples(rate))
	for i := range pcm {
		pcm[i] = int16(amplitude * math.Sin(2*math.Pi*400*float64(i)/float64(rate)))
	}
	return pcm
}

// level is the root mean square of pcm.
func level(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(1, len(pcm))))
}

// wantLevel fails unless pcm is as loud as a tone of amplitude, within 3 dB.
func (l *line) wantLevel(pcm []int16, amplitude float64) {
	l.Helper()
	want := amplitude / math.Sqrt2
	if got := level(pcm); got < want/math.Sqrt2 || got > want*math.Sqrt2 {
		l.Errorf("level is %.0f, want %.0f within 3 dB", got, want)
	}
}

// wantCause fails unless Run returns as the contract says for cause.
func (l *line) wantCause(cause telephony.Cause) {
	l.Helper()
	err := l.result()
	if got := l.leg.Cause(); got != cause {
		l.Errorf("cause is %q, want %q (Run: %v)", got, cause, err)
	}
	var endErr *telephony.EndError
	switch cause {
	case telephony.HungUp, telephony.Ended:
		if err != nil {
			l.Errorf("Run: %v, want nil", err)
		}
	default:
		if !errors.As(err, &endErr) || endErr.Cause != cause {
			l.Errorf("Run: %v, want an EndError of %q", err, cause)
		}
	}
}
