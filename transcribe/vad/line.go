package vad

import "sidetone/media"

// line places the frames of a call one after another.
type line struct {
	end     media.Tick // the end of what was taken
	started bool
}

// A frame's start may be off by half a frame before it counts as a jump:
// carriers stamp in milliseconds.
const slack = media.FrameTicks / 2

// place says what to do with a frame that starts at a tick: take it, after
// filling the given gap with silence, or ignore it because it is late.
func (l *line) place(at media.Tick) (gap media.Tick, take bool) {
	if !l.started {
		l.started, l.end = true, at
	}
	switch d := at - l.end; {
	case d < -slack:
		return 0, false
	case d <= slack:
		return 0, true
	default:
		return d, true
	}
}
