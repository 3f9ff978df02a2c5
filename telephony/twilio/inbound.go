package twilio

import (
	"time"

	"sidetone/media"
)

const (
	rate                      = 8000               // Hz, mu-law, mono; Media Streams offers nothing else
	lead           media.Tick = media.TickRate / 5 // how far the call may send ahead of real time: 200 ms
	ticksPerMilli  media.Tick = media.TickRate / 1000
	ticksPerSample media.Tick = media.TickRate / rate
)

// inbound turns chunks of any length into frames of 20 ms on the leg's clock.
// It belongs to the reader of the leg's socket; between two sockets, to Run.
type inbound struct {
	slab   media.Slab
	base   media.Tick // tick of the stream's timestamp 0
	next   media.Tick // end of the newest sample
	newest media.Tick // end of the newest whole frame
	read   time.Time  // when the newest sample arrived
	part   []int16    // samples of a frame that is not whole yet
	run    bool       // next follows from samples, not from a start
}

// place readies for a chunk that begins at timestamp (milliseconds). Within a
// run samples follow each other without a seam; a timestamp more than a frame
// ahead of them begins a new run there, and one more than a frame behind them
// is late. It returns what was lost by that, as a queue label, and whether the
// chunk is to be used.
func (in *inbound) place(timestamp int64, now time.Time) (lost string, use bool) {
	at := in.base + media.Tick(timestamp)*ticksPerMilli
	if in.run && at < in.next-media.FrameTicks {
		return lostLate, false
	}
	if !in.run || at > in.next+media.FrameTicks {
		lost = in.cut()
		in.next = at
		in.run = true
	}
	in.read = now
	return lost, true
}

// take moves samples from ulaw into the open frame and returns what is left of
// them. It reports whether f is whole.
func (in *inbound) take(ulaw []byte) (f media.Frame, rest []byte, whole bool) {
	if in.part == nil {
		in.part = in.slab.Take(frameSamples)[:0]
	}
	n := min(len(ulaw), frameSamples-len(in.part))
	in.part = media.AppendPCM(in.part, ulaw[:n])
	in.next += media.Tick(n) * ticksPerSample
	if len(in.part) < frameSamples {
		return media.Frame{}, ulaw[n:], false
	}
	f = media.Frame{At: in.next - media.FrameTicks, PCM: in.part}
	in.part, in.newest = nil, in.next
	return f, ulaw[n:], true
}

// resume moves the clock on to the start of a new stream: by the real time
// since the newest sample, to the sample. Were it to the frame, each stream that
// drops would add to how far the recording is off.
func (in *inbound) resume(now time.Time) (lost string) {
	lost = in.cut()
	if !in.read.IsZero() {
		gap := media.TicksIn(now.Sub(in.read)) + ticksPerSample/2
		in.newest += max(0, gap-gap%ticksPerSample)
	}
	in.base, in.next, in.run = in.newest, in.newest, false
	return lost
}

// cut drops the open frame: 20 ms or nothing, for a leg never invents audio.
func (in *inbound) cut() (lost string) {
	if len(in.part) > 0 {
		lost = lostPartial
	}
	in.part = nil
	return lost
}
