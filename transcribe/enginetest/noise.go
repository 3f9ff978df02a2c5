package enginetest

import (
	"math"
	"math/rand/v2"
	"time"

	"sidetone/media"
)

// Noises returns three seconds each of what a line carries when nobody speaks,
// at rate Hz. It is the same each time.
func Noises(rate int) []Clip {
	const length = 3 * time.Second
	n := 3 * rate
	random := rand.New(rand.NewPCG(1, 2))
	white := make([]int16, n)
	brown := make([]int16, n)
	coughs := make([]int16, n)
	walk := 0.0
	for i := range n {
		white[i] = int16(800 * random.NormFloat64())
		walk = 0.98*walk + 300*random.NormFloat64()
		brown[i] = int16(walk)
		fade := 1 - 4*float64(i%rate)/float64(rate)
		coughs[i] = int16(4000 * random.NormFloat64() * max(fade, 0))
	}
	hum := media.Tone(rate, 50, length, -30)
	add(hum, media.Tone(rate, 150, length, -40))
	ring := media.Tone(rate, 440, length, -22)
	add(ring, media.Tone(rate, 480, length, -22))
	keys := make([]int16, 0, n)
	for _, pair := range [][2]float64{{697, 1209}, {770, 1336}, {852, 1477}, {941, 1336}, {697, 1477}, {852, 1209}} {
		key := media.Tone(rate, pair[0], 250*time.Millisecond, -16)
		add(key, media.Tone(rate, pair[1], 250*time.Millisecond, -14))
		keys = append(append(keys, key...), make([]int16, rate/4)...)
	}
	clip := func(name string, pcm []int16) Clip { return Clip{Name: name, Rate: rate, PCM: pcm} }
	return []Clip{
		clip("silence", make([]int16, n)), clip("white noise", white), clip("brown noise", brown), clip("coughs", coughs),
		clip("mains hum", hum), clip("ringback", ring), clip("DTMF", keys),
	}
}

func add(to, pcm []int16) {
	for i, x := range pcm {
		to[i] = int16(max(math.MinInt16, min(int(to[i])+int(x), math.MaxInt16)))
	}
}
