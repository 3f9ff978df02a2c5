package opus

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestParse(t *testing.T) {
	fill := func(head []byte, n int) []byte { return append(head, make([]byte, n)...) }
	for name, test := range map[string]struct {
		packet []byte
		want   Header
		fails  bool
	}{
		"empty":                      {packet: nil, fails: true},
		"SILK 10 ms":                 {packet: fill([]byte{0 << 3}, 9), want: Header{Frame: 10 * ms, Frames: 1}},
		"SILK 20 ms, pause":          {packet: []byte{9 << 3}, want: Header{Frame: 20 * ms, Frames: 1}},
		"SILK 60 ms stereo":          {packet: fill([]byte{11<<3 | 4}, 9), want: Header{Frame: 60 * ms, Frames: 1, Stereo: true}},
		"hybrid 10 ms":               {packet: fill([]byte{12 << 3}, 9), want: Header{Frame: 10 * ms, Frames: 1}},
		"hybrid 20 ms":               {packet: fill([]byte{15 << 3}, 9), want: Header{Frame: 20 * ms, Frames: 1}},
		"CELT 2.5 ms":                {packet: fill([]byte{16 << 3}, 9), want: Header{Frame: 2500 * time.Microsecond, Frames: 1, music: true}},
		"CELT 5 ms":                  {packet: fill([]byte{21 << 3}, 9), want: Header{Frame: 5 * ms, Frames: 1, music: true}},
		"CELT 20 ms":                 {packet: fill([]byte{31 << 3}, 9), want: Header{Frame: 20 * ms, Frames: 1, music: true}},
		"redundant":                  {packet: []byte{9 << 3, 0x40}, want: Header{Frame: 20 * ms, Frames: 1, Redundant: true}},
		"voice, not redundant":       {packet: []byte{9 << 3, 0xBF}, want: Header{Frame: 20 * ms, Frames: 1}},
		"redundant 60 ms":            {packet: []byte{11 << 3, 0x10}, want: Header{Frame: 60 * ms, Frames: 1, Redundant: true}},
		"redundant second channel":   {packet: []byte{9<<3 | 4, 0x10}, want: Header{Frame: 20 * ms, Frames: 1, Stereo: true, Redundant: true}},
		"CELT has no redundancy":     {packet: []byte{31 << 3, 0x40}, want: Header{Frame: 20 * ms, Frames: 1, music: true}},
		"longest frame":              {packet: fill([]byte{9 << 3}, 1275), want: Header{Frame: 20 * ms, Frames: 1}},
		"frame too long":             {packet: fill([]byte{9 << 3}, 1276), fails: true},
		"two equal":                  {packet: fill([]byte{9<<3 | 1}, 8), want: Header{Frame: 20 * ms, Frames: 2}},
		"two equal of an odd sum":    {packet: fill([]byte{9<<3 | 1}, 7), fails: true},
		"two equal, too long":        {packet: fill([]byte{9<<3 | 1}, 2*1276), fails: true},
		"two":                        {packet: fill([]byte{9<<3 | 2, 3, 0x40}, 9), want: Header{Frame: 20 * ms, Frames: 2, Redundant: true}},
		"two, no length":             {packet: []byte{9<<3 | 2}, fails: true},
		"two, half a length":         {packet: []byte{9<<3 | 2, 252}, fails: true},
		"two, first cut":             {packet: fill([]byte{9<<3 | 2, 10}, 9), fails: true},
		"two, second too long":       {packet: fill([]byte{9<<3 | 2, 0}, 1276), fails: true},
		"two, long length":           {packet: fill([]byte{9<<3 | 2, 253, 1}, 300), want: Header{Frame: 20 * ms, Frames: 2}},
		"many, no count":             {packet: []byte{9<<3 | 3}, fails: true},
		"many, none":                 {packet: []byte{9<<3 | 3, 0}, fails: true},
		"six of 20 ms":               {packet: fill([]byte{9<<3 | 3, 6}, 60), want: Header{Frame: 20 * ms, Frames: 6}},
		"seven of 20 ms":             {packet: fill([]byte{9<<3 | 3, 7}, 70), fails: true},
		"48 of 2.5 ms":               {packet: fill([]byte{16<<3 | 3, 48}, 48), want: Header{Frame: 2500 * time.Microsecond, Frames: 48, music: true}},
		"49 of 2.5 ms":               {packet: fill([]byte{16<<3 | 3, 49}, 49), fails: true},
		"many equal, uneven sum":     {packet: fill([]byte{9<<3 | 3, 3}, 61), fails: true},
		"many equal, too long":       {packet: fill([]byte{9<<3 | 3, 2}, 2*1276), fails: true},
		"many, padded, uneven sum":   {packet: fill([]byte{9<<3 | 3, 0x40 | 2, 3, 0x40}, 2+3), fails: true},
		"many, padded well":          {packet: fill([]byte{9<<3 | 3, 0x40 | 2, 3, 0x40}, 1+3), want: Header{Frame: 20 * ms, Frames: 2, Redundant: true}},
		"long padding":               {packet: fill([]byte{9<<3 | 3, 0x41, 255, 1, 0x40}, 255), want: Header{Frame: 20 * ms, Frames: 1, Redundant: true}},
		"padding cut":                {packet: fill([]byte{9<<3 | 3, 0x41, 255, 1}, 254), fails: true},
		"padding's length cut":       {packet: []byte{9<<3 | 3, 0x41, 255}, fails: true},
		"many of their own":          {packet: fill([]byte{9<<3 | 3, 0x83, 2, 3, 0x40}, 9), want: Header{Frame: 20 * ms, Frames: 3, Redundant: true}},
		"many, first is a pause":     {packet: fill([]byte{9<<3 | 3, 0x83, 0, 3, 0x40}, 9), want: Header{Frame: 20 * ms, Frames: 3}},
		"one of its own":             {packet: []byte{9<<3 | 3, 0x81, 0x40}, want: Header{Frame: 20 * ms, Frames: 1, Redundant: true}},
		"many, length cut":           {packet: []byte{9<<3 | 3, 0x83, 2}, fails: true},
		"many, frame cut":            {packet: fill([]byte{9<<3 | 3, 0x83, 2, 3}, 4), fails: true},
		"many, last frame too long":  {packet: fill([]byte{9<<3 | 3, 0x82, 2}, 2+1276), fails: true},
		"many, first frame too long": {packet: fill([]byte{9<<3 | 3, 1}, 1276), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(test.packet)
			if got != test.want || errors.Is(err, ErrMalformed) != test.fails || (err != nil) != test.fails {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
			if d, err := Duration(test.packet); d != test.want.Frame*time.Duration(test.want.Frames) || (err != nil) != test.fails {
				t.Errorf("lasts %v, %v", d, err)
			}
		})
	}
}

