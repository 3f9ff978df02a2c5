package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"sidetone/media"
)

// Searching for what must not be there: words and numbers in the forms in which
// programs write them down, audio in the codings of ours at every alignment, and
// the headers of audio files.

// Sizes of the search for audio, in bytes. A stretch of leastRun of a canary holds
// one of its blocks whole, whatever its alignment: so only the blocks are looked
// up, and what is around one is then compared.
const (
	block    = 32
	leastRun = 64
	distinct = 16 // values in a run; fewer are silence
)

// factor is that of the rolling hash.
const factor uint64 = 0x9E3779B97F4A7C15

// lookFor is what is searched for. Texts are found by their first 8 bytes.
type lookFor struct {
	folded, exact map[uint64][]needle
	blocks        map[uint64][]place
	streams       []stream
	maybeText     bits
	maybeBlock    bits
	first         uint64 // factor^(block-1)
}

// needle is a text to be found, and what it is.
type needle struct {
	text []byte
	is   string
}

// stream is canary audio in one coding, and the shortest run of it that is to be
// found; place is a place in one.
type (
	stream struct {
		data  []byte
		is    string
		least int
	}
	place struct{ stream, at int }
)

// bits says quickly of most numbers that they are not in a set.
type bits []uint64

func (b bits) add(n uint64)      { b[n>>44] |= 1 << (n >> 38 & 63) }
func (b bits) has(n uint64) bool { return b[n>>44]&(1<<(n>>38&63)) != 0 }

func newLookFor() *lookFor {
	l := &lookFor{folded: map[uint64][]needle{}, exact: map[uint64][]needle{}, blocks: map[uint64][]place{},
		maybeText: make(bits, 1<<20), maybeBlock: make(bits, 1<<20), first: 1}
	for range block - 1 {
		l.first *= factor
	}
	return l
}

// text looks for a text of at least 8 bytes: plain in either case and as UTF-16, in
// hexadecimal, and in base64 wherever it begins.
func (l *lookFor) text(owner, text string) {
	is := fmt.Sprintf("%s: %q", owner, text)
	lower, upper := strings.ToLower(text), strings.ToUpper(text)
	l.add(l.folded, []byte(lower), is)
	units := utf16.Encode([]rune(lower))
	little, big := []byte(nil), []byte(nil)
	for _, u := range units {
		little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
	}
	l.add(l.folded, little, is+" in UTF-16")
	l.add(l.folded, big, is+" in UTF-16")
	for _, form := range []string{text, lower, upper} {
		l.add(l.folded, []byte(hex.EncodeToString([]byte(form))), is+" in hexadecimal")
		for shift := range 3 {
			padded := append(make([]byte, shift), form...)
			from, to := (8*shift+5)/6, 8*len(padded)/6 // what depends on the text alone
			l.add(l.exact, []byte(base64.StdEncoding.EncodeToString(padded)[from:to]), is+" in base64")
			l.add(l.exact, []byte(base64.URLEncoding.EncodeToString(padded)[from:to]), is+" in base64")
		}
	}
}

func (l *lookFor) add(to map[uint64][]needle, text []byte, is string) {
	key := binary.LittleEndian.Uint64(text)
	if slices.ContainsFunc(to[key], func(n needle) bool { return bytes.Equal(n.text, text) }) {
		return
	}
	to[key] = append(to[key], needle{text, is})
	l.maybeText.add(key * factor)
}

// audio looks for what a caller said, given at 8 or 16 kHz: in mu-law and in
// 16-bit samples of either rate.
func (l *lookFor) audio(owner string, pcm []int16, rate int) error {
	if rate == 8000 {
		coded := media.AppendULaw(nil, pcm)
		pcm = media.AppendPCM(nil, coded) // as it comes over the line
		l.bytes(owner+": mu-law", coded)
	}
	l.bytes(fmt.Sprintf("%s: samples at %d Hz", owner, rate), littleEndian(pcm))
	other := 24000 - rate
	resampled, err := media.Resample(pcm, rate, other)
	if err != nil {
		return err
	}
	if l.bytes(fmt.Sprintf("%s: samples at %d Hz", owner, other), littleEndian(resampled)); other == 8000 {
		l.bytes(owner+": mu-law", media.AppendULaw(nil, resampled))
	}
	return nil
}

