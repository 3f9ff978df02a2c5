package media

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

var productRates = []int{8000, 16000, 22050, 24000, 44100, 48000}

func eachRatio(t *testing.T, test func(t *testing.T, from, to int)) {
	for _, from := range productRates {
		for _, to := range productRates {
			t.Run(fmt.Sprintf("%d-%d", from, to), func(t *testing.T) { test(t, from, to) })
		}
	}
}

func resampled(t *testing.T, pcm []int16, from, to int) []int16 {
	t.Helper()
	out, err := Resample(pcm, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inner is the middle of a clip, without the filter's on- and offset.
func inner(pcm []int16, rate int) []int16 { return pcm[rate/20 : len(pcm)-rate/20] }

func TestResamplePassBand(t *testing.T) {
	eachRatio(t, func(t *testing.T, from, to int) {
		low := float64(min(from, to))
		for _, hz := range []float64{100, 0.1 * low, 0.3 * low, 0.425 * low} {
			out := inner(resampled(t, Tone(from, hz, time.Second, -6), from, to), to)
			near(t, fmt.Sprintf("%.0f Hz", hz), ToneLevel(out, to, hz), -6, 0.3)
		}
	})
}

// What lies above the lower Nyquist frequency must not come through as anything
// else, and what lies below must not come with images.
func TestResampleAlias(t *testing.T) {
	eachRatio(t, func(t *testing.T, from, to int) {
		if from > to {
			for _, share := range []float64{0.535, 0.6, 0.8, 1, 1.3} {
				hz := share * float64(to)
				if hz > 0.49*float64(from) {
					continue
				}
				out := inner(resampled(t, Tone(from, hz, time.Second, -6), from, to), to)
				if got := RMS(out) + 6; got > -65 {
					t.Errorf("%.0f Hz came through at %.1f dB", hz, got)
				}
			}
			return
		}
		hz := 0.4 * float64(from)
		out := inner(resampled(t, Tone(from, hz, time.Second, -6), from, to), to)
		for i := range out { // subtract the tone itself
			at := float64(i + to/20)
			out[i] -= int16(math.Round(fullScale * 0.5012 * math.Sin(2*math.Pi*hz/float64(to)*at)))
		}
		if got := RMS(out) + 6; got > -38 {
			t.Errorf("all but the tone is at %.1f dB", got)
		}
		image := float64(from) - hz
		if got := ToneLevel(out, to, image) + 6; image < float64(to)/2 && got > -65 {
			t.Errorf("image at %.0f Hz: %.1f dB", image, got)
		}
	})
}

// A click keeps its place, to a hundredth of a millisecond.
func TestResampleDelayAndLength(t *testing.T) {
	eachRatio(t, func(t *testing.T, from, to int) {
		for _, n := range []int{1, 7, 161, from/2 + 1} {
			want := (n*to + from - 1) / from
			if got := len(resampled(t, make([]int16, n), from, to)); got != want {
				t.Errorf("%d samples became %d, want %d", n, got, want)
			}
		}
		const at = 0.123
		src := make([]int16, from/2)
		for i := range src { // a smooth bump, well inside the pass band
			x := (float64(i)/float64(from) - at) * 1500
			src[i] = int16(20000 * math.Exp(-x*x))
		}
		var mass, moment float64
		for i, s := range resampled(t, src, from, to) {
			mass += float64(s)
			moment += float64(s) * float64(i) / float64(to)
		}
		near(t, "the bump's centre in ms", 1000*moment/mass, 1000*at, 0.01)
	})
}

func TestResampleStreamEqualsClip(t *testing.T) {
	eachRatio(t, func(t *testing.T, from, to int) {
		src := Tone(from, 440, 333*time.Millisecond, -6)
		want := resampled(t, src, from, to)
		r, err := NewResampler(from, to)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // Flush makes it new
			var got []int16
			for i, k := 0, 1; i < len(src); i, k = i+k, (k*7+3)%311+1 {
				got = r.Process(got, src[i:min(i+k, len(src))])
			}
			got = r.Flush(got)
			if len(got) != len(want) {
				t.Fatalf("round %d: %d samples, want %d", round, len(got), len(want))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("round %d: sample %d is %d, want %d", round, i, got[i], want[i])
				}
			}
		}
	})
}

func TestResampleKeepsFrames(t *testing.T) {
	r, err := NewResampler(8000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	frame, out := Tone(8000, 440, FrameDuration, -6), make([]int16, 0, 400)
	for i := range 5 {
		out = r.Process(out[:0], frame)
		if want := 320; i > 0 && len(out) != want {
			t.Errorf("frame %d became %d samples, want %d", i, len(out), want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { out = r.Process(out[:0], frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestResampleClips(t *testing.T) {
	square := make([]int16, 800)
	for i := range square {
		square[i] = math.MaxInt16
		if i/40%2 == 1 {
			square[i] = math.MinInt16
		}
	}
	for i, s := range resampled(t, square, 8000, 48000) {
		if i%240 > 60 && i%240 < 180 && (s < 0) != (i/240%2 == 1) {
			t.Fatalf("sample %d wrapped round: %d", i, s)
		}
	}
}

func TestResampleRefusesOtherRates(t *testing.T) {
	for _, rate := range []int{-1, 0, 7999, 192000} {
		if _, err := NewResampler(8000, rate); !errors.Is(err, ErrUnsupported) {
			t.Errorf("to %d Hz: %v", rate, err)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, ratio := range [][2]int{{8000, 16000}, {24000, 8000}, {44100, 8000}, {48000, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", ratio[0], ratio[1]), func(b *testing.B) {
			r, err := NewResampler(ratio[0], ratio[1])
			if err != nil {
				b.Fatal(err)
			}
			frame, out := Tone(ratio[0], 440, FrameDuration, -6), make([]int16, 0, 400)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Process(out[:0], frame)
			}
		})
	}
}
