package sim

import (
	"fmt"
	"slices"

	"github.com/hraban/opus"

	"sidetone/media"
)

// Codec is how audio is coded on the wire.
type Codec string

// The codecs that browsers have.
const (
	Opus Codec = "opus"
	PCMU Codec = "pcmu"
)

// clockRate is that of the codec's RTP timestamps, in Hz.
func (c Codec) clockRate() int {
	if c == PCMU {
		return 8000
	}
	return 48000
}

// webDecoder turns packets into 16 kHz audio.
type webDecoder interface {
	// decode writes a packet's audio to dst and returns its length.
	decode(dst []int16, payload []byte) (int, error)
	// recover writes the audio of the packet before the one with this payload, and
	// reports whether it could.
	recover(dst []int16, payload []byte) bool
	// conceal makes up the audio of a packet that did not come.
	conceal(dst []int16)
}

// webEncoder codes frames of 20 ms.
type webEncoder interface {
	rate() int // Hz of the frames
	// encode appends the coded frame to dst; nothing, when there is nothing to send.
	encode(dst []byte, frame []int16) ([]byte, error)
	// expect says what share of the packets gets lost.
	expect(loss float64) error
}

func newWebDecoder(c Codec) (webDecoder, error) {
	if c == PCMU {
		up, err := media.NewResampler(sampleRate, wideRate)
		if err != nil {
			return nil, err
		}
		// With what the resampler holds back ahead of them, frames come out whole.
		return &ulawDecoder{up: up, ready: make([]int16, ulawHeld)}, nil
	}
	dec, err := opus.NewDecoder(wideRate, 1)
	if err != nil {
		return nil, fmt.Errorf("sim: opus: %w", err)
	}
	return opusDecoder{dec}, nil
}

// opusDecoder clips the capacity of what it is given: the binding fills that, not
// the length.
type opusDecoder struct{ *opus.Decoder }

func (d opusDecoder) decode(dst []int16, payload []byte) (int, error) { return d.Decode(payload, dst) }

func (d opusDecoder) recover(dst []int16, payload []byte) bool {
	return opusCarriesFEC(payload) && d.DecodeFEC(payload, slices.Clip(dst)) == nil
}

func (d opusDecoder) conceal(dst []int16) {
	if d.DecodePLC(slices.Clip(dst)) != nil {
		clear(dst)
	}
}

// opusCarriesFEC reports whether a packet of one 20 ms frame may carry the frame
// before it: it is of SILK's or the hybrid modes (RFC 6716, 3.1), and its
// redundancy flag is set (4.2.3 and 4.2.4: behind the VAD flag of a mono frame).
func opusCarriesFEC(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	toc := payload[0]
	return toc>>3 < 16 && toc&3 == 0 && payload[1]&0x40 != 0
}

// opusEncoder is set up as Chromium does: voice, forward error correction once
// the far end reports losses.
type opusEncoder struct {
	*opus.Encoder
	hz  int
	dtx bool
	buf []byte
}

// opusSpeechBitrate is what Chromium uses for one channel, in bit/s.
const opusSpeechBitrate = 32000

// maxOpusPacket is the longest packet of one frame in bytes (RFC 6716, 3.2).
const maxOpusPacket = 1275

func newWebEncoder(c Codec, hz int, dtx bool) (webEncoder, error) {
	if c == PCMU {
		return ulawEncoder{}, nil
	}
	enc, err := opus.NewEncoder(hz, 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("sim: opus: %w", err)
	}
	for _, err := range []error{
		enc.SetBitrate(opusSpeechBitrate), enc.SetComplexity(5), enc.SetInBandFEC(true), enc.SetPacketLossPerc(0), enc.SetDTX(dtx),
	} {
		if err != nil {
			return nil, fmt.Errorf("sim: opus: %w", err)
		}
	}
	return &opusEncoder{enc, hz, dtx, make([]byte, maxOpusPacket)}, nil
}

func (e *opusEncoder) rate() int { return e.hz }

func (e *opusEncoder) encode(dst []byte, frame []int16) ([]byte, error) {
	n, err := e.Encode(frame, e.buf)
	if err != nil {
		return dst, fmt.Errorf("sim: opus: %w", err)
	}
	if e.dtx && n <= 2 {
		return dst, nil // discontinuous: the decoder makes up the noise (RFC 6716, 2.1.9)
	}
	return append(dst, e.buf[:n]...), nil
}

func (e *opusEncoder) expect(loss float64) error {
	return e.SetPacketLossPerc(int(100*loss + 0.5))
}

// ulawHeld is how many samples the resampler of a ulawDecoder holds back: 3 ms.
const ulawHeld = 48

// ulawDecoder decodes PCMU. What it conceals is silence.
type ulawDecoder struct {
	up    *media.Resampler
	pcm   []int16
	ready []int16
}

func (d *ulawDecoder) decode(dst []int16, payload []byte) (int, error) {
	if len(payload) == 0 || 2*len(payload) > len(dst) {
		return 0, fmt.Errorf("sim: a PCMU packet of %d bytes", len(payload))
	}
	d.pcm = media.AppendPCM(d.pcm[:0], payload)
	return d.widen(dst[:2*len(payload)]), nil
}

func (d *ulawDecoder) recover([]int16, []byte) bool { return false }

func (d *ulawDecoder) conceal(dst []int16) {
	d.pcm = append(d.pcm[:0], make([]int16, len(dst)/2)...)
	d.widen(dst)
}

// widen turns pcm into the audio of dst.
func (d *ulawDecoder) widen(dst []int16) int {
	d.ready = d.up.Process(d.ready, d.pcm)
	n := copy(dst, d.ready)
	d.ready = d.ready[:copy(d.ready, d.ready[n:])]
	return n
}

type ulawEncoder struct{}

func (ulawEncoder) rate() int { return sampleRate }

func (ulawEncoder) encode(dst []byte, frame []int16) ([]byte, error) {
	return media.AppendULaw(dst, frame), nil
}

func (ulawEncoder) expect(float64) error { return nil }
