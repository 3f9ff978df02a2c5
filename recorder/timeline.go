package recorder

import (
	"errors"
	"fmt"
	"time"

	"sidetone/media"
)

// Track is a side of the call: a channel of the file.
type Track uint8

// The tracks.
const (
	Caller Track = iota // left
	Agent               // right, as played
	tracks
)

// ErrFormat means a rate or coding that no recording has.
var ErrFormat = errors.New("recorder: unsupported format")

// longest is the longest recording: what is placed beyond it is dropped.
const longest = 24 * time.Hour

// timeline says where a tick lies in the file of a take and which segment holds
// it. A position counts samples of one track from the take's origin.
type timeline struct {
	rate    int
	coding  media.Coding
	origin  media.Tick
	segment int64  // samples of one track in a segment
	header  []byte // the WAV header, which the first segment begins with
}

// newTimeline makes the timeline of a take. Segments are 10 s of a phone call
// and 5 s of a web call, so that a seek fetches some hundred kilobytes.
func newTimeline(rate int, coding media.Coding, origin media.Tick) (timeline, error) {
	l := timeline{rate: rate, coding: coding, origin: origin}
	switch {
	case coding == media.MuLaw && rate == 8000:
		l.segment = 10 * int64(rate)
	case coding == media.PCM16 && rate == 16000:
		l.segment = 5 * int64(rate)
	default:
		return timeline{}, fmt.Errorf("%w: %v at %d Hz", ErrFormat, coding, rate)
	}
	format := media.WAVFormat{Coding: coding, Channels: int(tracks), Rate: rate}
	l.header = media.AppendWAVHeader(nil, format, media.WAVLive)
	return l, nil
}

// parseCoding returns the coding of that name, or 0.
func parseCoding(name string) media.Coding {
	for _, c := range [...]media.Coding{media.MuLaw, media.PCM16} {
		if c.String() == name {
			return c
		}
	}
	return 0
}

// width is the number of bytes of one sample of one track.
func (l *timeline) width() int64 { return int64(l.coding.BytesPerSample()) }

// position is where the tick lies; negative before the origin.
func (l *timeline) position(t media.Tick) int64 { return (t - l.origin).Sample(l.rate) }

// tick is the tick that lies at a position.
func (l *timeline) tick(pos int64) media.Tick { return l.origin + media.TickOfSample(pos, l.rate) }

// samples is the number of samples of one track in d.
func (l *timeline) samples(d time.Duration) int64 {
	return media.TicksIn(d).Sample(l.rate)
}

// seq is the number of the segment, from 1, that holds a position.
func (l *timeline) seq(pos int64) int { return int(pos/l.segment) + 1 }

// span is the range of positions of a segment in a file that has no end.
func (l *timeline) span(seq int) (from, to int64) {
	return int64(seq-1) * l.segment, int64(seq) * l.segment
}

// offset is the byte of the file at which a position lies.
func (l *timeline) offset(pos int64) int64 {
	return int64(len(l.header)) + pos*l.width()*int64(tracks)
}

// encode appends the samples in the coding of the file.
func (l *timeline) encode(dst []byte, pcm []int16) []byte {
	if l.coding == media.MuLaw {
		return media.AppendULaw(dst, pcm)
	}
	for _, s := range pcm {
		dst = append(dst, byte(s), byte(uint16(s)>>8))
	}
	return dst
}

// blank returns the bytes of the file from the start of segment seq to position
// end, all silence. It uses buf's memory where that is large enough.
func (l *timeline) blank(buf []byte, seq int, end int64) []byte {
	from, _ := l.span(seq)
	n := (end - from) * l.width() * int64(tracks)
	buf = buf[:0]
	if seq == 1 {
		buf = append(buf, l.header...)
	}
	start := int64(len(buf))
	if int64(cap(buf)) < start+n {
		buf = append(make([]byte, 0, start+n), buf...)
	}
	buf = buf[:start+n]
	l.mute(buf[start:])
	return buf
}

// mute makes samples, of either track or both, silence.
func (l *timeline) mute(data []byte) {
	silence := byte(0)
	if l.coding == media.MuLaw {
		silence = media.ULawSilence
	}
	for i := range data {
		data[i] = silence
	}
}

// cutOut mutes what lies in one of the cuts of data, which begins at position
// pos and has stride bytes for each.
func (l *timeline) cutOut(cuts []Cut, pos, stride int64, data []byte) {
	end := pos + int64(len(data))/stride
	for _, c := range cuts {
		from, to := max(pos, l.position(c.From)), min(end, l.position(c.To))
		if from < to {
			l.mute(data[(from-pos)*stride : (to-pos)*stride])
		}
	}
}

// cutOutOf is cutOut for what blank made of segment seq.
func (l *timeline) cutOutOf(buf []byte, seq int, cuts []Cut) {
	from, _ := l.span(seq)
	if seq == 1 {
		buf = buf[len(l.header):]
	}
	l.cutOut(cuts, from, l.width()*int64(tracks), buf)
}

// cutIn reports whether one of the cuts takes something of the positions from
// from to to.
func (l *timeline) cutIn(cuts []Cut, from, to int64) bool {
	for _, c := range cuts {
		if max(from, l.position(c.From)) < min(to, l.position(c.To)) {
			return true
		}
	}
	return false
}

// place writes a record into what blank made, over what was there; what lies
// outside is left out.
func (l *timeline) place(buf []byte, seq int, track Track, pos int64, data []byte) {
	from, _ := l.span(seq)
	if seq == 1 {
		buf = buf[len(l.header):]
	}
	width, stride := l.width(), l.width()*int64(tracks)
	if skip := from - pos; skip > 0 {
		data = data[min(skip*width, int64(len(data))):]
		pos = from
	}
	at := (pos-from)*stride + int64(track)*width
	for ; int64(len(data)) >= width && at+width <= int64(len(buf)); at += stride {
		copy(buf[at:at+width], data[:width])
		data = data[width:]
	}
}
