package webrtc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/media/opus"
	"sidetone/telephony"
)

// live is a running leg and its far end.
type live struct {
	*far
	leg  *Leg
	done chan error
}

func newLive(t *testing.T, change ...func(*far)) *live {
	f := newFar(t, overOpus, change...)
	l := &live{far: f, leg: f.call(), done: make(chan error, 1)}
	go func() { l.done <- l.leg.Run(t.Context()) }()
	t.Cleanup(func() { _ = l.leg.End(context.Background(), telephony.Next{}) })
	return l
}

// withLive runs a test with a live leg in a bubble of its own.
func withLive(t *testing.T, test func(*testing.T, *live)) {
	synctest.Test(t, func(t *testing.T) { test(t, newLive(t)) })
}

func (l *live) event() telephony.Event {
	l.Helper()
	select {
	case e, ok := <-l.leg.Events():
		if !ok {
			l.Fatal("Events is closed")
		}
		return e
	case <-time.After(time.Minute):
		l.Fatal("no event came")
	}
	panic("unreachable")
}

func (l *live) wantEvent(want telephony.Event) {
	l.Helper()
	if got := l.event(); got != want {
		l.Errorf("event %+v, want %+v", got, want)
	}
}

func (l *live) wantNoEvent() {
	l.Helper()
	synctest.Wait()
	select {
	case e, ok := <-l.leg.Events():
		l.Errorf("event %+v (%v)", e, ok)
	default:
	}
}

func (l *live) wantCause(want telephony.Cause) {
	l.Helper()
	select {
	case err := <-l.done:
		var end *telephony.EndError
		if l.leg.Cause() != want || (err != nil) != (errors.As(err, &end) && end.Cause == want) {
			l.Errorf("cause %q, Run: %v, want %q", l.leg.Cause(), err, want)
		}
	case <-time.After(time.Minute):
		l.Fatal("the leg goes on")
	}
}

func (l *live) wantCount(name, label string, want float64) {
	l.Helper()
	synctest.Wait()
	if got := l.count(name, label); got != want {
		l.Errorf("%s{%s} is %v, want %v", name, label, got, want)
	}
}

func (l *live) send(frames int) {
	l.Helper()
	for range frames {
		if err := l.leg.Send(media.Frame{PCM: tone(20 * ms)}); err != nil {
			l.Fatal(err)
		}
	}
}

func (l *live) mark(ids ...media.MarkID) {
	l.Helper()
	for _, id := range ids {
		if err := l.leg.Mark(id); err != nil {
			l.Fatal(err)
		}
	}
}

// speak lets the far end say frames from a tick on.
func (l *live) speak(from media.Tick, frames int) {
	for i := range frames {
		l.Say(from+media.Tick(i)*media.FrameTicks, tone(20*ms))
	}
}

func TestHelloIsFirst(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		if err := l.leg.Show(telephony.State{State: telephony.Listening}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(l.written().shown[0]); got != `map[agent:map[description: name:Ada] ask:[] call:call-1 language:en may_hear:false session:session-1 type:hello v:1]` {
			t.Errorf("first is %s", got)
		}
	})
}

// A mark comes back a round trip and the jitter buffer's delay after its sound
// was sent, as far as those are known, stamped with the caller's clock.
func TestMarksComeBackWhenHeard(t *testing.T) {
	for name, test := range map[string]struct {
		tell func(*far)
		want time.Duration
		how  string
	}{
		"nothing is known": {func(*far) {}, 100 * ms, "estimate"},
		"stats":            {func(f *far) { f.text(`{"type":"stats","jitter_buffer_ms":45,"rtt_ms":30}`) }, 75 * ms, "stats"},
		"RTCP":             {func(f *far) { f.report(report{RTT: 80 * ms}) }, 180 * ms, "estimate"},
		"without RTT":      {func(f *far) { f.text(`{"type":"stats","jitter_buffer_ms":45}`) }, 45 * ms, "stats"},
		"too much":         {func(f *far) { f.text(`{"type":"stats","jitter_buffer_ms":900,"rtt_ms":900}`) }, 600*ms - opusDelay, "stats"},
		"impossible":       {func(f *far) { f.text(`{"type":"stats","jitter_buffer_ms":-5,"rtt_ms":1e9}`) }, 100 * ms, "estimate"},
	} {
		t.Run(name, func(t *testing.T) {
			withLive(t, func(t *testing.T, l *live) {
				l.speak(0, 50)
				test.tell(l.far)
				synctest.Wait()
				sent := time.Now()
				l.mark(1)
				l.send(10)
				l.mark(2)
				want := test.want + opusDelay
				for i, after := range []time.Duration{want, want + 200*ms} {
					e := l.event()
					if e.Kind != telephony.Played || e.Mark != media.MarkID(i+1) || time.Since(sent) != after {
						t.Errorf("%+v after %v, want %v", e, time.Since(sent), after)
					}
					if off := e.At + media.FrameTicks/2 - media.Tick(l.tick(sent.Add(after))); max(off, -off) > 1 {
						t.Errorf("mark %d is %d ticks off", e.Mark, off)
					}
				}
				if how := l.leg.Delay(); how != test.how {
					t.Errorf("delay by %s, want %s", how, test.how)
				}
			})
		})
	}
}