// bytes looks for a stream of bytes, such as a packet: one that is shorter than a
// run, for the whole of it.
func (l *lookFor) bytes(is string, data []byte) {
	l.streams = append(l.streams, stream{data, is, min(leastRun, len(data))})
	for at := 0; at+block <= len(data); at += block {
		if b := data[at : at+block]; values(b) >= distinct/2 {
			h := hashOf(b)
			l.blocks[h] = append(l.blocks[h], place{len(l.streams) - 1, at})
			l.maybeBlock.add(h)
		}
	}
}

// seconds is about how much audio is looked for.
func (l *lookFor) seconds() (s float64) {
	for _, stream := range l.streams {
		if strings.HasSuffix(stream.is, "mu-law") {
			s += float64(len(stream.data)) / 8000
		}
	}
	return s
}

func hashOf(b []byte) (h uint64) {
	for _, c := range b {
		h = h*factor + uint64(c) + 1
	}
	return h
}

// values counts the different bytes.
func values(b []byte) (n int) {
	var seen [256]bool
	for _, c := range b {
		if !seen[c] {
			seen[c], n = true, n+1
		}
	}
	return n
}

func littleEndian(pcm []int16) (b []byte) {
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// in says what of it is in data, or in what is packed or coded in data.
func (l *lookFor) in(data []byte) []string {
	found := map[string]bool{}
	l.search(data, found, 2)
	var all []string
	for is := range found {
		all = append(all, is)
	}
	slices.Sort(all)
	return all
}

// search searches data, and depth times what is packed in it.
func (l *lookFor) search(data []byte, found map[string]bool, depth int) {
	l.texts(bytes.ToLower(data), l.folded, found)
	l.texts(data, l.exact, found)
	l.runs(data, found)
	for from := range 2 { // one channel of two, of one byte a sample
		l.runs(every(data, from, 2, 1), found)
	}
	for from := range 4 { // and of two
		l.runs(every(data, from, 4, 2), found)
	}
	if depth > 0 {
		unpack(data, func(inner []byte) { l.search(inner, found, depth-1) })
	}
}

// every takes size bytes out of each step, from a place on.
func every(data []byte, from, step, size int) []byte {
	var out []byte
	for at := from; at+size <= len(data); at += step {
		out = append(out, data[at:at+size]...)
	}
	return out
}

func (l *lookFor) texts(data []byte, needles map[uint64][]needle, found map[string]bool) {
	for at := 0; at+8 <= len(data); at++ {
		key := binary.LittleEndian.Uint64(data[at:])
		if !l.maybeText.has(key * factor) {
			continue
		}
		for _, n := range needles[key] {
			if bytes.HasPrefix(data[at:], n.text) {
				found[n.is] = true
			}
		}
	}
}

// runs finds what is audio.
func (l *lookFor) runs(data []byte, found map[string]bool) {
	if len(data) < block {
		return
	}
	h := hashOf(data[:block])
	for at := 0; ; at++ {
		if l.maybeBlock.has(h) {
			for _, p := range l.blocks[h] {
				if s := l.streams[p.stream]; !found[s.is] && isRun(data, at, s, p.at) {
					found[s.is] = true
				}
			}
		}
		if at+block >= len(data) {
			return
		}
		h = (h-(uint64(data[at])+1)*l.first)*factor + uint64(data[at+block]) + 1
	}
}

// isRun reports whether a run of a stream lies around two places.
func isRun(a []byte, i int, s stream, j int) bool {
	b, from, to := s.data, 0, 0
	for from < min(i, j) && a[i-from-1] == b[j-from-1] {
		from++
	}
	for to < min(len(a)-i, len(b)-j) && a[i+to] == b[j+to] {
		to++
	}
	run := a[i-from : i+to]
	for ; len(run) >= s.least; run = run[1:] {
		if values(run[:s.least]) >= distinct {
			return true
		}
	}
	return false
}

// mostInflated bounds what is unpacked at one place.
const mostInflated = 8 << 20

// unpack hands on what data holds of gzip and zlib streams, and of long texts in
// base64 and hexadecimal.
func unpack(data []byte, each func([]byte)) {
	inflate := func(r io.Reader, err error) {
		if err != nil {
			return
		}
		if out, _ := io.ReadAll(io.LimitReader(r, mostInflated)); len(out) >= 8 { // also of what is cut short
			each(out)
		}
	}
	var deflated io.ReadCloser // used again and again: much looks like a beginning
	for at := 0; at+2 < len(data); at++ {
		switch {
		case data[at] == 0x1f && data[at+1] == 0x8b && data[at+2] == 8:
			inflate(gzip.NewReader(bytes.NewReader(data[at:])))
		case data[at]&0x8f == 8 && (uint(data[at])<<8|uint(data[at+1]))%31 == 0:
			var err error
			if deflated == nil {
				deflated, err = zlib.NewReader(bytes.NewReader(data[at:]))
			} else {
				err = deflated.(zlib.Resetter).Reset(bytes.NewReader(data[at:]), nil)
			}
			inflate(deflated, err)
		}
	}
	for at := 0; at < len(data); {
		n := 0
		for at+n < len(data) && codes[data[at+n]] {
			n++
		}
		if n >= 4*leastRun/3 {
			decode(data[at:at+n], each)
		}
		at += n + 1
	}
}

// codes are the bytes of base64, also of the kind for addresses, and of line ends.
var codes = func() (is [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_\r\n" {
		is[c] = true
	}
	return is
}()

// decode hands on what a text may stand for, wherever it begins.
func decode(text []byte, each func([]byte)) {
	clean := strings.NewReplacer("\r", "", "\n", "", "-", "+", "_", "/").Replace(string(text))
	for from := range min(4, len(clean)) {
		part := clean[from:]
		if out, err := base64.RawStdEncoding.DecodeString(part[:len(part)/4*4]); err == nil {
			each(out)
		}
	}
	for digits := range strings.FieldsFuncSeq(clean, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }) {
		for from := range min(2, len(digits)) {
			if out, _ := hex.DecodeString(digits[from:]); len(out) >= leastRun { // but for half a byte at the end
				each(out)
			}
		}
	}
}

