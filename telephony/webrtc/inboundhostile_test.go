package webrtc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"sidetone/media"
)

// Whatever a far end sends is counted as what it is, and does no harm to the
// sound around it.
func TestInboundRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		packet func(m *mic) []byte
		result packetResult
		silent bool // the packet had a number of its own and 20 ms of time
	}{
		"nothing":           {func(*mic) []byte { return nil }, packetMalformed, false},
		"runt":              {func(*mic) []byte { return []byte{0x80, 111, 0, 0, 1} }, packetMalformed, false},
		"version 1":         {func(m *mic) []byte { b := m.tone20(); m.head.SequenceNumber--; m.back(); b[0] = 0x40; return b }, packetMalformed, false},
		"cut in extensions": {func(*mic) []byte { return append([]byte{0x90, 111}, make([]byte, 10)...) }, packetMalformed, false},
		"all padding":       {func(*mic) []byte { return append([]byte{0xA0, 111}, append(make([]byte, 10), 0)...) }, packetMalformed, false},
		"too much padding":  {func(*mic) []byte { return append([]byte{0xA0, 111}, append(make([]byte, 10), 2)...) }, packetMalformed, false},
		"no payload":        {func(m *mic) []byte { defer m.skip(960); return m.pack(111, nil) }, packetEmpty, true},
		"only padding":      {func(m *mic) []byte { defer m.skip(960); b := m.pack(111, []byte{0, 0, 3}); b[0] |= 0x20; return b }, packetEmpty, true},
		"garbage for Opus":  {func(m *mic) []byte { defer m.skip(960); return m.pack(111, []byte{9<<3 | 3, 0}) }, packetMalformed, true},
		"another type":      {func(m *mic) []byte { defer m.skip(960); return m.pack(13, []byte{1, 2, 3}) }, packetOther, true},
		"too large":         {func(m *mic) []byte { defer m.skip(960); return m.pack(111, make([]byte, 1501)) }, packetTooLarge, true},
		"another source's other type": {func(m *mic) []byte {
			m.head.SSRC = 99
			defer func() { m.head.SSRC, m.head.SequenceNumber = 1, m.head.SequenceNumber-1 }()
			return m.pack(13, []byte{1, 2, 3})
		}, packetStray, false},
		"far number": {func(m *mic) []byte {
			was := m.head.SequenceNumber
			m.head.SequenceNumber += 20000
			defer func() { m.head.SequenceNumber = was }()
			return m.pack(111, []byte{9 << 3, 1, 2, 3})
		}, packetStray, false},
		"duplicate": {func(m *mic) []byte {
			m.head.SequenceNumber--
			return m.pack(111, []byte{9 << 3, 1, 2, 3})
		}, packetDuplicate, false},
	} {
		t.Run(name, func(t *testing.T) {
			k, m := newCatch(t, overOpus), newMic(t, overOpus)
			for i := range 5 {
				k.take(m.tone20(), noon.Add(time.Duration(i)*media.FrameDuration))
			}
			k.take(test.packet(m), noon.Add(5*media.FrameDuration))
			for i := range 5 {
				k.take(m.tone20(), noon.Add(time.Duration(6+i)*media.FrameDuration))
			}
			if test.silent {
				k.wantFrames([2]media.Tick{0, 5 * 960}, [2]media.Tick{6 * 960, 11 * 960})
			} else {
				k.wantFrames([2]media.Tick{0, 10 * 960})
			}
			k.wantResult(test.result, 1)
			k.wantResult(packetSound, 10)
			k.wantCount("lost", k.metrics.inboundMetrics.lost, 0)
		})
	}
}

// back takes back the time of a packet that does not count.
func (m *mic) back() { m.skip(-media.FrameTicks) }

