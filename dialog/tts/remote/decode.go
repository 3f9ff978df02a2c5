package remote

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"sidetone/media"
)

// Coding is how samples are written.
type Coding uint8

// The codings. PCM is signed, of 16 bits, little-endian.
const (
	PCM Coding = iota
	MuLaw
)

// Format is that of mono audio.
type Format struct {
	Coding Coding
	Rate   int // Hz
	known  claim
}

// claim is what a server says of the coding.
type claim uint8

const (
	nothing    claim = iota
	samples          // the coding of the format
	compressed       // MPEG or the like, which some say of everything
)

// Telephone reports the format that suits a call of rate Hz where a vendor has
// both: mu-law as the line has it, or PCM.
func Telephone(rate int) Format {
	if rate == 8000 {
		return Format{Coding: MuLaw, Rate: 8000}
	}
	return Format{Coding: PCM, Rate: rate}
}

// said returns the format that a Content-Type names, asked where it names none. A
// type that is no audio is an error; of compressed audio the first bytes decide,
// since not all servers say what they send.
func said(contentType string, asked Format) (Format, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return asked, nil
	}
	f := asked
	switch kind {
	case "audio/pcm", "audio/l16", "audio/x-pcm", "audio/raw":
		f.Coding, f.known = PCM, samples
	case "audio/basic":
		f = Format{MuLaw, 8000, samples}
	case "audio/pcmu", "audio/mulaw", "audio/x-mulaw":
		f.Coding, f.known = MuLaw, samples
	case "audio/mpeg", "audio/mp3", "audio/aac", "audio/mp4", "audio/ogg", "audio/opus", "audio/webm", "audio/flac":
		f.known = compressed
	case "application/json", "application/problem+json", "text/html", "text/plain", "application/xml", "text/xml":
		return f, errAnswer
	}
	if r, err := strconv.Atoi(params["rate"]); err == nil && strings.HasPrefix(kind, "audio/") {
		f.Rate = r
	}
	return f, nil
}

// headerMax bounds what may stand before the samples of a WAV file.
const headerMax = 64 << 10

// unknownLength is how a WAV header says that its file is written as it is made;
// some say 0 in its place.
const unknownLength = 0x7FFFFFFF - 1024

// magics begin files of codings that were not asked for.
var magics = [][]byte{[]byte("OggS"), []byte("fLaC"), []byte("ID3"), {0x1A, 0x45, 0xDF, 0xA3}, []byte("FORM"), []byte("ftyp")}

// answers begin what is text, in whatever coding of characters.
var answers = [][]byte{[]byte(`{"`), []byte("{ \""), []byte("{\n"), []byte("<!DO"), []byte("<!do"), []byte("<htm"), []byte("<?xm")}

// decoder makes samples at one rate of bytes in any chunks.
type decoder struct {
	format    Format
	rate      int // of what it makes
	head      []byte
	begun     bool // head has been understood
	bounded   bool // by a header: left bytes are still to come
	left      int64
	odd       []byte // the first half of a sample
	samples   []int16
	resampler *media.Resampler
}

func newDecoder(f Format, rate int) *decoder { return &decoder{format: f, rate: rate} }

// take returns the samples that b completes.
func (d *decoder) take(b []byte) ([]int16, error) {
	if d.begun {
		return d.make(b), nil
	}
	d.head = append(d.head, b...)
	if len(d.head) < 16 {
		return nil, nil
	}
	return d.begin()
}

// end returns pcm and what was still held back at the end of a clip.
func (d *decoder) end(pcm []int16) ([]int16, error) {
	if !d.begun && len(d.head) > 0 {
		if bytes.HasPrefix(d.head, []byte("RIFF")) {
			return nil, errShort
		}
		first, err := d.begin()
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, first...)
	}
	if d.bounded && d.left > 0 {
		return nil, errShort
	}
	if d.resampler != nil {
		pcm = d.resampler.Flush(pcm)
	}
	return pcm, nil
}

// begin understands the first bytes.
func (d *decoder) begin() ([]int16, error) {
	b := d.head
	if bytes.HasPrefix(b, []byte("RIFF")) {
		rest, err := d.wave(b)
		if err != nil || rest == nil {
			return nil, err
		}
		b = rest
	} else if err := foreign(b, d.format); err != nil {
		return nil, err
	}
	if d.format.Rate != d.rate {
		r, err := media.NewResampler(d.format.Rate, d.rate)
		if err != nil {
			return nil, fmt.Errorf("%w: %d Hz", errCoding, d.format.Rate)
		}
		d.resampler = r
	}
	d.head, d.begun = nil, true
	return d.make(b), nil
}

