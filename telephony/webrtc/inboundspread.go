package webrtc

import (
	"time"

	"sidetone/media"
)

// spread measures how unevenly packets come: the interarrival jitter of RFC
// 3550, 6.4.1 and A.8. A change beyond maxAstray is another stream's clock, and
// no jitter.
type spread struct {
	unit   media.Tick // ticks of one unit of the RTP clock
	begun  bool
	stamp  uint32
	read   time.Time
	jitter time.Duration
}

func (s *spread) take(stamp uint32, arrival time.Time) {
	if s.begun {
		sent := media.Tick(int32(stamp-s.stamp)) * s.unit
		change := arrival.Sub(s.read) - sent.Duration()
		if change = max(change, -change); media.TicksIn(change) <= maxAstray {
			s.jitter += (change - s.jitter) / 16
		}
	}
	s.begun, s.stamp, s.read = true, stamp, arrival
}

// forget is for a new source, whose timestamps are others.
func (s *spread) forget() { s.begun = false }
