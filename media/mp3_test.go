package media

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// click is a tone that begins after half a second of silence and is followed by
// as much.
func click(rate int) []int16 {
	pcm := make([]int16, rate/2)
	pcm = append(pcm, Tone(rate, 440, 500*time.Millisecond, -6)...)
	return append(pcm, make([]int16, rate/2)...)
}

func encodeMP3(t *testing.T, rate, channels, kbps int, pcm []int16, args ...string) []byte {
	t.Helper()
	var all []int16
	for _, s := range pcm {
		for range channels {
			all = append(all, s)
		}
	}
	args = append([]string{"-c:a", "libmp3lame", "-b:a", fmt.Sprint(kbps, "k")}, args...)
	return ffmpeg(t, "a.mp3", pcmWAV(rate, channels, all), args...)
}

// snr is how far what differs lies below the signal, in dB.
func snr(got, want []int16) float64 {
	var signal, noise float64
	for i := range min(len(got), len(want)) {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/max(noise, 1))
}

// What is taken comes out in place, in full length and undamaged; what is
// refused says what to do. Without the check each of the refused decodes to
// noise, or to worse than 20 dB, and no error; so do no others from 8 kb/s up.
func TestDecodeMP3Shapes(t *testing.T) {
	for _, tt := range []struct {
		rate, channels, kbps int
		taken                bool
	}{
		{48000, 1, 64, true}, {44100, 1, 64, true}, {44100, 2, 128, true}, {32000, 1, 64, true},
		{24000, 1, 48, true}, {16000, 1, 40, true},
		{22050, 1, 24, false}, {22050, 1, 32, false}, {22050, 1, 40, true}, {22050, 2, 64, true},
		{22050, 1, 80, false}, {22050, 2, 96, false}, {22050, 1, 112, true}, {22050, 1, 160, false},
	} {
		shape := fmt.Sprintf("%d Hz, %d channels, %d kb/s", tt.rate, tt.channels, tt.kbps)
		pcm := click(tt.rate)
		a, err := DecodeMP3(encodeMP3(t, tt.rate, tt.channels, tt.kbps, pcm))
		switch {
		case !tt.taken:
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), mp3Advice) {
				t.Errorf("%s: %v", shape, err)
			}
		case err != nil:
			t.Errorf("%s: %v", shape, err)
		case a.Rate != tt.rate || len(a.PCM) != len(pcm):
			t.Errorf("%s: %d samples at %d Hz, want %d", shape, len(a.PCM), a.Rate, len(pcm))
		case snr(a.PCM, pcm) < 20:
			t.Errorf("%s: %.0f dB from the original", shape, snr(a.PCM, pcm))
		}
	}
}

func TestDecodeMP3Variants(t *testing.T) {
	pcm := click(44100)
	for _, args := range [][]string{
		{"-q:a", "4"}, // variable bit rate
		{"-id3v2_version", "3", "-metadata", "title=notice"},
		{"-write_id3v1", "1", "-metadata", "title=notice"},
	} {
		a, err := DecodeMP3(encodeMP3(t, 44100, 1, 64, pcm, args...))
		if err != nil {
			t.Errorf("%v: %v", args, err)
			continue
		}
		if q := snr(a.PCM, pcm); len(a.PCM) != len(pcm) || q < 20 {
			t.Errorf("%v: %d of %d samples, %.0f dB from the original", args, len(a.PCM), len(pcm), q)
		}
	}
}

// Without the encoder's count the silence at the start goes by level.
func TestDecodeMP3TrimsSilence(t *testing.T) {
	tone := Tone(44100, 440, time.Second, -6)
	a, err := DecodeMP3(encodeMP3(t, 44100, 1, 64, tone, "-write_xing", "0"))
	if err != nil {
		t.Fatal(err)
	}
	if got := RMS(a.PCM[:441]); got < -12 {
		t.Errorf("it begins at %.0f dBFS", got)
	}
}

func TestDecodeMP3Refuses(t *testing.T) {
	good := encodeMP3(t, 44100, 1, 64, Tone(44100, 440, time.Second, -6))
	start := bytes.IndexByte(good, 0xFF)
	frames := good[start:]
	size := func() int { h, _ := parseMPEGHeader(frames); return h.size() }()
	other, err := readMP3(encodeMP3(t, 48000, 1, 64, Tone(48000, 440, time.Second, -6)))
	if err != nil {
		t.Fatal(err)
	}
	long, err := readMP3(encodeMP3(t, 44100, 1, 32, Tone(44100, 440, 20*time.Second, -6)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		err  error
	}{
		{"nothing", nil, ErrMalformed},
		{"a tag alone", good[:start], ErrMalformed},
		{"the index alone", frames[:size], ErrMalformed},
		{"text", []byte("this is not audio at all"), ErrMalformed},
		{"damage in the middle", append(bytes.Clone(frames[:3*size+5]), frames[3*size+40:]...), ErrMalformed},
		{"two rates", append(bytes.Clone(frames), other.data...), ErrUnsupported},
		{"layer II", ffmpeg(t, "a.mp2", pcmWAV(44100, 1, make([]int16, 44100)), "-c:a", "mp2", "-f", "mp2"), ErrUnsupported},
		{"MPEG-2.5", encodeMP3(t, 8000, 1, 16, make([]int16, 8000)), ErrUnsupported},
		{"free format", append([]byte{0xFF, 0xFB, 0x00, 0xC0}, make([]byte, 400)...), ErrUnsupported},
		{"10 minutes", bytes.Repeat(long.data, 31), ErrTooLong},
		{"a huge file", make([]byte, MaxAudioBytes+1), ErrTooLong},
	} {
		if _, err := DecodeMP3(tt.data); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
}

func FuzzDecodeMP3(f *testing.F) {
	frame := append([]byte{0xFF, 0xFB, 0x50, 0xC0}, make([]byte, 205)...)
	f.Add(bytes.Repeat(frame, 3))
	f.Add(append([]byte("ID3\x04\x00\x00\x00\x00\x00\x01x"), frame...))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := DecodeMP3(data)
		if err == nil && (a.Rate < 16000 || a.Duration() > MaxAudio) {
			t.Errorf("%d samples at %d Hz of %d bytes", len(a.PCM), a.Rate, len(data))
		}
	})
}
