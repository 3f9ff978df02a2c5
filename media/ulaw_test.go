package media

import (
	"bytes"
	"math"
	"testing"
)

func TestULawCodesAreTheirOwnEncoding(t *testing.T) {
	for i := range 256 {
		code := byte(i)
		pcm := AppendPCM(nil, []byte{code})
		want := code
		if code == 0x7F { // negative zero
			want = ULawSilence
		}
		if got := AppendULaw(nil, pcm); !bytes.Equal(got, []byte{want}) {
			t.Errorf("code %#02x decodes to %d, which encodes to %#02x; want %#02x", code, pcm[0], got, want)
		}
	}
}

// The values are the segment ends of ITU-T G.711 table 2, times four.
func TestULawKnownValues(t *testing.T) {
	for _, tt := range []struct {
		code byte
		pcm  int16
	}{
		{0xFF, 0}, {0x7F, 0}, {0xFE, 8}, {0x7E, -8}, {0xF0, 120}, {0xEF, 132},
		{0x80, 32124}, {0x00, -32124}, {0x8F, 16764}, {0xCF, 924}, {0x90, 15996},
	} {
		if got := AppendPCM(nil, []byte{tt.code})[0]; got != tt.pcm {
			t.Errorf("code %#02x decodes to %d, want %d", tt.code, got, tt.pcm)
		}
	}
}

func TestULawTakesTheNearestCode(t *testing.T) {
	decoded := AppendPCM(nil, func() (all []byte) {
		for i := range 256 {
			all = append(all, byte(i))
		}
		return
	}())
	for s := math.MinInt16; s <= math.MaxInt16; s++ {
		got := int(AppendPCM(nil, AppendULaw(nil, []int16{int16(s)}))[0])
		nearest := math.MaxInt
		for _, d := range decoded {
			nearest = min(nearest, abs(int(d)-s))
		}
		// A sample between two codes may fall to either side.
		if e := abs(got - s); e > nearest+segmentStep(s) {
			t.Fatalf("%d became %d; a code lies %d away", s, got, nearest)
		}
	}
}

// segmentStep is one unit of the 14-bit scale that the standard rounds in, in
// the sample's segment.
func segmentStep(s int) int {
	step := 4
	for v := abs(s) + ulawBias; v >= 256; v >>= 1 {
		step *= 2
	}
	return step
}

func abs(v int) int { return max(v, -v) }

func TestULawAppends(t *testing.T) {
	if got := AppendULaw([]byte{1, 2}, []int16{0}); !bytes.Equal(got, []byte{1, 2, ULawSilence}) {
		t.Errorf("AppendULaw = %x", got)
	}
	if got := AppendPCM([]int16{7}, []byte{ULawSilence}); len(got) != 2 || got[0] != 7 || got[1] != 0 {
		t.Errorf("AppendPCM = %v", got)
	}
}

func TestULawAllocatesNothing(t *testing.T) {
	pcm, code := Tone(8000, 440, FrameDuration, -10), make([]byte, 0, 160)
	out := make([]int16, 0, 160)
	if n := testing.AllocsPerRun(100, func() {
		code = AppendULaw(code[:0], pcm)
		out = AppendPCM(out[:0], code)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkULawEncode(b *testing.B) {
	pcm, out := Tone(8000, 440, FrameDuration, -10), make([]byte, 0, 160)
	b.ReportAllocs()
	for b.Loop() {
		out = AppendULaw(out[:0], pcm)
	}
}

func BenchmarkULawDecode(b *testing.B) {
	code, out := AppendULaw(nil, Tone(8000, 440, FrameDuration, -10)), make([]int16, 0, 160)
	b.ReportAllocs()
	for b.Loop() {
		out = AppendPCM(out[:0], code)
	}
}
