package webrtc

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	ms          = time.Millisecond
	loud        = 8000
	frameTicks  = float64(media.FrameTicks)
	ticksSample = media.TickRate / webRate
)

// talk is a call cut down to its playout, which sends to a leg, notes what is
// told as played, and hears the caller.
type talk struct {
	*far
	leg     *Leg
	playout *media.Playout
	do      chan func(time.Time)
	rng     *rand.Rand
	told    []stretch
	frames  []media.Frame
	events  []telephony.Event
	clip    media.ClipID
}

func newTalk(f *far) *talk {
	leg := f.call()
	return &talk{
		far: f, leg: leg, do: make(chan func(time.Time), 100), rng: rand.New(rand.NewPCG(1, 2)),
		playout: media.NewPlayout(media.PlayoutOptions{Rate: webRate}, leg),
	}
}

// run runs the call for a time. Its timer is up to 3 ms late.
func (c *talk) run(length time.Duration) {
	ran := make(chan error, 1)
	go func() { ran <- c.leg.Run(context.Background()) }()
	end := time.After(length)
	step := time.NewTimer(time.Hour)
	recv, events := c.leg.Recv(), c.leg.Events()
	for events != nil {
		select {
		case fr, ok := <-recv:
			if !ok {
				recv = nil
				continue
			}
			c.frames = append(c.frames, fr)
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			c.event(e)
		case do := <-c.do:
			do(time.Now())
		case <-step.C:
		case <-end:
			if err := c.leg.End(context.Background(), telephony.Next{}); err != nil {
				c.Error(err)
			}
		}
		next, err := c.playout.Step(time.Now())
		if err != nil && c.leg.Cause() == "" {
			c.Error(err)
		}
		step.Stop()
		if !next.IsZero() {
			step.Reset(time.Until(next) + time.Duration(c.rng.Int64N(int64(3*ms))))
		}
	}
	<-ran
}

func (c *talk) event(e telephony.Event) {
	if n := len(c.events); n > 0 && e.At < c.events[n-1].At {
		c.Errorf("event %+v follows %+v", e, c.events[n-1])
	}
	c.events = append(c.events, e)
	switch e.Kind {
	case telephony.Played, telephony.Flushed:
		c.note(c.playout.Marked(e.Mark, e.Kind == telephony.Flushed, e.At))
	case telephony.Lost:
		c.note(c.playout.Lost(e.At))
	case telephony.Resumed:
		c.playout.Found()
	}
}

func (c *talk) note(spans []media.Span) {
	for _, s := range spans {
		c.told = append(c.told, stretch{float64(s.At), s.PCM})
	}
}

// at plans what is done on the call's goroutine.
func (c *talk) at(d time.Duration, do func(now time.Time)) {
	time.AfterFunc(d, func() { c.do <- do })
}

// say plans a sentence: a tone whose length is its own.
func (c *talk) say(d, length time.Duration) {
	c.at(d, func(time.Time) {
		c.clip++
		c.playout.Append(c.clip, tone(length))
		c.playout.Finish(c.clip)
	})
}

// hold plans an interruption after which nothing goes on.
func (c *talk) hold(d time.Duration) {
	c.at(d, func(now time.Time) {
		if err := c.playout.Hold(now); err != nil {
			c.Error(err)
		}
		c.playout.Drop()
	})
}

// pause plans an interruption after which the sentence goes on.
func (c *talk) pause(d, length time.Duration) {
	c.at(d, func(now time.Time) {
		if err := c.playout.Hold(now); err != nil {
			c.Error(err)
		}
	})
	c.at(d+length, func(time.Time) { c.playout.Resume() })
}

// caller lets the far end speak: a frame each 20 ms of its clock, a tone of 500
// ms each period, silence else; and report its stats each second.
func (c *talk) caller(period time.Duration) {
	quiet := c.payload(make([]int16, media.FrameSamples(webRate)))
	for i := media.Tick(0); ; i++ {
		at := i * media.FrameTicks
		time.Sleep(time.Until(c.when(float64(at + media.FrameTicks))))
		select {
		case <-c.gone:
			return
		default:
		}
		payload := quiet
		if d := at.Duration() % period; d >= period/2 && d < period/2+500*ms {
			payload = c.payload(tone(20 * ms))
		} else if d >= period/2+500*ms && d < period/2+600*ms {
			payload = c.payload(make([]int16, media.FrameSamples(webRate)))
		}
		c.send(c.c.Payload, at, false, payload)
		if i%50 == 49 {
			c.text(fmt.Sprintf(`{"type":"stats","jitter_buffer_ms":%g,"rtt_ms":%g}`, c.buffer.Seconds()*1000, 2000*c.distance().Seconds()))
		}
	}
}