// seeds are packets of each kind of framing, whole and damaged.
func seeds(f *testing.F) {
	for config := range byte(32) {
		for code := range byte(4) {
			f.Add([]byte{config<<3 | code, 2, 0x55, 0xAA, 7, 9})
		}
	}
	f.Add([]byte{9<<3 | 3, 0xC3, 255, 0, 2, 1})
	f.Add(bytes.Repeat([]byte{0xFF}, MaxPacket))
	f.Add([]byte{})
}

// libopus is the judge of what is well-formed: what it decodes Parse takes, and
// the other way round, and both agree on how long it lasts.
func FuzzDecode(f *testing.F) {
	seeds(f)
	pcm := make([]int16, 1920)
	f.Fuzz(func(t *testing.T, packet []byte) {
		d, err := NewDecoder(16000)
		if err != nil {
			t.Fatal(err)
		}
		h, parseErr := Parse(packet)
		n, err := d.Decode(packet, pcm)
		if parseErr == nil {
			if want := d.Samples(h.Duration()); err == nil && n != want {
				t.Errorf("%+v became %d samples, want %d", h, n, want)
			} else if err != nil && !errors.Is(err, ErrCodec) {
				t.Errorf("%+v: %v", h, err)
			}
		} else if n, err := d.lib.Decode(packet, pcm); err == nil {
			t.Errorf("libopus decodes to %d samples what Parse refuses: %v", n, parseErr)
		}
		for _, n := range []int{40, 320, 960, 1920} { // never a crash, nor a write beyond the end
			guard := make([]int16, n+1)
			guard[n] = 0x1234
			if err := d.Recover(packet, guard[:n]); parseErr == nil && err != nil && !errors.Is(err, ErrCodec) {
				t.Errorf("recover %d samples: %v", n, err)
			}
			if err := d.Conceal(guard[:n]); err != nil {
				t.Errorf("conceal %d samples: %v", n, err)
			}
			if guard[n] != 0x1234 {
				t.Fatalf("%d samples and one more were written", n)
			}
		}
	})
}

// A decoder outlives any stream of garbage.
func FuzzDecodeStream(f *testing.F) {
	f.Add([]byte{9 << 3, 1, 2, 3}, []byte{31 << 3, 3, 2, 1}, []byte{15<<3 | 4, 9})
	f.Add([]byte{0}, []byte{9 << 3, 0x40, 3}, []byte{31<<3 | 3, 48})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		d, err := NewDecoder(16000)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, 1920)
		for _, p := range [][]byte{a, b, c, b, a} {
			_ = d.Recover(p, pcm[:320])
			_, _ = d.Decode(p, pcm)
			if err := d.Conceal(pcm[:320]); err != nil {
				t.Error(err)
			}
		}
	})
}

func ExampleParse() {
	h, err := Parse([]byte{9<<3 | 1, 0x40, 0, 0x40, 0}) // SILK, two frames of equal length
	fmt.Println(h.Frames, "frames of", h.Frame, "redundant:", h.Redundant, err)
	_, err = Parse([]byte{9<<3 | 1, 0})
	fmt.Println(err)
	// Output:
	// 2 frames of 20ms redundant: true <nil>
	// opus: parse packet: two equal frames of an odd sum: malformed Opus packet
}
