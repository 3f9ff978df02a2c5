package piper

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/media"
	"sidetone/transcribe/moonshine"
)

func open(t testing.TB) *Voice {
	t.Helper()
	v, err := New(Options{ModelsDir: modelstest.Dir(t)})
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

const (
	greeting = "Hello, and thank you for calling. How can I help you today?"
	quiet    = 300 // the peak of a stretch without sound
)

// TestVoice opens the voice once for all that it is to do, ending with Close.
func TestVoice(t *testing.T) {
	v := open(t)
	t.Run("speaks", func(t *testing.T) { speaks(t, v) })
	t.Run("is understood", func(t *testing.T) { understood(t, v) })
	t.Run("first piece first", func(t *testing.T) { firstFirst(t, v) })
	t.Run("text is bounded", func(t *testing.T) { bounded(t, v) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, v) })
	t.Run("closed", func(t *testing.T) { closed(t, v) })
}

func speaks(t *testing.T, v *Voice) {
	for _, rate := range []int{8000, 16000} {
		pcm := speak(t, v, greeting, rate)
		if s := float64(len(pcm)) / float64(rate); s < 2.2 || s > 6 {
			t.Errorf("12 words take %.2f s at %d Hz", s, rate)
		}
		if level := activeLevel(pcm, rate); level < -23.5 || level > -16.5 {
			t.Errorf("active speech at %.1f dBFS, want about -20", level)
		}
		if slices.Max(pcm) == math.MaxInt16 || slices.Min(pcm) == math.MinInt16 {
			t.Error("clips")
		}
		if begin := pcm[:rate/20]; slices.Max(begin) < quiet/2 {
			t.Error("begins with more than 50 ms of silence")
		}
		if tail := pcm[len(pcm)-rate*9/100:]; slices.Max(tail) > quiet {
			t.Errorf("no silence at the end: peak %d", slices.Max(tail))
		}
	}
}

// understood has the built-in recogniser hear the voice over a telephone.
func understood(t *testing.T, v *Voice) {
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	defer func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}()
	wrong, all := 0, 0
	for _, text := range append(sentences[:4:4], "My room is one zero one, and it is cold.") {
		pcm := media.AppendPCM(nil, media.AppendULaw(nil, speak(t, v, text, 8000)))
		said, _, err := engine.Recognise(t.Context(), pcm, 8000)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%q is heard as %q", text, said)
		wrong, all = wrong+distance(words(text), words(said)), all+len(words(text))
	}
	if wrong > all/4 {
		t.Errorf("%d of %d words are misheard", wrong, all)
	}
}

func firstFirst(t *testing.T, v *Voice) {
	chunks := 0
	for chunk, err := range v.Speak(t.Context(), "Thank you for calling, please tell me what this is about; I will write it down.", 8000) {
		if err != nil || len(chunk) == 0 {
			t.Fatalf("chunk of %d samples, error %v", len(chunk), err)
		}
		if chunks++; chunks == 1 && len(chunk) > 2*8000 {
			t.Errorf("the first chunk is %d samples long", len(chunk))
		}
	}
	if chunks != 2 {
		t.Errorf("%d chunks, want 2", chunks)
	}
}

// bounded says what is not made of words.
func bounded(t *testing.T, v *Voice) {
	for _, text := range []string{strings.Repeat("x", pieces.First+4), "[[ˈɛ]] -f /etc/passwd <speak>", "a"} {
		if pcm := speak(t, v, text, 8000); len(pcm) < 1600 {
			t.Errorf("%.20q gave %d samples", text, len(pcm))
		}
	}
}

// cancelled has what nobody waits for any more not computed to its end.
func cancelled(t *testing.T, v *Voice) {
	gone := errors.New("interrupted")
	phonemes := strings.Repeat("həlˈoʊ ", 60)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := v.network.speak(ctx, phonemes); !errors.Is(err, gone) {
		t.Errorf("a synthesis that nobody wants gave %v", err)
	}
	if pcm := speak(t, v, "Still here.", 8000); len(pcm) == 0 {
		t.Error("the voice is silent after a cancelled reply")
	}
}

func closed(t *testing.T, v *Voice) {
	for range 2 {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, err := range v.Speak(t.Context(), greeting, 8000) {
		if !errors.Is(err, tts.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestVoiceIsUnavailable(t *testing.T) {
	empty := t.TempDir()
	if _, err := New(Options{ModelsDir: empty}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrMissing) {
		t.Errorf("without a model: %v", err)
	}
	if _, err := New(Options{ModelsDir: modelstest.Dir(t), Espeak: "/nowhere/espeak-ng"}); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "apt-get install espeak-ng") {
		t.Errorf("without espeak-ng: %v", err)
	}
	if _, err := New(Options{ModelsDir: modelstest.Dir(t), Espeak: "false"}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errSpeller) {
		t.Errorf("with an espeak-ng that fails: %v", err)
	}
	path := filepath.Join(empty, models.JoeConfig)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(tiny), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{ModelsDir: empty}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, models.ErrTampered) {
		t.Errorf("with a changed configuration: %v", err)
	}
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