// foreign reports what is no audio of the format.
func foreign(b []byte, f Format) error {
	for _, m := range magics {
		if bytes.HasPrefix(b, m) || len(b) >= 8 && bytes.HasPrefix(b[4:], m) {
			return errCoding
		}
	}
	// Silence in mu-law is 0xFF, and what follows may look like a frame.
	if mpeg(b) && (f.known == compressed || f.known == nothing && f.Coding == PCM) {
		return errCoding
	}
	for _, a := range answers {
		if bytes.HasPrefix(b, a) {
			return errAnswer
		}
	}
	return nil
}

// mpeg reports whether bytes begin with the header of an MPEG audio or AAC frame.
// As PCM that is a loud first sample; the quiet ones, which begin with 0xFFFF, are
// of a layer that there is not.
func mpeg(b []byte) bool {
	if len(b) < 4 || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return false
	}
	if b[1]&0xF6 == 0xF0 { // ADTS: the sampling rate is one of 13
		return b[2]>>2&0x0F < 13
	}
	version, layer, bits, rate := b[1]>>3&3, b[1]>>1&3, b[2]>>4, b[2]>>2&3
	return version != 1 && layer == 1 && bits != 0 && bits != 15 && rate != 3
}

// wave reads the header of a WAV file and returns what follows it, nil when more
// is needed. What a server says of itself counts more than what it was asked.
func (d *decoder) wave(b []byte) ([]byte, error) {
	if len(b) < 12 || string(b[8:12]) != "WAVE" {
		return nil, errCoding
	}
	known := false
	for at := 12; ; {
		if at+8 > len(b) {
			return nil, tooLong(at, b)
		}
		id, n := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		at += 8
		if id == "data" {
			if !known {
				return nil, errCoding
			}
			d.bounded, d.left = n != 0 && n < unknownLength, n
			return b[at:], nil
		}
		if n > headerMax || at+int(n) > len(b) {
			return nil, tooLong(at+int(min(n, headerMax+1)), b)
		}
		if id == "fmt " {
			if !d.shape(b[at : at+int(n)]) {
				return nil, errCoding
			}
			known = true
		}
		at += int(n + n%2)
	}
}

// tooLong is an error when the header is not there by the bytes that it may have.
func tooLong(need int, have []byte) error {
	if need > headerMax || len(have) > headerMax {
		return errCoding
	}
	return nil
}

// shape reads the fmt chunk of a WAV file: mono, PCM of 16 bits or mu-law.
func (d *decoder) shape(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	tag, channels, bits := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[14:])
	if tag == 0xFFFE && len(b) >= 26 {
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	d.format.Rate = int(binary.LittleEndian.Uint32(b[4:]))
	switch {
	case channels == 1 && tag == 1 && bits == 16:
		d.format.Coding = PCM
	case channels == 1 && tag == 7 && bits == 8:
		d.format.Coding = MuLaw
	default:
		return false
	}
	return true
}

// make decodes bytes of samples.
func (d *decoder) make(b []byte) []int16 {
	if d.bounded {
		b = b[:min(int64(len(b)), d.left)]
		d.left -= int64(len(b))
	}
	if len(b) == 0 {
		return nil
	}
	if d.format.Coding == MuLaw {
		return d.resample(media.AppendPCM(d.samples[:0], b))
	}
	pcm := d.samples[:0]
	if len(d.odd) > 0 {
		pcm = append(pcm, int16(uint16(d.odd[0])|uint16(b[0])<<8))
		b, d.odd = b[1:], d.odd[:0]
	}
	for ; len(b) >= 2; b = b[2:] {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(b)))
	}
	d.odd = append(d.odd, b...)
	return d.resample(pcm)
}

// resample returns samples of their own at the rate.
func (d *decoder) resample(pcm []int16) []int16 {
	d.samples = pcm
	if d.resampler != nil {
		return d.resampler.Process(nil, pcm)
	}
	return append([]int16(nil), pcm...)
}
