package media

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// What is wrong with a file that is not decoded. The error around it says more.
var (
	// ErrMalformed: the file is damaged, cut short or not what it says it is.
	ErrMalformed = errors.New("malformed audio")
	// ErrUnsupported: the file may be fine, but has a format that is not taken.
	ErrUnsupported = errors.New("unsupported audio format")
	// ErrTooLong: the file exceeds MaxAudio or MaxAudioBytes.
	ErrTooLong = errors.New("audio is too long")
)

// The bounds of a decoded file.
const (
	MaxAudio      = 10 * time.Minute
	MaxAudioBytes = 128 << 20
)

// Audio is a whole clip of mono PCM at Rate Hz.
type Audio struct {
	Rate int
	PCM  []int16
}

// DecodeAudio decodes a WAV or MP3 file, whichever data is; name is for the
// error only.
func DecodeAudio(name string, data []byte) (Audio, error) {
	decode := DecodeMP3
	switch {
	case bytes.HasPrefix(data, []byte("RIFF")):
		decode = DecodeWAV
	case !bytes.HasPrefix(data, []byte("ID3")) && !hasMPEGSync(data):
		return Audio{}, fmt.Errorf("media: %s: neither WAV nor MP3: %w", name, ErrUnsupported)
	}
	a, err := decode(data)
	if err != nil {
		return Audio{}, fmt.Errorf("media: %s: %w", name, err)
	}
	return a, nil
}

// At returns the clip at another rate; see NewResampler.
func (a Audio) At(rate int) (Audio, error) {
	if rate == a.Rate {
		return a, nil
	}
	pcm, err := Resample(a.PCM, a.Rate, rate)
	return Audio{Rate: rate, PCM: pcm}, err
}

// Duration returns how long the clip is.
func (a Audio) Duration() time.Duration {
	if a.Rate == 0 {
		return 0
	}
	return time.Duration(len(a.PCM)) * time.Second / time.Duration(a.Rate)
}

// checkLength refuses what exceeds MaxAudio.
func checkLength(samples, rate int) error {
	if samples > int(MaxAudio/time.Second)*rate {
		return fmt.Errorf("more than %v: %w", MaxAudio, ErrTooLong)
	}
	return nil
}
