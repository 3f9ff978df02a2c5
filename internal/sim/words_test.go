package sim

import "testing"

func TestWordErrors(t *testing.T) {
	tests := []struct {
		said, transcript string
		errors, words    int
	}{
		{"", "", 0, 0},
		{"", "two words", 2, 0},
		{"two words", "", 2, 2},
		{"He was not an ill-disposed young man.", "he was not an ill disposed young man", 0, 8},
		{"I'm here", "Im here!", 0, 2},
		{"one two three four", "one three four five", 2, 4},
		{"one two three", "one too three", 1, 3},
		{"a b c d", "x a b c d", 1, 4},
		{"Straße Élan", "strasse élan", 1, 2},
	}
	for _, tt := range tests {
		if e, w := WordErrors(tt.said, tt.transcript); e != tt.errors || w != tt.words {
			t.Errorf("WordErrors(%q, %q) = %d of %d, want %d of %d", tt.said, tt.transcript, e, w, tt.errors, tt.words)
		}
	}
}
