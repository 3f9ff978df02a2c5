package tts

import (
	"math"
	"slices"
	"testing"
)

func TestPolish(t *testing.T) {
	const win = 160
	sound := slices.Repeat([]int16{20000, -20000}, win) // two windows
	pcm := slices.Concat(make([]int16, 30*win), sound, make([]int16, 40*win))
	got := Polish(pcm, 16000, 2)
	if want := (leadIn + 2 + trailOut) * win; len(got) != want {
		t.Fatalf("%d samples, want %d", len(got), want)
	}
	if slices.Max(got) != math.MaxInt16 || slices.Min(got) != math.MinInt16 {
		t.Errorf("gain wraps around: %d to %d", slices.Min(got), slices.Max(got))
	}
	if got[leadIn*win-1] != 0 || got[leadIn*win] == 0 {
		t.Error("the sound does not begin after its lead-in")
	}
	if got := Polish(sound, 16000, 1); len(got) != (2+trailOut)*win {
		t.Errorf("%d samples of bare sound, want it padded to %d", len(got), (2+trailOut)*win)
	}
	if got := Polish(make([]int16, 999), 16000, 1); got != nil {
		t.Errorf("silence gave %d samples", len(got))
	}
}