// headers says which headers of audio files data holds, anywhere.
func headers(data []byte) (found []string) {
	for _, magic := range []struct {
		name, mark string
		whole      func(b []byte) bool
	}{
		{"WAVE", "RIFF", func(b []byte) bool { return len(b) >= 12 && string(b[8:12]) == "WAVE" }},
		{"Ogg", "OggS", func(b []byte) bool { return len(b) >= 6 && b[4] == 0 && b[5] < 8 }},
		{"FLAC", "fLaC", func(b []byte) bool { return len(b) >= 8 && b[4]&0x7f == 0 && b[5] == 0 && b[6] == 0 && b[7] == 34 }},
		{"AIFF", "FORM", func(b []byte) bool { return len(b) >= 12 && string(b[8:11]) == "AIF" }},
		{"AU", ".snd", func(b []byte) bool {
			return len(b) >= 24 && binary.BigEndian.Uint32(b[4:]) < 4096 && binary.BigEndian.Uint32(b[12:]) < 32
		}},
		{"WebM", "\x1a\x45\xdf\xa3", func(b []byte) bool { return bytes.Contains(b[:min(64, len(b))], []byte("webm")) }},
		{"MP4", "ftyp", func(b []byte) bool { return len(b) >= 8 && (string(b[4:7]) == "M4A" || string(b[4:7]) == "iso") }},
		{"AMR", "#!AMR", func([]byte) bool { return true }},
		{"ID3", "ID3", func(b []byte) bool {
			return len(b) >= 10 && b[3] >= 2 && b[3] <= 4 && b[4] == 0 && b[5]&0x0f == 0 && (b[6]|b[7]|b[8]|b[9])&0x80 == 0
		}},
	} {
		for rest := data; ; {
			at := bytes.Index(rest, []byte(magic.mark))
			if at < 0 {
				break
			}
			if magic.whole(rest[at:]) {
				found = append(found, "a header of "+magic.name)
				break
			}
			rest = rest[at+1:]
		}
	}
	return found
}

