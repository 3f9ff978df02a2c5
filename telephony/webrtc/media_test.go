package webrtc

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media"
)

// wired is a gateway whose calls' wires are the test's alone.
func wired(t testing.TB, h habits) (*browser, *peer) {
	peers := make(chan *peer, 1)
	g := newGateway(t, func(o *Options) {
		o.Serve = func(ctx context.Context, l *Leg) {
			peers <- l.wire.(*peer)
			<-ctx.Done()
		}
	})
	b := newBrowser(g, h)
	b.ring(b.offer())
	within(t, b.connected, "the connection")
	return b, within(t, peers, "the call to be served")
}

// exchange sends a packet each way and waits for the caller's.
func exchange(b *browser, p *peer) func(testing.TB) {
	payload, buf := make([]byte, 60), make([]byte, 1500)
	out := rtp.Header{Version: 2, PayloadType: 111}
	in := rtp.Header{Version: 2, PayloadType: 111, SSRC: uint32(b.sender.GetParameters().Encodings[0].SSRC)}
	return func(t testing.TB) {
		out.SequenceNumber++
		out.Timestamp += 960
		if err := p.WriteRTP(&out, payload); err != nil {
			t.Fatal(err)
		}
		in.SequenceNumber++
		in.Timestamp += 960
		if _, err := b.track.stream.WriteRTP(&in, payload); err != nil {
			t.Fatal(err)
		}
		if n, err := p.ReadRTP(buf); err != nil || n != 72 {
			t.Fatal(n, err)
		}
	}
}

// Neither our part nor pion's allocates for a packet; the browser's part does.
func TestPacketsCostNoMemory(t *testing.T) {
	b, p := wired(t, habits{silent: true})
	once := exchange(b, p)
	once(t)
	if got := testing.AllocsPerRun(2000, func() { once(t) }); got > 0 {
		t.Errorf("%v allocations a packet each way", got)
	}
	eventually(t, "what was sent to arrive", func() bool { return b.heard.Load() > 1900 })
}

func BenchmarkPacketBothWays(b *testing.B) {
	once := exchange(wired(b, habits{silent: true}))
	b.ReportAllocs()
	for b.Loop() {
		once(b)
	}
}

func TestReadDeadline(t *testing.T) {
	b, p := wired(t, habits{})
	buf := make([]byte, 1500)
	for range 2 { // before there is any audio, and after
		if err := p.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := p.ReadRTP(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d, %v after the deadline", n, err)
		}
		if err := p.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if err := b.track.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.ReadRTP(buf); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := p.ReadRTP(buf)
		done <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := within(t, done, "ReadRTP to return"); err != io.EOF {
		t.Errorf("after Close: %v, want EOF", err)
	}
	for range p.States() {
	}
	for range p.Messages() {
	}
	for range p.Reports() {
	}
	if err := p.WriteRTP(&rtp.Header{}, nil); err == nil {
		t.Error("a closed wire takes packets")
	}
	if err := p.WriteMessage([]byte("x")); err == nil {
		t.Error("a closed wire takes messages")
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}
