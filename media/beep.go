package media

import (
	"math"
	"time"
)

// The recording tone of FS-1037: 1400 Hz for half a second, at a level at which
// one can go on talking. The ramps keep it from clicking.
const (
	beepHz     = 1400
	beepLength = 500 * time.Millisecond
	beepDBFS   = -20
	beepRamp   = 10 * time.Millisecond
)

// Beep returns the tone that tells the parties of a call that it is recorded:
// 0.5 s at rate Hz, mono.
func Beep(rate int) []int16 {
	pcm := Tone(rate, beepHz, beepLength, beepDBFS)
	ramp := int(TicksIn(beepRamp).Sample(rate))
	for i := range ramp {
		gain := (1 - math.Cos(math.Pi*float64(i)/float64(ramp))) / 2
		for _, at := range [...]int{i, len(pcm) - 1 - i} {
			pcm[at] = int16(math.RoundToEven(gain * float64(pcm[at])))
		}
	}
	return pcm
}
