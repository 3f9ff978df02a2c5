package tts

import (
	"slices"
	"strings"
	"testing"
)

func TestPieces(t *testing.T) {
	cutter := Cutter{Min: 12, First: 160, Max: 160}
	long := strings.TrimSpace(strings.Repeat("one two three, ", 30))
	for text, want := range map[string][]string{
		"":                         nil,
		" . -! ":                   nil,
		"Hello.":                   {"Hello."},
		"Hi, how are you?":         {"Hi, how are you?"},
		"Thank you, Anna. Go on.":  {"Thank you, Anna.", "Go on."},
		"Thank you very much, bye": {"Thank you very much,", "bye"},
	} {
		if got := cutter.Pieces(text); !slices.Equal(got, want) {
			t.Errorf("Pieces(%q) = %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{long, strings.ReplaceAll(long, ",", ""), strings.Repeat("x", 999)} {
		got := cutter.Pieces(text)
		for _, p := range got {
			if len(p) > cutter.Max {
				t.Errorf("a piece of %d bytes", len(p))
			}
		}
		if strip(strings.Join(got, "")) != strip(text) {
			t.Errorf("pieces of %.20q lost characters", text)
		}
	}
}

func TestFirstPieceIsShort(t *testing.T) {
	cutter := Cutter{Min: 12, First: 48, Max: 100}
	text := "Please tell me the number of the order that you would like to know something more about today so that I can look it up for you, or press the pound key if you do not have one"
	want := []string{
		"Please tell me the number of the order",
		"that you would like to know something more about today so that I can look it up for you,",
		"or press the pound key if you do not have one",
	}
	if got := cutter.Pieces(text); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	unbroken := cutter.Pieces(strings.Repeat("x", 400))
	for i, most := range []int{48, 96, 100, 100, 56} {
		if i >= len(unbroken) || len(unbroken[i]) != most {
			t.Fatalf("%q is cut into %q, want %d bytes of piece %d", "x...", unbroken, most, i)
		}
	}
}

func FuzzPieces(f *testing.F) {
	for _, s := range []string{"", "a", "Hi, how are you? Fine.", "  and  and or of", "x, , , y"} {
		f.Add(s, 12, 48)
	}
	f.Fuzz(func(t *testing.T, text string, shortest, first int) {
		if shortest < 0 || first < 1 {
			return
		}
		text = Normalize(text)
		for _, p := range (Cutter{Min: shortest, First: first, Max: 100}).Pieces(text) {
			if len(p) > 100 || p != strings.TrimSpace(p) || !strings.Contains(text, p) {
				t.Errorf("piece %q of %q", p, text)
			}
		}
	})
}

func strip(s string) string { return strings.ReplaceAll(s, " ", "") }