// tone is 400 Hz in whole periods.
func tone(length time.Duration) []int16 {
	pcm := make([]int16, length*webRate/time.Second)
	for i := range pcm {
		pcm[i] = int16(loud * math.Sin(2*math.Pi*400*float64(i)/webRate))
	}
	return pcm
}

// burst is a stretch of sound between silences, in ticks.
type burst struct{ from, to float64 }

// bursts finds where there is sound, to 2.5 ms, in stretches of a clock. Gaps of
// less than 60 ms are none.
func bursts(played []stretch) (found []burst) {
	const window = webRate / 400
	for _, s := range played {
		for i := 0; i+window <= len(s.pcm); i += window {
			if media.RMS(s.pcm[i:i+window]) < -24 {
				continue
			}
			at := s.tick + float64(i*ticksSample)
			if n := len(found); n > 0 && at-found[n-1].to < 3*frameTicks {
				found[n-1].to = at + window*ticksSample
			} else {
				found = append(found, burst{at, at + window*ticksSample})
			}
		}
	}
	return found
}

// compare fails unless two lists of bursts lie within a frame of each other, and
// returns the largest distance.
func (c *talk) compare(what string, got, want []burst) (worst time.Duration) {
	c.Helper()
	if len(got) != len(want) {
		c.Fatalf("%s: %d bursts %v, want %d %v", what, len(got), got, len(want), want)
	}
	most := 0.0
	for i := range got {
		off := max(math.Abs(got[i].from-want[i].from), math.Abs(got[i].to-want[i].to))
		most = max(most, off)
		if off > frameTicks {
			c.Errorf("%s: burst %d is at %.0f to %.0f, want %.0f to %.0f", what, i, got[i].from, got[i].to, want[i].from, want[i].to)
		}
	}
	return media.Tick(most).Duration()
}

// heardBursts is what the far end heard of the agent.
func (c *talk) heardBursts() []burst {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bursts(c.played)
}

// callerBursts is what the call heard of the caller.
func (c *talk) callerBursts() []burst {
	var heard []stretch
	for _, f := range c.frames {
		heard = append(heard, stretch{float64(f.At), f.PCM})
	}
	return bursts(heard)
}

// said is when the caller spoke in a time: the tones of caller(period).
func (c *talk) said(period, length time.Duration) (tones []burst) {
	for at := period / 2; at+time.Second < length; at += period {
		from := float64(media.TicksIn(at))
		tones = append(tones, burst{from, from + media.TickRate/2})
	}
	return tones
}

// What is recorded as played is what the far end hears, when it hears it:
// whatever the network, the jitter buffer, the coding and the skew, whole
// sentences, sentences in a row, interruptions at any time.
func TestPlayedIsWhatIsHeard(t *testing.T) {
	type network struct {
		c              codec
		travel, buffer time.Duration
		ppm            float64
		obeys          bool
	}
	for name, n := range map[string]network{
		"near":              {overOpus, ms, 20 * ms, 0, false},
		"far":               {overOpus, 120 * ms, 80 * ms, 0, false},
		"PCMU":              {overPCMU, 40 * ms, 60 * ms, 0, false},
		"fast":              {overOpus, 30 * ms, 60 * ms, 500, false},
		"slow":              {overPCMU, 30 * ms, 60 * ms, -500, false},
		"very slow":         {overOpus, 240 * ms, 110 * ms, 0, false},
		"near, hushed":      {overOpus, ms, 20 * ms, 0, true},
		"far, hushed":       {overOpus, 120 * ms, 80 * ms, 0, true},
		"PCMU, hushed":      {overPCMU, 40 * ms, 60 * ms, -500, true},
		"very slow, hushed": {overOpus, 240 * ms, 100 * ms, 500, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFar(t, n.c, func(f *far) { f.travel, f.buffer, f.ppm, f.obeys = n.travel, n.buffer, n.ppm, n.obeys })
				c := newTalk(f)
				c.talkers.Go(func() { c.caller(4 * time.Second) })
				c.say(1500*ms, 700*ms)
				c.say(3*time.Second, 3333*ms) // more than a frame's worth of rounding
				for i := range 20 {
					at := 8*time.Second + time.Duration(i)*1901*ms
					c.say(at, 1500*ms)
					c.hold(at + time.Duration(i)*61*ms)
				}
				c.say(50*time.Second, 500*ms)
				c.say(50*time.Second, 300*ms) // at once after it
				for i := range 5 {
					at := 52*time.Second + time.Duration(i)*3*time.Second
					c.say(at, 1500*ms)
					c.pause(at+700*ms+time.Duration(i)*7*ms, 800*ms)
				}
				c.run(68 * time.Second)
				worst := c.compare("agent", bursts(c.told), c.heardBursts())
				t.Logf("within %v", worst)
			})
		})
	}
}

