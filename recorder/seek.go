package recorder

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// ErrTooLong means audio that does not fit into one WAV file with a length in
// its header.
var ErrTooLong = errors.New("recorder: too long for one WAV file")

// Channels says which sides of a call are read.
type Channels uint8

// The channels of a file that is read.
const (
	Stereo Channels = iota // the caller left, the agent right
	Left                   // the caller alone
	Right                  // the agent alone, as played
)

// ParseChannels returns the channels of a name: stereo or nothing, left or
// caller, right or agent.
func ParseChannels(name string) (Channels, error) {
	switch name {
	case "", "stereo":
		return Stereo, nil
	case "left", "caller":
		return Left, nil
	case "right", "agent":
		return Right, nil
	}
	return 0, fmt.Errorf("recorder: unknown channel %.20q: want stereo, left or right", name)
}

// Reads says what reading has cost.
type Reads struct {
	Segments  int64 // fetched and decrypted
	Fetched   int64 // bytes of sealed segments
	Decrypted int64 // bytes of what was in them
	Kept      int64 // times that a segment was still in memory
}

// Reader reads the audio of a stored take from any place, as WAV files of 16-bit
// PCM that are made while they are read. It fetches and decrypts segments, whole,
// as the manifest's hashes are of whole ones, and keeps the two that were read
// last in memory. Its methods may be called from any goroutine; it has none.
type Reader struct {
	recording *Recording
	coding    media.Coding
	turn      chan struct{} // of capacity 1; who has put something into it may use recording and kept
	kept      []keptSegment // the newest last
	reads     struct{ segments, fetched, decrypted, kept atomic.Int64 }
	metrics   *Metrics
}

// keptSegment is a segment that has been read.
type keptSegment struct {
	seq   int
	plain []byte // never changed
}

// keepSegments is how many segments a Reader holds: what is read in one go may
// lie in two.
const keepSegments = 2

// Reader returns a reader of the audio. The Recording belongs to it from then on.
func (r *Recording) Reader() (*Reader, error) {
	m := r.manifest
	reader := &Reader{recording: r, coding: parseCoding(m.Coding), turn: make(chan struct{}, 1), metrics: r.Metrics}
	if reader.metrics == nil {
		reader.metrics = NewMetrics(nil)
	}
	frame := reader.stored()
	switch {
	case reader.coding == 0 || m.Rate <= 0 || m.Channels != int(tracks):
		return nil, fmt.Errorf("%w: %.20q at %d Hz in %d channels", ErrFormat, m.Coding, m.Rate, m.Channels)
	case m.Header < 0 || len(m.Segments) > 0 && int64(m.Header) > m.Segments[0].Length:
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrManifest, m.Header)
	}
	for _, g := range m.Segments {
		if (g.Offset+g.Length-int64(m.Header))%frame != 0 {
			return nil, fmt.Errorf("%w: segment %d ends within a sample", ErrManifest, g.Seq)
		}
	}
	return reader, nil
}

// stored is the bytes of one sample of all tracks in the segments.
func (r *Reader) stored() int64 { return int64(tracks) * int64(r.coding.BytesPerSample()) }

// samples is the length of the audio.
func (r *Reader) samples() int64 {
	return max(0, r.recording.manifest.Length-int64(r.recording.manifest.Header)) / r.stored()
}

// Duration is the length of the audio.
func (r *Reader) Duration() time.Duration {
	return time.Duration(float64(r.samples()) / float64(r.recording.manifest.Rate) * float64(time.Second))
}

// Reads returns what reading has cost so far.
func (r *Reader) Reads() Reads {
	return Reads{r.reads.segments.Load(), r.reads.fetched.Load(), r.reads.decrypted.Load(), r.reads.kept.Load()}
}

// ETag is the strong validator (RFC 9110, 8.8.3) of a file that File returns, in
// its quotes. It follows from the signature of the manifest.
func (r *Reader) ETag(c Channels) string {
	sum := sha256.Sum256(append([]byte(r.recording.manifest.Signature), byte(c)))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// Check returns nil when the key of the audio is in the store now, and opens. Who
// erases a take removes that key first, so that a Reader which was opened before
// learns of it here.
func (r *Reader) Check(ctx context.Context) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.leave()
	again := Recording{OpenOptions: r.recording.OpenOptions, manifest: r.recording.manifest, keys: make(map[seal.Class]seal.Identity)}
	_, err := again.Identity(ctx, seal.Audio)
	r.recording.keys = again.keys
	return err
}

// take waits for its turn, until leave.
func (r *Reader) take(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("recorder: read: %w", ctx.Err())
	}
}

func (r *Reader) leave() { <-r.turn }

// segment returns the content of the segment at index i of the manifest.
func (r *Reader) segment(ctx context.Context, i int) ([]byte, error) {
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	defer r.leave()
	g := r.recording.manifest.Segments[i]
	at := slices.IndexFunc(r.kept, func(k keptSegment) bool { return k.seq == g.Seq })
	if at >= 0 {
		k := r.kept[at]
		r.kept = append(slices.Delete(r.kept, at, at+1), k)
		r.reads.kept.Add(1)
		r.metrics.readSegments.WithLabelValues("memory").Inc()
		return k.plain, nil
	}
	plain, err := r.recording.Segment(ctx, g)
	if err != nil {
		return nil, err
	}
	r.count(g)
	if len(r.kept) == keepSegments {
		r.kept = slices.Delete(r.kept, 0, 1)
	}
	r.kept = append(r.kept, keptSegment{g.Seq, plain})
	return plain, nil
}

