package opus

import (
	"fmt"
	"time"

	libopus "github.com/hraban/opus"
)

// Decoder makes mono PCM of packets, mono or stereo, of one stream.
type Decoder struct {
	lib   *libopus.Decoder
	rate  int
	music bool // the last packet was coded by CELT alone
}

// NewDecoder returns a decoder to rate Hz: 8000, 12000, 16000, 24000 or 48000.
func NewDecoder(rate int) (*Decoder, error) {
	lib, err := libopus.NewDecoder(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("opus: decode to %d Hz: %w: %w", rate, ErrUnsupported, err)
	}
	return &Decoder{lib: lib, rate: rate}, nil
}

// Samples returns how many samples last d.
func (d *Decoder) Samples(t time.Duration) int {
	return int(t * time.Duration(d.rate) / time.Second)
}

// Decode fills pcm from its start and returns the number of samples, which is
// that of the packet's Duration. The error wraps ErrMalformed, ErrLength if pcm
// is too short, or ErrCodec.
func (d *Decoder) Decode(packet []byte, pcm []int16) (int, error) {
	h, err := Parse(packet)
	if err != nil {
		return 0, err
	}
	want := d.Samples(h.Duration())
	if len(pcm) < want {
		return 0, fmt.Errorf("opus: decode %d samples into %d: %w", want, len(pcm), ErrLength)
	}
	// libopus counts what a slice can hold, not what it holds.
	n, err := d.lib.Decode(packet, pcm[:want:want])
	if err != nil {
		return 0, fmt.Errorf("opus: decode: %w: %w", ErrCodec, err)
	}
	d.music = h.music
	return n, nil
}

// Conceal fills pcm with what may have followed the last packet. Its length must
// be a multiple of MinDuration, and no more than MaxDuration. The error wraps
// ErrLength or ErrCodec.
func (d *Decoder) Conceal(pcm []int16) error {
	if err := d.checkGap(pcm); err != nil {
		return err
	}
	if err := d.lib.DecodePLC(pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("opus: conceal: %w: %w", ErrCodec, err)
	}
	return nil
}

// Copied returns how much of what was lost just before next can be had from the
// sender's redundant copy in next: the length of one of its frames, or 0 if next
// has none, is malformed, or if libopus will not use it.
func (d *Decoder) Copied(next []byte) time.Duration {
	// libopus leaves redundancy alone after CELT.
	if h, err := Parse(next); err == nil && h.Redundant && !d.music {
		return h.Frame
	}
	return 0
}

// Recover fills pcm with what was lost just before next, which Decode is to be
// called with afterwards. Its end is the copy that Copied tells of, if pcm has
// room for it; what comes before, or all of it, is made up. The length of pcm is
// bound as that of Conceal's. The error wraps ErrMalformed, ErrLength or
// ErrCodec.
func (d *Decoder) Recover(next []byte, pcm []int16) error {
	if _, err := Parse(next); err != nil {
		return err
	}
	if err := d.checkGap(pcm); err != nil {
		return err
	}
	if err := d.lib.DecodeFEC(next, pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("opus: recover: %w: %w", ErrCodec, err)
	}
	return nil
}

func (d *Decoder) checkGap(pcm []int16) error {
	if n := len(pcm); n == 0 || n%d.Samples(MinDuration) != 0 || n > d.Samples(MaxDuration) {
		return fmt.Errorf("opus: conceal %d samples at %d Hz: %w", n, d.rate, ErrLength)
	}
	return nil
}
