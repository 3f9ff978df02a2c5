package media

import (
	"math/bits"
	"slices"
)

// ULawSilence is the mu-law code of digital silence. 0x00 is full scale.
const ULawSilence = 0xFF

// The G.711 mu-law constants for 16-bit samples (ITU-T G.711, table 2, scaled
// from 14 bits).
const (
	ulawBias = 33 << 2
	ulawClip = 32767 - ulawBias
)

// The tables are a fifth of the cost of the arithmetic, and together fit the
// second-level cache.
var (
	ulawCodes   = makeULawCodes()
	ulawSamples = makeULawSamples()
)

// AppendULaw appends the G.711 mu-law code of each sample to dst. Zero becomes
// 0xFF, never the negative zero 0x7F.
func AppendULaw(dst []byte, pcm []int16) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(pcm))[:n+len(pcm)]
	out := dst[n:]
	for i, s := range pcm {
		out[i] = ulawCodes[uint16(s)]
	}
	return dst
}

// AppendPCM appends the sample of each G.711 mu-law code to dst.
func AppendPCM(dst []int16, ulaw []byte) []int16 {
	n := len(dst)
	dst = slices.Grow(dst, len(ulaw))[:n+len(ulaw)]
	out := dst[n:]
	for i, c := range ulaw {
		out[i] = ulawSamples[c]
	}
	return dst
}

func makeULawCodes() *[1 << 16]byte {
	var t [1 << 16]byte
	for i := range t {
		t[i] = ulawCode(int16(uint16(i)))
	}
	return &t
}

func makeULawSamples() *[1 << 8]int16 {
	var t [1 << 8]int16
	for i := range t {
		t[i] = ulawSample(byte(i))
	}
	return &t
}

// ulawCode finds the segment by the sample's highest set bit above the bias;
// the code is sent with all bits inverted.
func ulawCode(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, ulawClip) + ulawBias
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3))&0x0F)
}

func ulawSample(code byte) int16 {
	code = ^code
	segment := code >> 4 & 7
	v := (int(code&0x0F)<<3+ulawBias)<<segment - ulawBias
	if code&0x80 != 0 {
		v = -v
	}
	return int16(v)
}