// count notes a segment that was fetched and decrypted.
func (r *Reader) count(g Segment) {
	r.reads.segments.Add(1)
	r.reads.fetched.Add(g.Size)
	r.reads.decrypted.Add(g.Length)
	r.metrics.readSegments.WithLabelValues("store").Inc()
	r.metrics.readBytes.WithLabelValues("fetched").Add(float64(g.Size))
	r.metrics.readBytes.WithLabelValues("decrypted").Add(float64(g.Length))
}

// File is the audio as a WAV file, for one goroutine. It fetches when it is read.
type File struct {
	reader   *Reader
	ctx      context.Context
	channels Channels
	header   []byte
	size     int64
	at       int64
	pcm      []byte // what was made last
}

var _ io.ReadSeeker = (*File)(nil)

// maxSamples is how many samples a File makes in one go.
const maxSamples = 4096

// File returns the audio of some channels as a file at its beginning. ctx bounds
// the reads. What is longer than 4 GiB has ErrTooLong; one channel of it may fit.
func (r *Reader) File(ctx context.Context, c Channels) (*File, error) {
	f := &File{reader: r, ctx: ctx, channels: c}
	data := r.samples() * f.frame()
	if data > math.MaxUint32-64 { // the header counts the file less its first 8 bytes
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLong, data)
	}
	f.header = f.wavHeader(data)
	f.size = int64(len(f.header)) + data
	return f, nil
}

func (f *File) wavHeader(data int64) []byte {
	format := media.WAVFormat{Coding: media.PCM16, Channels: int(f.frame() / 2), Rate: f.reader.recording.manifest.Rate}
	return media.AppendWAVHeader(nil, format, uint32(data))
}

// frame is the bytes of one sample of all channels of the file.
func (f *File) frame() int64 {
	if f.channels == Stereo {
		return 4
	}
	return 2
}

// Size is the length of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Seek implements io.Seeker. It fetches nothing.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("recorder: seek to %d", offset)
	}
	f.at = offset
	return offset, nil
}

// Read implements io.Reader. It returns what is left of one segment, at most.
func (f *File) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if f.at >= f.size {
		return 0, io.EOF
	}
	if f.at < int64(len(f.header)) {
		n := copy(p, f.header[f.at:])
		f.at += int64(n)
		return n, nil
	}
	at := f.at - int64(len(f.header))
	within := at % f.frame()
	if err := f.fill(at/f.frame(), (within+int64(len(p))+f.frame()-1)/f.frame()); err != nil {
		return 0, err
	}
	n := copy(p, f.pcm[within:])
	f.at += int64(n)
	return n, nil
}

// fill makes up to n samples from a sample on, as far as its segment goes.
func (f *File) fill(sample, n int64) error {
	m, stored := f.reader.recording.manifest, f.reader.stored()
	offset := int64(m.Header) + sample*stored
	i, found := slices.BinarySearchFunc(m.Segments, offset, func(g Segment, at int64) int {
		switch {
		case g.Offset+g.Length <= at:
			return -1
		case g.Offset > at:
			return 1
		}
		return 0
	})
	if !found {
		return fmt.Errorf("%w: no segment at %d", ErrManifest, offset)
	}
	plain, err := f.reader.segment(f.ctx, i)
	if err != nil {
		return err
	}
	plain = plain[offset-m.Segments[i].Offset:]
	plain = plain[:min(int64(len(plain)), n*stored, maxSamples*stored)]
	f.pcm = f.convert(f.pcm[:0], plain)
	return nil
}

// convert appends stored samples as the file has them.
func (f *File) convert(dst, stored []byte) []byte {
	first, last, width := 0, int(tracks), f.reader.coding.BytesPerSample()
	switch f.channels {
	case Left:
		last = 1
	case Right:
		first = 1
	}
	var one [1]int16
	for ; len(stored) > 0; stored = stored[int(tracks)*width:] {
		for track := first; track < last; track++ {
			s := stored[track*width : (track+1)*width]
			if width == 1 {
				dst = binary.LittleEndian.AppendUint16(dst, uint16(media.AppendPCM(one[:0], s)[0]))
			} else {
				dst = append(dst, s...)
			}
		}
	}
	return dst
}

// SeekTo goes to a time from the beginning of the audio, or to its end.
func (f *File) SeekTo(at time.Duration) {
	sample := int64(at.Seconds() * float64(f.reader.recording.manifest.Rate))
	f.at = int64(len(f.header)) + max(0, min(sample, f.reader.samples()))*f.frame()
}

// WriteRest writes what is left of the file, as a file of its own with its own
// header.
func (f *File) WriteRest(w io.Writer) error {
	f.at = max(f.at, int64(len(f.header)))
	if _, err := w.Write(f.wavHeader(max(0, f.size-f.at))); err != nil {
		return fmt.Errorf("recorder: write: %w", err)
	}
	_, err := io.Copy(w, f)
	return err
}