// A page that knows of hush is silent as soon as it is told, whatever it holds in
// its jitter buffer, and loses nothing of what is said next; another plays to the
// end.
func TestHush(t *testing.T) {
	for _, obeys := range []bool{false, true} {
		t.Run(fmt.Sprintf("obeys %v", obeys), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const travel, buffer = 30 * ms, 120 * ms
				f := newFar(t, overOpus, func(f *far) { f.travel, f.buffer, f.obeys = travel, buffer, obeys })
				c := newTalk(f)
				c.talkers.Go(func() { c.caller(4 * time.Second) })
				least, most := travel+buffer, travel+buffer+media.FrameDuration+opusDelay
				if obeys {
					least, most = travel-5*ms/2, travel+5*ms/2
				}
				for i := range 10 {
					at := 2*time.Second + time.Duration(i)*3001*ms
					c.say(at, 1500*ms)
					c.hold(at + 700*ms + time.Duration(i)*7*ms)
					c.at(at+701*ms+time.Duration(i)*7*ms, func(time.Time) { // waits until the hold is settled
						c.clip++
						c.playout.Append(c.clip, tone(800*ms))
						c.playout.Finish(c.clip)
					})
				}
				c.run(33 * time.Second)
				heard := c.heardBursts()
				c.compare("agent", bursts(c.told), heard)
				for i := range heard {
					if i%2 == 1 {
						if length := media.Tick(heard[i].to - heard[i].from).Duration(); length < 795*ms {
							t.Errorf("of the words after an interruption %v were heard, want 800 ms", length)
						}
						continue
					}
					held := 2*time.Second + time.Duration(i/2)*3001*ms + 700*ms + time.Duration(i/2)*7*ms
					if late := f.when(heard[i].to).Sub(f.born) - held; late < least || late > most {
						t.Errorf("heard for %v after the hold, want %v to %v", late, least, most)
					}
				}
			})
		})
	}
}

// What a page says of a hush that is none, of another one or of one that is over
// changes nothing of what is played later.
func TestHushedLate(t *testing.T) {
	const latency = 200 * ms
	o := newOutbound(opusClock, latency)
	begin := time.Unix(1000, 0)
	send := func(id media.MarkID, at time.Time) {
		if _, err := o.send(tone(20 * ms)); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := o.pop(at); !ok {
			t.Fatal("nothing was sent")
		}
		if err := o.mark(id, at); err != nil {
			t.Fatal(err)
		}
		o.pop(at)
	}
	due := func(after time.Duration) (ids []media.MarkID, flushed int) {
		for {
			m, _, ok := o.back(begin.Add(after))
			if !ok {
				return ids, flushed
			}
			if m.flushed {
				flushed++
			}
			ids = append(ids, m.id)
		}
	}
	if _, audible := o.clear(begin.Add(-time.Second)); audible {
		t.Error("silence is to be hushed")
	}
	send(1, begin)
	before, audible := o.clear(begin.Add(20 * ms))
	if want := o.schedule.stamp + 2*opusClock/50; before != want || !audible {
		t.Errorf("hush before %d, audible %v, want %d", before, audible, want)
	}
	if p, _, ok := o.pop(begin.Add(20 * ms)); !ok || p.pcm != nil {
		t.Errorf("%+v is sent after a clear, want silence", p)
	}
	send(2, begin.Add(40*ms))
	o.hushed(before+1, begin.Add(80*ms))
	if ids, _ := due(80 * ms); len(ids) > 0 {
		t.Errorf("marks %d came back by the answer to another hush", ids)
	}
	o.hushed(before, begin.Add(80*ms))
	if ids, flushed := due(80 * ms); len(ids) != 1 || flushed != 1 {
		t.Errorf("marks %d came back, %d of them flushed, want the first", ids, flushed)
	}
	o.hushed(before, begin.Add(90*ms))
	if ids, flushed := due(60*ms + latency); len(ids) != 1 || flushed != 0 {
		t.Errorf("marks %d came back, %d of them flushed, want the second as played", ids, flushed)
	}
	if _, audible := o.clear(begin.Add(60*ms + latency)); audible {
		t.Error("what has been heard is to be hushed")
	}
}

