package recorder_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// A part of a recording is that part to the sample, and costs the segments in which
// it lies.
func TestPartOfARecording(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.run(0, 45*second)
		k.finish(45 * second)
		r.drain()
		left, right := channels(t, phone("c"), r.wav("c"))
		for name, c := range map[string]struct {
			channels recorder.Channels
			from, to time.Duration
			a, b     int   // samples
			segments int64 // that are fetched
		}{
			"within a segment":    {recorder.Left, 12 * time.Second, 15 * time.Second, 96000, 120000, 1},
			"over a border":       {recorder.Right, 19500 * time.Millisecond, 20500 * time.Millisecond, 156000, 164000, 2},
			"between samples":     {recorder.Left, 12*time.Second + 130*time.Microsecond, 12*time.Second + 300*time.Microsecond, 96001, 96002, 1},
			"the end":             {recorder.Left, 44 * time.Second, time.Hour, 352000, 360000, 1},
			"longer than any":     {recorder.Left, 44 * time.Second, 1 << 62, 352000, 360000, 1},
			"nothing, behind it":  {recorder.Left, 45 * time.Second, 46 * time.Second, 0, 0, 0},
			"nothing, in reverse": {recorder.Left, 4 * time.Second, 3 * time.Second, 0, 0, 0},
		} {
			reader := must[*recorder.Reader](t)(r.recording("c").Reader())
			part := must[*recorder.File](t)(reader.File(t.Context(), c.channels)).Between(c.from, c.to)
			var b bytes.Buffer
			if err := part.Write(&b); err != nil {
				t.Fatal(err)
			}
			want := map[recorder.Channels][]int16{recorder.Left: left, recorder.Right: right}[c.channels][c.a:c.b]
			a, err := media.DecodeWAV(b.Bytes())
			if part.Empty() != (len(want) == 0) || int64(b.Len()) != part.Size() || len(want) > 0 && (err != nil || !slices.Equal(a.PCM, want)) {
				t.Errorf("%s: %d bytes of %d, %d samples, want %d: %v", name, b.Len(), part.Size(), len(a.PCM), len(want), err)
			}
			if n := reader.Reads().Segments; n != c.segments {
				t.Errorf("%s: %d segments were fetched", name, n)
			}
		}
	})
}
