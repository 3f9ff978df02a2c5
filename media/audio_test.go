package media

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDecodeAudioLooksAtTheContent(t *testing.T) {
	tone := Tone(44100, 440, time.Second, -6)
	for name, data := range map[string][]byte{
		"wav named.mp3": pcmWAV(44100, 1, tone),
		"mp3 named.wav": encodeMP3(t, 44100, 1, 64, tone),
		"bare.mp3":      encodeMP3(t, 44100, 1, 64, tone, "-write_id3v2", "0"),
	} {
		a, err := DecodeAudio(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, rate := range []int{8000, 16000, 44100} {
			at, err := a.At(rate)
			if err != nil {
				t.Fatal(err)
			}
			if at.Rate != rate {
				t.Errorf("%s: rate %d, want %d", name, at.Rate, rate)
			}
			assertTone(t, at, 440, -6, time.Second)
		}
	}
}

func TestDecodeAudioNamesTheFile(t *testing.T) {
	for _, data := range []string{"", "hello", "RIFFxxxxAVI ", "ID3", "OggS"} {
		_, err := DecodeAudio("greeting.mp3", []byte(data))
		if err == nil || !strings.Contains(err.Error(), "greeting.mp3") {
			t.Errorf("%q: %v", data, err)
		}
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v is neither malformed nor unsupported", data, err)
		}
	}
}

func TestAudioAtRefuses(t *testing.T) {
	if _, err := (Audio{Rate: 8000}).At(1234); !errors.Is(err, ErrUnsupported) {
		t.Errorf("At: %v", err)
	}
	if got := (Audio{}).Duration(); got != 0 {
		t.Errorf("nothing lasts %v", got)
	}
}
