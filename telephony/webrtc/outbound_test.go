package webrtc

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"sidetone/media"
	"sidetone/telephony"
)

// The first packet of a spurt leaves at once and is marked; silence follows the
// last, and then nothing; between spurts the RTP timestamp goes on with real
// time.
func TestSpurts(t *testing.T) {
	for name, test := range map[string]struct {
		c    codec
		rate time.Duration
	}{"Opus": {overOpus, opusClock}, "PCMU": {overPCMU, pcmuClock}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFar(t, test.c)
				leg := f.call()
				go func() { _ = leg.Run(t.Context()) }()
				begun := []time.Time{}
				for _, pause := range []time.Duration{time.Second, 3*time.Second + 7*ms, 50 * time.Hour} {
					time.Sleep(pause)
					begun = append(begun, time.Now())
					for range 5 {
						if err := leg.Send(media.Frame{PCM: tone(20 * ms)}); err != nil {
							t.Fatal(err)
						}
						time.Sleep(media.FrameDuration)
					}
				}
				time.Sleep(time.Second)
				w := f.written()
				if n := len(w.packets); n != 3*(5+hangover) {
					t.Fatalf("%d packets were sent, want %d", n, 3*(5+hangover))
				}
				for i, h := range w.packets {
					k := i % (5 + hangover)
					slot := begun[i/(5+hangover)].Add(time.Duration(k) * media.FrameDuration)
					leaves := slot
					if k >= 5 {
						leaves = slot.Add(late)
					}
					if !w.times[i].Equal(leaves) {
						t.Errorf("packet %d left %v from its time", i, w.times[i].Sub(leaves))
					}
					want := w.packets[0].Timestamp + uint32(slot.Sub(begun[0])*test.rate/time.Second)
					if h.Marker != (k == 0) || h.Timestamp != want || h.SequenceNumber != w.packets[0].SequenceNumber+uint16(i) {
						t.Errorf("packet %d is %+v, want timestamp %d", i, h, want)
					}
				}
				heard := f.Heard(0)
				if quiet := heard[len(heard)-320:]; media.RMS(quiet) > -60 {
					t.Errorf("the end is at %.0f dB", media.RMS(quiet))
				}
			})
		})
	}
}

// writing says what leaves when, of what is put into an outbound: F a frame, M a
// mark, C a clear, digits a pause of so many 10 ms.
func writing(t *testing.T, plan string) string {
	t.Helper()
	out := newOutbound(opusClock, 0)
	begin := time.Unix(1000, 0)
	var left []string
	stamp := out.schedule.stamp
	id := media.MarkID(0)
	now := begin
	advance := func(until time.Time) {
		for {
			p, next, ok := out.pop(now)
			switch {
			case ok:
				kind := "sound"
				if p.pcm == nil {
					kind = "quiet"
				} else if p.first {
					kind = "first"
				}
				left = append(left, fmt.Sprintf("%s %d@%d", kind, (p.stamp-stamp)/48, now.Sub(begin)/ms))
			case next.IsZero() || next.After(until):
				now = until
				return
			default:
				now = next
			}
		}
	}
	for _, c := range plan {
		switch c {
		case 'F':
			if _, err := out.send(tone(20 * ms)); err != nil {
				t.Fatal(err)
			}
		case 'M':
			id++
			if err := out.mark(id, now); err != nil {
				t.Fatal(err)
			}
		case 'C':
			out.clear(now)
		default:
			advance(now.Add(time.Duration(c-'0') * 10 * ms))
		}
		advance(now)
	}
	for _, m := range out.sent {
		what := "played"
		if m.flushed {
			what = "flushed"
		}
		left = append(left, fmt.Sprintf("mark %d %s@%d", m.id, what, m.end.Sub(begin)/ms))
	}
	return strings.Join(left, ", ")
}

