// Package media holds PCM frames and the media clock they lie on: G.711,
// resampling, playout, WAV, MP3 prompts and levels.
//
// It refuses to know a protocol, a vendor or a wall clock: every type here is
// driven by the ticks and times its caller hands in. Nothing in this package
// starts a goroutine.
package media

import "time"

// Tick counts 48 kHz ticks on the inbound media clock of a leg: 0 is the leg's
// start, 20 ms are 960 ticks, whatever the leg's sample rate.
type Tick int64

// TickRate is the number of ticks in a second of media time.
const TickRate = 48000

// FrameTicks is the length of one 20 ms frame.
const FrameTicks Tick = 960

// FrameDuration is the length of one frame in time.
const FrameDuration = 20 * time.Millisecond

// TicksIn returns the number of whole ticks in d.
func TicksIn(d time.Duration) Tick {
	return Tick(d * TickRate / time.Second)
}

// Duration returns the media time from tick 0 to t.
func (t Tick) Duration() time.Duration {
	return time.Duration(t) * time.Second / TickRate
}

// Seconds returns the media time from tick 0 to t in seconds.
func (t Tick) Seconds() float64 { return float64(t) / TickRate }

// Sample returns the index of the sample nearest to t in a stream of rate Hz
// whose sample 0 lies at tick 0.
func (t Tick) Sample(rate int) int64 {
	n := int64(t) * int64(rate)
	if n >= 0 {
		return (n + TickRate/2) / TickRate
	}
	return (n - TickRate/2) / TickRate
}

// TickOfSample is the tick of sample n in a stream of rate Hz.
func TickOfSample(n int64, rate int) Tick {
	return Tick(n * TickRate / int64(rate))
}