// After Clear nothing more leaves; marks whose sound has left are played when it
// is heard, and all others are flushed when the far end falls silent, not
// before.
func TestClearWaitsForSilence(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 10)
		began := time.Now()
		latency := bufferUnknown + opusDelay
		l.mark(1)
		for id := media.MarkID(2); id <= 20; id++ {
			l.send(1)
			l.mark(id)
		}
		time.AfterFunc(250*ms, func() { // 13 frames have left: marks 1 to 13 lie within them
			if err := l.leg.Clear(); err != nil {
				t.Error(err)
			}
		})
		for id := media.MarkID(1); id <= 20; id++ {
			kind, at := telephony.Played, time.Duration(id-1)*media.FrameDuration
			if id > 13 {
				kind, at = telephony.Flushed, 13*media.FrameDuration
			}
			e := l.event()
			if e.Kind != kind || e.Mark != id || time.Since(began) != at+latency {
				t.Fatalf("%+v after %v, want mark %d (kind %d) after %v", e, time.Since(began), id, kind, at+latency)
			}
			if off := e.At + media.FrameTicks/2 - media.Tick(l.tick(began.Add(at+latency))); max(off, -off) > 1 {
				t.Errorf("mark %d is %d ticks off", id, off)
			}
		}
		if n := len(l.written().packets); n != 13+hangover {
			t.Errorf("%d packets were sent, want 13 and silence", n)
		}
	})
}

func TestClearOfASilentFarEndIsAtOnce(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 10)
		l.send(1)
		time.Sleep(time.Second)
		l.mark(1)
		now := media.Tick(l.tick(time.Now()))
		if err := l.leg.Clear(); err != nil {
			t.Fatal(err)
		}
		l.wantEvent(telephony.Event{Kind: telephony.Flushed, Mark: 1, At: now - media.FrameTicks/2})
		if now != media.Tick(l.tick(time.Now())) {
			t.Error("it took time")
		}
	})
}

// When it turns out that a mark has been heard already, it is stamped with the
// moment when it was.
func TestMarkThatIsFoundLate(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 50)
		sent := time.Now()
		l.mark(1)
		time.Sleep(90 * ms)
		l.text(`{"type":"stats","jitter_buffer_ms":20,"rtt_ms":10}`)
		e := l.event()
		heard := media.Tick(l.tick(sent.Add(30*ms + opusDelay)))
		if off := e.At + media.FrameTicks/2 - heard; e.Mark != 1 || max(off, -off) > 1 || time.Since(sent) != 90*ms {
			t.Errorf("%+v is %d ticks off after %v", e, off, time.Since(sent))
		}
	})
}

// When the far end is lost, what is on its way is flushed, and so is what comes
// later, until it is back.
func TestLostWithMarksOut(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 5)
		l.send(10)
		l.mark(1, 2)
		synctest.Wait()
		l.state(wireLost)
		at := media.Tick(5 * media.FrameTicks)
		l.wantEvent(telephony.Event{Kind: telephony.Lost, At: at})
		for id := media.MarkID(1); id <= 2; id++ {
			if e := l.event(); e.Kind != telephony.Flushed || e.Mark != id {
				t.Errorf("event %+v, want mark %d flushed", e, id)
			}
		}
		l.wantCount("leg_frames_dropped_total", lostUnsent, 9)
		l.send(3)
		l.mark(3)
		if e := l.event(); e.Kind != telephony.Flushed || e.Mark != 3 {
			t.Errorf("event %+v, want mark 3 flushed", e)
		}
		l.wantCount("leg_frames_dropped_total", lostUnsent, 12)
		packets := len(l.written().packets)
		time.Sleep(9 * time.Second)
		if n := len(l.written().packets) - packets; n != 0 {
			t.Errorf("%d packets were sent to nobody", n)
		}
		l.state(wireBack)
		if e := l.event(); e.Kind != telephony.Resumed {
			t.Errorf("event %+v, want resumed", e)
		}
		l.send(1)
		l.mark(4)
		if e := l.event(); e.Kind != telephony.Played || e.Mark != 4 {
			t.Errorf("event %+v, want mark 4 played", e)
		}
		if after := l.written().packets; len(after) <= packets || !after[packets].Marker {
			t.Error("nothing was sent after it")
		}
		time.Sleep(20 * time.Second)
		if l.leg.Cause() != "" {
			t.Error("the leg has ended")
		}
	})
}

