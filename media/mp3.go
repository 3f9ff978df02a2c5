package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	mp3 "github.com/hajimehoshi/go-mp3"
)

// mp3Advice says what to do about a file that is not taken.
const mp3Advice = "encode it as MPEG-1 layer III at 44.1 kHz and 64 kb/s or more, or as WAV"

// mp3DecoderDelay is how many samples any layer III decoder is late, beyond what
// the encoder adds.
const mp3DecoderDelay = 529

// mp3Quiet bounds the silence of the encoder's delay: samples of at most -54 dBFS,
// for at most two frames.
const mp3Quiet = 64

// DecodeMP3 decodes an MP3 file (MPEG-1 or MPEG-2, layer III, any tags) to mono.
// The silence that encoder and decoder add is cut off: by the count in a
// LAME-style header, else by level at the start. It refuses, saying what to do,
// what the decoder is known to garble without an error.
func DecodeMP3(data []byte) (Audio, error) {
	if len(data) > MaxAudioBytes {
		return Audio{}, fmt.Errorf("media: mp3: more than %d bytes: %w", MaxAudioBytes, ErrTooLong)
	}
	s, err := readMP3(data)
	if err != nil {
		return Audio{}, fmt.Errorf("media: mp3: %w", err)
	}
	samples := s.frames * s.head.samples()
	if err := checkLength(samples, s.head.rate()); err != nil {
		return Audio{}, fmt.Errorf("media: mp3: %w", err)
	}
	pcm, err := decodeFrames(s.data, samples)
	if err != nil {
		return Audio{}, fmt.Errorf("media: mp3: %w", err)
	}
	return Audio{Rate: s.head.rate(), PCM: s.trim(pcm)}, nil
}

// decodeFrames decodes frames to samples of stereo, as the decoder has it even
// for mono, and mixes that down.
func decodeFrames(frames []byte, samples int) (pcm []int16, err error) {
	defer func() {
		// The decoder indexes by what the file says; a damaged one makes it panic.
		if r := recover(); r != nil {
			pcm, err = nil, fmt.Errorf("decoder: %v: %w", r, ErrMalformed)
		}
	}()
	d, err := mp3.NewDecoder(bytes.NewReader(frames))
	if err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	pcm = make([]int16, samples)
	stereo := make([]byte, 4*1024)
	for rest := pcm; len(rest) > 0; {
		n, err := io.ReadFull(d, stereo[:4*min(len(rest), 1024)])
		if err != nil {
			return nil, fmt.Errorf("%d samples are missing: %w", len(rest)-n/4, errors.Join(ErrMalformed, err))
		}
		for i := range n / 4 {
			left := int16(binary.LittleEndian.Uint16(stereo[4*i:]))
			right := int16(binary.LittleEndian.Uint16(stereo[4*i+2:]))
			rest[i] = int16((int(left) + int(right)) / 2)
		}
		rest = rest[n/4:]
	}
	return pcm, nil
}

// mp3Stream is the audio of an MP3 file.
type mp3Stream struct {
	head       mpegHeader // of the first frame
	data       []byte     // whole frames and nothing else
	frames     int
	tagged     bool // the file says what the encoder added:
	start, end int  // samples before and after the audio
}

// trim cuts off what encoder and decoder have added.
func (s *mp3Stream) trim(pcm []int16) []int16 {
	if s.tagged {
		start := min(s.start+mp3DecoderDelay, len(pcm))
		end := max(start, len(pcm)-max(0, s.end-mp3DecoderDelay))
		return pcm[start:end]
	}
	n := 0
	for n < min(len(pcm), 2*s.head.samples()) && pcm[n] >= -mp3Quiet && pcm[n] <= mp3Quiet {
		n++
	}
	return pcm[n:]
}

// readMP3 walks all frames of a file, so that no other is ever decoded.
func readMP3(data []byte) (*mp3Stream, error) {
	data = skipID3(data)
	s := &mp3Stream{}
	rest, first := data, true
	for len(rest) > 0 && !isMP3Trailer(rest) {
		h, ok := parseMPEGHeader(rest)
		if !ok {
			return nil, fmt.Errorf("no frame at byte %d of the audio: %w", len(data)-len(rest), ErrMalformed)
		}
		if err := h.check(); err != nil {
			return nil, err
		}
		if h.size() > len(rest) {
			break // the last frame was cut off
		}
		if first {
			s.head, first = h, false
			if s.readInfo(rest[:h.size()]) {
				rest = rest[h.size():]
				data = rest
				continue
			}
		}
		if h.version() != s.head.version() || h.rate() != s.head.rate() {
			return nil, fmt.Errorf("sample rate changes within the file: %w", ErrUnsupported)
		}
		s.frames++
		rest = rest[h.size():]
	}
	if s.frames == 0 {
		return nil, fmt.Errorf("no audio: %w", ErrMalformed)
	}
	s.data = data[:len(data)-len(rest)]
	return s, nil
}

// skipID3 skips ID3v2 tags (id3.org, ID3v2.4 §3.1): their length has 7 bits a
// byte, and there may be a footer as long as the header.
func skipID3(data []byte) []byte {
	for len(data) >= 10 && string(data[:3]) == "ID3" {
		n := 10 + int(data[6]&0x7F)<<21 + int(data[7]&0x7F)<<14 + int(data[8]&0x7F)<<7 + int(data[9]&0x7F)
		if data[5]&0x10 != 0 {
			n += 10
		}
		data = data[min(n, len(data)):]
	}
	return data
}

// isMP3Trailer reports whether what is left is a tag or padding.
func isMP3Trailer(rest []byte) bool {
	for _, tag := range []string{"TAG", "APETAGEX", "LYRICSBEGIN"} {
		if bytes.HasPrefix(rest, []byte(tag)) {
			return true
		}
	}
	return len(bytes.TrimLeft(rest, "\x00")) == 0
}

// readInfo reports whether the file's first frame is no audio but an index
// (Xing or Info), and takes from it what the encoder has added (LAME tag).
func (s *mp3Stream) readInfo(frame []byte) bool {
	b := frame[min(4+s.head.sideInfo(), len(frame)):]
	if !bytes.HasPrefix(b, []byte("Xing")) && !bytes.HasPrefix(b, []byte("Info")) || len(b) < 8 {
		return false
	}
	n := 8
	for bit, size := range []int{4, 4, 100, 4} { // frames, bytes, seek table, quality
		if b[7]>>bit&1 != 0 {
			n += size
		}
	}
	if b = b[min(n, len(b)):]; len(b) >= 24 && b[0] != 0 {
		s.tagged = true
		s.start = int(b[21])<<4 | int(b[22])>>4
		s.end = int(b[22]&0x0F)<<8 | int(b[23])
	}
	return true
}
