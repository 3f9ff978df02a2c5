package sim

import (
	"slices"
	"testing"

	"sidetone/media"
)

func TestMouth(t *testing.T) {
	m := newWebMouth(16000)
	ended := make(chan struct{})
	first := m.say([]int16{1, 2, 3}, 0, ended)
	second := m.say(slices.Repeat([]int16{4}, 400), 0, ended)
	later := m.say([]int16{5}, 3*media.FrameTicks, ended)
	if first.From != 0 || second.From != wideTick(3) || second.To != wideTick(403) || later.From != 3*media.FrameTicks {
		t.Errorf("%v %v %v", first.From, second.From, later.From)
	}
	var heard []int16
	for frame := range 4 {
		m.muted = frame == 1
		heard = append(heard, m.take()...)
		if isClosed(first.Done()) != (frame >= 0) || isClosed(second.Done()) != (frame >= 1) || isClosed(later.Done()) != (frame >= 3) {
			t.Errorf("done after frame %d: %v %v %v", frame, isClosed(first.Done()), isClosed(second.Done()), isClosed(later.Done()))
		}
	}
	want := make([]int16, 4*320)
	copy(want, []int16{1, 2, 3})
	fill(want[3:320], 4)
	want[960] = 5
	if !slices.Equal(heard, want) {
		t.Error("the microphone gave something else")
	}
	if s, ok := m.loudBounds([]int16{0, 400, 0, -400, 0}, 16000); !ok || s.From != wideTick(16001) || s.To != wideTick(16004) {
		t.Errorf("bounds %v", s)
	}
	if _, ok := m.loudBounds(make([]int16, 100), 0); ok {
		t.Error("silence has bounds")
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestKeypad checks the telephone events of two keys (RFC 4733).
func TestKeypad(t *testing.T) {
	for _, unit := range []int{960, 160} {
		var begun string
		k := keypad{queue: []byte("7#"), begun: func(d byte) { begun += string(rune(d)) }}
		var events [][]keyPacket
		for frame := range 20 {
			p, ok := k.next(uint32(5000+frame*unit), unit)
			switch at := frame % 8; {
			case ok != (frame < 16 && at < keyFrames):
				t.Fatalf("frame %d is a key's: %v", frame, ok)
			case ok && at == 0:
				events = append(events, nil)
				fallthrough
			case ok:
				events[len(events)-1] = append(events[len(events)-1], p)
			}
		}
		if begun != "7#" || len(events) != 2 {
			t.Fatalf("begun %q, %d events", begun, len(events))
		}
		for n, packets := range events {
			for i, p := range packets {
				duration := (i + 1) * unit
				want := keyPacket{
					payload: [4]byte{[]byte{7, 11}[n], 10, byte(duration >> 8), byte(duration)},
					stamp:   uint32(5000 + 8*n*unit), marker: i == 0, copies: 1,
				}
				if i == keyFrames-1 {
					want.payload[1], want.copies = 10|0x80, 3
				}
				if p != want {
					t.Errorf("packet %d of key %d is %+v, want %+v", i, n, p, want)
				}
			}
		}
	}
	for event, digit := range []byte(keyDigits) {
		if eventOf(digit) != byte(event) {
			t.Errorf("%c is event %d", digit, eventOf(digit))
		}
	}
}