func TestEndsOfTheConnection(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(*live)
		after  time.Duration
		want   telephony.Cause
		outage string
	}{
		"closed":             {func(l *live) { l.state(wireClosed) }, 0, telephony.HungUp, ""},
		"bye":                {func(l *live) { l.text(`{"type":"bye"}`) }, 0, telephony.HungUp, ""},
		"failed":             {func(l *live) { l.state(wireFailed) }, 0, telephony.Dropped, ""},
		"without a word":     {func(l *live) { l.far.Close() }, 0, telephony.Dropped, ""},
		"lost":               {func(l *live) { l.state(wireLost) }, returnWait, telephony.Dropped, outageTimedOut},
		"lost, then failed":  {func(l *live) { l.state(wireLost); l.state(wireFailed) }, 0, telephony.Dropped, outageFailed},
		"lost, then closed":  {func(l *live) { l.state(wireLost); l.state(wireClosed) }, 0, telephony.HungUp, outageEnded},
		"lost twice":         {func(l *live) { l.state(wireLost); time.Sleep(time.Second); l.state(wireLost) }, 9 * time.Second, telephony.Dropped, outageTimedOut},
		"back without going": {func(l *live) { l.state(wireBack); l.state(wireClosed) }, 0, telephony.HungUp, ""},
	} {
		t.Run(name, func(t *testing.T) {
			withLive(t, func(t *testing.T, l *live) {
				test.do(l)
				since := time.Now()
				l.wantCause(test.want)
				if took := time.Since(since); took != test.after {
					t.Errorf("it took %v, want %v", took, test.after)
				}
				for _, result := range []string{outageOver, outageTimedOut, outageFailed, outageEnded} {
					want := 0.
					if result == test.outage {
						want = 1
					}
					l.wantCount("outages_total", result, want)
				}
			})
		})
	}
}

// What cannot be done in a browser is shown.
func TestEndShowsWhatIsNext(t *testing.T) {
	for name, test := range map[string]struct {
		next       telephony.Next
		code, text string
	}{
		"hang up":  {telephony.Next{}, "", ""},
		"say":      {telephony.Next{Kind: telephony.Say, Text: "We are closed."}, "say", "We are closed."},
		"transfer": {telephony.Next{Kind: telephony.Dial, Target: "+15005550009"}, "transfer", "+15005550009"},
	} {
		t.Run(name, func(t *testing.T) {
			withLive(t, func(t *testing.T, l *live) {
				if err := l.leg.Show(telephony.Over{Outcome: "completed", Reason: "goodbye"}); err != nil {
					t.Fatal(err)
				}
				if err := l.leg.End(t.Context(), test.next); err != nil {
					t.Fatal(err)
				}
				if !l.written().closed {
					t.Error("the connection stays open")
				}
				shown := l.written().shown
				last := shown[len(shown)-1]
				if test.code == "" {
					if last["type"] != "over" {
						t.Errorf("last is %v", last)
					}
				} else if last["type"] != "problem" || last["code"] != test.code || last["text"] != test.text {
					t.Errorf("last is %v", last)
				}
				l.wantCause(telephony.Ended)
			})
		})
	}
}

func TestShowNeedsAPageThatReads(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.choke()
		if err := l.leg.Show(telephony.State{}); !errors.Is(err, telephony.ErrEnded) {
			t.Errorf("Show: %v", err)
		}
		l.wantCause(telephony.Stalled)
		if err := l.leg.Show(telephony.State{}); !errors.Is(err, telephony.ErrEnded) {
			t.Errorf("Show after the end: %v", err)
		}
	})
}

func TestPageWithoutAChannel(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.deafen()
		if err := l.leg.Show(telephony.State{}); err != nil {
			t.Errorf("Show: %v", err)
		}
		l.wantCount("unshown_total", unshownClosed, 1)
		if l.leg.Cause() != "" {
			t.Error("the leg has ended")
		}
	})
}

