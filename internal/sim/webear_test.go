package sim

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"sidetone/media"
)

// numbered is a decoder whose packets hold a number, which is all that their 20
// ms consist of. What is recovered is the number before, and what is made up -1.
type numbered struct{ recovers bool }

func (n numbered) decode(dst []int16, payload []byte) (int, error) {
	if len(payload) != 2 {
		return 0, errors.New("damaged")
	}
	fill(dst[:wideFrame], int16(binary.BigEndian.Uint16(payload)))
	return wideFrame, nil
}

func (n numbered) recover(dst []int16, payload []byte) bool {
	if n.recovers {
		fill(dst, int16(binary.BigEndian.Uint16(payload))-1)
	}
	return n.recovers
}

func (n numbered) conceal(dst []int16) { fill(dst, -1) }

func fill(dst []int16, v int16) {
	for i := range dst {
		dst[i] = v
	}
}

// coming is a packet: its number, which is 1000 more than what it holds, and when
// it comes in milliseconds. A jump is milliseconds by which its timestamp is more
// than its number says.
type coming struct{ number, at, jump int }

// hearing plays packets through an ear of 60 ms for a second and returns what is
// heard as runs of samples.
func hearing(t *testing.T, dec webDecoder, clockRate int, packets []coming, ms int) (*webEar, []run) {
	t.Helper()
	slices.SortStableFunc(packets, func(a, b coming) int { return a.at - b.at })
	e := newWebEar(dec, clockRate, 60*16, true, func(media.Tick, EventKind) {})
	for _, p := range packets {
		at := int64(p.at) * 16
		e.play(at)
		stamp := uint32(1<<32 - 500 + (p.number*20+p.jump)*clockRate/1000) // wraps
		e.accept(uint16(65530+p.number), stamp, at, binary.BigEndian.AppendUint16(nil, uint16(1000+p.number)))
	}
	e.play(int64(ms) * 16)
	var runs []run
	for i, v := range e.heard[:ms*16] {
		if len(runs) == 0 || runs[len(runs)-1].value != int(v) {
			runs = append(runs, run{value: int(v), from: float64(i) / 16})
		}
		runs[len(runs)-1].ms += 1.0 / 16
	}
	return e, runs
}

// run is a stretch of equal samples.
type run struct {
	value    int
	from, ms float64 // milliseconds
}

// steady are packets a to b, each 20 ms after the other and 5 ms under way.
func steady(a, b int) (all []coming) {
	for n := a; n < b; n++ {
		all = append(all, coming{number: n, at: n*20 + 5})
	}
	return all
}

// frames are the runs of packets a to b, of which packet 0 plays at from.
func frames(from float64, a, b int) (all []run) {
	for n := a; n < b; n++ {
		all = append(all, run{1000 + n, from + 20*float64(n), 20})
	}
	return all
}

// TestEarHushes silences what it holds, up to a packet, from the frame after the
// one that it plays; a hush that comes after that packet is none.
func TestEarHushes(t *testing.T) {
	for _, clockRate := range []int{48000, 8000} {
		e := newWebEar(numbered{}, clockRate, 60*16, true, func(media.Tick, EventKind) {})
		stamp := func(number int) uint32 { return uint32(1<<32 - 500 + number*20*clockRate/1000) }
		obeyed := []bool{e.hush(stamp(5))}
		for _, p := range steady(0, 10) {
			e.play(int64(p.at) * 16)
			if p.number == 5 { // 105 ms, where packet 2 begins
				obeyed = append(obeyed, e.hush(stamp(2)), e.hush(stamp(5)))
			}
			e.accept(uint16(p.number), stamp(p.number), int64(p.at)*16, binary.BigEndian.AppendUint16(nil, uint16(1000+p.number)))
		}
		e.play(265 * 16)
		if !slices.Equal(obeyed, []bool{false, false, true}) {
			t.Errorf("%d Hz: hushes obeyed: %v", clockRate, obeyed)
		}
		for i := range 10 {
			want := int16(1000 + i)
			if i >= 2 && i < 5 {
				want = 0
			}
			if got := e.heard[(75+20*i)*16]; got != want {
				t.Errorf("%d Hz: of packet %d %d was heard, want %d", clockRate, i, got, want)
			}
		}
	}
}

