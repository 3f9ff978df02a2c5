package enginetest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/media"
)

// testdata is where Debian's pocketsphinx-testdata puts its recordings.
const testdata = "/usr/share/pocketsphinx/test/data"

// Clip is a recording of a person who says Words.
type Clip struct {
	Name  string
	Words string // lower case, without punctuation
	Rate  int    // Hz
	PCM   []int16
}

// LibriVox returns five sentences read by a volunteer of LibriVox, at 16 kHz.
func LibriVox(t testing.TB) []Clip { return transcribed(t, "librivox", "transcription") }

// Cards returns five short phrases about playing cards, at 16 kHz.
func Cards(t testing.TB) []Clip { return transcribed(t, "cards", "cards.transcription") }

// transcribed reads the clips of a Sphinx transcription: lines of
// "<s> words </s> (file)".
func transcribed(t testing.TB, dir, list string) []Clip {
	t.Helper()
	var clips []Clip
	for line := range strings.Lines(string(read(t, dir, list))) {
		words, name, found := strings.Cut(strings.TrimSpace(line), "</s> (")
		if !found {
			t.Fatalf("%s/%s holds a line that is no transcription: %q", dir, list, line)
		}
		name = strings.TrimSuffix(name, ")")
		audio, err := media.DecodeWAV(read(t, dir, name+".wav"))
		if err != nil {
			t.Fatal(err)
		}
		words = strings.Join(strings.Fields(strings.TrimPrefix(words, "<s>")), " ")
		clips = append(clips, Clip{name, words, audio.Rate, audio.PCM})
	}
	return clips
}

// GoForward returns "go forward ten meters", at 16 kHz.
func GoForward(t testing.TB) Clip {
	t.Helper()
	raw := read(t, "goforward.raw")
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return Clip{"goforward", "go forward ten meters", 16000, pcm}
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{testdata}, path...)...))
	if err != nil {
		t.Fatalf("this test needs Debian's pocketsphinx-testdata: %v", err)
	}
	return b
}

// At returns the clip at another rate; at 8 kHz it has been through mu-law, as
// on the phone.
func (c Clip) At(t testing.TB, rate int) Clip {
	t.Helper()
	pcm, err := media.Resample(c.PCM, c.Rate, rate)
	if err != nil {
		t.Fatal(err)
	}
	if rate == 8000 {
		pcm = media.AppendPCM(nil, media.AppendULaw(nil, pcm))
	}
	c.Rate, c.PCM = rate, pcm
	return c
}
