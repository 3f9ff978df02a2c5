package recorder

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/seal"
)

// oneSegment is an object store in which all segments are the same, and a keyring
// with the key of all of them.
type oneSegment struct {
	sealed []byte
	key    seal.Identity
}

func (o oneSegment) Get(_ context.Context, key string) ([]byte, error) {
	if strings.HasPrefix(key, "keys/") {
		return nil, nil
	}
	return append([]byte(nil), o.sealed...), nil
}

func (o oneSegment) Unwrap(context.Context, string, []byte) (seal.Identity, error) { return o.key, nil }

// BenchmarkJump jumps to and fro in an hour, and makes a second of sound at each
// place.
func BenchmarkJump(b *testing.B) {
	for _, l := range []struct {
		name   string
		rate   int
		coding media.Coding
	}{{"phone", 8000, media.MuLaw}, {"web", 16000, media.PCM16}} {
		b.Run(l.name, func(b *testing.B) {
			line, err := newTimeline(l.rate, l.coding, 0)
			if err != nil {
				b.Fatal(err)
			}
			var o oneSegment
			if o.key, err = seal.GenerateIdentity(); err != nil {
				b.Fatal(err)
			}
			length := line.segment * line.width() * int64(tracks)
			if o.sealed, err = seal.Seal(nil, make([]byte, length), o.key.Recipient()); err != nil {
				b.Fatal(err)
			}
			m := &Manifest{Call: "c", Take: "t1", Rate: l.rate, Coding: l.coding.String(), Channels: int(tracks)}
			for ; m.Length < int64(3600*l.rate)*line.width()*int64(tracks); m.Length += length {
				m.Segments = append(m.Segments, Segment{Seq: len(m.Segments) + 1, Offset: m.Length, Length: length,
					Sealed: Sealed{int64(len(o.sealed)), sha256.Sum256(o.sealed)}})
			}
			r, err := (&Recording{OpenOptions{From: o, Keys: o, Call: "c", Take: "t1"}, m, map[seal.Class]seal.Identity{}}).Reader()
			if err != nil {
				b.Fatal(err)
			}
			f, err := r.File(b.Context(), Stereo)
			if err != nil {
				b.Fatal(err)
			}
			second := make([]byte, f.frame()*int64(l.rate))
			b.ReportAllocs()
			jumps := 0
			for b.Loop() {
				f.SeekTo(time.Duration(jumps*1237%3500)*time.Second + time.Duration(jumps%10)*100*time.Millisecond)
				if _, err := io.ReadFull(f, second); err != nil {
					b.Fatal(err)
				}
				jumps++
			}
			reads := r.Reads()
			b.ReportMetric(float64(reads.Fetched)/float64(jumps), "B-fetched/jump")
			b.ReportMetric(float64(reads.Decrypted)/float64(jumps), "B-decrypted/jump")
		})
	}
}