// Ten minutes with a clock that is off: the tones of both sides stay where they
// were, on the clock of the caller's sound.
func TestSkew(t *testing.T) {
	for _, ppm := range []float64{-500, 500} {
		t.Run(fmt.Sprint(ppm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const length, period = 10 * time.Minute, 10 * time.Second
				f := newFar(t, overOpus, func(f *far) { f.travel, f.buffer, f.ppm = 40*ms, 60*ms, ppm })
				c := newTalk(f)
				c.talkers.Go(func() { c.caller(period) })
				for at := 2 * time.Second; at < length-time.Second; at += period {
					c.say(at, 800*ms)
				}
				c.run(length)
				agent := c.compare("agent", bursts(c.told), c.heardBursts())
				elapsed := length + time.Duration(float64(length)*ppm/1e6)
				caller := c.compare("caller", c.callerBursts(), c.said(period, elapsed))
				t.Logf("agent within %v, caller within %v", agent, caller)
			})
		})
	}
}

// Five seconds without a connection are a gap of true length in the caller's
// sound, and what the far end missed of the agent's is played when it is back.
func TestBlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t, overOpus, func(f *far) { f.travel, f.buffer = 40*ms, 60*ms })
		c := newTalk(f)
		c.talkers.Go(func() { c.caller(2 * time.Second) })
		c.say(1500*ms, time.Second)
		c.say(4*time.Second, 4*time.Second)
		time.AfterFunc(5*time.Second, func() { f.blackout(true); f.state(wireLost) })
		time.AfterFunc(10*time.Second, func() { f.blackout(false); f.state(wireBack) })
		c.say(15*time.Second, time.Second)
		c.run(17 * time.Second)

		var missed []burst
		for _, b := range c.said(2*time.Second, 17*time.Second) {
			if b.from < 5*media.TickRate || b.from > 10*media.TickRate {
				missed = append(missed, b)
			}
		}
		c.compare("caller", c.callerBursts(), missed)
		told, heard := bursts(c.told), c.heardBursts()
		if len(told) != 4 || len(heard) != 4 {
			t.Fatalf("told %v, heard %v", told, heard)
		}
		// What was on its way then was heard, is not told, and is played again.
		if missing := heard[1].to - told[1].to; missing < -frameTicks || missing > float64(media.TicksIn(160*ms)) {
			t.Errorf("the cut is told at %.0f, and was at %.0f", told[1].to, heard[1].to)
		}
		if length := told[1].to - told[1].from + told[2].to - told[2].from; math.Abs(length-4*media.TickRate) > frameTicks {
			t.Errorf("%.0f ticks of the sentence were told", length)
		}
		told[1].to = heard[1].to
		c.compare("agent", told, heard)
		if f.count("outages_total", outageOver) != 1 {
			t.Error("the outage was not counted")
		}
	})
}

// A browser that comes back by a longer way is placed by that way.
func TestMovedNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t, overOpus, func(f *far) { f.travel, f.buffer = 10*ms, 40*ms })
		c := newTalk(f)
		c.talkers.Go(func() { c.caller(2 * time.Second) })
		c.say(1500*ms, time.Second)
		time.AfterFunc(4*time.Second, func() { f.blackout(true); f.state(wireLost) })
		time.AfterFunc(6*time.Second, func() { f.move(150 * ms); f.blackout(false); f.state(wireBack) })
		c.say(8500*ms, time.Second)
		c.run(12 * time.Second)
		c.compare("agent", bursts(c.told), c.heardBursts())
	})
}
