package scenario

import (
	"math"
	"math/rand/v2"
	"time"

	"sidetone/media"
)

// Sound is a noise that a caller makes, or that is around them.
type Sound string

// The sounds.
const (
	Cough  Sound = "cough"
	Hum    Sound = "hum"    // a person hums a note
	Music  Sound = "music"  // chords with a beat
	Street Sound = "street" // rumble that swells
	White  Sound = "white"
)

// Sounds are all of them.
var Sounds = []Sound{Cough, Hum, Music, Street, White}

// usual are how long, in a step, a sound lasts and how loud it is unless it is said.
var usual = map[Sound]struct {
	length time.Duration
	level  float64
}{
	Cough: {700 * time.Millisecond, -20}, Hum: {time.Second, -26}, Music: {3 * time.Second, -30},
	Street: {3 * time.Second, -30}, White: {time.Second, -30},
}

// backgroundLength is how much of a background there is before it is repeated.
const backgroundLength = 8 * time.Second

// make makes a sound at a level in dBFS. It is the same each time.
func (s Sound) make(rate int, length time.Duration, level float64) []int16 {
	n := int(length * time.Duration(rate) / time.Second)
	wave := make([]float64, n)
	random := rand.New(rand.NewPCG(7, 11))
	for i, t := 0, 0.0; i < n; i, t = i+1, float64(i+1)/float64(rate) {
		switch s {
		case Cough:
			wave[i] = cough(t, random.NormFloat64())
		case Hum:
			wave[i] = voiced(t, 118+2*math.Sin(2*math.Pi*4*t), 5) * ease(t, length.Seconds())
		case Music:
			wave[i] = music(t)
		case White:
			wave[i] = random.NormFloat64()
		case Street:
			if wave[i] = 0.02 * random.NormFloat64(); i > 0 {
				wave[i] += 0.985 * wave[i-1]
			}
		}
	}
	if s == Street {
		for i := range wave {
			wave[i] *= 0.6 + 0.4*math.Sin(2*math.Pi*float64(i)/float64(4*rate))
		}
	}
	return leveled(wave, level)
}

// cough is two bursts of 250 ms, sharp at first, and quiet between.
func cough(t, noise float64) float64 {
	in := math.Mod(t, 0.35)
	if t >= 0.7 || in > 0.25 {
		return 0
	}
	return (0.7*noise + 0.3*voiced(t, 140, 4)) * math.Exp(-12*in)
}

// voiced is a tone with overtones.
func voiced(t, hz float64, overtones int) (v float64) {
	for k := 1; k <= overtones; k++ {
		v += math.Sin(2*math.Pi*hz*float64(k)*t) / float64(k*k)
	}
	return v
}

// ease lets a sound begin and end within 80 ms.
func ease(t, length float64) float64 { return math.Min(1, math.Min(t, length-t)/0.08) }

// music is a chord of three notes that changes each half second, struck anew.
func music(t float64) (v float64) {
	chords := [][3]float64{{262, 330, 392}, {220, 262, 330}, {175, 220, 262}, {196, 247, 294}}
	at := math.Mod(t, 0.5)
	for _, hz := range chords[int(t/0.5)%len(chords)] {
		v += voiced(t, hz, 3) * math.Exp(-3*at)
	}
	return v
}

// leveled brings a wave to a level in dBFS, 0 being the loudest tone there is.
func leveled(wave []float64, level float64) []int16 {
	sum := 0.0
	for _, v := range wave {
		sum += v * v
	}
	pcm := make([]int16, len(wave))
	if sum == 0 {
		return pcm
	}
	gain := 32768 / math.Sqrt2 * math.Pow(10, level/20) / math.Sqrt(sum/float64(len(wave)))
	for i, v := range wave {
		pcm[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(gain*v))))
	}
	return pcm
}

// silence is nothing for a while.
func silence(rate int, d time.Duration) []int16 { return make([]int16, media.TicksIn(d).Sample(rate)) }
