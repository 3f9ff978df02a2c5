package twilio

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
	"sidetone/telephony"
)

// resume asks what comes next and opens the stream that the answer names.
func (l *live) resume() {
	l.Helper()
	_, body := l.post(NextPath, callForm(callSid, "in-progress"))
	token := readTwiML(l.T, body).Connect.Stream.Parameter.Value
	if token == "" {
		l.Fatalf("no stream in %s", body)
	}
	l.line = l.join(callSid, token)
}

// A call, a clock: the socket drops, comes back after three seconds, and the
// new stream goes on where the clock is by then.
func TestResume(t *testing.T) {
	const f = media.FrameTicks
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.media(0, silence(frameSamples))
		l.media(20, silence(frameSamples+40))
		l.wantFrames(0, f)
		l.conn.Close()
		l.wantEvent(telephony.Event{Kind: telephony.Lost, At: 2 * f})
		time.Sleep(3*time.Second + 7*time.Millisecond)
		l.resume()
		back := 2*f + media.TicksIn(3*time.Second+7*time.Millisecond)
		l.wantEvent(telephony.Event{Kind: telephony.Resumed, At: back})
		l.media(40, silence(frameSamples))
		l.wantFrames(back + 2*f)
		l.wantCount("frames_dropped_total", lostPartial, 1)
		l.wantCount("stream_resumes_total", resumeDone, 1)
		l.stop()
		l.wantCause(telephony.HungUp)
		if len(l.admitted) != 1 || len(l.legs) != 0 {
			t.Error("the resumed stream became another call")
		}
	})
}

func TestResumeMoreThanOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		for range 3 {
			l.conn.Close()
			if e := l.event(l.leg); e.Kind != telephony.Lost {
				t.Fatalf("event %+v, want lost", e)
			}
			time.Sleep(9 * time.Second)
			l.resume()
			if e := l.event(l.leg); e.Kind != telephony.Resumed {
				t.Fatalf("event %+v, want resumed", e)
			}
		}
		l.stop()
		l.wantCause(telephony.HungUp)
	})
}

func TestNotResumed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		began := time.Now()
		l.conn.Close()
		l.wantCause(telephony.Dropped)
		if waited := time.Since(began); waited != resumeWait {
			t.Errorf("waited for %v, want %v", waited, resumeWait)
		}
		l.wantCount("stream_resumes_total", resumeTimedOut, 1)
		if _, body := l.post(NextPath, callForm(callSid, "in-progress")); body != emptyResponse {
			t.Errorf("next is %s", body)
		}
	})
}

// A resume token works once, and only the newest one.
func TestResumeTokenIsUsedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		_, body := l.post(NextPath, callForm(callSid, "in-progress"))
		token := readTwiML(t, body).Connect.Stream.Parameter.Value
		old := l.line
		l.line = l.join(callSid, token) // it takes the place of the old one
		synctest.Wait()
		old.stop() // which has no say any more
		old.wantClosed()
		l.wantEvent(telephony.Event{Kind: telephony.Lost})
		l.wantEvent(telephony.Event{Kind: telephony.Resumed})
		l.join(callSid, token).wantClosed()
		l.wantCount("stream_rejections_total", refusedUsed, 1)
		l.media(0, silence(frameSamples))
		l.wantFrames(0)
	})
}

// While the far end is gone, what is sent is thrown away and marks come back
// flushed, those on their way included.
func TestSendWhileLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		if err := errors.Join(l.leg.Send(pcmFrame(1)), l.leg.Mark(1)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := l.read(); err != nil {
				t.Fatal(err)
			}
		}
		l.conn.Close()
		l.wantEvent(telephony.Event{Kind: telephony.Lost})
		l.wantEvent(telephony.Event{Kind: telephony.Flushed, Mark: 1})
		for i := range 400 {
			if err := l.leg.Send(pcmFrame(2)); err != nil {
				t.Fatal(err)
			}
			if i%100 == 99 {
				synctest.Wait()
			}
		}
		if err := errors.Join(l.leg.Mark(2), l.leg.Clear()); err != nil {
			t.Fatal(err)
		}
		l.wantEvent(telephony.Event{Kind: telephony.Flushed, Mark: 2})
		l.wantCount("frames_dropped_total", lostUnsent, 400)
		l.resume()
		if e := l.event(l.leg); e.Kind != telephony.Resumed {
			t.Fatalf("event %+v, want resumed", e)
		}
		if err := l.leg.Mark(3); err != nil {
			t.Fatal(err)
		}
		if m, err := l.read(); err != nil || m.Mark.Name != "3" {
			t.Errorf("the new stream begins with %+v, %v", m, err)
		}
	})
}

func TestEndWhileLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.conn.Close()
		if e := l.event(l.leg); e.Kind != telephony.Lost {
			t.Fatalf("event %+v, want lost", e)
		}
		if err := l.leg.End(t.Context(), telephony.Next{Kind: telephony.Dial, Target: "+15005550009"}); err != nil {
			t.Error(err)
		}
		l.wantCause(telephony.Ended)
		if _, body := l.post(NextPath, callForm(callSid, "in-progress")); readTwiML(t, body).Dial.Number.Target != "+15005550009" {
			t.Errorf("next is %s", body)
		}
	})
}

func TestHalfOpenSocketIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.media(0, silence(frameSamples))
		began := time.Now()
		go l.wantClosed()
		if e := l.event(l.leg); e.Kind != telephony.Lost || time.Since(began) > idleWait+closeWait {
			t.Errorf("event %+v after %v", e, time.Since(began))
		}
	})
}

func TestSocketCutInMidFrame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		l.media(0, silence(frameSamples))
		if _, err := l.conn.NetConn().Write([]byte{0x81, 0xFE, 0x01, 0x40, 1, 2, 3, 4, 'x'}); err != nil {
			t.Fatal(err)
		}
		l.conn.Close()
		l.wantFrames(0)
		l.wantEvent(telephony.Event{Kind: telephony.Lost, At: media.FrameTicks})
	})
}

// A far end that closes without a stop has dropped the stream, not hung up.
func TestCloseFrameAloneIsALoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLive(t)
		msg := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
		if err := l.conn.WriteControl(websocket.CloseMessage, msg, time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		l.wantClosed()
		l.wantEvent(telephony.Event{Kind: telephony.Lost})
	})
}
