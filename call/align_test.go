package call_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/telephony"
)

// sounds lists what is louder than -40 dBFS, in samples; silence of less than
// 100 ms is part of it.
func sounds(pcm []int16) (spans [][2]int) {
	const loud, pause = 328, 800
	for i, s := range pcm {
		switch {
		case s < loud && s > -loud:
		case len(spans) > 0 && i-spans[len(spans)-1][1] < pause:
			spans[len(spans)-1][1] = i + 1
		default:
			spans = append(spans, [2]int{i, i + 1})
		}
	}
	return spans
}

// gappy is a leg that loses two seconds of each third minute.
type gappy struct {
	telephony.Leg
	frames chan media.Frame
}

func (g *gappy) Recv() <-chan media.Frame { return g.frames }

func (g *gappy) Run(ctx context.Context) error {
	var pump sync.WaitGroup
	defer pump.Wait()
	pump.Go(func() {
		defer close(g.frames)
		for f := range g.Leg.Recv() {
			if s := f.At / media.TickRate % 180; s >= 41 && s < 43 {
				continue
			}
			select {
			case g.frames <- f:
			default: // the call has ended, and what it leaves unread has no room any more
			}
		}
	})
	return g.Leg.Run(ctx)
}

// hour is the caller of a call of an hour, who says what is to be found in it.
type hour struct {
	*sim.Call
	t    *testing.T
	g    *gateway
	said []*sim.Spoken // what is to be in the recording
	away []*sim.Spoken // what is not: said in a pause
}

func (h *hour) say(d time.Duration) *sim.Spoken {
	s := h.Say(media.Tone(8000, 1200, d, -10))
	h.said = append(h.said, s)
	return s
}

// minute is minute n of the call.
func (h *hour) minute(n int) {
	at := func(d time.Duration) { until(h.t, h.Call, time.Duration(n)*time.Minute+d) }
	at(8 * time.Second)
	h.say(time.Second)
	at(20 * time.Second)
	if n%2 == 1 { // the agent's answer is cut short
		h.say(time.Second)
		if err := h.WaitSpeech(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		now, err := h.Now()
		if err != nil {
			h.t.Fatal(err)
		}
		until(h.t, h.Call, now.Duration()+1300*time.Millisecond)
		h.say(1500 * time.Millisecond)
	}
	at(40 * time.Second)
	switch {
	case n%5 == 4:
		h.g.calls.DoAll(call.PauseRecording)
		at(45 * time.Second)
		h.away = append(h.away, h.Say(media.Tone(8000, 1200, time.Second, -10)))
		at(50 * time.Second)
		h.g.calls.DoAll(call.ResumeRecording)
	case n%7 == 3:
		if err := h.DropSocket(3*time.Second + time.Duration(n)*17*time.Millisecond); err != nil {
			h.t.Fatal(err)
		}
	}
	at(54 * time.Second)
	h.say(time.Second)
}

// TestEveryToneLiesInItsPlace holds both channels of a call of an hour to where
// they were heard, to a frame, through gaps of the line, answers that are cut
// short, pauses, dropped streams and a carrier whose clock is not ours.
func TestEveryToneLiesInItsPlace(t *testing.T) {
	for _, ppm := range []float64{100, -100} {
		t.Run(fmt.Sprintf("%+.0f ppm", ppm), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var each []string
				for range 200 {
					each = append(each, "440Hz 450Hz 460Hz 470Hz")
				}
				g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
					replier: &replies{each: each}, carrier: sim.CarrierOptions{SkewPPM: ppm},
					over: func(l telephony.Leg) telephony.Leg { return &gappy{l, make(chan media.Frame, 64)} },
					set:  func(s *dialog.Settings) { s.SilenceAfter = 2 * time.Hour }})
				h := &hour{Call: g.dial(), t: t, g: g}
				for n := range 60 {
					h.minute(n)
				}
				until(t, h.Call, time.Hour)
				h.Hangup()
				report, _ := g.end(h.Call)
				h.check(report, g.recording())
			})
		})
	}
}

// check holds what is recorded against what was said and heard.
func (h *hour) check(report sim.Report, rec recording) {
	if !rec.manifest.Complete {
		h.t.Errorf("the recording misses %v", rec.manifest.Incomplete)
	}
	left, worst := sounds(rec.left), 0
	for _, s := range h.said {
		from, to := int(s.From.Sample(8000)), int(s.To.Sample(8000))
		off := offset(left, from, to)
		worst = max(worst, off)
		if off > 160 {
			h.t.Errorf("said at %v, and recorded %v off", s.From.Duration(), samples(off))
		}
	}
	for _, s := range h.away {
		if offset(left, int(s.From.Sample(8000)), int(s.To.Sample(8000))) < 800 {
			h.t.Errorf("said at %v, in a pause, and recorded", s.From.Duration())
		}
	}
	if len(left) != len(h.said) {
		h.t.Errorf("%d sounds of the caller are recorded, of %d", len(left), len(h.said))
	}
	heard, kept, agent := sounds(report.Heard), sounds(rec.right), 0
	for _, k := range kept {
		off := offset(heard, k[0], k[1])
		agent = max(agent, off)
		if off > 160 {
			h.t.Errorf("the agent is recorded from %v to %v, and was heard %v off", samples(k[0]), samples(k[1]), samples(off))
		}
	}
	h.t.Logf("%d sounds of the caller, %v off at most; %d of %d of the agent, %v off at most", len(left), samples(worst), len(kept), len(heard), samples(agent))
}

// offset is by how much the nearest of spans differs from [from, to).
func offset(spans [][2]int, from, to int) int {
	least := 1 << 30
	for _, s := range spans {
		least = min(least, max(abs(s[0]-from), abs(s[1]-to)))
	}
	return least
}

func abs(n int) int { return max(n, -n) }

func samples(n int) time.Duration { return time.Duration(n) * time.Second / 8000 }
