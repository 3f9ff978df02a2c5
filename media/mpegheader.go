package media

import (
	"encoding/binary"
	"fmt"
)

// mpegHeader is the header of an MPEG audio frame (ISO 11172-3 §2.4.1.3,
// ISO 13818-3 §2.4.1.3).
type mpegHeader uint32

type mpegVersion uint8

const (
	mpeg25 mpegVersion = 0
	mpeg2  mpegVersion = 2
	mpeg1  mpegVersion = 3
)

const mpegLayer3 = 1

// The bit rates of layer III in kb/s; 0 is the free format.
var (
	mpeg1Rates = [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	mpeg2Rates = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
)

// hasMPEGSync reports whether data begins like an MPEG audio frame.
func hasMPEGSync(data []byte) bool {
	_, ok := parseMPEGHeader(data)
	return ok
}

// parseMPEGHeader reads a header of any version and layer; false when it is
// none, or has a reserved value.
func parseMPEGHeader(data []byte) (mpegHeader, bool) {
	if len(data) < 4 {
		return 0, false
	}
	h := mpegHeader(binary.BigEndian.Uint32(data))
	ok := h>>21 == 0x7FF && h.version() != 1 && h.layer() != 0 && h>>12&15 != 15 && h>>10&3 != 3
	return h, ok
}

func (h mpegHeader) version() mpegVersion { return mpegVersion(h >> 19 & 3) }
func (h mpegHeader) layer() int           { return int(h >> 17 & 3) }
func (h mpegHeader) padding() int         { return int(h >> 9 & 1) }
func (h mpegHeader) mono() bool           { return h>>6&3 == 3 }

// bitRate is in kb/s.
func (h mpegHeader) bitRate() int {
	if h.version() == mpeg1 {
		return mpeg1Rates[h>>12&15]
	}
	return mpeg2Rates[h>>12&15]
}

// rate is the sample rate in Hz.
func (h mpegHeader) rate() int {
	rate := [3]int{44100, 48000, 32000}[h>>10&3]
	switch h.version() {
	case mpeg2:
		return rate / 2
	case mpeg25:
		return rate / 4
	}
	return rate
}

// samples is the number of samples in a frame.
func (h mpegHeader) samples() int {
	if h.version() == mpeg1 {
		return 1152
	}
	return 576
}

// size is the length of the frame in bytes, header included.
func (h mpegHeader) size() int {
	return h.samples()/8*h.bitRate()*1000/h.rate() + h.padding()
}

// sideInfo is the length of what follows the header.
func (h mpegHeader) sideInfo() int {
	switch {
	case h.version() == mpeg1 && !h.mono():
		return 32
	case h.version() != mpeg1 && h.mono():
		return 9
	}
	return 17
}

// check refuses what the decoder does not take, or garbles. It computes the
// length of a padded MPEG-2 frame as half that of an MPEG-1 frame, and so loses
// a byte wherever the latter is even: at 22.05 kHz at most bit rates.
func (h mpegHeader) check() error {
	switch {
	case h.layer() != mpegLayer3:
		return fmt.Errorf("MPEG layer %d; %s: %w", 4-h.layer(), mp3Advice, ErrUnsupported)
	case h.version() == mpeg25:
		return fmt.Errorf("MPEG-2.5 (%d Hz); %s: %w", h.rate(), mp3Advice, ErrUnsupported)
	case h.bitRate() == 0:
		return fmt.Errorf("free bit rate; %s: %w", mp3Advice, ErrUnsupported)
	case h.version() == mpeg2 && h.bitRate() < 40,
		h.version() == mpeg2 && h.padding() == 1 && 144*1000*h.bitRate()/h.rate()%2 == 0:
		return fmt.Errorf("MPEG-2 at %d Hz and %d kb/s; %s: %w", h.rate(), h.bitRate(), mp3Advice, ErrUnsupported)
	}
	return nil
}