// inTree says what lies in the files of a folder, in their names and in their
// extended attributes. Headers of audio may be where mayBeAudio says so.
func (l *lookFor) inTree(dir string, mayBeAudio func(path string) bool) (found []string, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it has just gone
			return nil
		case err != nil:
			return err
		}
		name := strings.TrimPrefix(path, dir)
		data := append([]byte(name+"\x00"), attributes(path)...)
		audio := false
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
			audio, data = mayBeAudio(path), append(data, content...)
		}
		size += int64(len(data))
		for _, is := range l.in(data) {
			found = append(found, name+": "+is)
		}
		if !audio {
			for _, is := range headers(data) {
				found = append(found, name+": "+is)
			}
		}
		return nil
	})
	return found, size, err
}

// attributes returns the extended attributes of a file, where it has any.
func attributes(path string) (all []byte) {
	names := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		return nil
	}
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		value := make([]byte, 1<<16)
		if n, err := unix.Lgetxattr(path, name, value); err == nil {
			all = append(append(all, name...), value[:n]...)
		}
	}
	return all
}

// planting is something planted, and what the search has to say of it.
type planting struct {
	name string
	data []byte
	want string // empty: nothing
}

// random makes the bytes that leaks lie between.
func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// plantedSound adds a sound and a packet to what is looked for, and returns them
// planted.
func plantedSound(t *testing.T, l *lookFor) (coded []byte, all []planting) {
	t.Helper()
	packet := random(48)
	said := media.Tone(8000, 1133, 2*time.Second, -20)
	for i := range said {
		said[i] += int16(rand.NormFloat64() * 50)
	}
	if err := l.audio("planted", said, 8000); err != nil {
		t.Fatal(err)
	}
	l.bytes("planted: opus", packet)
	coded = media.AppendULaw(nil, said)
	heard := media.AppendPCM(nil, coded)
	upsampled, err := media.Resample(heard, 8000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	stereo := func(samples []byte, size int) (out []byte) { // beside a channel of something else
		for at := 0; at < len(samples); at += size {
			out = append(append(out, samples[at:at+size]...), random(size)...)
		}
		return out
	}
	alone := func(of []byte, from, to int) (out []byte) { // and what follows is of something else
		return append(append([]byte{^of[from-1]}, of[from:to]...), ^of[to])
	}
	return coded, []planting{
		{"nothing", random(1 << 16), ""},
		{"silence", bytes.Repeat([]byte{0xff}, 4096), ""},
		{"another tone", media.AppendULaw(nil, media.Tone(8000, 1000, time.Second, -20)), ""},
		{"63 bytes of it", alone(coded, 1001, 1001+63), ""},
		{"64 bytes of it", alone(coded, 1001, 1001+64), "planted: mu-law"},
		{"mu-law", coded[777:1777], "planted: mu-law"},
		{"samples", littleEndian(heard)[2001:3000], "planted: samples at 8000 Hz"},
		{"samples for recognition", littleEndian(upsampled)[4000:4200], "planted: samples at 16000 Hz"},
		{"a file of two channels of mu-law", stereo(coded, 1), "planted: mu-law"},
		{"and of samples", stereo(littleEndian(heard), 2), "planted: samples at 8000 Hz"},
		{"a frame of the wire in a log", []byte(`media {"payload":"` + base64.StdEncoding.EncodeToString(coded[160:320]) + `"}`), "planted: mu-law"},
		{"a packet of Opus", packet, "planted: opus"},
		{"most of one", alone(packet, 1, 47), ""},
		{"a dump", []byte(hex.EncodeToString(coded[160:320])), "planted: mu-law"},
		{"and one that is marked", []byte("0x" + hex.EncodeToString(coded[160:320])), "planted: mu-law"},
	}
}

// plantedTexts adds a word and a number to what is looked for, and returns them
// planted; packed, beside a sound.
func plantedTexts(t *testing.T, l *lookFor, coded []byte) []planting {
	t.Helper()
	l.text("planted", "Marmalade")
	l.text("planted", "2125550187")
	var zipped, deflated bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&zipped), zlib.NewWriter(&deflated)} {
		if _, err := fmt.Fprintf(w, "{\"text\":\"some marmalade, please\",\"from\":\"+12125550187\",\"audio\":%q}", base64.StdEncoding.EncodeToString(coded[100:200])); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return []planting{
		{"a word", []byte("I like MARMALADE."), `planted: "Marmalade"`},
		{"half a word", []byte("I like marmala"), ""},
		{"a word in UTF-16", []byte("m\x00a\x00r\x00m\x00a\x00l\x00a\x00d\x00e\x00"), `planted: "Marmalade" in UTF-16`},
		{"a number in a log", []byte("time=1 from=+12125550187"), `planted: "2125550187"`},
		{"in base64", []byte(base64.StdEncoding.EncodeToString([]byte(`{"from":"+12125550187"}`))), `planted: "2125550187" in base64`},
		{"after another byte", []byte(base64.URLEncoding.EncodeToString([]byte(`{"from":" +12125550187"}`))), `planted: "2125550187" in base64`},
		{"and another", []byte(base64.RawStdEncoding.EncodeToString([]byte(`{"from":"  +12125550187"}`))), `planted: "2125550187" in base64`},
		{"in hexadecimal", []byte(strings.ToUpper(hex.EncodeToString([]byte("+12125550187")))), `planted: "2125550187" in hexadecimal`},
		{"words in gzip", zipped.Bytes(), `planted: "Marmalade"`},
		{"a number in gzip", zipped.Bytes(), `planted: "2125550187"`},
		{"audio in gzip", zipped.Bytes(), "planted: mu-law"},
		{"gzip that is cut short", zipped.Bytes()[:zipped.Len()-30], `planted: "Marmalade"`},
		{"words in zlib", deflated.Bytes(), `planted: "Marmalade"`},
	}
}

