package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// WAVLive is the length of a WAV file whose end is not known: readers take all
// that follows the header.
const WAVLive = 0xFFFFFFFF

// Coding is how samples are stored.
type Coding uint8

// The codings that are written.
const (
	MuLaw Coding = iota + 1 // G.711 mu-law
	PCM16                   // 16 bits, little endian
)

// String returns the coding's name, as manifests have it.
func (c Coding) String() string {
	switch c {
	case MuLaw:
		return "mulaw"
	case PCM16:
		return "pcm16"
	}
	return fmt.Sprintf("coding %d", uint8(c))
}

// BytesPerSample returns the bytes of one sample of one channel.
func (c Coding) BytesPerSample() int {
	if c == PCM16 {
		return 2
	}
	return 1
}

// WAVFormat is the shape of a WAV file. Samples of the channels alternate.
type WAVFormat struct {
	Coding   Coding
	Channels int
	Rate     int
}

// The format tags of RIFF WAVE (mmreg.h).
const (
	tagPCM        = 1
	tagFloat      = 3
	tagMuLaw      = 7
	tagExtensible = 0xFFFE
)

// AppendWAVHeader appends the header of a WAV file whose samples fill dataBytes
// bytes; WAVLive for a file that is still being written. The header of a format
// always has the same length: 44 bytes for PCM16, 58 for MuLaw.
func AppendWAVHeader(dst []byte, f WAVFormat, dataBytes uint32) []byte {
	tag, format, fact := uint16(tagPCM), uint32(16), uint32(0)
	if f.Coding == MuLaw {
		tag, format, fact = tagMuLaw, 18, 12
	}
	block := f.Coding.BytesPerSample() * f.Channels
	riff, samples := uint32(WAVLive), uint32(WAVLive)
	if dataBytes != WAVLive {
		riff = 4 + 8 + format + fact + 8 + dataBytes + dataBytes%2
		samples = dataBytes / uint32(block)
	}
	le := binary.LittleEndian
	dst = le.AppendUint32(append(dst, "RIFF"...), riff)
	dst = le.AppendUint32(append(dst, "WAVEfmt "...), format)
	dst = le.AppendUint16(dst, tag)
	dst = le.AppendUint16(dst, uint16(f.Channels))
	dst = le.AppendUint32(dst, uint32(f.Rate))
	dst = le.AppendUint32(dst, uint32(f.Rate*block))
	dst = le.AppendUint16(dst, uint16(block))
	dst = le.AppendUint16(dst, uint16(8*f.Coding.BytesPerSample()))
	if fact > 0 {
		// What is not PCM has an extension, empty here, and a sample count.
		dst = le.AppendUint16(dst, 0)
		dst = le.AppendUint32(append(dst, "fact"...), 4)
		dst = le.AppendUint32(dst, samples)
	}
	return le.AppendUint32(append(dst, "data"...), dataBytes)
}

// wavShape is what a fmt chunk says.
type wavShape struct {
	tag, channels, bits int
	rate                int
}

// DecodeWAV decodes a WAV file: PCM of 8, 16, 24 or 32 bits, 32-bit float or
// mu-law, of up to 8 channels, which are mixed to one. A data length of 0 or
// WAVLive means all that follows.
func DecodeWAV(data []byte) (Audio, error) {
	if len(data) > MaxAudioBytes {
		return Audio{}, fmt.Errorf("media: wav: more than %d bytes: %w", MaxAudioBytes, ErrTooLong)
	}
	shape, samples, err := readWAV(data)
	if err != nil {
		return Audio{}, fmt.Errorf("media: wav: %w", err)
	}
	decode, err := shape.decoder()
	if err != nil {
		return Audio{}, fmt.Errorf("media: wav: %w", err)
	}
	width := shape.bits / 8
	n := len(samples) / (width * shape.channels)
	if err := checkLength(n, shape.rate); err != nil {
		return Audio{}, fmt.Errorf("media: wav: %w", err)
	}
	a := Audio{Rate: shape.rate, PCM: make([]int16, n)}
	for i := range a.PCM {
		sum := 0.0
		for range shape.channels {
			sum += decode(samples)
			samples = samples[width:]
		}
		mean := math.Round(sum / float64(shape.channels))
		a.PCM[i] = int16(max(math.MinInt16, min(math.MaxInt16, mean)))
	}
	return a, nil
}

