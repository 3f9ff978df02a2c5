// Package voicetest is what every voice elsewhere must pass, against a fake that
// speaks the vendor's documented protocol over connections in memory, in virtual
// time: the contract of dialog.Speaker, and what goes wrong with networks and
// vendors.
//
// It refuses to reach any network: it proves our reading of a vendor's pages, not
// the vendor. Its goroutines end with the test, or the test fails.
package voicetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/contract"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/sim"
)

// Key is the key that fakes want. Nothing that is logged may hold it.
const Key = "sk-kGb4xYq7Rw2PzT9vLm3N"

// Voice is a voice elsewhere; Close frees its connections.
type Voice interface {
	dialog.Speaker
	io.Closer
}

// Remote is a voice elsewhere, and the fake of its vendor.
type Remote struct {
	// Fake makes the vendor.
	Fake func() (*sim.Synthesiser, http.Handler)
	// Voice makes a voice that has a key and whose vendor is at a URL.
	Voice func(url, key string, o remote.Options) Voice
	// Events is set for a voice whose audio comes in messages of JSON.
	Events bool
	// Socket is set for one that makes a WebSocket for each clip.
	Socket bool
}

// said is what is said, in the language of the fakes.
const said = "alpha bravo charlie delta echo"

// line is a voice that is connected to a fake.
type line struct {
	t        *testing.T
	fake     *sim.Synthesiser
	listener *sim.PipeListener
	voice    Voice
	dialled  atomic.Int64
	read     atomic.Int64 // bytes that the voice has read
}

// connect makes a fake and the voice that uses it, in a bubble.
func (v Remote) connect(t *testing.T, key string, f sim.SynthesiserFaults) *line {
	t.Helper()
	l := &line{t: t, listener: sim.NewPipeListener()}
	fake, handler := v.Fake()
	fake.Key, fake.Faults = Key, f
	l.fake = fake
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l.listener)
	}()
	l.voice = v.Voice("http://vendor.example", key, remote.Options{DialContext: l.dial})
	t.Cleanup(func() {
		if err := l.voice.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		server.Close()
		<-served
		synctest.Wait()
	})
	return l
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.dialled.Add(1)
	c, err := l.listener.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return counted{c, &l.read}, nil
}

// counted is a connection whose reading is counted.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// clip is what came of a sentence.
type clip struct {
	pcm   []int16
	first time.Duration // to the first audio; 0 without any
	took  time.Duration
	err   error
}

// say has a sentence said as in a call: what is made is taken at once.
func (l *line) say(ctx context.Context, text string, rate int) (c clip) {
	began := time.Now()
	for pcm, err := range l.voice.Speak(ctx, text, rate) {
		if c.err != nil {
			l.t.Error("something came after an error")
		}
		if err == nil && len(c.pcm) == 0 {
			c.first = time.Since(began)
		}
		c.pcm, c.err = append(c.pcm, pcm...), err
	}
	c.took = time.Since(began)
	l.secret(c.err)
	return c
}

// whole checks that a sentence came as it was said.
func (l *line) whole(c clip, words string, rate int) {
	l.t.Helper()
	if c.err != nil {
		l.t.Errorf("saying %q failed: %v", words, c.err)
		return
	}
	if heard, noise := sim.HearTones(rate, c.pcm); heard != words || noise > 0 {
		l.t.Errorf("heard %q and %d blocks of noise, want %q", heard, noise, words)
	}
}

// secret checks that nothing that may be logged or shown holds the key or the words.
func (l *line) secret(err error) {
	l.t.Helper()
	shown := fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err)
	var f *tts.Failure
	if errors.As(err, &f) {
		shown += fmt.Sprintf("%+v %#v", *f, *f)
	}
	for _, secret := range []string{Key[3:11], Key[len(Key)-8:], "bravo"} {
		if strings.Contains(shown, secret) {
			l.t.Errorf("%q is in what may be logged:\n%s", secret, shown)
		}
	}
}

// Run holds a voice elsewhere against the contract, and against what goes wrong.
func Run(t *testing.T, v Remote) {
	for _, rate := range []int{8000, 16000} {
		for _, c := range contract.Cases {
			t.Run(fmt.Sprintf("%s at %d", c.Name, rate), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := v.connect(t, Key, sim.SynthesiserFaults{})
					c.Hold(t.Context(), t, contract.Subject{Speaker: l.voice, Rate: rate, Words: said, Hear: hear, Leave: 5 * time.Millisecond})
				})
			})
		}
	}
	for name, hold := range map[string]func(Remote, *testing.T){
		"intact": Remote.intact, "first audio": Remote.first, "connections": Remote.connections, "cancelled": Remote.cancelled,
		"recovers": Remote.recovers, "backpressure": Remote.backpressure, "refused": Remote.refused,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { hold(v, t) }) })
	}
	v.survives(t)
	v.givesUp(t)
}

func hear(words string, rate int, pcm []int16) (wrong, said int, err error) {
	heard, noise := sim.HearTones(rate, pcm)
	if noise > 0 {
		return 0, 0, fmt.Errorf("%d blocks are noise", noise)
	}
	wrong, said = sim.WordErrors(words, heard)
	return 4 * wrong, said, nil // each must be right
}

// Asked has a sentence said, in a bubble, and returns what the vendor was asked.
func Asked(t *testing.T, v Remote, rate int) sim.SynthesiserRequest {
	t.Helper()
	l := v.connect(t, Key, sim.SynthesiserFaults{})
	l.whole(l.say(t.Context(), said, rate), said, rate)
	return l.fake.Requests()[0]
}

// Twice has a sentence said, and again after a pause, of a vendor whose handshake
// takes 100 ms. It returns how long the first audio of each took.
func Twice(t *testing.T, v Remote, pause time.Duration) (first, later time.Duration) {
	t.Helper()
	l := v.connect(t, Key, sim.SynthesiserFaults{Connect: 100 * time.Millisecond})
	a := l.say(t.Context(), said, 8000)
	time.Sleep(pause)
	b := l.say(t.Context(), said, 8000)
	l.whole(a, said, 8000)
	l.whole(b, said, 8000)
	return a.first, b.first
}
