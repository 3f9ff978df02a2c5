package recorder

import (
	"fmt"
	"io"
	"time"
)

// Part is a part of a File, as a WAV file of its own. It has the File to itself.
type Part struct {
	file     *File
	from, to int64 // samples
}

// Between returns the audio between two times from the beginning, as far as there
// is any.
func (f *File) Between(from, to time.Duration) Part {
	rate := int64(f.reader.recording.manifest.Rate)
	sample := func(d time.Duration) int64 {
		if d >= longest {
			return f.reader.samples()
		}
		return max(0, min((d.Nanoseconds()*rate+int64(time.Second)/2)/int64(time.Second), f.reader.samples()))
	}
	return Part{f, sample(from), sample(to)}
}

// Empty reports whether there is no audio in it.
func (p Part) Empty() bool { return p.from >= p.to }

// Size is the length of the WAV file in bytes.
func (p Part) Size() int64 { return int64(len(p.file.header)) + max(0, p.to-p.from)*p.file.frame() }

// Write writes the WAV file. It fetches the segments that it needs, one after the
// other.
func (p Part) Write(w io.Writer) error {
	data := p.Size() - int64(len(p.file.header))
	if _, err := w.Write(p.file.wavHeader(data)); err != nil {
		return fmt.Errorf("recorder: write: %w", err)
	}
	p.file.at = int64(len(p.file.header)) + p.from*p.file.frame()
	_, err := io.CopyN(w, p.file, data)
	return err
}
