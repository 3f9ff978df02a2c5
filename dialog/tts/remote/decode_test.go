package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"sidetone/media"
)

// little writes samples as PCM.
func little(pcm []int16) (b []byte) {
	for _, x := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	return b
}

// decode takes bytes in chunks of n.
func decode(f Format, rate int, b []byte, n int) (pcm []int16, err error) {
	d := newDecoder(f, rate)
	for chunk := range slices.Chunk(b, n) {
		made, err := d.take(chunk)
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, made...)
	}
	return d.end(pcm)
}

var ramp = func() (pcm []int16) {
	for i := range 500 {
		pcm = append(pcm, int16(i*37-9000))
	}
	return pcm
}()

func header(c media.Coding, rate int, n uint32) []byte {
	return media.AppendWAVHeader(nil, media.WAVFormat{Coding: c, Channels: 1, Rate: rate}, n)
}

// TestDecode is the same however the bytes are cut.
func TestDecode(t *testing.T) {
	list := []byte("LIST\x05\x00\x00\x00fivex\x00") // odd, and padded
	wave := header(media.PCM16, 16000, 1000)
	law := media.AppendULaw(nil, ramp)
	endless := header(media.PCM16, 16000, 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(endless[4:], 0xFFFFFFFF)
	for name, c := range map[string]struct {
		format Format
		bytes  []byte
		want   []int16
	}{
		"pcm":                    {Format{Rate: 16000}, little(ramp), ramp},
		"pcm, half a sample":     {Format{Rate: 16000}, append(little(ramp), 7), ramp},
		"mu-law":                 {Format{Coding: MuLaw, Rate: 16000}, law, media.AppendPCM(nil, law)},
		"mu-law silence":         {Format{Coding: MuLaw, Rate: 16000}, bytes.Repeat([]byte{0xFF, 0xFB, 0x90}, 40), media.AppendPCM(nil, bytes.Repeat([]byte{0xFF, 0xFB, 0x90}, 40))},
		"a WAV file":             {Format{Rate: 24000}, slices.Concat(wave, little(ramp)), ramp},
		"and its other chunks":   {Format{Rate: 24000}, slices.Concat(wave[:12], list, wave[12:], little(ramp), list, list), ramp},
		"of unknown length":      {Format{Rate: 24000}, slices.Concat(endless, little(ramp)), ramp},
		"of no length":           {Format{Rate: 24000}, slices.Concat(header(media.PCM16, 16000, 0), little(ramp)), ramp},
		"of mu-law":              {Format{Rate: 24000}, slices.Concat(header(media.MuLaw, 16000, 500), law), media.AppendPCM(nil, law)},
		"less than a header":     {Format{Rate: 16000}, little(ramp[:3]), ramp[:3]},
		"nothing":                {Format{Rate: 16000}, nil, nil},
		"a loud beginning":       {Format{Rate: 16000, known: samples}, little(append([]int16{-1025, 100}, ramp...)), append([]int16{-1025, 100}, ramp...)},
		"silence with noise":     {Format{Rate: 16000}, little(append([]int16{-1, -1, 0, -1}, ramp...)), append([]int16{-1, -1, 0, -1}, ramp...)},
		"said to be compressed":  {Format{Rate: 16000, known: compressed}, little(ramp), ramp},
		"mu-law, said to be MP3": {Format{Coding: MuLaw, Rate: 16000, known: compressed}, law, media.AppendPCM(nil, law)},
	} {
		for _, n := range []int{1, 2, 3, 7, 1 << 20} {
			got, err := decode(c.format, 16000, c.bytes, n)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, in chunks of %d: %d samples and %v, want %d", name, n, len(got), err, len(c.want))
			}
		}
	}
}

