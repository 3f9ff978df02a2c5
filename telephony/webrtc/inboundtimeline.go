package webrtc

import (
	"time"

	"sidetone/media"
)

const (
	// maxAstray is how far a stream's time may be from real time, before it is taken
	// for another stream's.
	maxAstray = 10 * media.Tick(media.TickRate)
	// leakage makes maxAstray one of sudden changes: clocks that differ by a share
	// of 1/leakage never meet it. Browsers' are off by half of that.
	leakage = 1000
	// slack is the shortest packet there is (RFC 6716, 2.1.4). A timestamp that is
	// off by less is a careless sender's, not a pause.
	slack = media.Tick(media.TickRate / 400)
	// promptly is how soon after the leg's begin the first sound lies at tick 0. What
	// begins later has been silent until then.
	promptly = time.Second
)

// placing is how a packet was placed.
type placing uint8

const (
	placed        placing = iota // where its timestamp says
	placedAnew                   // where real time says
	placedNoWhere                // it is too far ahead of real time
)

// timeline places a stream's packets on the leg's clock. The RTP clock is that
// clock: the first packet lies at tick 0, or where real time has come to if it
// did not come promptly, and every other where the difference
// of timestamps says, across the wrap of their 32 bits. Only when that would
// lead backwards, or more than maxAstray from real time, and when a new source
// begins, the next packet lies where real time has come to since the one before.
type timeline struct {
	unit  media.Tick // ticks of one unit of the RTP clock
	start time.Time  // when the leg began; zero for with the first packet

	end   media.Tick // of the sound placed so far
	begun bool
	anew  bool // the next packet is of another source
	// Of the packet placed last:
	stamp uint32
	at    media.Tick // where its timestamp says
	read  time.Time  // when it arrived

	ahead media.Tick // of real time, less what leaked
}

// place returns where a packet's sound of the given length begins: never before
// end.
func (l *timeline) place(stamp uint32, length media.Tick, arrival time.Time) (media.Tick, placing) {
	if !l.begun {
		l.begun, l.anew = true, false
		if late := arrival.Sub(l.start); !l.start.IsZero() && late > promptly {
			silent := media.TicksIn(late) - length + media.FrameTicks/2
			l.end = max(0, silent-silent%media.FrameTicks)
		}
		l.stamp, l.at, l.read = stamp, l.end, arrival
		return l.at, placed
	}
	passed := media.TicksIn(max(0, arrival.Sub(l.read)))
	// The shorter way round (RFC 3550, A.1 does so for sequence numbers).
	at := l.at + media.Tick(int32(stamp-l.stamp))*l.unit
	ahead, how := l.drift(at, passed), placed
	if l.anew || at <= l.end-slack || max(ahead, -ahead) > maxAstray {
		silent := max(0, passed-length) + media.FrameTicks/2
		at, how = l.end+silent-silent%media.FrameTicks, placedAnew
		ahead = l.drift(at, passed)
	}
	if ahead > maxAstray {
		return 0, placedNoWhere
	}
	l.anew, l.ahead = false, ahead
	l.stamp, l.at, l.read = stamp, at, arrival
	return max(at, l.end), how
}

// drift is how far the stream is ahead of real time if a packet lies at at that
// came so long after the one before.
func (l *timeline) drift(at, passed media.Tick) media.Tick {
	ahead := l.ahead + at - l.at - passed
	leak := passed / leakage
	if ahead < 0 {
		return min(0, ahead+leak)
	}
	return max(0, ahead-leak)
}
