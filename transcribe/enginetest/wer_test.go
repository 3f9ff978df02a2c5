package enginetest_test

import (
	"testing"

	"sidetone/transcribe/enginetest"
)

func TestWordErrors(t *testing.T) {
	for _, c := range []struct {
		said, heard   string
		errors, words int
	}{
		{"", "", 0, 0},
		{"one two three", "One, two; THREE!", 0, 3},
		{"one two three", "one three", 1, 3},
		{"one two three", "one two two three", 1, 3},
		{"one two three", "one too three", 1, 3},
		{"one two three", "", 3, 3},
		{"", "you", 1, 0},
		{"cold hearted", "cold-hearted", 0, 2},
		{"don't", "dont", 1, 1},
	} {
		if errors, words := enginetest.WordErrors(c.said, c.heard); errors != c.errors || words != c.words {
			t.Errorf("WordErrors(%q, %q) = %d, %d; want %d, %d", c.said, c.heard, errors, words, c.errors, c.words)
		}
	}
}
