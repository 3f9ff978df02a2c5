package flite

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/media"
)

// cache keeps the compiled code of all tests of a run.
var cache string

func TestMain(m *testing.M) {
	var err error
	if cache, err = os.MkdirTemp("", "flite"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(cache)
	os.Exit(code)
}

func open(t testing.TB, voice string) *Voice {
	t.Helper()
	v, err := New(context.Background(), Options{ModelsDir: modelstest.Dir(t), Voice: voice, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func speak(t testing.TB, v *Voice, text string, rate int) []int16 {
	t.Helper()
	var pcm []int16
	for chunk, err := range v.Speak(context.Background(), text, rate) {
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, chunk...)
	}
	return pcm
}

const line = "Hello, and thank you for calling. How can I help you today?"

func TestEveryVoiceSpeaks(t *testing.T) {
	for _, name := range Voices() {
		t.Run(name, func(t *testing.T) {
			v := open(t, name)
			for _, rate := range []int{8000, 16000} {
				pcm := speak(t, v, line, rate)
				if s := float64(len(pcm)) / float64(rate); s < 2.4 || s > 6 {
					t.Errorf("12 words take %.2f s at %d Hz", s, rate)
				}
				if level := activeLevel(pcm, rate); level < -23 || level > -17 {
					t.Errorf("active speech at %.1f dBFS, want about -20", level)
				}
				if p := peak(pcm); p >= math.MaxInt16 {
					t.Errorf("clips: peak %d", p)
				}
				if share := speechBand(pcm, rate); share < .8 {
					t.Errorf("%.0f %% of the energy lies between 80 and 3800 Hz", 100*share)
				}
				if peak(pcm[:rate/20]) < silence/2 {
					t.Error("begins with more than 50 ms of silence")
				}
				if tail := pcm[len(pcm)-rate*9/100:]; peak(tail) > 2*silence {
					t.Errorf("no silence at the end: peak %d", peak(tail))
				}
				if tail := pcm[len(pcm)-rate*3/20:]; peak(tail) < silence/2 {
					t.Error("ends with more than 150 ms of silence")
				}
			}
		})
	}
}

func TestSameTextSameAudio(t *testing.T) {
	v := open(t, "slt")
	want := speak(t, v, line, 8000)
	var wg sync.WaitGroup
	for range 3 { // at once, in whatever instance
		wg.Go(func() {
			if got := speak(t, v, line, 8000); !slices.Equal(got, want) {
				t.Error("the same text gave other audio")
			}
		})
		wg.Go(func() {
			if other := speak(t, v, "Goodbye.", 8000); len(other) > len(want)/2 || len(other) < 2000 {
				t.Errorf("another text gave %d samples", len(other))
			}
		})
	}
	wg.Wait()
}

func TestNumbersAreSaid(t *testing.T) {
	v := open(t, "kal16")
	if digits, none := speak(t, v, "Call 555-0123.", 8000), speak(t, v, "Call.", 8000); len(digits) < len(none)+8000 {
		t.Errorf("seven digits take %d samples", len(digits)-len(none))
	}
}

// TestTextIsBounded says the longest text there may be, with nothing to cut it at.
func TestTextIsBounded(t *testing.T) {
	v := open(t, "kal")
	for _, text := range []string{strings.Repeat("9", tts.MaxText), strings.Repeat("x", tts.MaxText), "-voice kal -o /etc/passwd <speak>"} {
		if pcm := speak(t, v, text, 8000); len(pcm) < 8000 {
			t.Errorf("%.20q gave %d samples", text, len(pcm))
		}
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range v.Speak(t.Context(), line, 8000) {
		if !errors.Is(err, tts.ErrClosed) {
			t.Errorf("closed, it says %v", err)
		}
	}
}

func TestVoiceIsRefused(t *testing.T) {
	if _, err := New(t.Context(), Options{ModelsDir: modelstest.Dir(t), Voice: "hal"}); !errors.Is(err, ErrUnknownVoice) || !strings.Contains(err.Error(), "rms") {
		t.Errorf("unknown voice: %v", err)
	}
	empty := t.TempDir()
	if _, err := New(t.Context(), Options{ModelsDir: empty}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrMissing) {
		t.Errorf("missing module: %v", err)
	}
	path := filepath.Join(empty, models.Flite)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Options{ModelsDir: empty}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrTampered) {
		t.Errorf("tampered module: %v", err)
	}
}

// silence is the peak below which a stretch is silent.
const silence = 150

func peak(pcm []int16) int {
	p := 0
	for _, s := range pcm {
		p = max(p, int(s), -int(s))
	}
	return p
}

// activeLevel is the level of the louder half of the 20 ms frames, in dBFS.
func activeLevel(pcm []int16, rate int) float64 {
	var energies []float64
	for frame := range slices.Chunk(pcm, media.FrameSamples(rate)) {
		var e float64
		for _, s := range frame {
			e += float64(s) * float64(s)
		}
		energies = append(energies, e/float64(len(frame)))
	}
	slices.Sort(energies)
	loud := energies[len(energies)/2:]
	var sum float64
	for _, e := range loud {
		sum += e
	}
	return 10 * math.Log10(sum/float64(len(loud))/(1<<30))
}

// speechBand is the share of the energy between 80 and 3800 Hz, by Goertzel's
// algorithm over blocks of 25 ms.
func speechBand(pcm []int16, rate int) float64 {
	n := rate / 40
	var in, all float64
	for block := range slices.Chunk(pcm, n) {
		for k := 1; k < n/2; k++ {
			c := 2 * math.Cos(2*math.Pi*float64(k)/float64(n))
			var a, b float64
			for _, s := range block {
				a, b = float64(s)+c*a-b, a
			}
			power := a*a + b*b - c*a*b
			all += power
			if hz := k * 40; hz >= 80 && hz <= 3800 {
				in += power
			}
		}
	}
	return in / all
}
