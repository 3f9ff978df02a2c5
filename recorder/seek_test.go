package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

// talk records a take of a length in which both sides make noise.
func (r *rig) talk(o recorder.TakeOptions, length time.Duration) {
	r.t.Helper()
	k, noise := r.begin(o), rand.New(rand.NewPCG(1, 2))
	pcm := make([]int16, media.FrameSamples(o.Rate))
	for at := media.Tick(0); at < media.TicksIn(length); at += media.FrameTicks {
		for _, track := range []recorder.Track{recorder.Caller, recorder.Agent} {
			for i := range pcm {
				pcm[i] = int16(noise.IntN(1 << 14))
			}
			k.put(track, at, bytes16(pcm))
		}
		time.Sleep(media.FrameDuration)
	}
	k.finish(media.TicksIn(length))
	r.drain()
}

// bytes16 copies samples: a frame is not changed once it is sent.
func bytes16(pcm []int16) []int16 { return append([]int16(nil), pcm...) }

// asWAV is what a File of the channels must hold.
func asWAV(o recorder.TakeOptions, c recorder.Channels, left, right []int16) []byte {
	tracks := map[recorder.Channels][][]int16{recorder.Stereo: {left, right}, recorder.Left: {left}, recorder.Right: {right}}[c]
	format := media.WAVFormat{Coding: media.PCM16, Channels: len(tracks), Rate: o.Rate}
	file := media.AppendWAVHeader(nil, format, uint32(2*len(tracks)*len(left)))
	for i := range left {
		for _, track := range tracks {
			file = append(file, byte(track[i]), byte(track[i]>>8))
		}
	}
	return file
}

// A File is the recording as PCM, from whatever byte and however much of it is
// read.
func TestFileIsTheRecordingFromAnyPlace(t *testing.T) {
	for name, o := range map[string]recorder.TakeOptions{"phone": phone("c"), "web": web("c")} {
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			r.talk(o, 31*time.Second+20*time.Millisecond)
			left, right := channels(t, o, r.wavOf(o))
			reader := must[*recorder.Reader](t)(r.recordingOf(o).Reader())
			if d := reader.Duration(); d != 31*time.Second+20*time.Millisecond {
				t.Errorf("%s: lasts %v", name, d)
			}
			chance, tags := rand.New(rand.NewPCG(3, 4)), map[string]bool{}
			for _, c := range []recorder.Channels{recorder.Stereo, recorder.Left, recorder.Right} {
				want := asWAV(o, c, left, right)
				f := must[*recorder.File](t)(reader.File(t.Context(), c))
				if f.Size() != int64(len(want)) {
					t.Fatalf("%s %d: size %d, want %d", name, c, f.Size(), len(want))
				}
				if err := iotest.TestReader(iotest.OneByteReader(io.LimitReader(f, 300)), want[:300]); err != nil {
					t.Errorf("%s %d: %v", name, c, err)
				}
				for range 300 {
					from := chance.IntN(len(want))
					got := make([]byte, min(chance.IntN(50_000)+1, len(want)-from))
					if _, err := f.Seek(int64(from-len(want)), io.SeekEnd); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, want[from:from+len(got)]) {
						t.Fatalf("%s %d: other bytes in [%d, %d), error %v", name, c, from, from+len(got), err)
					}
				}
				tags[reader.ETag(c)] = true
			}
			again := must[*recorder.Reader](t)(r.recordingOf(o).Reader())
			if len(tags) != 3 || !tags[again.ETag(recorder.Left)] {
				t.Errorf("%s: tags %v, and then %s", name, tags, again.ETag(recorder.Left))
			}
		})
	}
}

// What is asked for beyond the end is not there, and what is before the beginning
// is an error.
func TestFileEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.talk(phone("c"), time.Second)
		f := must[*recorder.File](t)(must[*recorder.Reader](t)(r.recording("c").Reader()).File(t.Context(), recorder.Stereo))
		for _, beyond := range []int64{0, 1, 1 << 40} {
			if at, err := f.Seek(beyond, io.SeekEnd); err != nil || at != f.Size()+beyond {
				t.Errorf("Seek to %d beyond the end: %d, %v", beyond, at, err)
			}
			if n, err := f.Read(make([]byte, 10)); n != 0 || err != io.EOF {
				t.Errorf("%d beyond the end: %d bytes, %v", beyond, n, err)
			}
		}
		if _, err := f.Seek(-f.Size()-1, io.SeekEnd); err == nil {
			t.Error("sought to before the beginning")
		}
		f.SeekTo(400 * time.Millisecond)
		var rest bytes.Buffer
		if err := f.WriteRest(&rest); err != nil || rest.Len() != 44+4*4800 {
			t.Errorf("the rest from 0.4 s has %d bytes, %v", rest.Len(), err)
		}
		if a, err := media.DecodeWAV(rest.Bytes()); err != nil || len(a.PCM) != 4800 {
			t.Errorf("it is no file of its own: %v", err)
		}
	})
}

