package flite

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errWave = errors.New("not a mono 16 bit wave file")

// wave is what Flite made: mono samples at rate Hz.
type wave struct {
	rate int
	pcm  []int16
}

// parseWave reads the RIFF file that Flite writes: PCM format chunk, then one
// data chunk whose length covers all appended utterances.
func parseWave(b []byte) (wave, error) {
	const formatLen = 16
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return wave{}, errWave
	}
	var w wave
	for b = b[12:]; len(b) >= 8; {
		id, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:8]))
		b = b[8:]
		body := b[:min(n, int64(len(b)))]
		switch id {
		case "fmt ":
			if len(body) < formatLen || !bytes.Equal(body[:4], []byte{1, 0, 1, 0}) || body[14] != 16 {
				return wave{}, errWave
			}
			w.rate = int(binary.LittleEndian.Uint32(body[4:8]))
			if w.rate < 8000 || w.rate > 48000 {
				return wave{}, errWave
			}
		case "data":
			if w.rate == 0 { // no format before the data
				return wave{}, errWave
			}
			w.pcm = make([]int16, len(body)/2)
			for i := range w.pcm {
				w.pcm[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return w, nil
		}
		b = b[min(n+n%2, int64(len(b))):]
	}
	return wave{}, errWave
}
