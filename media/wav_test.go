package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ffmpeg runs ffmpeg on a new file, named so that it knows the format, and
// returns what it wrote.
func ffmpeg(t *testing.T, name string, in []byte, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-i", "pipe:0"}, args...), out)...)
	cmd.Stdin = bytes.NewReader(in)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, msg)
	}
	return readFile(t, out)
}

// pcmWAV is a WAV file of 16-bit PCM.
func pcmWAV(rate, channels int, pcm []int16) []byte {
	f := WAVFormat{Coding: PCM16, Channels: channels, Rate: rate}
	b := AppendWAVHeader(nil, f, uint32(2*len(pcm)))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// assertTone checks that a clip is the tone it should be and nothing else.
func assertTone(t *testing.T, a Audio, hz, dBFS float64, d time.Duration) {
	t.Helper()
	if off := a.Duration() - d; off < -time.Millisecond || off > time.Millisecond {
		t.Errorf("it lasts %v, want %v", a.Duration(), d)
	}
	middle := inner(a.PCM, a.Rate)
	near(t, "level", RMS(middle), dBFS, 0.5)
	near(t, "tone", ToneLevel(middle, a.Rate, hz), dBFS, 0.5)
}

// Every coding, as ffmpeg writes it.
func TestDecodeWAVCodings(t *testing.T) {
	src := pcmWAV(16000, 1, Tone(16000, 1000, 300*time.Millisecond, -10))
	for _, codec := range []string{"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw"} {
		t.Run(codec, func(t *testing.T) {
			a, err := DecodeWAV(ffmpeg(t, "a.wav", src, "-c:a", codec))
			if err != nil {
				t.Fatal(err)
			}
			if a.Rate != 16000 {
				t.Errorf("rate %d", a.Rate)
			}
			assertTone(t, a, 1000, -10, 300*time.Millisecond)
		})
	}
}

func TestDecodeWAVMixesChannels(t *testing.T) {
	left, right := Tone(8000, 500, time.Second, -10), Tone(8000, 1500, time.Second, -10)
	var both []int16
	for i := range left {
		both = append(both, left[i], right[i])
	}
	a, err := DecodeWAV(pcmWAV(8000, 2, both))
	if err != nil {
		t.Fatal(err)
	}
	for _, hz := range []float64{500, 1500} {
		near(t, "half of each channel", ToneLevel(a.PCM, 8000, hz), -16, 0.1)
	}
}

// A live header, and a zero length, mean all that follows; a chunk of odd
// length is padded.
func TestDecodeWAVOpenEnd(t *testing.T) {
	code := AppendULaw(nil, Tone(8000, 700, time.Second, -6))
	for _, length := range []uint32{WAVLive, 0, uint32(len(code))} {
		file := append(AppendWAVHeader(nil, WAVFormat{MuLaw, 1, 8000}, length), code...)
		file = append(file[:12:12], append([]byte("LIST\x03\x00\x00\x00abc\x00"), file[12:]...)...)
		a, err := DecodeWAV(file)
		if err != nil {
			t.Fatal(err)
		}
		assertTone(t, a, 700, -6, time.Second)
	}
}

// What others make of our headers.
func TestWAVHeaderIsReadByOthers(t *testing.T) {
	pcm := Tone(8000, 700, time.Second, -6)
	for _, f := range []WAVFormat{{MuLaw, 1, 8000}, {PCM16, 1, 8000}, {MuLaw, 2, 8000}, {PCM16, 2, 8000}} {
		var data []byte
		for _, s := range pcm {
			for range f.Channels {
				if f.Coding == MuLaw {
					data = AppendULaw(data, []int16{s})
				} else {
					data = binary.LittleEndian.AppendUint16(data, uint16(s))
				}
			}
		}
		for _, length := range []uint32{uint32(len(data)), WAVLive} {
			head := AppendWAVHeader(nil, f, length)
			if want := map[Coding]int{MuLaw: 58, PCM16: 44}[f.Coding]; len(head) != want {
				t.Errorf("%v: header of %d bytes, want %d", f, len(head), want)
			}
			raw := ffmpeg(t, "a.raw", append(head, data...), "-f", "s16le", "-ac", "1")
			a := Audio{Rate: 8000}
			for i := 0; i < len(raw); i += 2 {
				a.PCM = append(a.PCM, int16(binary.LittleEndian.Uint16(raw[i:])))
			}
			assertTone(t, a, 700, -6, time.Second)
		}
	}
}

func TestDecodeWAVRefuses(t *testing.T) {
	good := pcmWAV(8000, 1, make([]int16, 80))
	with := func(at int, b ...byte) []byte {
		bad := bytes.Clone(good)
		copy(bad[at:], b)
		return bad
	}
	for _, tt := range []struct {
		name string
		data []byte
		err  error
	}{
		{"nothing", nil, ErrMalformed},
		{"no header", []byte("RIFFxxxxWAVX"), ErrMalformed},
		{"no data", good[:36], ErrMalformed},
		{"cut short", good[:len(good)-1], ErrMalformed},
		{"chunk beyond the end", with(16, 0xFF, 0xFF), ErrMalformed},
		{"no format", append([]byte("RIFFxxxxWAVE"), good[36:]...), ErrMalformed},
		{"short format", append([]byte("RIFFxxxxWAVEfmt \x02\x00\x00\x00\x01\x00"), good[36:]...), ErrMalformed},
		{"A-law", with(20, 6), ErrUnsupported},
		{"12 bits", with(34, 12), ErrUnsupported},
		{"no channels", with(22, 0), ErrUnsupported},
		{"9 channels", with(22, 9), ErrUnsupported},
		{"1 Hz", with(24, 1, 0), ErrUnsupported},
		{"extensible", with(20, 0xFE, 0xFF), ErrUnsupported},
		{"11 minutes", pcmWAV(8000, 1, make([]int16, 11*60*8000)), ErrTooLong},
		{"a huge file", make([]byte, MaxAudioBytes+1), ErrTooLong},
	} {
		if _, err := DecodeWAV(tt.data); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
	}
}

func TestDecodeWAVFloatClips(t *testing.T) {
	file := ffmpeg(t, "a.wav", pcmWAV(8000, 1, make([]int16, 3)), "-c:a", "pcm_f32le")
	at := bytes.Index(file, []byte("data")) + 8
	for i, v := range []float64{math.NaN(), math.Inf(1), -2} {
		binary.LittleEndian.PutUint32(file[at+4*i:], math.Float32bits(float32(v)))
	}
	a, err := DecodeWAV(file)
	if err != nil || len(a.PCM) != 3 || a.PCM[0] != 0 || a.PCM[1] != math.MaxInt16 || a.PCM[2] != math.MinInt16 {
		t.Errorf("%v, %v", a.PCM, err)
	}
}

func TestCodingNames(t *testing.T) {
	if MuLaw.String() != "mulaw" || PCM16.String() != "pcm16" || !strings.Contains(Coding(9).String(), "9") {
		t.Error("names changed; manifests hold them")
	}
}

func FuzzDecodeWAV(f *testing.F) {
	f.Add(pcmWAV(8000, 1, []int16{1, 2, 3}))
	f.Add(append(AppendWAVHeader(nil, WAVFormat{MuLaw, 2, 8000}, WAVLive), 1, 2, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := DecodeWAV(data)
		if err != nil {
			return
		}
		if a.Rate < 8000 || len(a.PCM) > len(data) || a.Duration() > MaxAudio {
			t.Errorf("%d samples at %d Hz of %d bytes", len(a.PCM), a.Rate, len(data))
		}
	})
}
