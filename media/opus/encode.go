package opus

import (
	"errors"
	"fmt"

	libopus "github.com/hraban/opus"
)

// Options are the settings of an Encoder.
type Options struct {
	Rate       int // Hz: 8000, 12000, 16000, 24000 or 48000
	Bitrate    int // bit/s: 500 to 512,000
	Complexity int // 0 to 10
}

// Encoder makes packets of 20 ms of mono speech each, with in-band FEC and
// without pauses of transmission.
type Encoder struct {
	lib     *libopus.Encoder
	samples int
}

// NewEncoder returns an encoder for voice. It expects no loss until SetLoss. Its
// error wraps ErrUnsupported.
func NewEncoder(o Options) (*Encoder, error) {
	lib, err := libopus.NewEncoder(o.Rate, 1, libopus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("opus: encode from %d Hz: %w: %w", o.Rate, ErrUnsupported, err)
	}
	if o.Bitrate < 500 || o.Bitrate > 512_000 { // libopus bends what lies outside
		return nil, fmt.Errorf("opus: encode at %d bit/s: %w", o.Bitrate, ErrUnsupported)
	}
	if err := errors.Join(lib.SetBitrate(o.Bitrate), lib.SetComplexity(o.Complexity), lib.SetInBandFEC(true), lib.SetDTX(false)); err != nil {
		return nil, fmt.Errorf("opus: encode with %+v: %w: %w", o, ErrUnsupported, err)
	}
	return &Encoder{lib: lib, samples: o.Rate / 50}, nil
}

// Encode codes 20 ms into dst and returns how many bytes it used; MaxPacket
// bytes are always enough. The error wraps ErrLength or ErrCodec.
func (e *Encoder) Encode(pcm []int16, dst []byte) (int, error) {
	if len(pcm) != e.samples || len(dst) == 0 {
		return 0, fmt.Errorf("opus: encode %d samples into %d bytes: %w", len(pcm), len(dst), ErrLength)
	}
	n, err := e.lib.Encode(pcm, dst[:len(dst):len(dst)])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w: %w", ErrCodec, err)
	}
	return n, nil
}

// SetLoss tells the encoder how many packets of a hundred the network loses,
// which decides how much of each packet is redundancy for the one before it.
// Numbers outside of 0 to 100 count as the nearest. The error wraps ErrCodec.
func (e *Encoder) SetLoss(percent int) error {
	if err := e.lib.SetPacketLossPerc(min(max(percent, 0), 100)); err != nil {
		return fmt.Errorf("opus: set loss: %w: %w", ErrCodec, err)
	}
	return nil
}
