package webrtc

import (
	"fmt"

	"sidetone/media"
	"sidetone/media/opus"
)

// voice decodes the caller's sound to PCM at webRate. What it returns is valid
// until its next method is called.
type voice interface {
	// length is how long a payload's sound is.
	length(payload []byte) (media.Tick, error)
	// decode decodes a payload that length has taken.
	decode(payload []byte) ([]int16, error)
	// rest is what is held back of the sound so far. Nothing continues it.
	rest() []int16
	// copied is how much of what was lost just before next is in it.
	copied(next []byte) media.Tick
	// conceal makes up what may have followed the sound so far. No error can come
	// of a multiple of slack; a voice that can not conceal returns nothing.
	conceal(length media.Tick) []int16
	// recover returns what was lost just before next, at its end what copied tells
	// of and before it what conceal would make up.
	recover(next []byte, length media.Tick) []int16
}

func newVoice(c codec) (voice, media.Tick, error) {
	if c.Opus {
		v, err := newOpusVoice()
		return v, media.TickRate / opusClock, err
	}
	v, err := newPCMUVoice()
	return v, media.TickRate / pcmuClock, err
}

// opusVoice is Opus (RFC 7587), whose clock is 48 kHz whatever it codes.
type opusVoice struct {
	d   *opus.Decoder
	pcm []int16
}

func newOpusVoice() (*opusVoice, error) {
	d, err := opus.NewDecoder(webRate)
	if err != nil {
		return nil, fmt.Errorf("webrtc: %w", err)
	}
	return &opusVoice{d: d, pcm: make([]int16, d.Samples(opus.MaxDuration))}, nil
}

func (v *opusVoice) length(payload []byte) (media.Tick, error) {
	d, err := opus.Duration(payload)
	return media.TicksIn(d), err
}

func (v *opusVoice) decode(payload []byte) ([]int16, error) {
	n, err := v.d.Decode(payload, v.pcm)
	return v.pcm[:n], err
}

func (v *opusVoice) rest() []int16 { return nil }

func (v *opusVoice) copied(next []byte) media.Tick {
	return media.TicksIn(v.d.Copied(next))
}

func (v *opusVoice) conceal(length media.Tick) []int16 {
	pcm := v.pcm[:length/ticksPerSample]
	if v.d.Conceal(pcm) != nil {
		return nil
	}
	return pcm
}

func (v *opusVoice) recover(next []byte, length media.Tick) []int16 {
	pcm := v.pcm[:length/ticksPerSample]
	if v.d.Recover(next, pcm) != nil {
		return nil
	}
	return pcm
}

// pcmuVoice is G.711 mu-law (RFC 3551, 4.5.14) at 8 kHz, resampled. What is
// lost stays lost: G.711 knows no concealment.
type pcmuVoice struct {
	up     *media.Resampler
	narrow []int16
	pcm    []int16
}

func newPCMUVoice() (*pcmuVoice, error) {
	up, err := media.NewResampler(pcmuClock, webRate)
	if err != nil {
		return nil, fmt.Errorf("webrtc: %w", err)
	}
	const longest = media.JitterPayload
	return &pcmuVoice{up: up, narrow: make([]int16, 0, longest), pcm: make([]int16, 0, (longest+pcmuHeld)*webRate/pcmuClock)}, nil
}

// pcmuHeld is more than what the resampler holds back, in samples.
const pcmuHeld = pcmuClock / 100

func (v *pcmuVoice) length(payload []byte) (media.Tick, error) {
	return media.Tick(len(payload)) * media.TickRate / pcmuClock, nil
}

func (v *pcmuVoice) decode(payload []byte) ([]int16, error) {
	v.narrow = media.AppendPCM(v.narrow[:0], payload)
	v.pcm = v.up.Process(v.pcm[:0], v.narrow)
	return v.pcm, nil
}

func (v *pcmuVoice) rest() []int16 {
	v.pcm = v.up.Flush(v.pcm[:0])
	return v.pcm
}

func (v *pcmuVoice) copied([]byte) media.Tick           { return 0 }
func (v *pcmuVoice) conceal(media.Tick) []int16         { return nil }
func (v *pcmuVoice) recover([]byte, media.Tick) []int16 { return nil }
