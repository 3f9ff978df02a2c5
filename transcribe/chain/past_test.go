package chain

import (
	"testing"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/internal/breaker"
	"sidetone/media"
	"sidetone/transcribe"
)

// heard is a session that notes what it is told.
type heard struct {
	transcribe.Session
	frames []media.Tick
	ends   []media.Tick
	speech []bool
	order  string
}

func (h *heard) Write(a consent.ConverseAudio) {
	h.frames, h.order = append(h.frames, a.Frame().At), h.order+"."
}

func (h *heard) Speech(_ media.Tick, on bool) { h.speech, h.order = append(h.speech, on), h.order+"s" }
func (h *heard) Finalize(at media.Tick)       { h.ends, h.order = append(h.ends, at), h.order+"f" }

// sec is n seconds in ticks.
func sec(n float64) media.Tick { return media.Tick(n * media.TickRate) }

// call plays a call's part towards a session that nobody hears yet.
type call struct {
	*session
	gate *consent.Gate
	at   media.Tick
}

func newCall() *call {
	e := New(Options{}, Link{Breaker: breaker.New(breaker.Options{})})
	return &call{session: newSession(e, transcribe.Options{Rate: 8000}), gate: gatetest.Open()}
}

func (c *call) hear(seconds float64) {
	for end := c.at + sec(seconds); c.at < end; c.at += media.FrameTicks {
		a, _ := c.gate.Converse(media.Frame{At: c.at, PCM: make([]int16, 160)})
		c.Write(a)
	}
}

// TestReplay is what another engine gets of a call.
func TestReplay(t *testing.T) {
	for name, c := range map[string]struct {
		call        func(*call)
		from, until float64 // seconds of the call that it hears
		ends        int
		speech      []bool
	}{
		"silence is forgotten": {func(c *call) { c.hear(600) }, 598, 600, 0, nil},
		"a turn that goes on": {func(c *call) {
			c.hear(10)
			c.Speech(sec(9.9), true)
			c.hear(5)
		}, 8, 15, 0, []bool{true}},
		"a turn that waits": {func(c *call) {
			c.hear(10)
			c.Speech(sec(9.9), true)
			c.hear(1)
			c.Speech(sec(10.9), false)
			c.hear(1)
			c.Finalize(sec(12))
			c.hear(9)
		}, 8, 21, 1, []bool{true, false}},
		"a turn that has ended": {func(c *call) {
			c.Speech(sec(0), true)
			c.hear(1)
			c.Speech(sec(1), false)
			c.hear(1)
			c.Finalize(sec(2))
			c.hear(1)
			c.answered()
			c.hear(0.5)
		}, 2, 3.5, 0, nil},
		"speech over the end of a turn": {func(c *call) {
			c.Speech(sec(0), true)
			c.hear(2)
			c.Finalize(sec(2))
			c.answered()
			c.hear(1)
		}, 2, 3, 0, []bool{true}},
		"two turns that wait": {func(c *call) {
			c.Speech(0, true)
			c.hear(1)
			c.Speech(sec(1), false)
			c.Finalize(sec(1))
			c.hear(1)
			c.Speech(sec(2), true)
			c.hear(1)
			c.Finalize(sec(3))
		}, 0, 3, 2, []bool{true, false, true}},
		"more than is kept": {func(c *call) {
			c.Speech(0, true)
			c.hear(60)
			c.Finalize(sec(60))
		}, 30, 60, 1, []bool{true}},
		"the end of a turn that is not kept": {func(c *call) {
			c.Speech(0, true)
			c.hear(1)
			c.Finalize(sec(1))
			c.hear(60)
			c.Finalize(sec(61))
		}, 31, 61, 2, []bool{true}},
	} {
		t.Run(name, func(t *testing.T) {
			rig := newCall()
			c.call(rig)
			var h heard
			rig.replay(&h)
			if len(h.frames) == 0 || h.frames[0].Seconds() < c.from-0.021 || h.frames[0].Seconds() > c.from+0.021 || h.frames[len(h.frames)-1] != sec(c.until)-media.FrameTicks {
				t.Errorf("%d frames from %v, want them from %.1f to %.1f s", len(h.frames), h.frames[0].Seconds(), c.from, c.until)
			}
			for i := range h.frames[1:] {
				if h.frames[i+1] != h.frames[i]+media.FrameTicks {
					t.Fatalf("after the frame at %d comes that at %d", h.frames[i], h.frames[i+1])
				}
			}
			if len(h.ends) != c.ends || len(h.speech) != len(c.speech) {
				t.Fatalf("%d ends and speech %v, want %d and %v", len(h.ends), h.speech, c.ends, c.speech)
			}
			for i := range c.speech {
				if h.speech[i] != c.speech[i] {
					t.Errorf("speech %v, want %v", h.speech, c.speech)
				}
			}
			n := len(h.frames)
			if rig.hear(1); len(h.frames) != n+50 {
				t.Error("what comes afterwards is not heard at once")
			}
		})
	}
}

// FuzzReplay plays calls of all sorts: what another engine gets is in order, is not
// of turns that have ended, and has all Finalizes that wait.
func FuzzReplay(f *testing.F) {
	f.Add([]byte{10, 201, 30, 202, 40, 203, 1, 204, 90})
	f.Fuzz(func(t *testing.T, steps []byte) {
		c := newCall()
		for _, b := range steps {
			switch {
			case b < 200:
				c.hear(float64(b) / 20)
			case b < 215:
				c.Speech(max(0, c.at-sec(0.1)), true)
			case b < 230:
				c.Speech(max(0, c.at-sec(0.3)), false)
			case b < 245:
				c.Finalize(c.at)
			default:
				c.answered()
			}
		}
		waiting := len(c.ends)
		var h heard
		c.replay(&h)
		if len(h.ends) != waiting || len(h.frames) > 1501 {
			t.Fatalf("%d Finalizes of %d, %d frames", len(h.ends), waiting, len(h.frames))
		}
		last := media.Tick(-1)
		for _, at := range h.frames {
			if at <= last || at+media.FrameTicks <= c.settled {
				t.Fatalf("a frame at %d after one at %d, of a call settled up to %d", at, last, c.settled)
			}
			last = at
		}
	})
}

// TestWriteAllocatesNothing is the media path, once what is kept has its room.
func TestWriteAllocatesNothing(t *testing.T) {
	c := newCall()
	c.Speech(0, true)
	c.hear(120)
	c.Finalize(c.at)
	c.answered()
	c.hear(10)
	a, _ := c.gate.Converse(media.Frame{At: c.at, PCM: make([]int16, 160)})
	if n := testing.AllocsPerRun(500, func() { c.Write(a) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