func TestEar(t *testing.T) {
	without := func(lost ...int) []coming {
		return slices.DeleteFunc(steady(0, 10), func(p coming) bool { return slices.Contains(lost, p.number) })
	}
	late := func(number, by int) []coming {
		all := steady(0, 10)
		all[number].at += by
		return all
	}
	lead := []run{{0, 0, 65}}
	tail := []run{{-1, 265, 60}, {0, 325, 375}} // of ten packets
	whole := slices.Concat(lead, frames(65, 0, 10), tail)
	hole := slices.Concat(lead, frames(65, 0, 4), []run{{-1, 145, 20}}, frames(65, 5, 10), tail)
	tests := []struct {
		name    string
		dec     numbered
		packets []coming
		want    []run
	}{
		{"in order", numbered{}, steady(0, 10), whole},
		{"jitter that the depth covers", numbered{}, late(4, 59), whole},
		{"overtaken", numbered{}, late(4, 25), whole},
		{"overtaken at the start", numbered{}, late(0, 25), whole},
		{"duplicates", numbered{}, append(steady(0, 10), steady(3, 6)...), whole},
		{"late", numbered{}, late(4, 61), hole},
		{"lost, made up", numbered{}, without(4), hole},
		{"lost, recovered", numbered{true}, without(4), whole},
		{"two lost, one made up", numbered{}, without(4, 5), slices.Concat(lead, frames(65, 0, 4), []run{{-1, 145, 40}}, frames(65, 6, 10), tail)},
		{"two lost, the second recovered", numbered{true}, without(3, 4), slices.Concat(lead, frames(65, 0, 3), []run{{-1, 125, 20}}, frames(65, 4, 10), tail)},
		{"five lost", numbered{}, without(2, 3, 4, 5, 6), slices.Concat(lead, frames(65, 0, 2), []run{{-1, 105, 60}, {0, 165, 40}}, frames(65, 7, 10), tail)},
		{"a stretch ends", numbered{}, append(steady(0, 2), coming{number: 2, at: 250}, coming{number: 3, at: 270}),
			slices.Concat(lead, frames(65, 0, 2), []run{{-1, 105, 60}, {0, 165, 145}, {1002, 310, 20}, {1003, 330, 20}, {-1, 350, 60}, {0, 410, 290}})},
		{"the sender is silent", numbered{}, append(steady(0, 2), coming{2, 75, 30}),
			slices.Concat(lead, frames(65, 0, 2), []run{{0, 105, 30}, {1002, 135, 20}, {-1, 155, 60}, {0, 215, 485}})},
		{"the sender's clock jumps", numbered{}, append(steady(0, 2), coming{2, 45, 5000}),
			slices.Concat([]run{{0, 0, 105}, {1002, 105, 20}, {-1, 125, 60}, {0, 185, 515}})},
	}
	for _, tt := range tests {
		for _, clock := range []int{48000, 8000} {
			e, got := hearing(t, tt.dec, clock, slices.Clone(tt.packets), 700)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s at %d Hz: heard %v, want %v; %+v", tt.name, clock, got, tt.want, e.stats)
			}
		}
	}
}

