// Package opus codes speech with libopus: mono, at a rate of the caller's
// choice, in frames of 20 ms out and packets of any legal length in.
//
// It refuses to resample, to keep time or to decide what becomes of a lost
// packet, and it hands nothing to libopus whose framing it has not checked.
// Nothing here allocates while it codes. A Decoder or Encoder belongs to one
// goroutine; the package starts none.
package opus

import "errors"

// What is wrong. The error around them says more.
var (
	// ErrMalformed: the packet breaks the framing of RFC 6716.
	ErrMalformed = errors.New("malformed Opus packet")
	// ErrLength: a buffer has not the length that the call asks for.
	ErrLength = errors.New("wrong length of buffer")
	// ErrUnsupported: libopus does not offer the setting.
	ErrUnsupported = errors.New("unsupported Opus setting")
	// ErrCodec: libopus failed on what looked right.
	ErrCodec = errors.New("libopus failed")
)
