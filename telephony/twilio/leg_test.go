package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
	"sidetone/telephony"
)

// live is a running leg with its stream.
type live struct {
	*line
	leg  *Leg
	done <-chan error
}

func newLive(t *testing.T) *live {
	g := newGateway(t)
	l := &live{line: g.join(callSid, g.call(callSid))}
	l.leg = <-g.legs
	l.done = ran(t.Context(), l.leg)
	t.Cleanup(func() {
		l.conn.Close()
		_ = l.leg.End(context.Background(), telephony.Next{})
	})
	return l
}

// frame waits for the next frame.
func (l *live) frame() media.Frame {
	l.Helper()
	select {
	case f := <-l.leg.Recv():
		return f
	case <-time.After(time.Minute):
		l.Fatal("no frame came")
		return media.Frame{}
	}
}

func (l *live) wantFrames(at ...media.Tick) {
	l.Helper()
	for _, want := range at {
		if f := l.frame(); f.At != want || len(f.PCM) != frameSamples {
			l.Fatalf("%d samples at %d, want a frame at %d", len(f.PCM), f.At, want)
		}
	}
	synctest.Wait()
	if n := len(l.leg.Recv()); n != 0 {
		l.Fatalf("%d more frames came", n)
	}
}

func (l *live) wantEvent(want telephony.Event) {
	l.Helper()
	if got := l.event(l.leg); got != want {
		l.Errorf("event %+v, want %+v", got, want)
	}
}

func (l *live) wantCause(want telephony.Cause) {
	l.Helper()
	err := <-l.done
	var end *telephony.EndError
	if l.leg.Cause() != want || (err != nil) != (errors.As(err, &end) && end.Cause == want) {
		l.Errorf("cause %q, Run: %v, want %q", l.leg.Cause(), err, want)
	}
}

func TestReframe(t *testing.T) {
	const f = media.FrameTicks
	type chunk struct{ milli, samples int }
	tests := map[string]struct {
		chunks []chunk
		want   []media.Tick
		lost   string
	}{
		"whole frames":           {[]chunk{{0, 160}, {20, 160}}, []media.Tick{0, f}, ""},
		"a late beginning":       {[]chunk{{300, 160}}, []media.Tick{15 * f}, ""},
		"halves":                 {[]chunk{{0, 80}, {10, 80}, {20, 80}, {30, 80}}, []media.Tick{0, f}, ""},
		"one and a half":         {[]chunk{{0, 240}, {30, 240}}, []media.Tick{0, f, 2 * f}, ""},
		"a long one":             {[]chunk{{40, 480}}, []media.Tick{2 * f, 3 * f, 4 * f}, ""},
		"timestamps that jitter": {[]chunk{{0, 160}, {25, 160}, {35, 160}, {79, 160}}, []media.Tick{0, f, 2 * f, 3 * f}, ""},
		"a jump":                 {[]chunk{{0, 160}, {41, 160}, {61, 160}}, []media.Tick{0, 41 * 48, 41*48 + f}, ""},
		"a jump with a rest":     {[]chunk{{0, 240}, {100, 160}}, []media.Tick{0, 5 * f}, lostPartial},
		"an old one":             {[]chunk{{100, 160}, {20, 160}, {120, 160}}, []media.Tick{5 * f, 6 * f}, lostLate},
		"nothing in it":          {[]chunk{{0, 0}, {0, 160}}, []media.Tick{0}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLive(t)
				for _, c := range test.chunks {
					l.media(c.milli, silence(c.samples))
				}
				l.wantFrames(test.want...)
				if test.lost != "" {
					l.wantCount("frames_dropped_total", test.lost, 1)
				}
			})
		})
	}
}

// Samples pass a leg exactly, whatever the chunks; 0xFF and 0x7F included.
func TestSamplesAreExact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		all := make([]byte, 2*frameSamples)
		for i := range all {
			all[i] = byte(i)
		}
		for i := 0; i < len(all); i += 7 {
			l.media(i/8, all[i:min(i+7, len(all))])
		}
		want := media.AppendPCM(nil, all)
		for i := 0; i < len(want); i += frameSamples {
			f := l.frame()
			for j, v := range f.PCM {
				if v != want[i+j] {
					t.Fatalf("sample %d is %d, want %d", i+j, v, want[i+j])
				}
			}
		}
	})
}

