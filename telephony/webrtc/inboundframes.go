package webrtc

import "sidetone/media"

// ticksPerSample is the length of a sample of a leg's sound.
const ticksPerSample = media.Tick(media.TickRate / webRate)

// framer cuts sound into frames of 20 ms.
type framer struct {
	slab   media.Slab
	next   media.Tick // end of the newest sample
	newest media.Tick // end of the newest whole frame
	part   []int16    // samples of a frame that is not whole yet
}

// lay lays pcm on from where the last ended, and hands whole frames to sink.
func (f *framer) lay(pcm []int16, sink inboundSink) {
	for len(pcm) > 0 {
		if f.part == nil {
			f.part = f.slab.Take(media.FrameSamples(webRate))[:0]
		}
		n := min(len(pcm), cap(f.part)-len(f.part))
		f.part = append(f.part, pcm[:n]...)
		pcm = pcm[n:]
		f.next += media.Tick(n) * ticksPerSample
		if len(f.part) == cap(f.part) {
			frame := media.Frame{At: f.next - media.FrameTicks, PCM: f.part}
			f.part, f.newest = nil, f.next
			sink.frame(frame)
		}
	}
}

// jump goes on at a later tick. It reports whether a frame that was not whole
// was dropped by that: a leg never invents sound.
func (f *framer) jump(at media.Tick) (cut bool) {
	cut = len(f.part) > 0
	f.part = f.part[:0]
	f.next = at
	return cut
}
