package voicetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/sim"
)

// intact compares the length of what came with what was said, at both rates and
// however the bytes are cut.
func (v Remote) intact(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, odd := range []bool{false, true} {
			l := v.connect(t, Key, sim.SynthesiserFaults{Odd: odd})
			c := l.say(t.Context(), said, rate)
			l.whole(c, said, rate)
			want := len(sim.SayTones(rate, said))
			if got := len(c.pcm); got < want-rate/100 || got > want+rate/100 {
				t.Errorf("%d samples came at %d Hz, want %d", got, rate, want)
			}
		}
	}
}

// first measures what a voice adds to the time of its vendor.
func (v Remote) first(t *testing.T) {
	l := v.connect(t, Key, sim.SynthesiserFaults{})
	l.fake.Latency = 120 * time.Millisecond
	c := l.say(t.Context(), said, 8000)
	l.whole(c, said, 8000)
	if c.first < l.fake.Latency || c.first > l.fake.Latency+10*time.Millisecond {
		t.Errorf("the first audio came after %v of a vendor that takes %v", c.first, l.fake.Latency)
	}
}

// connections are kept for the next sentence of any call.
func (v Remote) connections(t *testing.T) {
	l := v.connect(t, Key, sim.SynthesiserFaults{})
	for range 4 {
		l.whole(l.say(t.Context(), said, 8000), said, 8000)
	}
	if n := l.dialled.Load(); !v.Socket && !v.Events && n != 1 {
		t.Errorf("%d connections were made for 4 sentences in a row, want 1", n)
	}
}

// cancelled frees the connection as soon as the caller interrupts.
func (v Remote) cancelled(t *testing.T) {
	for _, f := range []sim.SynthesiserFaults{{}, {Deaf: true}, {HalfOpen: 200 * time.Millisecond}, {Connect: time.Minute}} {
		l := v.connect(t, Key, f)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(110*time.Millisecond, cancel)
		c := l.say(ctx, said, 8000)
		if !errors.Is(c.err, context.Canceled) || c.took > 115*time.Millisecond {
			t.Errorf("%+v: cancelled after 110 ms, it ended after %v with %v", f, c.took, c.err)
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if n := l.fake.Live(); n != 0 {
			t.Errorf("%+v: %d requests are still being answered", f, n)
		}
		var failure *tts.Failure
		if errors.As(c.err, &failure) {
			t.Errorf("%+v: an interruption is taken for a failure: %v", f, c.err)
		}
	}
}

// recovers after a fault without being made anew.
func (v Remote) recovers(t *testing.T) {
	for _, f := range []sim.SynthesiserFaults{
		{First: 1, Status: 500}, {First: 1, CutAfter: 300 * time.Millisecond}, {First: 1, HalfOpen: 300 * time.Millisecond}, {First: 1, Huge: true}, {First: 1, Apology: true},
	} {
		l := v.connect(t, Key, f)
		if c := l.say(t.Context(), said, 8000); c.err == nil && !(v.Socket && f.Apology) {
			t.Errorf("%+v: the first sentence did not fail", f)
		}
		l.whole(l.say(t.Context(), said, 8000), said, 8000)
	}
}

// backpressure is a call that has enough for now: the time that it takes is not the
// voice's.
func (v Remote) backpressure(t *testing.T) {
	l := v.connect(t, Key, sim.SynthesiserFaults{})
	var c clip
	for pcm, err := range l.voice.Speak(t.Context(), said, 8000) {
		c.pcm, c.err = append(c.pcm, pcm...), err
		time.Sleep(3 * time.Second)
	}
	l.whole(c, said, 8000)
}

// refused is a vendor that is not there.
func (v Remote) refused(t *testing.T) {
	refusing := v.Voice("http://vendor.example", Key, remote.Options{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}})
	defer refusing.Close()
	l := &line{t: t, voice: refusing}
	l.failed(l.say(t.Context(), said, 8000), tts.Unreachable, time.Millisecond)

	hanging := v.Voice("http://vendor.example", Key, remote.Options{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	defer hanging.Close()
	l.voice = hanging
	l.failed(l.say(t.Context(), said, 8000), tts.TimedOut, 3*time.Second)
}

// survives lists what nobody hears.
func (v Remote) survives(t *testing.T) {
	faults := map[string]sim.SynthesiserFaults{
		"unknown fields and events": {Unknown: true},
		"odd numbers of bytes":      {Odd: true},
		"a slow answer":             {Connect: 1500 * time.Millisecond},
	}
	if v.Events {
		faults["events that are none"] = sim.SynthesiserFaults{Garbage: 3}
	}
	for name, f := range faults {
		for _, rate := range []int{8000, 16000} {
			t.Run(fmt.Sprintf("%s at %d", name, rate), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := v.connect(t, Key, f)
					l.whole(l.say(t.Context(), said, rate), said, rate)
				})
			})
		}
	}
}

// gaveUp is a fault that ends a sentence: how, and how soon.
type gaveUp struct {
	name   string
	key    string
	faults sim.SynthesiserFaults
	class  tts.Class
	within time.Duration
	heard  bool // some audio comes before
}

