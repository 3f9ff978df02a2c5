package sim

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"sidetone/media"
)

// Spoken is audio that the caller says. From and To are its place on the
// carrier's media clock.
type Spoken struct {
	From, To media.Tick

	from, to int64
	audio    []byte
	done     chan struct{}
	ended    <-chan struct{}
}

// Done is closed when the last sample has been sent. It stays open if the call
// ends before that.
func (s *Spoken) Done() <-chan struct{} { return s.done }

// Wait waits until the last sample has been sent. It returns ErrEnded if the
// call ended before.
func (s *Spoken) Wait(ctx context.Context) error {
	select {
	case <-s.done:
		return nil
	case <-s.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mouth is the caller's side of the line: what was queued to be said, and the
// echo and noise in the room. Without these, bytes pass unchanged.
type mouth struct {
	pos   int64 // samples taken
	tail  int64 // the end of the last utterance queued
	queue []*Spoken
	room  *room // nil when the room is silent
}

// say queues audio to begin at sample now, or after what is queued already.
func (m *mouth) say(audio []byte, now int64, ended <-chan struct{}) *Spoken {
	from := max(now, m.tail)
	m.tail = from + int64(len(audio))
	s := &Spoken{
		From: tickOf(from), To: tickOf(m.tail), from: from, to: m.tail,
		audio: audio, done: make(chan struct{}), ended: ended,
	}
	m.queue = append(m.queue, s)
	return s
}

// take fills dst with the caller's audio of the next len(dst) samples.
func (m *mouth) take(dst []byte) {
	fillSilence(dst)
	end := m.pos + int64(len(dst))
	for len(m.queue) > 0 && m.queue[0].from < end {
		s := m.queue[0]
		at := max(s.from, m.pos)
		copy(dst[at-m.pos:], s.audio[at-s.from:])
		if s.to > end {
			break
		}
		close(s.done)
		m.queue = m.queue[1:]
	}
	if m.room != nil {
		m.room.add(dst)
	}
	m.pos = end
}

// skip takes audio up to sample pos and throws it away.
func (m *mouth) skip(pos int64) {
	var scratch [frameSamples]byte
	for m.pos < pos {
		m.take(scratch[:min(pos-m.pos, frameSamples)])
	}
}

// room adds the echo of what is played, white noise and what else sounds in the room
// to the caller's audio.
type room struct {
	echo, noise float64 // gain, RMS amplitude; 0 is none
	rng         *rand.Rand
	ambient     []int16 // over and over
	at          int     // in ambient
	played      []byte  // the newest of it, delay samples ahead of what add takes
	delay       int
	pcm, tail   []int16
}

// newRoom returns nil when opts ask for neither echo nor noise nor anything else.
func newRoom(opts CarrierOptions) *room {
	if opts.EchoDB >= 0 && opts.NoiseDB >= 0 && len(opts.Ambient) == 0 {
		return nil
	}
	r := &room{rng: rand.New(rand.NewPCG(opts.NoiseSeed, 0x5eed)), ambient: opts.Ambient}
	if opts.EchoDB < 0 {
		r.echo = math.Pow(10, opts.EchoDB/20)
	}
	if opts.NoiseDB < 0 {
		r.noise = 32768 * math.Pow(10, opts.NoiseDB/20)
	}
	r.delay = int(opts.EchoDelay * sampleRate / time.Second)
	r.played = make([]byte, r.delay)
	fillSilence(r.played)
	return r
}

// hear takes what was played, sample for sample with what add is given.
func (r *room) hear(played []byte) {
	if r.echo > 0 {
		r.played = append(r.played, played...)
	}
}

func (r *room) add(dst []byte) {
	r.pcm = media.AppendPCM(r.pcm[:0], dst)
	if r.echo > 0 {
		r.tail = media.AppendPCM(r.tail[:0], r.played[:len(dst)])
		r.played = r.played[len(dst):]
	}
	for i := range r.pcm {
		v := float64(r.pcm[i])
		if r.echo > 0 {
			v += r.echo * float64(r.tail[i])
		}
		if r.noise > 0 {
			v += r.noise * r.rng.NormFloat64()
		}
		if len(r.ambient) > 0 {
			v += float64(r.ambient[r.at])
			r.at = (r.at + 1) % len(r.ambient)
		}
		r.pcm[i] = int16(max(-32768, min(32767, math.Round(v))))
	}
	copy(dst, media.AppendULaw(nil, r.pcm))
}
