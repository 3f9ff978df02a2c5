package sim

import "sidetone/media"

// WebClip is audio that has been coded once and can be sent by many callers. It
// is immutable.
type WebClip struct{ packets [][]byte }

// NewWebClip codes 16 kHz audio; its last frame is filled with silence. Without
// any, the clip is a second of silence.
func NewWebClip(codec Codec, pcm []int16) (*WebClip, error) {
	enc, err := newWebEncoder(codec, wideRate, false)
	if err != nil {
		return nil, err
	}
	if len(pcm) == 0 {
		pcm = make([]int16, wideRate)
	}
	if enc.rate() != wideRate {
		if pcm, err = media.Resample(pcm, wideRate, enc.rate()); err != nil {
			return nil, err
		}
	}
	c := &WebClip{}
	size := media.FrameSamples(enc.rate())
	for len(pcm) > 0 {
		frame := make([]int16, size)
		pcm = pcm[copy(frame, pcm):]
		packet, err := enc.encode(nil, frame)
		if err != nil {
			return nil, err
		}
		c.packets = append(c.packets, packet)
	}
	return c, nil
}

// packet returns the n-th packet, over and over.
func (c *WebClip) packet(n int64) []byte { return c.packets[n%int64(len(c.packets))] }