// TestDecodeRefuses what is no audio that it knows.
func TestDecodeRefuses(t *testing.T) {
	stereo := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 2, Rate: 16000}, 100)
	float := header(media.PCM16, 16000, 100)
	float[20] = 3
	rest := make([]byte, 200)
	for name, c := range map[string]struct {
		format Format
		bytes  []byte
		want   error
	}{
		"MP3":               {Format{Rate: 16000}, append([]byte{0xFF, 0xFB, 0x90, 0x64}, rest...), errCoding},
		"MP3 with tags":     {Format{Rate: 16000, known: samples}, append([]byte("ID3\x04\x00"), rest...), errCoding},
		"MP3 for mu-law":    {Format{Coding: MuLaw, Rate: 8000, known: compressed}, append([]byte{0xFF, 0xF3, 0x90, 0x64}, rest...), errCoding},
		"AAC":               {Format{Rate: 16000}, append([]byte{0xFF, 0xF1, 0x50, 0x80}, rest...), errCoding},
		"Ogg":               {Format{Coding: MuLaw, Rate: 8000}, append([]byte("OggS"), rest...), errCoding},
		"FLAC":              {Format{Rate: 16000}, append([]byte("fLaC"), rest...), errCoding},
		"MP4":               {Format{Rate: 16000}, append([]byte("\x00\x00\x00\x20ftypM4A "), rest...), errCoding},
		"JSON":              {Format{Rate: 16000, known: samples}, []byte(`{"error":{"message":"no"}}`), errAnswer},
		"HTML":              {Format{Coding: MuLaw, Rate: 8000}, []byte("<!DOCTYPE html><html>"), errAnswer},
		"stereo":            {Format{Rate: 16000}, append(stereo, rest...), errCoding},
		"floats":            {Format{Rate: 16000}, append(float, rest...), errCoding},
		"no rate":           {Format{Rate: 16000}, append(header(media.PCM16, 17, 100), rest...), errCoding},
		"RIFF, and no WAV":  {Format{Rate: 16000}, append([]byte("RIFF\x00\x00\x00\x00AVI LIST"), rest...), errCoding},
		"half a header":     {Format{Rate: 16000}, header(media.PCM16, 16000, 100)[:30], errShort},
		"half a WAV file":   {Format{Rate: 16000}, append(header(media.PCM16, 16000, 1000), rest...), errShort},
		"a header of 64 KB": {Format{Rate: 16000}, append(append(header(media.PCM16, 16000, 10)[:12], "LIST\xF0\xFF\xFF\x7F"...), rest...), errCoding},
	} {
		if _, err := decode(c.format, 16000, c.bytes, 64); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestSaid is what a Content-Type tells.
func TestSaid(t *testing.T) {
	asked := Format{Coding: PCM, Rate: 24000}
	for kind, want := range map[string]Format{
		"":                                  asked,
		"application/octet-stream":          asked,
		"audio/pcm":                         {PCM, 24000, samples},
		"audio/pcm;rate=16000;channels=1":   {PCM, 16000, samples},
		"audio/l16; rate=22050":             {PCM, 22050, samples},
		"audio/basic":                       {MuLaw, 8000, samples},
		"audio/mulaw":                       {MuLaw, 24000, samples},
		"audio/mpeg":                        {PCM, 24000, compressed},
		"audio/x-wav":                       asked,
		"not a type; at = all = it is none": asked,
	} {
		if got, err := said(kind, asked); err != nil || got != want {
			t.Errorf("%q: %+v and %v, want %+v", kind, got, err, want)
		}
	}
	for _, kind := range []string{"application/json; charset=utf-8", "text/html", "text/plain"} {
		if _, err := said(kind, asked); !errors.Is(err, errAnswer) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// TestLead leaves out silence, and of sound nothing.
func TestLead(t *testing.T) {
	const rate = 8000
	sound := media.Tone(rate, 500, 200e6, -14)
	for _, quiet := range []int{0, 80, 400, 2400, 7000, 20000} {
		for _, n := range []int{37, 160, 1 << 20} {
			var l lead
			var got []int16
			for chunk := range slices.Chunk(append(make([]int16, quiet), sound...), n) {
				got = append(got, l.cut(chunk, rate)...)
			}
			most := rate / 20
			if quiet > leadMax*rate {
				most = quiet
			}
			if !slices.Equal(got[len(got)-len(sound):], sound) || len(got)-len(sound) > most {
				t.Errorf("%d samples of silence, in chunks of %d: %d stay", quiet, n, len(got)-len(sound))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(header(media.PCM16, 16000, 20), little(ramp[:10])...), 3, true)
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00"), 1, false)
	f.Add([]byte(`{"error":1}`), 5, true)
	f.Fuzz(func(t *testing.T, b []byte, n int, mulaw bool) {
		format := Format{Rate: 16000}
		if mulaw {
			format.Coding = MuLaw
		}
		whole, err := decode(format, 16000, b, max(1, len(b)))
		parts, errParts := decode(format, 16000, b, 1+(n&0xFF))
		if (err == nil) != (errParts == nil) && !errors.Is(err, errShort) && !errors.Is(errParts, errShort) {
			t.Fatalf("whole: %v, in chunks: %v", err, errParts)
		}
		if err == nil && errParts == nil && len(b) >= 16 && !slices.Equal(whole, parts) {
			t.Fatalf("%d samples in chunks, want %d", len(parts), len(whole))
		}
	})
}
