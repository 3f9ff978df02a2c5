package webrtc

import (
	"fmt"
	"time"

	"sidetone/media"
	"sidetone/media/opus"
)

// The RTP clocks of the two codecs (RFC 7587, 4.1; RFC 3551, 4.5.14).
const (
	opusClock = 48000
	pcmuClock = 8000
)

const (
	// opusDelay is how much later the decoder plays a sound than its place in the
	// packet says: the encoder's look-ahead (RFC 7845, 4.2, for libopus at its
	// default delay).
	opusDelay = 6500 * time.Microsecond
	// pcmuTail is what the resampler holds back, in samples, and pcmuDelay in time.
	pcmuTail  = 24
	pcmuDelay = pcmuTail * time.Second / pcmuClock
)

var silence [webRate / 50]int16

// coder makes payloads of frames. It belongs to a leg's writer, and allocates
// nothing while it codes.
type coder struct {
	clock int           // Hz of the RTP timestamps
	delay time.Duration // by which it moves the sound

	opus    *opus.Encoder // nil for PCMU
	down    *media.Resampler
	narrow  []int16
	payload []byte
}

func newCoder(c codec, o Opus) (*coder, error) {
	if !c.Opus {
		down, err := media.NewResampler(webRate, pcmuClock)
		if err != nil {
			return nil, err
		}
		return &coder{
			clock:   pcmuClock,
			delay:   pcmuDelay,
			down:    down,
			narrow:  make([]int16, pcmuTail, 2*media.FrameSamples(pcmuClock)),
			payload: make([]byte, 0, media.FrameSamples(pcmuClock)),
		}, nil
	}
	encoder, err := opus.NewEncoder(opus.Options{Rate: webRate, Bitrate: o.Bitrate, Complexity: o.Complexity})
	if err != nil {
		return nil, err
	}
	return &coder{clock: opusClock, delay: opusDelay, opus: encoder, payload: make([]byte, opus.MaxPacket)}, nil
}

// encode returns the payload of a frame, nil for silence; it is valid until the
// next call.
func (c *coder) encode(pcm []int16) ([]byte, error) {
	if pcm == nil {
		pcm = silence[:]
	}
	if c.opus == nil {
		// With the tail of the frame before, each frame makes a whole one.
		c.narrow = c.down.Process(c.narrow, pcm)
		frame := c.narrow[:media.FrameSamples(pcmuClock)]
		c.payload = media.AppendULaw(c.payload[:0], frame)
		c.narrow = c.narrow[:copy(c.narrow, c.narrow[len(frame):])]
		return c.payload, nil
	}
	n, err := c.opus.Encode(pcm, c.payload)
	if err != nil {
		return nil, err
	}
	return c.payload[:n], nil
}

// expect tells the coder which share of its packets is lost.
func (c *coder) expect(loss float64) error {
	if c.opus == nil {
		return nil
	}
	if err := c.opus.SetLoss(int(loss*100 + 0.5)); err != nil {
		return fmt.Errorf("webrtc: expect loss: %w", err)
	}
	return nil
}
