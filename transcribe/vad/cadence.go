package vad

import (
	"math"
	"slices"
)

// Cadence is how a voice ended before a pause.
type Cadence uint8

// The cadences. At the end of a sentence a voice grows faint and low; who stops in
// the middle of one is heard as before until then.
const (
	NoCadence Cadence = iota // it can not be told: after short words, on noisy lines
	Held                     // at full strength, and above the low end of the voice
	Faded                    // faint
)

// What makes a cadence, in windows of 32 ms.
const (
	strong   = 8.0  // dB below the loud parts of the speech; less is full strength
	faint    = 10.0 // or more
	raised   = 4    // quarters of a semitone above the low end of the voice
	tail     = 6    // windows at the end of the speech, 0.2 s, whose level counts
	buried   = 24.0 // dB below the loud parts; what is fainter is no part of the tail
	latest   = 4    // the newest pitches, whose height counts
	enough   = 16   // windows of speech: a word or two do not fall as a sentence does
	distinct = 28.0 // dB from the line's noise to the loud parts; where there is less, noise fills the tail
	settling = 32   // windows without speech in which that noise is learnt
)

// voice follows how loud and how high the newest speech is, and how loud the line
// is without.
type voice struct {
	pitch  pitch
	levels [64]int       // windows of the speech by dB, from -63 to 0 dBFS
	total  int           // of those
	tails  [tail]float64 // levels of the newest ones that are not buried
	kept   int           // how many there were
	tones  [octaves * 48]int
	voiced int         // of those
	late   [latest]int // the newest of those
	noise  float64     // mean level of windows without speech, in dBFS
	quiet  int         // of those, up to settling
}

// begin forgets the speech before.
func (v *voice) begin() {
	clear(v.levels[:])
	clear(v.tones[:])
	v.total, v.kept, v.voiced = 0, 0, 0
}

// speak takes the level of a window of speech, in dBFS, whose samples the pitch has.
func (v *voice) speak(level float64) {
	v.levels[min(max(int(level)+len(v.levels)-1, 0), len(v.levels)-1)]++
	v.total++
	if level < v.loud()-buried {
		return
	}
	v.tails[v.kept%tail] = level
	v.kept++
	for _, back := range []int{pitchStep, 0} {
		if tone, ok := v.pitch.tone(back); ok {
			v.tones[tone]++
			v.late[v.voiced%latest] = tone
			v.voiced++
		}
	}
}

// rest takes the level of a window without speech, in dBFS.
func (v *voice) rest(level float64) {
	v.quiet = min(v.quiet+1, settling)
	v.noise += (level - v.noise) / float64(v.quiet)
}

// loud is the level that a fifth of the speech reaches, in dBFS.
func (v *voice) loud() float64 {
	return float64(part(v.levels[:], v.total-v.total/5) + 1 - len(v.levels))
}

// cadence is how the speech ended.
func (v *voice) cadence() Cadence {
	loud := v.loud()
	if v.total < enough || v.kept < tail || v.quiet == 0 || loud-v.noise < distinct {
		return NoCadence
	}
	tails, late := v.tails, v.late
	slices.Sort(tails[:])
	slices.Sort(late[:])
	fall := loud - (tails[tail/2-1]+tails[tail/2])/2
	low := part(v.tones[:], v.voiced/10)
	switch {
	case fall >= faint:
		return Faded
	case fall < strong && v.voiced >= enough && late[latest/2-1] >= low+raised:
		return Held
	}
	return NoCadence
}

// part returns the bin of the n-th lowest of the values that a histogram counts.
func part(bins []int, n int) int {
	for i, count := range bins {
		if n -= count; n < 0 {
			return i
		}
	}
	return len(bins) - 1
}

// decibels is the level of samples with that mean square, in dBFS.
func decibels(square float32) float64 { return 10 * math.Log10(max(float64(square), 1e-9)) }
