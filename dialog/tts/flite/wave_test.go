package flite

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

func riff(chunks string) string { return "RIFF\x00\x00\x00\x00WAVE" + chunks }

const (
	mono16k = "fmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
	stereo  = "fmt \x10\x00\x00\x00\x01\x00\x02\x00\x80\x3e\x00\x00\x00\xfa\x00\x00\x04\x00\x10\x00"
)

func TestParseWave(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []int16 // nil: refused
	}{
		"ordinary":        {riff(mono16k + "data\x04\x00\x00\x00\x01\x00\xff\xff"), []int16{1, -1}},
		"other chunk":     {riff(mono16k + "LIST\x03\x00\x00\x00abc\x00data\x02\x00\x00\x00\x05\x00"), []int16{5}},
		"length too long": {riff(mono16k + "data\xff\xff\xff\xff\x01\x00\x02\x00"), []int16{1, 2}},
		"odd length":      {riff(mono16k + "data\x03\x00\x00\x00\x01\x00\x02"), []int16{1}},
		"empty":           {"", nil},
		"not RIFF":        {strings.Repeat("x", 64), nil},
		"no data":         {riff(mono16k), nil},
		"no format":       {riff("data\x02\x00\x00\x00\x05\x00"), nil},
		"absurd rate":     {riff(strings.Replace(mono16k, "\x80\x3e", "\x10\x00", 1) + "data\x02\x00\x00\x00\x05\x00"), nil},
		"stereo":          {riff(stereo + "data\x02\x00\x00\x00\x05\x00"), nil},
	} {
		w, err := parseWave([]byte(c.file))
		if (err != nil) != (c.want == nil) || !slices.Equal(w.pcm, c.want) || err == nil && w.rate != 16000 {
			t.Errorf("%s: got %v at %d Hz, %v", name, w.pcm, w.rate, err)
		}
	}
}

func FuzzParseWave(f *testing.F) {
	f.Add([]byte(riff(mono16k + "data\x04\x00\x00\x00\x01\x00\xff\xff")))
	f.Add([]byte(riff(mono16k + "LIST\x03\x00\x00\x00abc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWave(b)
		if err == nil && (w.rate <= 0 || 2*len(w.pcm) > len(b)) {
			t.Errorf("%d samples at %d Hz from %d bytes", len(w.pcm), w.rate, len(b))
		}
		if err == nil && binary.Size(w.pcm) > 0 {
			w.polish(2)
		}
	})
}

func TestPolish(t *testing.T) {
	const win = 160
	sound := slices.Repeat([]int16{20000, -20000}, win) // two windows
	pcm := slices.Concat(make([]int16, 30*win), sound, make([]int16, 40*win))
	got := wave{16000, pcm}.polish(2)
	if want := (leadIn + 2 + trailOut) * win; len(got) != want {
		t.Fatalf("%d samples, want %d", len(got), want)
	}
	if slices.Max(got) != math.MaxInt16 || slices.Min(got) != math.MinInt16 {
		t.Errorf("gain wraps around: %d to %d", slices.Min(got), slices.Max(got))
	}
	if got[leadIn*win-1] != 0 || got[leadIn*win] == 0 {
		t.Error("the sound does not begin after its lead-in")
	}
	if got := (wave{16000, sound}).polish(1); len(got) != (2+trailOut)*win {
		t.Errorf("%d samples of bare sound, want it padded to %d", len(got), (2+trailOut)*win)
	}
	if got := (wave{16000, make([]int16, 999)}).polish(1); got != nil {
		t.Errorf("silence gave %d samples", len(got))
	}
}

func TestPieces(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("one two three, ", 30))
	for text, want := range map[string][]string{
		"":                         nil,
		" . -! ":                   nil,
		"Hello.":                   {"Hello."},
		"Hi, how are you?":         {"Hi, how are you?"},
		"Thank you, Anna. Go on.":  {"Thank you, Anna.", "Go on."},
		"Thank you very much, bye": {"Thank you very much,", "bye"},
	} {
		if got := pieces(text); !slices.Equal(got, want) {
			t.Errorf("pieces(%q) = %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{long, strings.ReplaceAll(long, ",", ""), strings.Repeat("x", 999)} {
		got := pieces(text)
		for _, p := range got {
			if len(p) > pieceMax {
				t.Errorf("a piece of %d bytes", len(p))
			}
		}
		if strip(strings.Join(got, "")) != strip(text) {
			t.Errorf("pieces of %.20q lost characters", text)
		}
	}
}

func strip(s string) string { return strings.ReplaceAll(s, " ", "") }
