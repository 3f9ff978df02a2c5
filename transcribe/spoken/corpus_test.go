package spoken

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/transcribe/enginetest"
)

const phoneRate = 8000

// clip is something that a caller's line may carry, at 8 kHz.
type clip struct {
	source string // what the figures are printed by
	name   string
	pcm    []int16
}

// line is what a telephone makes of a recording: another level, hiss on every
// second one, some silence around, mu-law.
func line(random *rand.Rand, pcm []int16) []int16 {
	before, after := random.IntN(phoneRate/4), random.IntN(phoneRate/4)
	hiss := 0.0
	if random.IntN(2) == 0 {
		hiss = amplitude(-60 + 20*random.Float64())
	}
	gain := amplitude(-32+20*random.Float64()-max(media.RMS(pcm), -60)) / amplitude(0)
	out := make([]int16, before+len(pcm)+after)
	for i := range out {
		x := hiss * random.NormFloat64()
		if j := i - before; j >= 0 && j < len(pcm) {
			x += gain * float64(pcm[j])
		}
		out[i] = clipped(x)
	}
	return media.AppendPCM(nil, media.AppendULaw(nil, out))
}

func amplitude(dBFS float64) float64 { return 32768 * math.Pow(10, dBFS/20) }

func clipped(x float64) int16 { return int16(max(math.MinInt16, min(x, math.MaxInt16))) }

// windows cuts n stretches of 0.25 to 0.75 s out of a recording, none of which
// is silence.
func windows(random *rand.Rand, c clip, source string, n int) []clip {
	var cut []clip
	for range 4 * n {
		length := int((0.25 + 0.5*random.Float64()) * phoneRate)
		if len(cut) == n || length >= len(c.pcm) {
			break
		}
		at := random.IntN(len(c.pcm) - length)
		if w := c.pcm[at : at+length]; media.RMS(w) > -40 {
			name := fmt.Sprintf("%s from %.2f s, %.2f s long", c.name, float64(at)/phoneRate, float64(length)/phoneRate)
			cut = append(cut, clip{source, name, w})
		}
	}
	return cut
}

// prompts reads all recordings of Debian's asterisk-core-sounds-en-wav, spoken
// by Allison Smith, that are not silence. None of their texts has a yes in it.
func prompts(t testing.TB) []clip {
	t.Helper()
	const root = "/usr/share/asterisk/sounds/en_US_f_Allison"
	var clips []clip
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wav" || strings.HasPrefix(path, filepath.Join(root, "silence")) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		audio, err := media.DecodeAudio(path, data)
		if err != nil {
			return err
		}
		audio, err = audio.At(phoneRate)
		clips = append(clips, clip{"prompts", strings.TrimPrefix(path, root), audio.PCM})
		return err
	})
	if err != nil || len(clips) < 500 {
		t.Fatalf("this test needs Debian's asterisk-core-sounds-en-wav: %d recordings, %v", len(clips), err)
	}
	return clips
}

// readings returns the recordings of Debian's pocketsphinx-testdata.
func readings(t testing.TB) []clip {
	t.Helper()
	var clips []clip
	for _, c := range append(append(enginetest.LibriVox(t), enginetest.Cards(t)...), enginetest.GoForward(t)) {
		clips = append(clips, clip{"readings", c.Name, c.At(t, phoneRate).PCM})
	}
	for _, name := range []string{"numbers", "something"} {
		raw, err := os.ReadFile("/usr/share/pocketsphinx/test/data/" + name + ".raw")
		if err != nil {
			t.Fatalf("this test needs Debian's pocketsphinx-testdata: %v", err)
		}
		pcm := make([]int16, len(raw)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
		clips = append(clips, clip{"readings", name, enginetest.Clip{Rate: 16000, PCM: pcm}.At(t, phoneRate).PCM})
	}
	return clips
}

// noises makes n noises of several colours, shapes and lengths.
func noises(random *rand.Rand, n int) []clip {
	clips := make([]clip, n)
	for i := range clips {
		length := phoneRate/4 + random.IntN(2*phoneRate)
		colour := []float64{0, 0.5, 0.9, 0.98, -0.7}[i%5] // how much of the sample before stays
		bursts := i%3 == 1                                // coughs and knocks
		pcm := make([]int16, length)
		state, envelope := 0.0, 1.0
		fade := math.Exp(-1 / (0.02 + 0.1*random.Float64()) / phoneRate)
		for j := range pcm {
			if bursts {
				if envelope *= fade; random.IntN(phoneRate/2) == 0 {
					envelope = 1
				}
			}
			state = colour*state + random.NormFloat64()
			pcm[j] = clipped(1500 * state * math.Sqrt(1-colour*colour) * envelope)
		}
		clips[i] = clip{"noise", fmt.Sprintf("colour %v, bursts %v", colour, bursts), pcm}
	}
	return clips
}

// tones makes what lines and music on hold sound like: keys, ringback, busy,
// special information tones, chords.
func tones(random *rand.Rand, n int) []clip {
	sounds := [][]float64{{440, 480}, {480, 620}, {350, 440}, {425}, {950}, {1400}, {1800}, {1004}, {2100}, {50, 150, 250}}
	for _, low := range []float64{697, 770, 852, 941} {
		for _, high := range []float64{1209, 1336, 1477, 1633} {
			sounds = append(sounds, []float64{low, high})
		}
	}
	clips := make([]clip, n)
	for i := range clips {
		length := time.Duration(200+random.IntN(1800)) * time.Millisecond
		var pcm []int16
		name := "melody"
		if i < 2*len(sounds) {
			pcm, name = chord(sounds[i/2], length), fmt.Sprint(sounds[i/2], " Hz")
		} else {
			for range 2 + random.IntN(6) {
				root := 110 * math.Pow(2, float64(random.IntN(36))/12)
				pcm = append(pcm, chord([]float64{root, root * 1.26, root * 1.5, root * 2, root * 3}, length/4)...)
			}
		}
		clips[i] = clip{"tones and chords", name, pcm}
	}
	return clips
}

// chord is several tones that die away slowly.
func chord(hz []float64, length time.Duration) []int16 {
	sum := make([]float64, len(media.Tone(phoneRate, hz[0], length, 0)))
	for i, f := range hz {
		for j, x := range media.Tone(phoneRate, f, length, -18-3*float64(i)) {
			sum[j] += float64(x) * (1 - 0.7*float64(j)/float64(len(sum)))
		}
	}
	pcm := make([]int16, len(sum))
	for i, x := range sum {
		pcm[i] = clipped(x)
	}
	return pcm
}

// mixed lays one stretch of speech over others, 6 to 14 dB below.
func mixed(random *rand.Rand, from []clip, others int, source string, n int) []clip {
	clips := make([]clip, n)
	for i := range clips {
		c := from[random.IntN(len(from))]
		pcm := append([]int16(nil), c.pcm...)
		for range others {
			o := from[random.IntN(len(from))].pcm
			below := amplitude(-6-8*random.Float64()) / amplitude(0)
			for j := range pcm {
				pcm[j] = clipped(float64(pcm[j]) + below*float64(o[j%len(o)]))
			}
		}
		clips[i] = clip{source, c.name, pcm}
	}
	return clips
}
