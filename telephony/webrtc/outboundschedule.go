package webrtc

import (
	"math/rand/v2"
	"time"

	"sidetone/media"
)

const (
	// late is how late a frame may be and still belong to its spurt, as
	// media.Playout has it.
	late = media.FrameDuration
	// early is how early a frame may leave: the call's timer and ours need not
	// agree to the microsecond.
	early = 2 * time.Millisecond
)

// schedule is the time at which each frame leaves, and is played if it takes no
// time to travel. A spurt is sound without a gap: slot n of it lies n frames
// after its base. Between spurts the RTP timestamp goes on with real time
// (RFC 3550, 5.1; RFC 3551, 4.1).
type schedule struct {
	rate  media.Tick // of the RTP clock, Hz
	base  time.Time  // slot 0 of the spurt; zero before the first
	stamp uint32     // RTP timestamp of base
	n     int64      // number of the next slot
}

// newSchedule returns a schedule that begins at a random RTP timestamp.
func newSchedule(rtpRate int) schedule {
	return schedule{rate: media.Tick(rtpRate), stamp: rand.Uint32()}
}

// slot is when the next slot of the spurt lies, and the last one ends.
func (s *schedule) slot() time.Time {
	return s.base.Add(time.Duration(s.n) * media.FrameDuration)
}

// next is the slot that a frame gets if it is sent at now, or is the next to be
// sent.
func (s *schedule) next(now time.Time) time.Time {
	if s.over(now) {
		return now
	}
	return s.slot()
}

// over reports whether a frame that is sent at now begins a spurt.
func (s *schedule) over(now time.Time) bool {
	return s.base.IsZero() || now.Sub(s.slot()) > late
}

// take gives the slot next(now) to a frame.
func (s *schedule) take(now time.Time) (stamp uint32, first bool) {
	if first = s.over(now); first {
		if !s.base.IsZero() {
			s.stamp += s.units(media.TicksIn(now.Sub(s.base)))
		}
		s.base, s.n = now, 0
	}
	return s.step(), first
}

// step gives the spurt's next slot to a frame, however late it is.
func (s *schedule) step() (stamp uint32) {
	stamp = s.stamp + s.units(media.Tick(s.n)*media.FrameTicks)
	s.n++
	return stamp
}

// stampAt is the RTP timestamp of a time of the spurt.
func (s *schedule) stampAt(t time.Time) uint32 {
	return s.stamp + s.units(media.TicksIn(t.Sub(s.base)))
}

// units is t in units of the RTP clock.
func (s *schedule) units(t media.Tick) uint32 { return uint32(t * s.rate / media.TickRate) }
