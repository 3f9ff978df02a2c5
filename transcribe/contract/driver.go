package contract

import (
	"context"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
	"sidetone/transcribe"
)

// Driver plays a call's part towards one session.
type Driver struct {
	Session transcribe.Session
	At      media.Tick // the end of what was written
	Paced   bool       // audio is written as it comes in a call; in a bubble of virtual time
	rate    int
	began   media.Tick
	t       T
	gate    *consent.Gate
}

// Drive returns a Driver whose first frame will be at a tick. The session does
// not run yet.
func Drive(t T, s transcribe.Session, rate int, at media.Tick) *Driver {
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
		if e.Wordless < 0 || e.Wordless > 1 {
			d.t.Errorf("the probability %v of no words is not between 0 and 1", e.Wordless)
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

// Frames cuts audio into frames from a tick on; the last one is filled up with
// silence.
func Frames(pcm []int16, rate int, at media.Tick) []media.Frame {
	n := media.FrameSamples(rate)
	var frames []media.Frame
	for ; len(pcm) > 0; at += media.FrameTicks {
		frame := media.Frame{At: at, PCM: make([]int16, n)}
		pcm = pcm[copy(frame.PCM, pcm):]
		frames = append(frames, frame)
	}
	return frames
}
