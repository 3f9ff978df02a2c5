package webrtc

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/media"
)

// Ends of a press, as bits of a block's second byte.
const (
	goesOn = 10 // volume
	ends   = 0x80 | 10
)

func keyPayload(code, flags byte, duration uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{code, flags}, duration)
}

// keyPacket makes a packet of a press that began at start.
func (m *mic) keyPacket(kind, code, flags byte, start uint32, duration media.Tick, marker bool) []byte {
	m.Helper()
	now := m.head.Timestamp
	defer func() { m.head.Timestamp, m.head.Marker = now, false }()
	m.head.Timestamp, m.head.Marker = start, marker
	return m.pack(kind, keyPayload(code, flags, uint16(duration)))
}

// dial presses a key as browsers do: a packet each 20 ms with the start's
// timestamp, the last three times. No sound is sent meanwhile.
func (m *mic) dial(code byte, at time.Time, length time.Duration) (all []sent) {
	m.Helper()
	start, t := m.head.Timestamp, media.Tick(0)
	for t = media.FrameTicks; t <= media.TicksIn(length); t += media.FrameTicks {
		m.skip(media.FrameTicks)
		at = at.Add(media.FrameDuration)
		all = append(all, sent{at, m.keyPacket(m.c.Keys48, code, goesOn, start, t, t == media.FrameTicks)})
	}
	for range 3 {
		all = append(all, sent{at, m.keyPacket(m.c.Keys48, code, ends, start, t, false)})
	}
	return all
}

// A thousand presses, close together, through a bad network: each once, and in
// order.
func TestKeysOverBadNetworks(t *testing.T) {
	for name, n := range map[string]network{
		"clean":            {},
		"5 %":              {loss: 0.05, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		"20 %":             {loss: 0.2, jitter: 60 * time.Millisecond, reorder: 0.05, behind: 60 * time.Millisecond},
		"5 %, very uneven": {loss: 0.05, jitter: 300 * time.Millisecond, reorder: 0.2, behind: 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, k := rand.New(rand.NewPCG(7, 7)), newMic(t, overOpus), newCatch(t, overOpus)
			var packets []sent
			var want strings.Builder
			at := noon
			for range 1000 {
				code := byte(r.IntN(keyCodes))
				want.WriteByte("0123456789*#ABCD"[code])
				press := m.dial(code, at, time.Duration(40+20*r.IntN(6))*time.Millisecond)
				packets = append(packets, press...)
				at = press[len(press)-1].at
				for range r.IntN(3) { // sound in between, or none
					at = at.Add(media.FrameDuration)
					packets = append(packets, sent{at, m.tone20()})
				}
			}
			k.deliver(n.cross(r, packets))
			if k.digits != want.String() {
				t.Errorf("%d keys came, or in another order, want 1000", len(k.digits))
			}
			k.wantCount("made up", k.metrics.made, 0)
			k.wantCount("keys", k.metrics.inboundMetrics.keys, float64(len(k.digits)))
		})
	}
}

// Any one packet of a press is enough.
func TestKeysWithOnePacketLeft(t *testing.T) {
	r, m, k := rand.New(rand.NewPCG(7, 7)), newMic(t, overOpus), newCatch(t, overOpus)
	packets := []sent{{noon, m.tone20()}}
	want, at := "", noon
	for i := range 200 {
		press := m.dial(byte(i%2), at, 80*time.Millisecond)
		at = press[len(press)-1].at
		packets = append(packets, press[r.IntN(len(press))])
		want += string("01"[i%2])
	}
	k.deliver(packets)
	if k.digits != want {
		t.Errorf("keys %q, want %q", k.digits, want)
	}
}

func TestKeys(t *testing.T) {
	const k48, k8 = 110, 126
	type event struct {
		kind, code, flags byte
		start             uint32
		marker            bool
		ms                int // since the one before
	}
	for name, test := range map[string]struct {
		events []event
		want   string
	}{
		"one": {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, ends, 100, false, 100}}, "5"},
		"all": {func() (all []event) {
			for code := range byte(keyCodes) {
				all = append(all, event{k48, code, ends, 10000 * uint32(code), true, 200})
			}
			return all
		}(), "0123456789*#ABCD"},
		"at 8 kHz":                    {[]event{{k8, 5, goesOn, 100, true, 0}, {k8, 5, ends, 100, false, 100}}, "5"},
		"no key":                      {[]event{{k48, 16, ends, 100, true, 0}, {k48, 255, ends, 200, true, 0}}, ""},
		"twice the same":              {[]event{{k48, 5, ends, 100, true, 0}, {k48, 5, ends, 6000, true, 100}}, "55"},
		"twice, one packet of each":   {[]event{{k48, 5, ends, 100, false, 0}, {k48, 5, goesOn, 70000, false, 1400}}, "55"},
		"an hour apart, same start":   {[]event{{k48, 5, ends, 100, true, 0}, {k48, 5, ends, 100, false, 3600_000}}, "5"},
		"across the wrap":             {[]event{{k48, 1, goesOn, 1<<32 - 1, true, 0}, {k48, 1, ends, 1<<32 - 1, false, 20}, {k48, 2, ends, 3000, true, 100}}, "12"},
		"a long press":                {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, goesOn, 100 + 65535, false, 1365}, {k48, 5, ends, 100 + 2*65535, false, 1365}}, "5"},
		"a long press of a browser":   {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, goesOn, 100 + 66240, false, 1380}, {k48, 5, ends, 100 + 66240, false, 1380}}, "5"},
		"a long press at 8 kHz":       {[]event{{k8, 5, goesOn, 100, true, 0}, {k8, 5, ends, 100 + 65535, false, 8191}}, "5"},
		"long enough, another key":    {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 6, ends, 100 + 65535, false, 1365}}, "56"},
		"long enough, but over":       {[]event{{k48, 5, ends, 100, true, 0}, {k48, 5, ends, 100 + 65535, false, 1365}}, "55"},
		"over before it went on":      {[]event{{k48, 5, ends, 100, true, 0}, {k48, 5, goesOn, 100, false, 1}, {k48, 5, ends, 100 + 65535, false, 1365}}, "55"},
		"long enough, but marked":     {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, ends, 100 + 65535, true, 1365}}, "55"},
		"long enough, too far":        {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, ends, 100 + 65535 + 4801, false, 1365}}, "55"},
		"short of long":               {[]event{{k48, 5, goesOn, 100, true, 0}, {k48, 5, ends, 100 + 65534, false, 1365}}, "55"},
		"both clocks, the same start": {[]event{{k48, 5, ends, 100, true, 0}, {k8, 5, ends, 100, true, 0}}, "55"},
	} {
		t.Run(name, func(t *testing.T) {
			m, k, at := newMic(t, overOpus), newCatch(t, overOpus), noon
			for _, e := range test.events {
				at = at.Add(time.Duration(e.ms) * time.Millisecond)
				k.take(m.keyPacket(e.kind, e.code, e.flags, e.start, 960, e.marker), at)
			}
			if k.digits != test.want {
				t.Errorf("keys %q, want %q", k.digits, test.want)
			}
			k.wantResult(packetKey, len(test.events))
		})
	}
}