// plantedFiles are the beginnings of audio files.
func plantedFiles() []planting {
	wave := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.MuLaw, Channels: 2, Rate: 8000}, 0)
	return []planting{
		{"a WAVE file", append(random(3000), wave...), "a header of WAVE"},
		{"an Ogg file", append(random(3000), "OggS\x00\x02"...), "a header of Ogg"},
		{"an AIFF file", append(random(3000), "FORM\x00\x00\x10\x00AIFF"...), "a header of AIFF"},
		{"an AU file", append(random(3000), ".snd\x00\x00\x00\x18\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x1f\x40\x00\x00\x00\x01"...), "a header of AU"},
		{"a WebM file", append(random(3000), "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"...), "a header of WebM"},
		{"an MP4 file", append(random(3000), "\x00\x00\x00\x20ftypM4A "...), "a header of MP4"},
		{"an AMR file", append(random(3000), "#!AMR\n"...), "a header of AMR"},
		{"an MP3 file", append(random(3000), "ID3\x04\x00\x00\x00\x00\x01\x00"...), "a header of ID3"},
	}
}

// TestPlantedLeaksAreFound holds that the search finds what it is for, in every
// form, and nothing in what only looks like it.
func TestPlantedLeaksAreFound(t *testing.T) {
	l := newLookFor()
	coded, sounds := plantedSound(t, l)
	for _, c := range slices.Concat(sounds, plantedTexts(t, l, coded), plantedFiles()) {
		dir := t.TempDir()
		data := append(append(random(1001), c.data...), random(999)...)
		if err := os.WriteFile(filepath.Join(dir, "file"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		found, _, err := l.inTree(dir, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && len(found) > 0 || c.want != "" && !slices.Contains(found, "/file: "+c.want) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
	}
}

// TestPlantedNamesAreFound looks where a file has no content.
func TestPlantedNamesAreFound(t *testing.T) {
	l := newLookFor()
	l.text("planted", "2125550187")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "call-2125550187"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tagged := filepath.Join(dir, "object")
	if err := errors.Join(os.WriteFile(tagged, nil, 0o600), unix.Setxattr(tagged, "user.metadata", []byte("from=2125550187"), 0)); err != nil {
		t.Fatal(err)
	}
	found, _, err := l.inTree(dir, func(string) bool { return false })
	if err != nil || len(found) != 2 {
		t.Errorf("found %q, error %v, want a name and an attribute", found, err)
	}
}