func TestTooLongToShow(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		n := len(l.written().shown)
		if err := l.leg.Show(telephony.Problem{Text: strings.Repeat("x", maxMessage)}); !errors.Is(err, errShowTooLong) {
			t.Errorf("Show: %v", err)
		}
		l.wantCount("unshown_total", unshownTooLong, 1)
		if len(l.written().shown) != n || l.leg.Cause() != "" {
			t.Error("it was written, or has ended the leg")
		}
	})
}

// The loss that the far end reports makes the encoder add redundancy, and is
// forgotten.
func TestLossBuysRedundancy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := newCoder(overOpus, speech)
		if err != nil {
			t.Fatal(err)
		}
		q := newQuality(0)
		redundant := func(loss float64, reports int) (n int) {
			for range reports {
				if err := c.expect(q.report(report{Loss: loss})); err != nil {
					t.Fatal(err)
				}
			}
			for range 20 {
				b, err := c.encode(tone(20 * ms))
				if err != nil {
					t.Fatal(err)
				}
				if h, err := opus.Parse(b); err != nil {
					t.Fatal(err)
				} else if h.Redundant {
					n++
				}
			}
			return n
		}
		if n := redundant(0, 1); n != 0 {
			t.Errorf("%d packets without loss are redundant", n)
		}
		if n := redundant(0.2, 10); n < 5 {
			t.Errorf("%d of 20 packets are redundant at 20%% loss", n)
		}
		if n := redundant(0, 20); n > 1 {
			t.Errorf("%d packets are redundant long after", n)
		}
	})
}

// A call that does not read its events loses the leg, whatever they are.
func TestEventsOfPageOverflow(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		for i := range maxEvents + 1 {
			if i%40 == 39 {
				time.Sleep(time.Second)
			}
			l.text(fmt.Sprintf(`{"type":"text","text":"line %d"}`, i))
		}
		l.wantCause(telephony.Overloaded)
		n := 0
		for e := range l.leg.Events() {
			if want := fmt.Sprint("line ", n); e.Kind != telephony.Typed || e.Text != want {
				t.Errorf("event %+v, want %q", e, want)
			}
			n++
		}
		if n != maxEvents {
			t.Errorf("%d events were kept", n)
		}
	})
}

// Nothing follows an event that was lost.
func TestNoEventAfterALostOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg := newFar(t, overOpus).call()
		for range maxEvents + 1 {
			leg.emit(telephony.Event{Kind: telephony.Typing})
		}
		<-leg.Events()
		leg.emit(telephony.Event{Kind: telephony.Typing})
		if n := len(leg.Events()); n != maxEvents-1 || leg.Cause() != telephony.Overloaded {
			t.Errorf("%d events are kept, cause %q", n, leg.Cause())
		}
	})
}

// A call that does not read its frames keeps the newest second.
func TestSlowCallIsCounted(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 80)
		l.wantCount("leg_frames_dropped_total", lostRecv, 30)
		if f := <-l.leg.Recv(); f.At != 30*media.FrameTicks {
			t.Errorf("the oldest frame kept is at %d", f.At)
		}
	})
}

// What waits for a missing packet is handed on in time, though no other comes.
func TestMissingPacketIsGivenUp(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 5)
		l.seq++ // lost
		l.speak(6*media.FrameTicks, 1)
		since := time.Now()
		for f := range l.leg.Recv() {
			if f.At == 6*media.FrameTicks {
				break
			}
		}
		if waited := time.Since(since); waited < 20*ms || waited > 120*ms {
			t.Errorf("it waited for %v", waited)
		}
	})
}

// What waits for a missing packet when the far end hangs up is handed on.
func TestLastWordsAreHandedOn(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		l.speak(0, 5)
		l.seq++ // lost
		l.speak(6*media.FrameTicks, 1)
		l.HangUp()
		l.wantCause(telephony.HungUp)
		last := media.Frame{}
		for f := range l.leg.Recv() {
			last = f
		}
		if last.At != 6*media.FrameTicks {
			t.Errorf("the last frame is at %d", last.At)
		}
	})
}

func TestSendRefusesOddFrames(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		if err := l.leg.Send(media.Frame{PCM: make([]int16, 160)}); err == nil {
			t.Error("a frame of 160 samples was taken")
		}
	})
}

func TestTooManyMarks(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
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