// A packet may tell of several events, each of which begins where the one before
// ends.
func TestKeysThatShareAPacket(t *testing.T) {
	m, k := newMic(t, overOpus), newCatch(t, overOpus)
	three := slices.Concat(keyPayload(1, ends, 4800), keyPayload(1, ends, 4800), keyPayload(2, goesOn, 960))
	k.take(m.pack(110, three), noon)
	k.take(m.pack(110, three), noon)
	k.take(m.keyPacket(110, 2, ends, m.head.Timestamp+9600, 1920, false), noon)
	if k.digits != "112" {
		t.Errorf("keys %q", k.digits)
	}
}

func TestKeysAreRefused(t *testing.T) {
	m, k := newMic(t, overOpus), newCatch(t, overOpus)
	for _, payload := range [][]byte{{1}, {1, ends, 0}, {1, ends, 0, 0, 2}, make([]byte, 399)} {
		k.take(m.pack(110, payload), noon)
		m.skip(960)
	}
	if k.digits != "" {
		t.Errorf("keys %q", k.digits)
	}
	k.wantResult(packetMalformed, 4)
	k, none := newCatch(t, codec{Opus: true, Payload: 111}), byte(0)
	k.take(m.tone20(), noon)
	k.take(m.keyPacket(none, 5, ends, 100, 960, true), noon)
	k.wantResult(packetOther, 1)
	if k.digits != "" {
		t.Errorf("keys %q that were not agreed", k.digits)
	}
}

// A key that was given up for lost is still a key, and none twice.
func TestKeysThatComeLate(t *testing.T) {
	m, k := newMic(t, overOpus), newCatch(t, overOpus)
	k.take(m.tone20(), noon)
	press := m.dial(7, noon, 20*time.Millisecond)
	k.take(m.tone20(), noon.Add(40*time.Millisecond))
	k.pass(noon.Add(time.Second))
	if k.digits != "" {
		t.Fatalf("keys %q", k.digits)
	}
	for _, p := range press {
		k.take(p.b, noon.Add(time.Second))
	}
	if k.digits != "7" {
		t.Errorf("keys %q", k.digits)
	}
	k.wantResult(packetLate, len(press))
}

// Sound stops while a key is pressed. That is no loss, even where packets of the
// press are lost: nothing is made up.
func TestKeysAreAGapInSound(t *testing.T) {
	for name, lost := range map[string]int{"all came": -1, "first lost": 0, "middle lost": 3, "last lost": 7} {
		t.Run(name, func(t *testing.T) {
			m, k := newMic(t, overOpus), newCatch(t, overOpus)
			packets := m.speak(librivox(t)[:100*320])
			press := m.dial(7, packets[99].at, 100*time.Millisecond)
			if lost >= 0 {
				press = slices.Delete(press, lost, lost+1)
			}
			packets = append(packets, press...)
			for i, p := range m.speak(librivox(t)[100*320 : 200*320]) {
				packets = append(packets, sent{noon.Add(time.Duration(106+i) * media.FrameDuration), p.b})
			}
			k.deliver(packets)
			k.wantFrames([2]media.Tick{0, 100 * 960}, [2]media.Tick{105 * 960, 205 * 960})
			k.wantCount("made up", k.metrics.made, 0)
			k.wantCount("copied", k.metrics.copied, 0)
			k.wantCount("jumps", k.metrics.jumps[jumpKeys], 1)
		})
	}
}

// Sound that goes on beside a key leaves no gap.
func TestKeysBesideSound(t *testing.T) {
	m, k := newMic(t, overOpus), newCatch(t, overOpus)
	for i := range 10 {
		at := noon.Add(time.Duration(i) * media.FrameDuration)
		k.take(m.tone20(), at)
		k.take(m.keyPacket(110, 3, goesOn, 500, media.Tick(i)*960, i == 0), at)
	}
	k.wantFrames([2]media.Tick{0, 10 * 960})
	if k.digits != "3" {
		t.Errorf("keys %q", k.digits)
	}
}
