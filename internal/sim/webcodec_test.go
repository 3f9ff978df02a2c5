package sim

import (
	"bytes"
	"testing"
	"time"

	"sidetone/media"
)

// TestCodecs takes a tone through each codec, frame by frame.
func TestCodecs(t *testing.T) {
	for _, tt := range []struct {
		codec Codec
		rate  int
	}{{Opus, 16000}, {Opus, 48000}, {PCMU, 8000}} {
		enc, err := newWebEncoder(tt.codec, tt.rate, false)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := newWebDecoder(tt.codec)
		if err != nil {
			t.Fatal(err)
		}
		pcm := media.Tone(tt.rate, 440, time.Second, -12)
		var out []int16
		dst := make([]int16, webMaxFrames)
		for len(pcm) > 0 {
			packet, err := enc.encode(nil, pcm[:tt.rate/50])
			if err != nil {
				t.Fatal(err)
			}
			n, err := dec.decode(dst, packet)
			if err != nil || n != wideFrame {
				t.Fatalf("%s: %d samples, %v", tt.codec, n, err)
			}
			out, pcm = append(out, dst[:n]...), pcm[tt.rate/50:]
		}
		if share := clearFrames(out[3*wideFrame:], 440, -12); share < 1 {
			t.Errorf("%s from %d Hz: %.0f %% of the frames hold the tone", tt.codec, tt.rate, 100*share)
		}
		fill(dst, 99)
		dec.conceal(dst[:wideFrame])
		if dst[wideFrame] != 99 {
			t.Errorf("%s: conceals more than a frame", tt.codec)
		}
		for _, packet := range [][]byte{nil, bytes.Repeat([]byte{0xFF}, 5000)} {
			if _, err := dec.decode(dst, packet); err == nil {
				t.Errorf("%s: a packet of %d bytes was decoded", tt.codec, len(packet))
			}
		}
	}
}

// TestFEC loses a frame of speech-like sound, and has it back from the next
// packet once losses are expected.
func TestFEC(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		enc, err := newWebEncoder(Opus, 16000, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := enc.expect(loss); err != nil {
			t.Fatal(err)
		}
		people, err := LibriVox()
		if err != nil {
			t.Fatal(err)
		}
		carried := 0
		pcm := people[0].Wide
		frames := min(len(pcm)/wideFrame, 100)
		dec, err := newWebDecoder(Opus)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]int16, wideFrame)
		for n := range frames {
			packet, err := enc.encode(nil, pcm[n*wideFrame:(n+1)*wideFrame])
			if err != nil {
				t.Fatal(err)
			}
			if dec.recover(dst, packet) {
				carried++
			}
		}
		if loss == 0 && carried > 0 || loss > 0 && carried < frames/3 {
			t.Errorf("at a loss of %v, %d of %d packets carry the frame before", loss, carried, frames)
		}
	}
}

func TestDTX(t *testing.T) {
	for _, dtx := range []bool{false, true} {
		enc, err := newWebEncoder(Opus, 16000, dtx)
		if err != nil {
			t.Fatal(err)
		}
		sent := 0
		for range 200 {
			packet, err := enc.encode(nil, make([]int16, wideFrame))
			if err != nil {
				t.Fatal(err)
			}
			if len(packet) > 0 {
				sent++
			}
		}
		if !dtx && sent != 200 || dtx && sent > 60 {
			t.Errorf("with dtx %v, %d of 200 packets of silence were sent", dtx, sent)
		}
	}
}

func TestClip(t *testing.T) {
	for _, codec := range []Codec{Opus, PCMU} {
		clip, err := NewWebClip(codec, make([]int16, 3*wideFrame+1))
		if err != nil {
			t.Fatal(err)
		}
		if len(clip.packets) != 4 || !bytes.Equal(clip.packet(5), clip.packets[1]) {
			t.Errorf("%s: %d packets", codec, len(clip.packets))
		}
		if clip, err = NewWebClip(codec, nil); err != nil || len(clip.packets) != 50 {
			t.Errorf("%s: silence of %d packets, %v", codec, len(clip.packets), err)
		}
	}
}
