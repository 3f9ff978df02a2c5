package moonshine_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
)

func TestRecognise(t *testing.T) {
	e, _ := load(t)
	for _, rate := range []int{8000, 16000} {
		for _, clip := range append(enginetest.Cards(t), enginetest.GoForward(t)) {
			pcm := clip.At(t, rate).PCM
			before := slices.Clone(pcm)
			text, score, err := e.Recognise(t.Context(), pcm, rate)
			if err != nil {
				t.Fatal(err)
			}
			wrong, all := sim.WordErrors(clip.Words, text)
			if 2*wrong > all || score <= 0 || score > 1 {
				t.Errorf("%d Hz, %q: heard %q with %.2f", rate, clip.Words, text, score)
			}
			if !slices.Equal(pcm, before) {
				t.Errorf("%d Hz, %q: the clip was changed", rate, clip.Words)
			}
		}
	}
}

// TestRecogniseScores compares words that are clear with the same in noise of
// their own loudness.
func TestRecogniseScores(t *testing.T) {
	e, _ := load(t)
	clear := enginetest.LibriVox(t)[1].At(t, 8000).PCM
	_, good, err := e.Recognise(t.Context(), clear, 8000)
	if err != nil {
		t.Fatal(err)
	}
	noise := enginetest.Noises(8000)[1].PCM
	noisy := slices.Clone(clear)
	for i := range noisy {
		noisy[i] = int16(max(-32768, min(int(noisy[i])+2*int(noise[i%len(noise)]), 32767)))
	}
	_, bad, err := e.Recognise(t.Context(), noisy, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if good < 0.1 || bad > good/2 {
		t.Errorf("the score of a clear sentence is %.3g, that in noise %.3g", good, bad)
	}
}

// TestRecogniseNothing holds that the model may find no words, unlike in the
// speech of a session.
func TestRecogniseNothing(t *testing.T) {
	e, _ := load(t)
	clips := append(enginetest.Noises(8000), enginetest.Clip{Name: "no samples"}, enginetest.Clip{Name: "a sample", PCM: []int16{1}})
	for _, clip := range clips {
		text, score, err := e.Recognise(t.Context(), clip.PCM, 8000)
		if err != nil || text != "" || score < 0.5 {
			t.Errorf("%s: %q with %.2f, %v; want nothing", clip.Name, text, score, err)
		}
	}
}

func TestRecogniseFails(t *testing.T) {
	e, _ := load(t)
	for _, rate := range []int{-1, 0, 44100} {
		if _, _, err := e.Recognise(t.Context(), make([]int16, 8000), rate); err == nil {
			t.Errorf("%d Hz was accepted", rate)
		}
	}
	if _, _, err := e.Recognise(t.Context(), make([]int16, 16*8000), 8000); err == nil {
		t.Error("16 s were accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := e.Recognise(ctx, enginetest.GoForward(t).PCM, 16000); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	none := moonshine.New(moonshine.Options{Dir: t.TempDir()})
	if _, _, err := none.Recognise(t.Context(), make([]int16, 8000), 8000); !errors.Is(err, transcribe.ErrUnavailable) {
		t.Errorf("without models: %v, want ErrUnavailable", err)
	}
}

// TestRecogniseIsCounted also loads the model at the first clip.
func TestRecogniseIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t), Metrics: moonshine.NewMetrics(registry)})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := e.Recognise(t.Context(), media.Tone(8000, 300, 500_000_000, -20), 8000); err != nil {
		t.Fatal(err)
	}
	if clips, finals := decodes(t, registry, "clip"), decodes(t, registry, "final"); clips != 1 || finals != 0 {
		t.Errorf("%d clips and %d finals were counted, want 1 and 0", clips, finals)
	}
}
