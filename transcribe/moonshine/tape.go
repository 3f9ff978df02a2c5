package moonshine

import "sidetone/media"

// tape is a stretch of a call's audio without holes. Its start never goes back.
type tape struct {
	rate  int
	start media.Tick
	pcm   []int16
}

// A frame's start may be off by half a frame before it counts as a jump:
// carriers stamp in milliseconds.
const slack = media.FrameTicks / 2

func (t *tape) empty() bool { return len(t.pcm) == 0 }

func (t *tape) end() media.Tick { return t.start + media.TickOfSample(int64(len(t.pcm)), t.rate) }

// gap is how far a tick lies behind the end of the tape; negative if before it.
func (t *tape) gap(at media.Tick) media.Tick {
	if t.empty() {
		return 0
	}
	return at - t.end()
}

// write appends a frame, and silence for the gap before it.
func (t *tape) write(f media.Frame) {
	if t.empty() {
		t.start = f.At
	}
	switch gap := t.gap(f.At); {
	case gap < -slack:
		return // the leg's audio is ordered: this was heard before
	case gap > slack:
		t.pcm = append(t.pcm, make([]int16, gap.Sample(t.rate))...)
	}
	t.pcm = append(t.pcm, f.PCM...)
}

// clear forgets everything.
func (t *tape) clear() { t.pcm = t.pcm[:0] }

// forget forgets what lies before a tick, a second or more at a time.
func (t *tape) forget(before media.Tick) {
	n := (before - t.start).Sample(t.rate)
	if n < int64(t.rate) || n > int64(len(t.pcm)) {
		return
	}
	t.pcm = t.pcm[:copy(t.pcm, t.pcm[n:])]
	t.start += media.TickOfSample(n, t.rate)
}

// cut returns a copy of what lies between two ticks.
func (t *tape) cut(from, to media.Tick) []int16 {
	n := int64(len(t.pcm))
	i := min(max((from-t.start).Sample(t.rate), 0), n)
	j := min(max((to-t.start).Sample(t.rate), i), n)
	return append([]int16(nil), t.pcm[i:j]...)
}

// quietest returns the middle of the quietest 100 ms between two ticks.
func (t *tape) quietest(from, to media.Tick) media.Tick {
	const span = media.TickRate / 10
	best, least := to, -1.0
	for at := from; at+span <= to; at += media.FrameTicks {
		i, j := (at - t.start).Sample(t.rate), (at + span - t.start).Sample(t.rate)
		sum := 0.0
		for _, x := range t.pcm[i:j] {
			sum += float64(x) * float64(x)
		}
		if least < 0 || sum < least {
			best, least = at+span/2, sum
		}
	}
	return best
}
