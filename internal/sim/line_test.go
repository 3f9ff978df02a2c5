package sim

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

func TestMarksAreEchoedWhenTheirAudioHasPlayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type echo struct {
			name string
			at   media.Tick
		}
		var got []echo
		g := &gateway{answer: once, talk: func(s *stream) {
			s.mark("at once")
			got = append(got, echo{s.until("mark").Mark.Name, 0})
			s.untilTick(5 * tick20ms)
			s.play(tone(50 * time.Millisecond))
			s.mark("after 50 ms")
			s.play(tone(200 * time.Millisecond))
			s.mark("after 250 ms")
			newest := 5 * tick20ms
			for len(got) < 3 {
				switch f := s.next(); f.Event {
				case "media":
					newest = f.at() + tick20ms
				case "mark":
					got = append(got, echo{f.Mark.Name, newest})
				}
			}
			s.close()
		}}
		report := finish(t, place(t, startGateway(t, g)))
		// 100 ms + 50 ms is echoed before the frame that ends at 160 ms.
		want := []Mark{{"at once", 0}, {"after 50 ms", media.TicksIn(150 * time.Millisecond)}, {"after 250 ms", media.TicksIn(350 * time.Millisecond)}}
		if !slices.Equal(report.Marks, want) {
			t.Errorf("marks %v, want %v", report.Marks, want)
		}
		if got[1].at != 7*tick20ms || got[2].at > 17*tick20ms+tick20ms {
			t.Errorf("the gateway saw %v", got)
		}
	})
}

func TestClearFlushesAudioAndEchoesAllMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var echoed []string
		g := &gateway{answer: once, talk: func(s *stream) {
			s.play(tone(time.Second))
			s.mark("a")
			s.play(tone(time.Second))
			s.mark("b")
			s.untilTick(15 * tick20ms) // 300 ms
			s.clear()
			for len(echoed) < 2 {
				echoed = append(echoed, s.until("mark").Mark.Name)
			}
			s.untilTick(50 * tick20ms)
			s.close()
		}}
		report := finish(t, place(t, startGateway(t, g)))
		cut := media.TicksIn(300 * time.Millisecond)
		if !slices.Equal(echoed, []string{"a", "b"}) {
			t.Errorf("echoed %v", echoed)
		}
		if len(report.Clears) != 1 || report.Clears[0] != (Clear{At: cut, Dropped: media.TicksIn(1700 * time.Millisecond), Marks: 2}) {
			t.Errorf("clears %+v", report.Clears)
		}
		n := int(cut.Sample(sampleRate))
		if !slices.Equal(report.Heard[:n], ulawRoundTrip(tone(time.Second))[:n]) {
			t.Error("what was heard before the clear is not what was sent")
		}
		if slices.ContainsFunc(report.Heard[n:], func(v int16) bool { return v != 0 }) {
			t.Error("something was heard after the clear")
		}
	})
}

// TestHeardLiesOnTheInboundClock plays a tone on receipt of known frames for ten
// minutes and looks for it at their ticks.
func TestHeardLiesOnTheInboundClock(t *testing.T) {
	for _, ppm := range []float64{0, 100, -100, 500, -500} {
		synctest.Test(t, func(t *testing.T) {
			const every = 30 * media.TickRate
			g := &gateway{answer: once, talk: func(s *stream) {
				for at := media.Tick(every); at <= 10*60*media.TickRate; at += every {
					s.untilTick(at)
					s.play(tone(500 * time.Millisecond))
				}
				s.untilTick(10*60*media.TickRate + 2*media.TickRate)
				s.close()
			}}
			opts := startGateway(t, g)
			opts.SkewPPM = ppm
			began := time.Now()
			report := finish(t, place(t, opts))
			real := time.Since(began).Seconds()
			if want := real * (1 + ppm/1e6); math.Abs(report.Length.Seconds()-want) > 0.001 {
				t.Errorf("%v ppm: %v s of media in %v s", ppm, report.Length.Seconds(), real)
			}
			if len(report.Agent) != 20 {
				t.Fatalf("%v ppm: %d tones heard, want 20", ppm, len(report.Agent))
			}
			for i, s := range report.Agent {
				want := media.Tick(i+1) * every
				if d := (s.From - want).Duration(); d < 0 || d > time.Millisecond {
					t.Errorf("%v ppm: tone %d heard %v after its tick", ppm, i, d)
				}
			}
		})
	}
}

func TestCallerIsSampleExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []byte
		g := &gateway{answer: once, talk: func(s *stream) {
			for {
				f := s.next()
				if f.Event == "stop" {
					break
				}
				if f.Event == "media" {
					got = append(got, f.audio()...)
				}
			}
			s.until("")
		}}
		call := place(t, startGateway(t, g))
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		if err := call.WaitUntil(t.Context(), 10*tick20ms); err != nil {
			t.Fatal(err)
		}
		a, b := call.SayULaw(every), call.SayULaw(every)
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		call.Hangup()
		report := finish(t, call)
		if report.Ending != EndHungUp || report.Streams[0].End != "the caller hung up" {
			t.Errorf("ended %s, stream: %s", report.Ending, report.Streams[0].End)
		}
		if a.From != 10*tick20ms || b.From != a.To || b.To-b.From != tickOf(256) {
			t.Errorf("spoken at %v-%v and %v-%v", a.From, a.To, b.From, b.To)
		}
		from := a.From.Sample(sampleRate)
		if want := append(every, every...); !bytes.Equal(got[from:from+512], want) {
			t.Error("bytes were changed on the way")
		}
		if len(g.asked) != 1 {
			t.Errorf("%d documents were asked for; the caller hung up", len(g.asked))
		}
		if _, err := call.Now(); !errors.Is(err, ErrEnded) {
			t.Errorf("Now after the end: %v", err)
		}
		if err := call.Say(tone(time.Second)).Wait(t.Context()); !errors.Is(err, ErrEnded) {
			t.Errorf("Say after the end: %v", err)
		}
	})
}

func TestRawFramesAndBadFramesFromTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var raw string
		g := &gateway{answer: once, talk: func(s *stream) {
			for raw == "" {
				_, data, err := s.conn.ReadMessage()
				if err != nil {
					return
				}
				if !strings.HasPrefix(string(data), `{"event":"media"`) {
					raw = string(data)
				}
			}
			s.send("not JSON")
			s.send(`{"event":"clear","streamSid":"MZother"}`)
			s.send(`{"event":"mark","streamSid":%q}`, s.start.SID)
			s.send(`{"event":"media","streamSid":%q,"media":{"payload":"*"}}`, s.start.SID)
			s.send(`{"event":"media","streamSid":%q,"media":{"payload":"/w=="},"extra":1}`, s.start.SID)
			s.send(`{"event":"dance","streamSid":%q}`, s.start.SID)
			s.conn.WriteMessage(BinaryMessage, []byte{1})
			s.mark("still here")
			s.conn.ReadMessage()
			s.conn.Close()
		}}
		call := place(t, startGateway(t, g))
		if err := call.SendRaw(TextMessage, []byte(`{"event":`)); err != nil {
			t.Fatal(err)
		}
		report := finish(t, call)
		if raw != `{"event":` {
			t.Errorf("the gateway read %q", raw)
		}
		var codes []int
		for _, f := range report.Faults {
			codes = append(codes, f.Code)
		}
		slices.Sort(codes)
		if want := []int{31903, 31950, 31951, 31951, 31951, 31951, 31951, 31951}; !slices.Equal(codes, want) {
			t.Errorf("faults %v, want %v", codes, want)
		}
		if len(report.Marks) != 1 {
			t.Errorf("marks %v: a bad frame must not end the stream", report.Marks)
		}
	})
}

func TestKeysAndTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var digits string
		g := &gateway{answer: once, talk: func(s *stream) {
			s.play(tone(2 * time.Second)) // cut by the caller
			speaking := 0
			for speaking < 5 {
				if f := s.until("media"); !bytes.Equal(f.audio(), silence[:]) {
					speaking++
				}
			}
			s.clear()
			for {
				if f := s.until("media"); bytes.Equal(f.audio(), silence[:]) {
					break
				}
			}
			s.untilTick(4 * media.TickRate)
			s.play(tone(300 * time.Millisecond))
			for len(digits) < 3 {
				digits += s.until("dtmf").DTMF.Digit
			}
			s.close()
		}}
		call := place(t, startGateway(t, g))
		call.WaitSpeech(t.Context())
		call.WaitUntil(t.Context(), media.TickRate)
		call.Say(tone(time.Second))
		if err := call.WaitAgent(t.Context(), 700*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if at, _ := call.Now(); at < 5*media.TickRate || at > 5*media.TickRate+2*tick20ms {
			t.Errorf("the agent had stopped at %v s, want 5 s", at.Seconds())
		}
		call.Press("1#9")
		report := finish(t, call)
		if digits != "1#9" {
			t.Errorf("digits %q", digits)
		}
		if len(report.Turns) != 1 {
			t.Fatalf("turns %+v", report.Turns)
		}
		turn := report.Turns[0]
		if turn.Clear-turn.From > 5*tick20ms || turn.Clear < turn.From {
			t.Errorf("cleared %v after the onset, want 5 frames", (turn.Clear - turn.From).Duration())
		}
		if turn.Reply < 4*media.TickRate || turn.Reply > 4*media.TickRate+tick20ms {
			t.Errorf("replied at %v s, want 4", turn.Reply.Seconds())
		}
	})
}

func TestEchoComesBackWeakerAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in []byte
		g := &gateway{answer: once, talk: func(s *stream) {
			s.play(tone(200 * time.Millisecond))
			for len(in) < sampleRate {
				in = append(in, s.until("media").audio()...)
			}
			s.close()
		}}
		opts := startGateway(t, g)
		opts.EchoDB, opts.EchoDelay = -20, 150*time.Millisecond
		finish(t, place(t, opts))
		pcm := media.AppendPCM(nil, in)
		level := func(from, to time.Duration) float64 {
			return media.ToneLevel(pcm[samplesIn(from):samplesIn(to)], sampleRate, 440)
		}
		if l := level(160*time.Millisecond, 340*time.Millisecond); math.Abs(l+32) > 1 {
			t.Errorf("the echo of a -12 dBFS tone is at %.1f dBFS, want -32", l)
		}
		if l := level(0, 150*time.Millisecond); l > -70 {
			t.Errorf("an echo of %.1f dBFS before its delay", l)
		}
		if l := level(351*time.Millisecond, 500*time.Millisecond); l > -70 {
			t.Errorf("an echo of %.1f dBFS after its end", l)
		}
	})
}

func TestNoiseHasItsLevel(t *testing.T) {
	r := newRoom(CarrierOptions{NoiseDB: -40, NoiseSeed: 1})
	frame := make([]byte, sampleRate)
	fillSilence(frame)
	r.add(frame)
	sum := 0.0
	for _, v := range media.AppendPCM(nil, frame) {
		sum += float64(v) * float64(v)
	}
	if db := 20 * math.Log10(math.Sqrt(sum/sampleRate)/32768); math.Abs(db+40) > 0.5 {
		t.Errorf("noise at %.1f dBFS, want -40", db)
	}
}

func ulawRoundTrip(pcm []int16) []int16 {
	return media.AppendPCM(nil, media.AppendULaw(nil, pcm))
}

func TestHeardSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := place(t, startGateway(t, &gateway{answer: once, talk: func(s *stream) {
			s.play(tone(time.Second))
			s.untilTick(100 * tick20ms)
			s.close()
		}}))
		if err := c.WaitUntil(t.Context(), 25*tick20ms); err != nil {
			t.Fatal(err)
		}
		heard, err := c.Heard()
		if n := 25 * 160; err != nil || len(heard) != n || !slices.Equal(heard[800:], ulawRoundTrip(tone(time.Second))[800:n]) {
			t.Errorf("after half a second %d samples have been heard (%v), want half of the tone", len(heard), err)
		}
		report := finish(t, c)
		if _, err := c.Heard(); !errors.Is(err, ErrEnded) || !slices.Equal(report.Heard[:len(heard)], heard) {
			t.Errorf("after the call: %v, want ErrEnded", err)
		}
	})
}

func TestSaveHeardIsAWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heard.wav")
	report := Report{Heard: tone(50 * time.Millisecond)}
	if err := report.SaveHeard(path); err != nil {
		t.Fatal(err)
	}
	clip, err := readClip(path)
	if err != nil || clip.Rate != sampleRate || !slices.Equal(clip.PCM, report.Heard) {
		t.Errorf("%d samples at %d Hz, %v", len(clip.PCM), clip.Rate, err)
	}
}
