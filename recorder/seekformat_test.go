package recorder

import (
	"errors"
	"testing"

	"sidetone/media"
)

// A manifest can be signed and still describe no audio that can be read from any
// place.
func TestReaderRefusesOddManifests(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Manifest)
		want   error
	}{
		"nothing":        {func(*Manifest) {}, nil},
		"no segments":    {func(m *Manifest) { m.Segments, m.Length = nil, 0 }, nil},
		"no coding":      {func(m *Manifest) { m.Coding = "opus" }, ErrFormat},
		"no rate":        {func(m *Manifest) { m.Rate = 0 }, ErrFormat},
		"three channels": {func(m *Manifest) { m.Channels = 3 }, ErrFormat},
		"long header":    {func(m *Manifest) { m.Header = 1 << 20 }, ErrManifest},
		"no header":      {func(m *Manifest) { m.Header = -2 }, ErrManifest},
		"half a sample":  {func(m *Manifest) { m.Segments[0].Length-- }, ErrManifest},
	} {
		m := &Manifest{Rate: 8000, Coding: media.MuLaw.String(), Channels: 2, Header: 58, Length: 98,
			Segments: []Segment{{Seq: 1, Length: 78}, {Seq: 2, Offset: 78, Length: 20}}}
		test.change(m)
		reader, err := (&Recording{manifest: m}).Reader()
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err == nil && len(m.Segments) == 0 {
			if f, err := reader.File(t.Context(), Stereo); err != nil || f.Size() != 44 {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
		}
	}
	m := &Manifest{Rate: 16000, Coding: media.PCM16.String(), Channels: 2, Length: 5 << 30,
		Segments: []Segment{{Seq: 1, Length: 5 << 30}}}
	reader, err := (&Recording{manifest: m}).Reader()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.File(t.Context(), Stereo); !errors.Is(err, ErrTooLong) {
		t.Errorf("5 GiB: %v", err)
	}
	if f, err := reader.File(t.Context(), Left); err != nil || f.Size() != 44+5<<29 {
		t.Errorf("a channel of 5 GiB: %v", err)
	}
}
