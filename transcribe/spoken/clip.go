package spoken

import (
	"math"
	"math/rand/v2"
	"time"

	"sidetone/media"
)

// What of a clip is taken for speech.
const (
	loudSpan   = 10 * time.Millisecond
	belowPeak  = 30.0  // dB that the ends of speech lie below its loudest span
	quietest   = -50.0 // dBFS; below it nothing is speech
	faint      = -45.0 // dBFS of the loudest span: nothing was said
	shortest   = 120 * time.Millisecond
	longest    = 4 * time.Second // a longer utterance is no answer
	heardLevel = -20.0           // dBFS to which speech is brought
	hissLevel  = 30.0            // standard deviation of the hiss around it: -58 dBFS
)

// speech cuts the silence off the ends of a clip. It returns nothing for a clip
// that is too faint or too short to hold a word.
func speech(pcm []int16, rate int) []int16 {
	n := samplesIn(loudSpan, rate)
	peak := media.SilenceDBFS
	for i := 0; i+n <= len(pcm); i += n {
		peak = max(peak, media.RMS(pcm[i:i+n]))
	}
	if peak < faint {
		return nil
	}
	floor := max(peak-belowPeak, quietest)
	from, to := 0, len(pcm)
	for from+n <= to && media.RMS(pcm[from:from+n]) < floor {
		from += n
	}
	for to-n >= from && media.RMS(pcm[to-n:to]) < floor {
		to -= n
	}
	if to-from < samplesIn(shortest, rate) {
		return nil
	}
	return pcm[from:to]
}

// framed returns speech at heardLevel with hiss around it, as recognition finds
// it easiest. It is the same each time.
func framed(pcm []int16, rate int, around time.Duration) []int16 {
	random := rand.New(rand.NewPCG(1, 1))
	pad := samplesIn(around, rate)
	out := make([]int16, pad+len(pcm)+pad)
	gain := math.Pow(10, (heardLevel-media.RMS(pcm))/20)
	for i := range out {
		if j := i - pad; j >= 0 && j < len(pcm) {
			out[i] = int16(max(math.MinInt16, min(gain*float64(pcm[j]), math.MaxInt16)))
		} else {
			out[i] = int16(hissLevel * random.NormFloat64())
		}
	}
	return out
}

func samplesIn(d time.Duration, rate int) int { return int(d * time.Duration(rate) / time.Second) }
