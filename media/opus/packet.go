package opus

import (
	"fmt"
	"time"
)

// The bounds of a packet (RFC 6716, 3.2 and 3.4).
const (
	// MaxPacket is the longest packet that holds one frame, in bytes.
	MaxPacket = 1 + maxFrame
	// MaxDuration is the longest time that one packet may hold.
	MaxDuration = 120 * time.Millisecond
	// MinDuration is the shortest; all others are multiples of it.
	MinDuration = 2500 * time.Microsecond

	maxFrame = 1275 // bytes
)

// Header is what a packet says of itself before it is decoded.
type Header struct {
	Frame  time.Duration // of each of its frames: 2.5, 5, 10, 20, 40 or 60 ms
	Frames int           // 1 to 48; together they last at most MaxDuration
	Stereo bool          //
	// Redundant says that the packet also holds a coarser copy of the frame before
	// it, as long as its own first (in-band FEC; RFC 6716, 2.1.7).
	Redundant bool

	music bool // coded by CELT alone, which knows no redundancy
}

// Duration returns the length of the packet's sound.
func (h Header) Duration() time.Duration { return time.Duration(h.Frames) * h.Frame }

// Duration returns the length of the packet's sound, 2.5 to 120 ms. Its error
// wraps ErrMalformed.
func Duration(packet []byte) (time.Duration, error) {
	h, err := Parse(packet)
	return h.Duration(), err
}

// Parse reads the framing of a packet and checks it against the rules R1 to R7
// of RFC 6716, 3.4. What the frames hold is not looked at, but for the bits that
// tell of redundancy. Its error wraps ErrMalformed.
func Parse(packet []byte) (Header, error) {
	if len(packet) == 0 {
		return Header{}, malformed("it is empty") // R1
	}
	toc, rest := packet[0], packet[1:]
	h := Header{Frame: frameOf(toc), Frames: 1, Stereo: toc&4 != 0, music: toc&0x80 != 0}
	var first int // bytes of the first frame
	var fault string
	switch toc & 3 {
	case 0:
		first = len(rest)
	case 1:
		h.Frames, first = 2, len(rest)/2
		if len(rest)%2 != 0 { // R3
			fault = "two equal frames of an odd sum"
		}
	case 2:
		h.Frames = 2
		first, rest, fault = parsePair(rest)
	case 3:
		h.Frames, first, rest, fault = parseMany(rest, h.Frame)
	}
	if fault == "" && first > maxFrame { // R2
		fault = "a frame is too long"
	}
	if fault != "" {
		return Header{}, malformed(fault)
	}
	h.Redundant = first > 0 && h.redundant(rest[0])
	return h, nil
}

func malformed(fault string) error {
	return fmt.Errorf("opus: parse packet: %s: %w", fault, ErrMalformed)
}

// frameOf returns the length of the frames of a TOC byte (RFC 6716, table 2).
func frameOf(toc byte) time.Duration {
	switch config := toc >> 3; {
	case config < 12: // SILK
		return [...]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid
		return [...]time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT
		return MinDuration << (config & 3)
	}
}

// parsePair reads a packet of two frames whose lengths differ (RFC 6716, 3.2.4).
// frames begins with the first of them.
func parsePair(b []byte) (first int, frames []byte, fault string) {
	first, b, ok := parseLength(b)
	switch {
	case !ok || first > len(b): // R4
		return 0, nil, "the first of two frames is cut short"
	case len(b)-first > maxFrame: // R2
		return 0, nil, "a frame is too long"
	}
	return first, b, ""
}

// parseMany reads a packet of any number of frames (RFC 6716, 3.2.5). frames
// begins with the first of them.
func parseMany(b []byte, frame time.Duration) (n, first int, frames []byte, fault string) {
	if len(b) == 0 {
		return 0, 0, nil, "the count of frames is missing"
	}
	count := b[0]
	n, b = int(count&0x3F), b[1:]
	if n == 0 || time.Duration(n)*frame > MaxDuration { // R5
		return 0, 0, nil, "no frames, or more than 120 ms"
	}
	if count&0x40 != 0 {
		var ok bool
		if b, ok = cutPadding(b); !ok {
			return 0, 0, nil, "the padding is longer than the packet"
		}
	}
	if count&0x80 == 0 {
		if len(b)%n != 0 { // R6
			return 0, 0, nil, "equal frames of an uneven sum"
		}
		return n, len(b) / n, b, ""
	}
	sum := 0
	for i := range n - 1 { // R7
		length, rest, ok := parseLength(b)
		if !ok {
			return 0, 0, nil, "a frame's length is cut short"
		}
		if i == 0 {
			first = length
		}
		sum, b = sum+length, rest
	}
	last := len(b) - sum
	switch {
	case last < 0:
		return 0, 0, nil, "a frame is cut short"
	case last > maxFrame:
		return 0, 0, nil, "a frame is too long"
	case n == 1:
		first = last
	}
	return n, first, b, ""
}

// parseLength reads the length of a frame (RFC 6716, 3.2.1).
func parseLength(b []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(b) >= 1 && b[0] < 252:
		return int(b[0]), b[1:], true
	case len(b) >= 2:
		return int(b[1])*4 + int(b[0]), b[2:], true
	default:
		return 0, nil, false
	}
}

// cutPadding cuts the padding and its length off. Each byte of 255 stands for
// 254 bytes and a further byte of length.
func cutPadding(b []byte) (rest []byte, ok bool) {
	padding := 0
	for len(b) > 0 {
		n := int(b[0])
		b = b[1:]
		if n < 255 {
			padding += n
			if padding > len(b) {
				return nil, false
			}
			return b[:len(b)-padding], true
		}
		padding += 254
	}
	return nil, false
}

// redundant reads the flag of redundancy, which follows one flag of voice
// activity for each 20 ms of each channel (RFC 6716, 4.2.3). They are the first
// bits of the range coder, each of even odds, and so those of the first byte.
func (h Header) redundant(b byte) bool {
	if h.music {
		return false
	}
	n := max(1, int(h.Frame/(20*time.Millisecond)))
	return b>>(7-n)&1 != 0 || h.Stereo && b>>(6-2*n)&1 != 0
}
