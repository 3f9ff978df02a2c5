package scenario

import (
	"math"
	"testing"
	"time"

	"sidetone/media"
)

func TestPhrasesAreFound(t *testing.T) {
	for _, tt := range []struct {
		text, phrase string
		want         bool
	}{
		{"Thank you, thank you, good-by.", "thank you, goodbye", true},
		{"This quality is recorded, press nine.", "this call is recorded", false},
		{"This qual is recorded, press nine.", "This call is recorded.", true},
		{"I can not hear you, good-bye.", "I cannot hear you goodbye", true},
		{"Give me a number from 0 to 10.", "from zero to ten", true},
		{"5550199", "five five five zero one nine nine", true},
		{"We are often there.", "ten", false},
		{"The phone is here.", "one", false},
		{"", "hello", false},
		{"hello", "hello hello", false},
		{"Do you have a special wish?", "special wish", true},
		{"So you are five, is that right?", "nine", false},
		{"Die Öffnungszeiten sind länger.", "öffnungszeiten", true},
	} {
		if got := contains(tt.text, tt.phrase); got != tt.want {
			t.Errorf("%q has %q: %v", tt.text, tt.phrase, got)
		}
	}
}

// TestSounds holds that sounds are as long and as loud as they should be, and the same
// each time.
func TestSounds(t *testing.T) {
	for _, s := range Sounds {
		for _, rate := range []int{8000, 16000} {
			pcm, again := s.make(rate, time.Second, -30), s.make(rate, time.Second, -30)
			if len(pcm) != rate || math.Abs(media.RMS(pcm)+30) > 0.2 {
				t.Errorf("%s at %d Hz: %d samples at %.1f dBFS", s, rate, len(pcm), media.RMS(pcm))
			}
			for i := range pcm {
				if pcm[i] != again[i] {
					t.Fatalf("%s is not the same twice", s)
				}
			}
			if usual[s].length == 0 {
				t.Errorf("%s has no usual length", s)
			}
		}
	}
	if pcm := Cough.make(8000, 0, -30); len(pcm) != 0 {
		t.Errorf("no time at all has %d samples", len(pcm))
	}
}