func TestSchedule(t *testing.T) {
	for plan, want := range map[string]string{
		"F2F2F":   "first 0@0, sound 20@20, sound 40@40",
		"FFF6":    "first 0@0, sound 20@20, sound 40@40",                           // a burst is spread
		"F3F1F":   "first 0@0, sound 20@30, sound 40@40",                           // late, and back in time
		"F4F":     "first 0@0, quiet 20@40, sound 40@40",                           // late by a frame: its slot is gone
		"F5F2F":   "first 0@0, quiet 20@40, sound 40@50, sound 60@70",              // too late for its slot, in time for the next
		"F9F":     "first 0@0, quiet 20@40, quiet 40@60, quiet 60@80, sound 80@90", // just before the end
		"F99F2F":  "first 0@0, quiet 20@40, quiet 40@60, quiet 60@80, first 180@180, sound 200@200",
		"F91F":    "first 0@0, quiet 20@40, quiet 40@60, quiet 60@80, sound 80@100",
		"F92F":    "first 0@0, quiet 20@40, quiet 40@60, quiet 60@80, first 110@110",
		"MF2M":    "first 0@0, mark 1 played@0, mark 2 played@20",
		"9MF2M":   "first 0@90, mark 1 played@90, mark 2 played@110",
		"FFM4":    "first 0@0, sound 20@20, mark 1 played@40",
		"MFFFMC":  "first 0@0, mark 1 played@0, mark 2 flushed@20",
		"MFF2FMC": "first 0@0, sound 20@20, mark 1 played@0, mark 2 flushed@40",
		"MFM1C9F": "first 0@0, quiet 20@20, quiet 40@60, quiet 60@80, sound 80@100, mark 1 played@0, mark 2 flushed@20",
		"F9MC":    "first 0@0, quiet 20@40, quiet 40@60, quiet 60@80, mark 1 flushed@90",
		"FFMCMC":  "first 0@0, mark 1 flushed@20, mark 2 flushed@20",
		"FM1C9C":  "first 0@0, quiet 20@20, quiet 40@60, quiet 60@80, mark 1 flushed@20",      // once is enough
		"FFMCFM4": "first 0@0, quiet 20@20, sound 40@40, mark 1 flushed@20, mark 2 played@60", // the end of what was sent comes first
	} {
		t.Run(plan, func(t *testing.T) {
			if got := writing(t, plan); got != want {
				t.Errorf("left: %s\nwant: %s", got, want)
			}
		})
	}
}

// A call may be five seconds ahead, and no more; what lags is counted.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t, overOpus)
		leg := f.call()
		for i := range maxFrames {
			if err := leg.Send(media.Frame{PCM: tone(20 * ms)}); err != nil {
				t.Fatalf("frame %d: %v", i, err)
			}
		}
		if n := f.count("frames_lagging_total", ""); n != maxFrames-laggingFrames {
			t.Errorf("%v frames lagged", n)
		}
		if err := leg.Send(media.Frame{PCM: tone(20 * ms)}); err == nil || leg.Cause() != telephony.Stalled {
			t.Errorf("one more: %v, cause %q", err, leg.Cause())
		}
		if err := leg.Run(t.Context()); err == nil {
			t.Error("Run: no error")
		}
	})
}

// void is a wire that swallows what is written.
type void struct{ wire }

func (void) WriteRTP(*rtp.Header, []byte) error { return nil }

// steady returns a function that carries one frame through a leg's queue, coder
// and wire.
func steady(t testing.TB, c codec) func() {
	t.Helper()
	code, err := newCoder(c, Opus{Bitrate: 24000, Complexity: 5})
	if err != nil {
		t.Fatal(err)
	}
	l := &Leg{wire: void{}, code: code, out: newOutbound(code.clock, 0), done: make(chan struct{}), metrics: &NewMetrics(nil).legMetrics}
	frame := media.Frame{PCM: tone(20 * ms)}
	now := time.Unix(1000, 0)
	id := media.MarkID(0)
	return func() {
		if l.Send(frame) != nil {
			t.Fatal("stalled")
		}
		if id++; id%10 == 0 {
			if err := l.out.mark(id, now); err != nil {
				t.Fatal(err)
			}
		}
		for {
			p, _, ok := l.out.pop(now)
			if !ok {
				break
			}
			l.transmit(p)
		}
		for {
			if _, _, ok := l.out.back(now); !ok {
				break
			}
		}
		now = now.Add(media.FrameDuration)
	}
}

func TestSendingAllocatesNothing(t *testing.T) {
	for name, c := range map[string]codec{"Opus": overOpus, "PCMU": overPCMU} {
		t.Run(name, func(t *testing.T) {
			once := steady(t, c)
			once()
			if n := testing.AllocsPerRun(200, once); n != 0 {
				t.Errorf("%v allocations a frame", n)
			}
		})
	}
}

// BenchmarkPair carries one frame each way through a leg: from the call to the
// wire and from the wire to the call.
func BenchmarkPair(b *testing.B) {
	for name, c := range map[string]codec{"Opus": overOpus, "PCMU": overPCMU} {
		b.Run(name, func(b *testing.B) {
			out := steady(b, c)
			code, err := newCoder(c, speech)
			if err != nil {
				b.Fatal(err)
			}
			payload, err := code.encode(tone(20 * ms))
			if err != nil {
				b.Fatal(err)
			}
			l := &Leg{recv: make(chan media.Frame, recvFrames), metrics: &NewMetrics(nil).legMetrics}
			if l.in, err = newInbound(c, l, nil); err != nil {
				b.Fatal(err)
			}
			h := rtp.Header{Version: 2, PayloadType: c.Payload}
			packet := make([]byte, maxPacket)
			now := time.Unix(1000, 0)
			b.ReportAllocs()
			for b.Loop() {
				out()
				h.SequenceNumber++
				h.Timestamp += uint32(code.clock / 50)
				n, err := h.MarshalTo(packet)
				if err != nil {
					b.Fatal(err)
				}
				n += copy(packet[n:], payload)
				now = now.Add(media.FrameDuration)
				l.in.take(packet[:n], now)
				l.observe(now)
				for len(l.recv) > 0 {
					<-l.recv
				}
			}
		})
	}
}