func TestTenThousandTinyFrames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		go func() {
			for i := range 10_000 {
				l.media(i/8, []byte{0xFF})
			}
			l.stop()
		}()
		n, at := 0, media.Tick(0)
		for f := range l.leg.Recv() {
			if f.At != at {
				t.Fatalf("frame at %d, want %d", f.At, at)
			}
			at += media.FrameTicks
			n++
		}
		if n != 10_000/frameSamples {
			t.Errorf("%d frames, want %d", n, 10_000/frameSamples)
		}
		l.wantCause(telephony.HungUp)
	})
}

func TestBadFramesAreCounted(t *testing.T) {
	tests := map[string]struct{ msg, reason string }{
		"not JSON":      {`nonsense`, badJSON},
		"wrong type":    {`{"event":"media","media":{"timestamp":[],"payload":1}}`, badJSON},
		"no event body": {`{"event":"mark"}`, badJSON},
		"bad base64":    {`{"event":"media","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"%%%%"}}`, badBase64},
		"our own track": {`{"event":"media","media":{"track":"outbound","chunk":"1","timestamp":"0","payload":"/w=="}}`, badTrack},
		"other stream":  {`{"event":"dtmf","streamSid":"MZother","dtmf":{"digit":"1"}}`, badStream},
		"unknown mark":  {`{"event":"mark","mark":{"name":"77"}}`, badMark},
		"mark's name":   {`{"event":"mark","mark":{"name":"seven"}}`, badMark},
		"no key":        {`{"event":"dtmf","dtmf":{"digit":"hangup"}}`, badDigit},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLive(t)
				l.text(test.msg)
				l.media(0, silence(frameSamples))
				l.wantFrames(0)
				l.wantCount("bad_frames_total", test.reason, 1)
				if len(l.leg.Events()) != 0 {
					t.Error("an event came of it")
				}
			})
		})
	}
}

func TestUnknownEventIsIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.text(`{"event":"weather","streamSid":"x","media":"rain"}`)
		l.media(0, silence(frameSamples))
		l.wantFrames(0)
		l.wantCount("frames_total", "unknown", 1)
	})
}

func TestBinaryIsAWarning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		sayBinary(l.line, 3)
		l.media(0, silence(frameSamples))
		l.wantFrames(0)
		l.wantCount("bad_frames_total", badBinary, 3)
	})
}

func TestBrokenProtocolEndsTheLeg(t *testing.T) {
	tests := map[string]struct {
		give   func(*live)
		reason string
	}{
		"second start": {func(l *live) { l.start(callSid, "again") }, badStart},
		"one megabyte": {func(l *live) { l.text(strings.Repeat("x", 1<<20)) }, badTooLong},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLive(t)
				go test.give(l)
				l.wantClosed()
				l.conn.Close()
				l.wantCause(telephony.Protocol)
				l.wantCount("bad_frames_total", test.reason, 1)
				if _, body := l.post(NextPath, callForm(callSid, "in-progress")); body != emptyResponse {
					t.Errorf("next is %s", body)
				}
			})
		})
	}
}

// A frame of 64 KiB is allowed; what does not fit the queue is dropped, oldest
// first, and counted.
func TestLargestFrame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.media(0, silence(300*frameSamples))
		synctest.Wait()
		if n := len(l.leg.Recv()); n != recvFrames {
			t.Errorf("%d frames are kept, want %d", n, recvFrames)
		}
		if f := l.frame(); f.At != 250*media.FrameTicks {
			t.Errorf("the oldest frame kept is at %d", f.At)
		}
		l.wantCount("frames_dropped_total", lostRecv, 250)
	})
}

func TestPingIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		pong := make(chan string, 1)
		l.conn.SetPongHandler(func(s string) error { pong <- s; return nil })
		if err := l.conn.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		go l.wantClosed()
		if got := <-pong; got != "x" {
			t.Errorf("pong %q", got)
		}
	})
}

// A far end that never reads ends its leg when it is five seconds behind.
func TestPeerThatNeverReads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		go func() { // it keeps talking
			for i := 0; l.leg.Cause() == ""; i++ {
				l.media(20*i, silence(frameSamples))
				time.Sleep(media.FrameDuration)
			}
		}()
		began := time.Now()
		for l.leg.Send(pcmFrame(100)) == nil {
			time.Sleep(media.FrameDuration)
		}
		if took := time.Since(began); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("the leg ended after %v", took)
		}
		l.conn.Close()
		l.wantCause(telephony.Stalled)
		if l.count("frames_lagging_total", "") == 0 {
			t.Error("no lag was counted")
		}
	})
}

func TestPeerThatNeverEchoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		go l.wantClosed() // reads
		var err error
		for id := media.MarkID(1); err == nil && id < 1000; id++ {
			err = l.leg.Mark(id)
		}
		if !errors.Is(err, telephony.ErrEnded) {
			t.Errorf("Mark: %v", err)
		}
		l.wantCause(telephony.Stalled)
	})
}

// What waits is thrown away by Clear, except for its marks, and Clear itself
// comes right after them.
func TestClearOvertakesMediaButNotMarks(t *testing.T) {
	out := newOutbound()
	pcm := pcmFrame(1).PCM
	for id := media.MarkID(1); id <= 3; id++ {
		out.send(pcm)
		out.mark(id)
	}
	out.clear()
	out.send(pcm)
	out.mark(4)
	var got []string
	var it item
	for out.pop(&it) {
		got = append(got, [...]string{"media", "mark", "clear"}[it.kind])
	}
	if s := strings.Join(got, " "); s != "mark mark mark clear media mark" {
		t.Errorf("written: %s", s)
	}
	for id := media.MarkID(1); id <= 4; id++ {
		if flushed, known := out.echoed(id); !known || flushed != (id < 4) {
			t.Errorf("mark %d: flushed %v, known %v", id, flushed, known)
		}
	}
	if _, known := out.echoed(4); known {
		t.Error("a mark came back twice")
	}
}

func TestSendRefusesOddFrames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		if err := l.leg.Send(media.Frame{PCM: make([]int16, 320)}); err == nil {
			t.Error("a frame of 320 samples was taken")
		}
	})
}

func TestEndGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		if err := l.leg.Send(pcmFrame(1)); err != nil { // nobody reads it
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := l.leg.End(ctx, telephony.Next{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("End: %v", err)
		}
		l.wantCause(telephony.Ended)
		if took := time.Since(began); took > 2*closeWait {
			t.Errorf("the leg ended after %v", took)
		}
	})
}

// One call over real sockets with TLS, where buffers and deadlines are real.
func TestOverTLS(t *testing.T) {
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	defer srv.Close()
	heardAll := make(chan struct{})
	g := &gateway{T: t, legs: make(chan *Leg, 1)}
	s := New(Options{
		PublicURL: srv.URL, AuthTokens: []string{authToken}, Secret: tokenSecret, Once: &mapOnce{used: map[string]bool{}},
		Admit: func(context.Context, Incoming) (Admission, error) {
			return Admission{Accepted: true, CallID: "c", Agent: "a"}, nil
		},
		Serve: func(ctx context.Context, l *Leg) {
			done := ran(ctx, l)
			for f := range l.Recv() {
				_ = l.Send(f)
				if f.At == 49*media.FrameTicks {
					<-heardAll
					_ = l.End(ctx, telephony.Next{})
				}
			}
			<-done
			g.legs <- l
		},
	})
	defer s.Close()
	s.Routes(mux)
	text, err := s.admit(t.Context(), Incoming{CallSid: callSid})
	if err != nil {
		t.Fatal(err)
	}
	stream := readTwiML(t, text).Connect.Stream
	d := websocket.Dialer{TLSClientConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	conn, _, err := d.DialContext(t.Context(), stream.URL, http.Header{"X-Twilio-Signature": {Sign(authToken, stream.URL, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := &line{gateway: g, conn: conn, sid: streamSid}
	l.start(callSid, stream.Parameter.Value)
	sayMedia(l, 50)
	for i := range 50 {
		if m, err := l.read(); err != nil || len(m.Media.Payload) != frameSamples || m.Media.Payload[0] != 0xFF {
			t.Fatalf("message %d is %+v, %v", i, m, err)
		}
	}
	close(heardAll)
	if _, err := l.read(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the end is %v, want a normal close", err)
	}
	conn.Close()
	if leg := <-g.legs; leg.Cause() != telephony.Ended {
		t.Errorf("cause %q", leg.Cause())
	}
}
