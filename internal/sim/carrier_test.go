package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
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
		opts := startGateway(t, g)
		opts.CallerName = "A & B"
		report := finish(t, place(t, opts))

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
		if name := form.Get("CallerName"); name != opts.CallerName {
			t.Errorf("the caller's name is %q", name)
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

// TestDroppedSocketResumes cuts the socket for 5.007 s: one call, a new stream whose
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
		if err := call.DropSocket(5*time.Second + 7*time.Millisecond); err != nil {
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
		synctest.Wait()
		if last > time.Second {
			t.Errorf("a frame came after %v", last)
		}
	})
}

func TestActionAfterHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: once, talk: func(s *stream) { s.until("") }}
		opts := startGateway(t, g)
		opts.ActionAfterHangup = true
		call := place(t, opts)
		call.Hangup()
		if report := finish(t, call); report.Ending != EndHungUp || len(report.Documents) != 1 {
			t.Errorf("%s after %d documents", report.Ending, len(report.Documents))
		}
		if len(g.asked) != 2 || g.asked[1].form.Get("CallStatus") != "completed" {
			t.Errorf("asked %v", g.asked)
		}
	})
}

// TestStreamWithoutStart leaves the opening of a stream to the test, which is how
// a gateway's handling of a bad one is tested.
func TestStreamWithoutStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var frames []string
		g := &gateway{answer: once, talk: func(s *stream) {
			frames = append(frames, s.start.Event)
			for f := s.next(); f.Event != ""; f = s.next() {
				frames = append(frames, f.Event)
			}
		}}
		opts := startGateway(t, g)
		opts.NoStart = true
		call := place(t, opts)
		call.WaitUntil(t.Context(), media.TickRate)
		call.SendRaw(TextMessage, []byte(`{"event":"media","sequenceNumber":"1"}`))
		call.Hangup()
		finish(t, call)
		synctest.Wait()
		if !slices.Equal(frames, []string{"media"}) {
			t.Errorf("frames %v after connected, want the raw one", frames)
		}
	})
}

func TestParametersMayBeEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got map[string]string
		g := &gateway{answer: once, talk: func(s *stream) {
			got = s.start.Start.Parameters
			s.close()
		}}
		opts := startGateway(t, g)
		opts.EditParameters = func(p map[string]string) { p["token"] = "stolen" }
		finish(t, place(t, opts))
		if len(got) != 1 || got["token"] != "stolen" {
			t.Errorf("customParameters = %v", got)
		}
	})
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

// TestDialedIsTold has who is dialled told something, in a call of their own.
func TestDialedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(n int, _ request) string {
			if n == 1 {
				return `<Response><Dial><Number url="/twilio/who">+15005550009</Number></Dial></Response>`
			}
			return `<Response><Say>A caller.</Say></Response>`
		}}
		report := finish(t, place(t, startGateway(t, g)))
		if report.Dialed != "+15005550009" || !slices.Equal(report.Announced, []string{"A caller."}) {
			t.Errorf("%q was told %q", report.Dialed, report.Announced)
		}
		if len(g.asked) != 2 || g.asked[1].form.Get("ParentCallSid") != report.CallSID || g.asked[1].form.Get("CallSid") == report.CallSID {
			t.Errorf("asked %+v", g.asked)
		}
	})
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
		ln := NewPipeListener()
		server := &http.Server{Handler: http.RedirectHandler("/elsewhere", http.StatusFound)}
		served := make(chan struct{})
		go func() { defer close(served); server.Serve(ln) }()
		_, err := NewCarrier(CarrierOptions{BaseURL: "http://127.0.0.1", DialContext: ln.DialContext}).Dial(t.Context())
		var fault *FaultError
		if !errors.As(err, &fault) || fault.Code != 11200 {
			t.Errorf("Dial: %v, want 11200", err)
		}
		server.Close()
		<-served
	})
}

// TestCallOverTLS places a call on real sockets: https webhooks and a wss stream,
// whose URL is relative.
func TestCallOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	g := &gateway{base: server.URL, answer: relativeStream, talk: func(s *stream) {
		s.play(tone(40 * time.Millisecond))
		s.mark("played")
		s.until("mark")
		s.close()
	}}
	server.Config.Handler = g.handler(t)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	report := finish(t, place(t, CarrierOptions{BaseURL: server.URL, AuthToken: testToken, TLS: &tls.Config{RootCAs: roots}}))
	if len(report.Marks) != 1 || len(report.Agent) != 1 || report.Ending != EndCompleted {
		t.Errorf("marks %v, agent %v, %s", report.Marks, report.Agent, report.Ending)
	}
}