// A segment that is not as the manifest lists it is an error where it is needed;
// the others can be heard.
func TestFileNamesWhatIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.talk(phone("c"), 35*time.Second)
		second, third := recorder.SegmentObject("c", "t1", 2), recorder.SegmentObject("c", "t1", 3)
		for name, damage := range map[string]func(map[string][]byte){
			"tampered":  func(o map[string][]byte) { o[second] = append([]byte("x"), o[second][1:]...) },
			"truncated": func(o map[string][]byte) { o[second] = o[second][:100] },
			"swapped":   func(o map[string][]byte) { o[second] = o[third] },
			"doubled":   func(o map[string][]byte) { o[second] = append(o[second], o[second]...) },
			"gone":      func(o map[string][]byte) { delete(o, second) },
		} {
			whole := r.store.objects[second]
			r.store.set(func(m *memStore) { damage(m.objects) })
			reader := must[*recorder.Reader](t)(r.recording("c").Reader())
			f := must[*recorder.File](t)(reader.File(t.Context(), recorder.Left))
			for second, good := range map[int]bool{3: true, 13: false, 23: true} {
				f.SeekTo(time.Duration(second) * time.Second)
				if _, err := f.Read(make([]byte, 100)); (err == nil) != good {
					t.Errorf("%s: at %d s: %v", name, second, err)
				} else if !good && name != "gone" && !errors.Is(err, recorder.ErrObject) {
					t.Errorf("%s: at %d s: %v", name, second, err)
				}
			}
			r.store.set(func(m *memStore) { m.objects[second] = whole })
		}
		key := recorder.KeyObject(r.recording("c").Manifest().Epoch, "c", "t1", seal.Audio)
		r.store.set(func(m *memStore) { delete(m.objects, key) })
		f := must[*recorder.File](t)(must[*recorder.Reader](t)(r.recording("c").Reader()).File(t.Context(), recorder.Left))
		if _, err := io.ReadAll(f); err == nil {
			t.Error("read without its key")
		}
	})
}

// hanging is a store that answers when it is told.
type hanging struct {
	recorder.Getter
	asked  chan struct{}
	answer chan struct{}
}

func (h hanging) Get(ctx context.Context, key string) ([]byte, error) {
	if bytes.Contains([]byte(key), []byte("/seg/")) {
		h.asked <- struct{}{}
		<-h.answer
	}
	return h.Getter.Get(ctx, key)
}

// Several read at a time, each its own part; who waits for another's fetch can
// leave.
func TestReaderServesMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.talk(phone("c"), 31*time.Second)
		left, right := channels(t, phone("c"), r.wav("c"))
		want := asWAV(phone("c"), recorder.Right, left, right)
		reader := must[*recorder.Reader](t)(r.recording("c").Reader())
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				f, err := reader.File(t.Context(), recorder.Right)
				if err != nil {
					t.Error(err)
					return
				}
				from := int64(n * 60_000)
				f.Seek(from, io.SeekStart)
				if got, err := io.ReadAll(io.LimitReader(f, 30_000)); err != nil || !bytes.Equal(got, want[from:from+int64(len(got))]) {
					t.Errorf("reader %d: other bytes, error %v", n, err)
				}
			})
		}
		all.Wait()

		h := hanging{r.from, make(chan struct{}), make(chan struct{})}
		r.from = h
		reader = must[*recorder.Reader](t)(r.recording("c").Reader())
		all.Go(func() {
			f, _ := reader.File(t.Context(), recorder.Left)
			if _, err := io.CopyN(io.Discard, f, 100); err != nil {
				t.Error(err)
			}
		})
		<-h.asked
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := must[*recorder.File](t)(reader.File(ctx, recorder.Left))
		if _, err := io.CopyN(io.Discard, f, 100); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits: %v", err)
		}
		close(h.answer)
		all.Wait()
	})
}

// What a jump costs, in an hour by phone and in ten minutes by web: the segment
// that it leads into, and of a phone call at most 200 kB.
func TestJumpsAreCheap(t *testing.T) {
	for name, test := range map[string]struct {
		o      recorder.TakeOptions
		length time.Duration
		most   int64
	}{
		"phone": {phone("c"), time.Hour, 200_000},
		"web":   {web("c"), 10 * time.Minute, 330_000},
	} {
		bubble(t, func(t *testing.T) {
			r := newRig(t)
			k := r.begin(test.o)
			for minute := range int(test.length.Minutes()) {
				k.play(recorder.Caller, media.TicksIn(time.Duration(minute)*time.Minute), media.Tone(test.o.Rate, toneOf(minute), time.Minute, -10))
			}
			k.finish(media.TicksIn(test.length))
			r.drain()
			reader := must[*recorder.Reader](t)(r.recording("c").Reader())
			f := must[*recorder.File](t)(reader.File(t.Context(), recorder.Left))
			report := name + ":"
			for _, minute := range []int{9, 2, 7, int(test.length.Minutes()) - 1} {
				before := reader.Reads()
				at := time.Duration(minute)*time.Minute + 2*time.Second
				f.SeekTo(at)
				half := make([]byte, test.o.Rate)
				if _, err := io.ReadFull(f, half); err != nil {
					t.Fatal(err)
				}
				if level := media.ToneLevel(pcmOf(half), test.o.Rate, toneOf(minute)); level < -11 {
					t.Errorf("%s: at %v the tone has %.1f dBFS", name, at, level)
				}
				after := reader.Reads()
				fetched, decrypted := after.Fetched-before.Fetched, after.Decrypted-before.Decrypted
				report += fmt.Sprintf(" to %v %d B fetched, %d B decrypted;", at, fetched, decrypted)
				if fetched > test.most || decrypted > test.most {
					t.Errorf("%s: the jump to %v costs %d and %d bytes", name, at, fetched, decrypted)
				}
			}
			t.Log(report)
		})
	}
}

// toneOf is the tone of a minute, in Hz.
func toneOf(minute int) float64 { return 400 + 40*float64(minute) }

func pcmOf(b []byte) (pcm []int16) {
	for ; len(b) >= 2; b = b[2:] {
		pcm = append(pcm, int16(b[0])|int16(b[1])<<8)
	}
	return pcm
}
