package remote

import (
	"time"

	"sidetone/media"
)

// The lengths of a Tape.
var (
	longest    = media.TicksIn(30 * time.Second) // kept of the open turn
	longestGap = media.TicksIn(10 * time.Second) // a longer one is not filled
)

// A frame's start may be off by half a frame before it counts as a jump:
// carriers stamp in milliseconds.
const slack = media.FrameTicks / 2

// Tape is the newest audio of a call, at most 30 s, with silence in its gaps.
// Where a gap is too long to be filled a new stretch begins.
type Tape struct {
	rate      int
	stretches []stretch
}

// stretch is audio without a hole.
type stretch struct {
	start media.Tick
	pcm   []int16
}

func (s *stretch) end(rate int) media.Tick {
	return s.start + media.TickOfSample(int64(len(s.pcm)), rate)
}

// NewTape returns an empty tape for frames of a rate.
func NewTape(rate int) *Tape { return &Tape{rate: rate} }

// Span returns where the tape begins and ends; ok is false for an empty one.
func (t *Tape) Span() (start, end media.Tick, ok bool) {
	n := len(t.stretches)
	if n == 0 {
		return 0, 0, false
	}
	return t.stretches[0].start, t.stretches[n-1].end(t.rate), true
}

// Write appends a frame, and silence for a gap before it. It returns how much of
// the oldest audio had to go.
func (t *Tape) Write(f media.Frame) (dropped media.Tick) {
	if len(f.PCM) == 0 {
		return 0
	}
	_, end, ok := t.Span()
	gap := f.At - end
	switch {
	case !ok || gap > longestGap:
		t.stretches = append(t.stretches, stretch{start: f.At})
	case gap < -slack:
		return 0 // the leg's audio is ordered: this was heard before
	case gap > slack:
		last := &t.stretches[len(t.stretches)-1]
		last.pcm = append(last.pcm, make([]int16, gap.Sample(t.rate))...)
	}
	last := &t.stretches[len(t.stretches)-1]
	last.pcm = append(last.pcm, f.PCM...)
	return t.bound()
}

// bound drops the oldest audio beyond the limit, a second at a time.
func (t *Tape) bound() (dropped media.Tick) {
	held := media.Tick(0)
	for i := range t.stretches {
		held += t.stretches[i].end(t.rate) - t.stretches[i].start
	}
	if held <= longest {
		return 0
	}
	first := &t.stretches[0]
	dropped = min(media.Tick(media.TickRate), first.end(t.rate)-first.start)
	t.Forget(first.start + dropped)
	return dropped
}

// Forget forgets what lies before a tick.
func (t *Tape) Forget(before media.Tick) {
	for len(t.stretches) > 0 && t.stretches[0].end(t.rate) <= before {
		t.stretches = t.stretches[:copy(t.stretches, t.stretches[1:])]
	}
	if len(t.stretches) == 0 || t.stretches[0].start >= before {
		return
	}
	first := &t.stretches[0]
	n := (before - first.start).Sample(t.rate)
	first.pcm = first.pcm[:copy(first.pcm, first.pcm[n:])]
	first.start += media.TickOfSample(n, t.rate)
}

// Read copies the first audio that lies between two ticks to dst, as much as has
// room, and returns where it begins. It never crosses from one stretch to the
// next.
func (t *Tape) Read(dst []int16, from, until media.Tick) (at media.Tick, n int) {
	for i := range t.stretches {
		s := &t.stretches[i]
		if s.end(t.rate) <= from {
			continue
		}
		skip := max(0, (from - s.start).Sample(t.rate))
		to := min(int64(len(s.pcm)), max(skip, (until-s.start).Sample(t.rate)))
		n = copy(dst, s.pcm[skip:to])
		if at = s.start + media.TickOfSample(skip, t.rate); n > 0 || until <= s.end(t.rate) {
			return at, n
		}
	}
	return until, 0
}
