package media

import (
	"math"
	"testing"
	"time"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s = %.3f, want %.3f +-%g", what, got, want, tolerance)
	}
}

func TestLevels(t *testing.T) {
	for _, level := range []float64{0, -6, -20, -60} {
		pcm := Tone(8000, 1000, time.Second, level)
		near(t, "RMS of a sine", RMS(pcm), level, 0.1)
		near(t, "peak of a sine", Peak(pcm), level, 0.1)
		near(t, "tone level of a sine", ToneLevel(pcm, 8000, 1000), level, 0.1)
	}
	square := []int16{32767, 32767, -32767, -32767}
	near(t, "RMS of a square wave", RMS(square), 3.01, 0.01)
	near(t, "peak of the lowest sample", Peak([]int16{math.MinInt16}), 0, 0.01)
	for _, pcm := range [][]int16{nil, make([]int16, 160)} {
		if RMS(pcm) != SilenceDBFS || Peak(pcm) != SilenceDBFS || ToneLevel(pcm, 8000, 440) != SilenceDBFS {
			t.Errorf("silence has a level: %v %v", RMS(pcm), Peak(pcm))
		}
	}
}

func TestToneLevelTellsTonesApart(t *testing.T) {
	pcm := Tone(16000, 440, 20*time.Millisecond, -6)
	for i, s := range Tone(16000, 1400, 20*time.Millisecond, -16) {
		pcm[i] += s
	}
	near(t, "440 Hz", ToneLevel(pcm, 16000, 440), -6, 1)
	near(t, "1400 Hz", ToneLevel(pcm, 16000, 1400), -16, 2)
	if got := ToneLevel(pcm, 16000, 3000); got > -35 {
		t.Errorf("absent tone at %.1f dBFS", got)
	}
}

func TestToneLength(t *testing.T) {
	if got := len(Tone(44100, 440, 250*time.Millisecond, -6)); got != 11025 {
		t.Errorf("%d samples", got)
	}
}
