package flite

import (
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
	})
}