// TestEarMeasures checks what the ear tells of itself.
func TestEarMeasures(t *testing.T) {
	packets := steady(0, 50)
	for i := range packets {
		packets[i].at += 10 * (i % 2) // the mean delay is 5 ms less than the depth
	}
	e, _ := hearing(t, numbered{}, 48000, slices.DeleteFunc(packets, func(p coming) bool { return p.number == 20 }), 2000)
	if got := e.meanWait() / 16; got < 54.7 || got > 55.3 {
		t.Errorf("mean delay of %.2f ms", got)
	}
	if got := e.meanWait() / 16; got != 60 {
		t.Errorf("mean delay of %.2f ms when nothing was played", got)
	}
	p := e.playout()
	if p.Played != 49 || p.Concealed != 4 || p.Late+p.Overflowed+p.Odd+p.Recovered != 0 || p.Delay.Milliseconds() != 54 && p.Delay.Milliseconds() != 55 {
		t.Errorf("%+v", p)
	}
	var events []EventKind
	e = newWebEar(numbered{}, 48000, 960, false, func(_ media.Tick, k EventKind) { events = append(events, k) })
	e.accept(1, 0, 0, binary.BigEndian.AppendUint16(nil, 1000))
	e.play(16000)
	e.accept(2, 0, 16000, binary.BigEndian.AppendUint16(nil, 1000))
	e.accept(3, 960, 16000, []byte{1})
	e.play(32000)
	if len(e.heard) != 0 || e.stats.Odd != 1 || !slices.Equal(events, []EventKind{EventAgentSpeaks, EventAgentSilent, EventAgentSpeaks, EventAgentSilent}) {
		t.Errorf("%d samples kept, %+v, %v", len(e.heard), e.stats, events)
	}
	want := []Span{{wideTick(960), wideTick(960 + 320)}, {wideTick(16960), wideTick(16960 + 320)}}
	if !slices.Equal(e.spans, want) || e.lastSound() != wideTick(16960+319) {
		t.Errorf("spans %v, want %v", e.spans, want)
	}
}

// TestEarFollowsDrift plays ten minutes of a sender whose clock is off: the delay
// stays near the depth, and only quiet frames pay for it.
func TestEarFollowsDrift(t *testing.T) {
	for _, ppm := range []float64{-500, 500} {
		e := newWebEar(numbered{}, 48000, 960, true, func(media.Tick, EventKind) {})
		rng := rand.New(rand.NewPCG(1, 1))
		const packets = 30_000
		loud := 0
		for n := range packets {
			at := int64(float64(n) * wideFrame * (1 + ppm/1e6))
			at += int64(rng.IntN(20 * 16)) // less than they lie apart
			e.play(at)
			value := uint16(0)
			if n%250 < 125 { // half of it is sound
				value, loud = 1000, loud+1
			}
			e.accept(uint16(n), uint32(n*960), at, binary.BigEndian.AppendUint16(nil, value))
			if n%250 == 0 {
				if wait := e.meanWait() / 16; wait < 20 || wait > 90 {
					t.Fatalf("%v ppm: mean delay of %.1f ms at packet %d", ppm, wait, n)
				}
			}
		}
		e.play(e.pos + 16000)
		heard := 0
		for _, v := range e.heard {
			if v == 1000 {
				heard++
			}
		}
		p := e.playout()
		if heard != loud*wideFrame || p.Late+p.Overflowed+p.Odd > 0 || p.Concealed > 3 {
			t.Errorf("%v ppm: %d of %d samples were heard, %+v", ppm, heard, loud*wideFrame, p)
		}
		// 500 ppm of ten minutes are 300 ms.
		if shift := p.Inserted - p.Dropped; ppm > 0 && (shift < 13 || shift > 17) || ppm < 0 && (shift > -13 || shift < -17) {
			t.Errorf("%v ppm: %d frames inserted, %d dropped", ppm, p.Inserted, p.Dropped)
		}
	}
}

// FuzzEar feeds packets in any order, at any time.
func FuzzEar(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 3, 192, 20, 0, 1, 9, 9, 3, 0, 2, 200})
	f.Fuzz(func(t *testing.T, data []byte) {
		e := newWebEar(numbered{true}, 48000, 960, true, func(media.Tick, EventKind) {})
		at := int64(0)
		for data = data[:min(len(data), 1600)]; len(data) >= 8; {
			at += int64(data[0]) * 16
			e.play(at)
			e.accept(binary.BigEndian.Uint16(data[1:]), binary.BigEndian.Uint32(data[3:]), at, data[6:6+data[7]%3])
			data = data[8:]
		}
		e.play(at + 2*wideRate)
		if e.pos < at+2*wideRate || e.pos > at+2*wideRate+2*wideFrame || int64(len(e.heard)) != e.pos {
			t.Errorf("at %d, with %d samples heard, want %d", e.pos, len(e.heard), at+2*wideRate)
		}
		if e.playing || e.held != 0 {
			t.Errorf("two seconds later %d packets are held", e.held)
		}
		for i := 1; i < len(e.spans); i++ {
			if e.spans[i].From <= e.spans[i-1].To {
				t.Errorf("spans %v", e.spans)
			}
		}
	})
}