// readWAV finds the fmt and data chunks.
func readWAV(data []byte) (shape wavShape, samples []byte, err error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return shape, nil, fmt.Errorf("no RIFF WAVE header: %w", ErrMalformed)
	}
	for rest := data[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if id == "data" {
			if shape.rate == 0 {
				return shape, nil, fmt.Errorf("no format before the data: %w", ErrMalformed)
			}
			if size == 0 || size == WAVLive {
				return shape, rest, nil
			}
			if size > int64(len(rest)) {
				return shape, nil, fmt.Errorf("%d of %d bytes are missing: %w", size-int64(len(rest)), size, ErrMalformed)
			}
			return shape, rest[:size], nil
		}
		if size > int64(len(rest)) {
			break
		}
		if id == "fmt " {
			if shape, err = readShape(rest[:size]); err != nil {
				return shape, nil, err
			}
		}
		rest = rest[min(size+size%2, int64(len(rest))):]
	}
	return shape, nil, fmt.Errorf("no data: %w", ErrMalformed)
}

// subformat is what follows the tag in the GUID of an extensible format.
var subformat = []byte{0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71}

func readShape(b []byte) (wavShape, error) {
	if len(b) < 16 {
		return wavShape{}, fmt.Errorf("format chunk of %d bytes: %w", len(b), ErrMalformed)
	}
	le := binary.LittleEndian
	s := wavShape{
		tag:      int(le.Uint16(b)),
		channels: int(le.Uint16(b[2:])),
		bits:     int(le.Uint16(b[14:])),
	}
	rate := le.Uint32(b[4:])
	if s.tag == tagExtensible {
		if len(b) < 40 || !bytes.Equal(b[26:40], subformat) {
			return s, fmt.Errorf("extensible format without a known sub-format: %w", ErrUnsupported)
		}
		s.tag = int(le.Uint16(b[24:]))
	}
	if s.channels < 1 || s.channels > 8 {
		return s, fmt.Errorf("%d channels: %w", s.channels, ErrUnsupported)
	}
	if !slices.Contains(resampleRates, int(rate)) {
		return s, fmt.Errorf("%d Hz: %w", rate, ErrUnsupported)
	}
	s.rate = int(rate)
	return s, nil
}

// decoder returns what decodes the first sample of a slice to the scale of 16
// bits.
func (s wavShape) decoder() (func([]byte) float64, error) {
	le := binary.LittleEndian
	switch [2]int{s.tag, s.bits} {
	case [2]int{tagPCM, 8}:
		return func(b []byte) float64 { return float64(int(b[0])-128) * 256 }, nil
	case [2]int{tagPCM, 16}:
		return func(b []byte) float64 { return float64(int16(le.Uint16(b))) }, nil
	case [2]int{tagPCM, 24}:
		return func(b []byte) float64 {
			return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 16)
		}, nil
	case [2]int{tagPCM, 32}:
		return func(b []byte) float64 { return float64(int32(le.Uint32(b))) / (1 << 16) }, nil
	case [2]int{tagFloat, 32}:
		return func(b []byte) float64 {
			v := float64(math.Float32frombits(le.Uint32(b))) * (1 << 15)
			if math.IsNaN(v) {
				return 0
			}
			return max(math.MinInt16, min(math.MaxInt16, v))
		}, nil
	case [2]int{tagMuLaw, 8}:
		return func(b []byte) float64 { return float64(ulawSamples[b[0]]) }, nil
	}
	return nil, fmt.Errorf("format tag %d of %d bits: %w", s.tag, s.bits, ErrUnsupported)
}