// givesUp lists what ends a sentence, with a class, in time.
func (v Remote) givesUp(t *testing.T) {
	cases := []gaveUp{
		{"a slow connection", "", sim.SynthesiserFaults{Connect: time.Minute}, tts.TimedOut, 3 * time.Second, false},
		{"a wrong key", "another", sim.SynthesiserFaults{Echo: true}, tts.Denied, 10 * time.Millisecond, false},
		{"401", "", sim.SynthesiserFaults{Status: 401, Echo: true}, tts.Denied, 10 * time.Millisecond, false},
		{"402", "", sim.SynthesiserFaults{Status: 402, Echo: true}, tts.Denied, 10 * time.Millisecond, false},
		{"404", "", sim.SynthesiserFaults{Status: 404, Echo: true}, tts.Rejected, 10 * time.Millisecond, false},
		{"422", "", sim.SynthesiserFaults{Status: 422, Echo: true}, tts.Rejected, 10 * time.Millisecond, false},
		{"429", "", sim.SynthesiserFaults{Status: 429, RetryAfter: time.Minute, Echo: true}, tts.Limited, 10 * time.Millisecond, false},
		{"500", "", sim.SynthesiserFaults{Status: 500, Echo: true}, tts.Busy, 10 * time.Millisecond, false},
		{"503", "", sim.SynthesiserFaults{Status: 503, RetryAfter: time.Minute}, tts.Busy, 10 * time.Millisecond, false},
		{"a redirect", "", sim.SynthesiserFaults{Status: 307, Location: "http://elsewhere.example/"}, tts.Rejected, 10 * time.Millisecond, false},
		{"no audio ever", "", sim.SynthesiserFaults{Deaf: true}, tts.TimedOut, 3 * time.Second, false},
		{"no audio at all", "", sim.SynthesiserFaults{Empty: true}, tts.Protocol, 100 * time.Millisecond, false},
		{"cut in mid-word", "", sim.SynthesiserFaults{CutAfter: 350 * time.Millisecond}, tts.Cut, time.Second, true},
		{"half-open in mid-word", "", sim.SynthesiserFaults{HalfOpen: 350 * time.Millisecond}, tts.TimedOut, 2 * time.Second, true},
		{"half-open, far ahead", "", sim.SynthesiserFaults{Endless: true, HalfOpen: 8 * time.Second}, tts.TimedOut, 8500 * time.Millisecond, true},
		{"a sample a second", "", sim.SynthesiserFaults{Drip: true}, tts.TimedOut, 2 * time.Second, true},
		{"audio without end", "", sim.SynthesiserFaults{Endless: true}, tts.Protocol, 3 * time.Second, true},
		{"100 MB", "", sim.SynthesiserFaults{Huge: true}, tts.Protocol, time.Second, false},
		{"another coding", "", sim.SynthesiserFaults{Compressed: true}, tts.Rejected, 100 * time.Millisecond, false},
	}
	if v.Events {
		cases = append(cases, gaveUp{"only garbage", "", sim.SynthesiserFaults{Garbage: 10}, tts.Protocol, 100 * time.Millisecond, false})
	}
	if !v.Socket {
		cases = append(cases,
			gaveUp{"an error that says 200", "", sim.SynthesiserFaults{Apology: true, Echo: true}, tts.Protocol, 10 * time.Millisecond, false},
			gaveUp{"an error that says it is audio", "", sim.SynthesiserFaults{Apology: true, Disguised: true, Echo: true}, tts.Protocol, 10 * time.Millisecond, false})
	}
	for _, c := range cases {
		if c.faults.Compressed && v.Events {
			continue // in messages, only the vendor can know
		}
		t.Run(c.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { v.ends(t, c) }) })
	}
}

// ends checks how a sentence ends, and that the connection is let go.
func (v Remote) ends(t *testing.T, c gaveUp) {
	key := Key
	if c.key != "" {
		key = c.key
	}
	for _, rate := range []int{8000, 16000} {
		l := v.connect(t, key, c.faults)
		came := l.say(t.Context(), said+", alpha bravo charlie.", rate)
		if c.heard != (len(came.pcm) > 0) && !c.faults.Huge {
			t.Errorf("%d samples came before it failed", len(came.pcm))
		}
		l.failed(came, c.class, c.within)
		var f *tts.Failure
		if errors.As(came.err, &f) && f.RetryAfter != c.faults.RetryAfter {
			t.Errorf("it says to come again after %v, want %v", f.RetryAfter, c.faults.RetryAfter)
		}
		if errors.As(came.err, &f) && f.Status != c.faults.Status && c.key == "" && !c.faults.Apology {
			t.Errorf("it was answered %d, want %d", f.Status, c.faults.Status) // and nobody else was asked
		}
		if n := l.read.Load(); n > 8<<20 {
			t.Errorf("%d bytes were read", n)
		}
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if n := l.fake.Live(); n != 0 {
			t.Errorf("%d requests are still being answered", n)
		}
	}
}

// failed checks how a sentence failed, and that it did in time.
func (l *line) failed(c clip, class tts.Class, within time.Duration) {
	l.t.Helper()
	var f *tts.Failure
	if !errors.As(c.err, &f) || f.Class != class || f.Engine != l.voice.Name() {
		l.t.Errorf("it failed with %v, want a failure of %s of class %s", c.err, l.voice.Name(), class)
	}
	if c.took > within {
		l.t.Errorf("it took %v to fail, want %v at most", c.took, within)
	}
}