// Headers may have sources that contributed, extensions and padding.
func TestInboundReadsHeaders(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	m.extra = func(h *rtp.Header) {
		h.CSRC = []uint32{7, 8, 9}
		if err := h.SetExtension(1, []byte{0x7F}); err != nil {
			t.Fatal(err)
		}
		if err := h.SetExtension(4, []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		b := m.tone20()
		b = append(b, 0, 0, 3)
		b[0] |= 0x20
		k.take(b, noon.Add(time.Duration(i)*media.FrameDuration))
		clear(b) // nothing of it is kept
	}
	k.wantFrames([2]media.Tick{0, 50 * 960})
	if got := media.ToneLevel(k.pcm()[webRate/4:], webRate, 450); got < -15 || got > -10 {
		t.Errorf("the tone is at %.1f dBFS", got)
	}
}

// Sources that take turns cost sound, and nothing else.
func TestInboundSourcesTakeTurns(t *testing.T) {
	k, m := newCatch(t, overOpus), newMic(t, overOpus)
	for i := range 1000 {
		m.head.SSRC = uint32(i)
		k.take(m.tone20(), noon.Add(time.Duration(i)*media.FrameDuration))
	}
	k.wantFrames([2]media.Tick{0, 1000 * 960})
	k.wantCount("restarts", k.metrics.restarts, 999)
}

// Frames are never changed once they were handed on.
func TestInboundFramesAreImmutable(t *testing.T) {
	for name, c := range map[string]codec{"opus": overOpus, "pcmu": overPCMU} {
		t.Run(name, func(t *testing.T) {
			k := newCatch(t, c)
			packets := newMic(t, c).speak(librivox(t)[:200*320])
			var then [][]int16
			for i, p := range packets {
				if i%7 != 3 {
					k.take(p.b, p.at)
				}
				for len(then) < len(k.frames) {
					then = append(then, slices.Clone(k.frames[len(then)].PCM))
				}
			}
			for i, f := range k.frames {
				if !slices.Equal(f.PCM, then[i]) {
					t.Fatalf("frame %d changed", i)
				}
			}
		})
	}
}

// checkSink checks what every sink may rely on.
type checkSink struct {
	*testing.T
	end media.Tick
}

func (s *checkSink) frame(f media.Frame) {
	if f.At < s.end || len(f.PCM) != webRate/50 {
		s.Fatalf("a frame of %d samples at %d after one that ended at %d", len(f.PCM), f.At, s.end)
	}
	s.end = f.End()
}

func (s *checkSink) key(digit byte) {
	if !bytes.ContainsRune([]byte("0123456789*#ABCD"), rune(digit)) {
		s.Fatalf("key %q", digit)
	}
}

// FuzzInbound reads a list of (milliseconds, length, packet).
func FuzzInbound(f *testing.F) {
	for _, c := range []codec{overOpus, overPCMU} {
		m := newMic(f, c)
		var script []byte
		add := func(ms byte, p []byte) {
			script = append(binary.BigEndian.AppendUint16(append(script, ms), uint16(len(p))), p...)
		}
		for i := range 12 {
			p := m.tone20()
			if i%5 != 3 {
				add(20, p)
			}
		}
		for _, p := range m.dial(5, noon, 60*time.Millisecond) {
			add(20, p.b)
		}
		m.head.SSRC, m.head.Timestamp = 5, 77
		add(200, m.tone20())
		m.head.SequenceNumber += 500
		add(20, m.tone20())
		m.skip(20 * media.TickRate)
		add(20, m.tone20())
		add(5, m.pack(111, []byte{0xFF, 0xFF, 0xFF, 1, 2, 3}))
		add(5, []byte{0xB3, 111, 0, 0})
		f.Add(script, c.Opus)
	}
	f.Fuzz(func(t *testing.T, script []byte, overOpusToo bool) {
		c := overPCMU
		if overOpusToo {
			c = overOpus
		}
		s := &checkSink{T: t}
		in, err := newInbound(c, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		now := noon
		for len(script) >= 3 {
			now = now.Add(time.Duration(script[0]) * time.Millisecond)
			n := min(int(binary.BigEndian.Uint16(script[1:])), len(script)-3)
			in.take(script[3:3+n], now)
			if due := in.due(); !due.IsZero() && !due.After(now) {
				t.Fatalf("due at %v, and not done at %v", due, now)
			}
			if n%3 == 0 {
				in.pass(now.Add(time.Millisecond))
			}
			script = script[3+n:]
		}
		in.flush()
		if r := in.reception(); r.Loss < 0 || r.Loss > 1 || r.Jitter < 0 || in.newest() != s.end {
			t.Fatalf("%+v, newest %d of %d", r, in.newest(), s.end)
		}
		if spent := now.Sub(noon) + maxAstray.Duration() + 2*time.Second; s.end.Duration() > spent {
			t.Fatalf("%v of sound in %v", s.end.Duration(), now.Sub(noon))
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(keyPayload(5, ends, 960), uint32(1), uint32(1))
	f.Add(slices.Concat(keyPayload(5, ends, 960), keyPayload(16, goesOn, 65535)), uint32(1), uint32(1<<32-1))
	f.Add([]byte{1, 2, 3}, uint32(1), uint32(2))
	f.Fuzz(func(t *testing.T, payload []byte, a, b uint32) {
		k, m := newCatch(t, overOpus), newMic(t, overOpus)
		for _, start := range []uint32{a, b, a, b} {
			m.head.Timestamp = start
			k.take(m.pack(110, payload), noon)
		}
		blocks := 0
		for rest, ok := payload, true; ok && len(rest) > 0; blocks++ {
			_, rest, ok = parseKey(rest)
		}
		if len(k.digits) > 4*blocks || len(payload)%keyBlock != 0 && k.digits != "" {
			t.Errorf("keys %q of %x", k.digits, payload)
		}
		if blocks == 1 && len(payload) == keyBlock && len(k.digits) > 2 {
			t.Errorf("keys %q of two presses", k.digits)
		}
	})
}

// looped is a second of packets, to be sent again and again.
type looped struct {
	m        *mic
	payloads [][]byte
	i        int
	at       time.Time
	b        []byte
}

func newLooped(tb testing.TB, c codec) *looped {
	l := &looped{m: newMic(tb, c), at: noon, b: make([]byte, 2000)}
	for _, p := range newMic(tb, c).speak(librivox(tb)[:100*320]) {
		l.payloads = append(l.payloads, p.b[12:])
	}
	return l
}

// next returns the next packet and its time. It allocates nothing.
func (l *looped) next() ([]byte, time.Time) {
	l.at = l.at.Add(media.FrameDuration)
	payload := l.payloads[l.i%len(l.payloads)]
	l.i++
	n, err := l.m.head.MarshalTo(l.b)
	if err != nil {
		l.m.Fatal(err)
	}
	l.m.head.SequenceNumber++
	l.m.skip(media.FrameTicks)
	return l.b[:n+copy(l.b[n:], payload)], l.at
}

type nullSink struct{}

func (nullSink) frame(media.Frame) {}
func (nullSink) key(byte)          {}

// Of a stream nothing is allocated but a second's frames at a time, even where
// packets are lost.
func TestInboundAllocatesASlabASecond(t *testing.T) {
	for name, c := range map[string]codec{"opus": overOpus, "pcmu": overPCMU} {
		for lossy, every := range map[string]int{"": 1000, ", lossy": 7} {
			t.Run(name+lossy, func(t *testing.T) {
				in, err := newInbound(c, nullSink{}, nil)
				if err != nil {
					t.Fatal(err)
				}
				l := newLooped(t, c)
				second := func() {
					for range 50 {
						p, at := l.next()
						if l.i%every == 3 {
							continue
						}
						if due := in.due(); !due.IsZero() && due.Before(at) {
							in.pass(due)
						}
						in.take(p, at)
					}
					in.reception()
				}
				for range 3 {
					second()
				}
				if n := testing.AllocsPerRun(20, second); n > 1 {
					t.Errorf("%v allocations a second, want the slab's one", n)
				}
			})
		}
	}
}

func BenchmarkInbound(b *testing.B) {
	for name, c := range map[string]codec{"opus": overOpus, "pcmu": overPCMU} {
		b.Run(name, func(b *testing.B) {
			in, err := newInbound(c, nullSink{}, nil)
			if err != nil {
				b.Fatal(err)
			}
			l := newLooped(b, c)
			b.ReportAllocs()
			for b.Loop() {
				in.take(l.next())
			}
		})
	}
}
