package sim

import (
	"math"

	"sidetone/media"
)

// webSpoken is audio that waits to be said, at the rate of its mouth.
type webSpoken struct {
	*Spoken
	pcm []int16
}

// webMouth is the microphone: silence, and what was queued to be said. Its
// samples lie on the caller's clock from 0 on.
type webMouth struct {
	rate  int
	pos   int64
	tail  int64 // the end of the last utterance queued
	queue []webSpoken
	muted bool
	frame []int16

	ambient []int16 // what else is heard, over and over
	at      int     // in ambient
}

func newWebMouth(rate int) *webMouth {
	return &webMouth{rate: rate, frame: make([]int16, media.FrameSamples(rate))}
}

// say queues audio to begin at tick now, or after what is queued already.
func (m *webMouth) say(pcm []int16, now media.Tick, ended <-chan struct{}) *Spoken {
	from := max(now.Sample(m.rate), m.tail)
	m.tail = from + int64(len(pcm))
	s := &Spoken{
		From: media.TickOfSample(from, m.rate), To: media.TickOfSample(m.tail, m.rate), from: from, to: m.tail,
		done: make(chan struct{}), ended: ended,
	}
	m.queue = append(m.queue, webSpoken{s, pcm})
	return s
}

// take returns the next 20 ms. They are good until the next call.
func (m *webMouth) take() []int16 {
	clear(m.frame)
	end := m.pos + int64(len(m.frame))
	for len(m.queue) > 0 && m.queue[0].from < end {
		s := m.queue[0]
		at := max(s.from, m.pos)
		copy(m.frame[at-m.pos:], s.pcm[at-s.from:])
		if s.to > end {
			break
		}
		close(s.done)
		m.queue = m.queue[1:]
	}
	m.pos = end
	if m.muted {
		clear(m.frame)
		return m.frame
	}
	m.addAmbient()
	return m.frame
}

// addAmbient lays what else sounds in the room over the frame.
func (m *webMouth) addAmbient() {
	if len(m.ambient) == 0 {
		return
	}
	for i, v := range m.frame {
		m.frame[i] = int16(max(math.MinInt16, min(math.MaxInt16, int(v)+int(m.ambient[m.at]))))
		m.at = (m.at + 1) % len(m.ambient)
	}
}

// loudBounds returns the span from the first to the last sound in pcm that
// begins at sample from; ok is false when all of it is silence.
func (m *webMouth) loudBounds(pcm []int16, from int64) (s Span, ok bool) {
	first, last := -1, -1
	for i, v := range pcm {
		if v >= loudPeak || v <= -loudPeak {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return Span{}, false
	}
	return Span{From: media.TickOfSample(from+int64(first), m.rate), To: media.TickOfSample(from+int64(last)+1, m.rate)}, true
}

// A digit is pressed for 100 ms and the next one 60 ms later. A page may not go
// below 40 and 30 ms; Chromium's default is 100 and 70.
const (
	keyFrames  = 5
	gapFrames  = 3
	keyEnds    = 3  // packets that say that the key was let go (RFC 4733, 2.5.1.4)
	keyVolume  = 10 // -dBm0
	keyDigits  = "0123456789*#ABCD"
	keyPayload = 4
)

// keypad makes the telephone events of the keys that are pressed.
type keypad struct {
	queue []byte
	frame int // of the key that is pressed, or of the gap behind it
	stamp uint32
	begun func(digit byte)
}

// keyPacket is one packet of a telephone event.
type keyPacket struct {
	payload [keyPayload]byte
	stamp   uint32
	marker  bool
	copies  int
}

// next returns the packet that is sent in place of the 20 ms of audio that begin
// at stamp; ok is false when no key is pressed. unit is 20 ms in RTP units.
func (k *keypad) next(stamp uint32, unit int) (p keyPacket, ok bool) {
	if k.frame == 0 && len(k.queue) == 0 {
		return keyPacket{}, false
	}
	if k.frame == 0 {
		k.stamp = stamp
		k.begun(k.queue[0])
	}
	k.frame++
	if k.frame > keyFrames {
		if k.frame == keyFrames+gapFrames {
			k.frame, k.queue = 0, k.queue[1:]
		}
		return keyPacket{}, false
	}
	p = keyPacket{stamp: k.stamp, marker: k.frame == 1, copies: 1}
	duration := k.frame * unit
	p.payload = [keyPayload]byte{eventOf(k.queue[0]), keyVolume, byte(duration >> 8), byte(duration)}
	if k.frame == keyFrames {
		p.payload[1] |= 0x80
		p.copies = keyEnds
	}
	return p, true
}

// eventOf is the event of a digit (RFC 4733, 3.2): its place in keyDigits.
func eventOf(digit byte) byte {
	for i := range len(keyDigits) {
		if keyDigits[i] == digit {
			return byte(i)
		}
	}
	panic("sim: internal error: no such key")
}
