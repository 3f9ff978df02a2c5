package sim

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

func tone(d time.Duration) []int16 { return media.Tone(sampleRate, 440, d, -12) }

const tick20ms = media.FrameTicks

func TestCallOpensAsTwilioDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var start frame
		var first []frame
		g := &gateway{answer: once, talk: func(s *stream) {
			start = s.start
			for range 3 {
				first = append(first, s.next())
			}
			s.close()
		}}
		report := finish(t, place(t, startGateway(t, g)))

		if got := start.Start.Parameters; len(got) != 1 || got["token"] != "a&b" {
			t.Errorf("customParameters = %v", got)
		}
		if f := start.Start.Format; f.Encoding != "audio/x-mulaw" || f.SampleRate != 8000 || f.Channels != 1 {
			t.Errorf("mediaFormat = %+v", f)
		}
		if start.Start.CallSID != report.CallSID || start.SID != report.Streams[0].SID || !strings.HasPrefix(start.SID, "MZ") {
			t.Errorf("start names call %s and stream %s", start.Start.CallSID, start.SID)
		}
		for i, f := range first {
			if f.Event != "media" || f.at() != media.Tick(i)*tick20ms || f.Media.Track != "inbound" {
				t.Errorf("frame %d: %+v", i, f)
			}
			if got := f.audio(); !bytes.Equal(got, silence[:]) {
				t.Errorf("frame %d of a silent caller is %x", i, got)
			}
		}
		if report.Ending != EndCompleted || report.Streams[0].End != "the gateway closed it with 1000" {
			t.Errorf("ended %s, stream: %s", report.Ending, report.Streams[0].End)
		}
		form := g.asked[0].form
		for _, key := range []string{"CallSid", "AccountSid", "From", "To", "CallStatus", "Direction", "ApiVersion"} {
			if form.Get(key) == "" {
				t.Errorf("the voice webhook lacks %s", key)
			}
		}
		if len(g.asked) != 2 || g.asked[1].path != "/twilio/next" || g.asked[1].form.Get("CallStatus") != "in-progress" {
			t.Errorf("asked %v", g.asked)
		}
		var told []string
		for _, n := range g.notified {
			told = append(told, n.form.Get("StreamEvent")+n.form.Get("CallStatus"))
		}
		slices.Sort(told)
		if !slices.Equal(told, []string{"completed", "stream-started", "stream-stopped"}) {
			t.Errorf("status callbacks: %v", told)
		}
	})
}

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

// TestDroppedSocketResumes cuts the socket for 5 s: one call, a new stream whose
// timestamps start at 0, and silence of true length.
func TestDroppedSocketResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := 0
		g := &gateway{
			answer: func(n int, _ request) string {
				if n <= 2 {
					return connectTwiML
				}
				return "<Response><Hangup/></Response>"
			},
			talk: func(s *stream) {
				streams++
				s.play(tone(10 * time.Second))
				s.mark("lost")
				if f := s.next(); f.Event != "media" || f.Media.Timestamp != "0" || f.Media.Chunk != "1" {
					s.t.Errorf("stream %d begins with %+v", streams, f)
				}
				if streams == 2 {
					s.untilTick(media.TickRate)
					s.close()
					return
				}
				s.until("")
			},
		}
		call := place(t, startGateway(t, g))
		call.WaitUntil(t.Context(), 2*media.TickRate)
		spoken := call.Say(tone(6 * time.Second)) // goes on while nobody listens
		if err := call.DropSocket(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := call.WaitStreams(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if at, _ := call.Now(); at < 7*media.TickRate || at > 7*media.TickRate+tick20ms {
			t.Errorf("resumed at %v s", at.Seconds())
		}
		report := finish(t, call)
		if len(report.Streams) != 2 || report.Streams[0].SID == report.Streams[1].SID {
			t.Fatalf("streams %+v", report.Streams)
		}
		if len(report.Agent) != 2 || report.Agent[0].To > 2*media.TickRate+tick20ms || report.Agent[1].From < 7*media.TickRate || report.Agent[1].From > 7*media.TickRate+tick20ms {
			t.Errorf("heard %+v", report.Agent)
		}
		if len(report.Marks) != 0 {
			t.Errorf("marks of lost audio were echoed: %v", report.Marks)
		}
		if spoken.To != 8*media.TickRate {
			t.Errorf("the caller spoke until %v s", spoken.To.Seconds())
		}
	})
}

func TestStallKeepsTheGatewayWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var blocked time.Duration
		g := &gateway{answer: once, talk: func(s *stream) {
			go s.until("")
			time.Sleep(time.Second)
			began := time.Now()
			for range 3 {
				s.play(tone(20 * time.Millisecond))
			}
			blocked = time.Since(began)
			s.conn.Close()
		}}
		call := place(t, startGateway(t, g))
		call.Stall(true)
		call.WaitUntil(t.Context(), 4*media.TickRate)
		call.Stall(false)
		report := finish(t, call)
		if blocked < 2900*time.Millisecond {
			t.Errorf("the gateway could write after %v", blocked)
		}
		if len(report.Faults) != 1 || report.Faults[0].Code != 31903 {
			t.Errorf("faults %v, want 31903 for a socket that broke", report.Faults)
		}
	})
}

func TestHalfOpenSocketIsSilentBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Duration
		var began time.Time
		g := &gateway{answer: once, talk: func(s *stream) {
			began = time.Now()
			for s.next().Event != "" {
				last = time.Since(began)
			}
		}}
		call := place(t, startGateway(t, g))
		call.WaitUntil(t.Context(), media.TickRate)
		call.HalfOpen()
		call.WaitUntil(t.Context(), 3*media.TickRate)
		call.Hangup()
		finish(t, call)
		if last > time.Second {
			t.Errorf("a frame came after %v", last)
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

func TestDialFailsAsTwilioWould(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		code   int
	}{
		{"not XML", "hello", 12100},
		{"a stream that refuses", strings.Replace(connectTwiML, "8080/stream", "8080/nowhere", 1), 31920},
		{"a web URL", strings.Replace(connectTwiML, "ws://", "http://", 1), 31922},
		{"endless redirects", "<Response><Redirect>/twilio/voice</Redirect></Response>", 12200},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: func(int, request) string { return tt.answer }}
			_, err := NewCarrier(startGateway(t, g)).Dial(t.Context())
			var fault *FaultError
			if !errors.As(err, &fault) || fault.Code != tt.code {
				t.Errorf("%s: %v, want %d", tt.name, err, tt.code)
			}
		})
	}
}

func TestCallsWithoutAStream(t *testing.T) {
	tests := []struct {
		answer string
		want   Ending
	}{
		{`<Response><Say>All agents are busy.</Say><Hangup/></Response>`, EndCompleted},
		{`<Response><Reject reason="busy"/></Response>`, EndRejected},
		{`<Response><Pause length="2"/><Dial><Number>+15005550009</Number></Dial></Response>`, EndDialed},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: func(int, request) string { return tt.answer }}
			report := finish(t, place(t, startGateway(t, g)))
			if report.Ending != tt.want || len(report.Documents) != 1 {
				t.Errorf("%s: %+v", tt.answer, report)
			}
			if tt.want == EndDialed && report.Dialed != "+15005550009" {
				t.Errorf("dialed %q", report.Dialed)
			}
			if tt.want == EndCompleted && !slices.Equal(report.Documents[0].Said, []string{"All agents are busy."}) {
				t.Errorf("said %q", report.Documents[0].Said)
			}
			if n := len(g.notified); n != 1 {
				t.Errorf("%d status callbacks", n)
			}
		})
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(int, request) string { return `<Response><Pause length="60"/></Response>` }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := NewCarrier(startGateway(t, g)).Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial: %v", err)
		}
		synctest.Wait()
		if len(g.notified) != 1 {
			t.Error("the call went on after Dial gave up")
		}
	})
}

func TestRedirectsOfHTTPAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		server := &http.Server{Handler: http.RedirectHandler("/elsewhere", http.StatusFound)}
		served := make(chan struct{})
		go func() { defer close(served); server.Serve(ln) }()
		_, err := NewCarrier(CarrierOptions{BaseURL: "http://127.0.0.1", DialContext: ln.dial}).Dial(t.Context())
		var fault *FaultError
		if !errors.As(err, &fault) || fault.Code != 11200 {
			t.Errorf("Dial: %v, want 11200", err)
		}
		server.Close()
		<-served
	})
}

func ulawRoundTrip(pcm []int16) []int16 {
	return media.AppendPCM(nil, media.AppendULaw(nil, pcm))
}
