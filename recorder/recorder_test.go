package recorder_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
)

const second = media.Tick(media.TickRate)

// TestTonesLieAtTheirTicks is the golden test: tones go in at known ticks of
// both tracks, and come out there and nowhere else.
func TestTonesLieAtTheirTicks(t *testing.T) {
	for name, o := range map[string]recorder.TakeOptions{"phone": phone("c"), "web": web("c")} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				k := r.begin(o)
				tone := func(hz float64) []int16 { return media.Tone(o.Rate, hz, 400*time.Millisecond, -12) }
				k.play(recorder.Caller, 3*second, tone(600))
				k.play(recorder.Agent, 9*second+second*9/10, tone(1000)) // over a border of segments
				k.play(recorder.Caller, 41*second, tone(1400))           // a jump over whole segments
				k.play(recorder.Agent, 30*second, tone(1800))            // late, but not too late
				sum := k.finish(45 * second)
				if !sum.Complete || len(sum.Missing) > 0 {
					t.Errorf("not complete: %v", sum.Missing)
				}
				r.drain()
				left, right := channels(t, o, r.wav("c"))
				if want := 45 * o.Rate; len(left) != want || len(right) != want {
					t.Fatalf("%d and %d samples, not %d", len(left), len(right), want)
				}
				at := func(pcm []int16, from media.Tick) []int16 {
					i := from.Sample(o.Rate)
					return pcm[i : i+int64(o.Rate)*4/10]
				}
				for _, c := range []struct {
					pcm  []int16
					from media.Tick
					hz   float64
				}{{left, 3 * second, 600}, {right, 9*second + second*9/10, 1000}, {left, 41 * second, 1400}, {right, 30 * second, 1800}} {
					if level := media.ToneLevel(at(c.pcm, c.from), o.Rate, c.hz); level < -13 || level > -11 {
						t.Errorf("%v Hz at %v s: %.1f dBFS", c.hz, c.from.Seconds(), level)
					}
					clear(at(c.pcm, c.from))
				}
				if !silent(left) || !silent(right) {
					t.Error("there is sound where none was written")
				}
			})
		})
	}
}

// TestCallerIsSampleExact sends every mu-law code through the left channel.
func TestCallerIsSampleExact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		codes := make([]byte, 160*50)
		for i := range codes {
			codes[i] = byte(i * 7)
		}
		k.play(recorder.Caller, second/2, media.AppendPCM(nil, codes))
		k.finish(0)
		r.drain()
		file := r.wav("c")
		data := file[len(file)-2*(4000+8000):]
		for i, c := range data {
			want := byte(0xFF) // silence before the first write, and on the right
			if i%2 == 0 && i/2 >= 4000 {
				if want = codes[i/2-4000]; want == 0x7F {
					want = 0xFF // negative zero
				}
			}
			if c != want {
				t.Fatalf("byte %d of the samples is %#x, not %#x", i, c, want)
			}
		}
	})
}

func TestLaterWritesOverwrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		ones, twos := slices.Repeat([]int16{1000}, 160), slices.Repeat([]int16{-1000}, 160)
		k.put(recorder.Caller, 0, ones)
		time.Sleep(time.Second)
		k.put(recorder.Caller, 480, twos)
		k.finish(0)
		r.drain()
		left, _ := channels(t, k.o, r.wav("c"))
		if len(left) != 240 || left[79] < 900 || left[80] > -900 || left[239] > -900 {
			t.Errorf("%d samples, %d %d %d at 79, 80 and 239", len(left), left[79], left[80], left[239])
		}
	})
}

func TestOriginCutsWhatLiesBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		o := phone("c")
		o.Origin = 10*second + 480
		k := r.begin(o)
		k.play(recorder.Caller, 10*second-960, slices.Repeat([]int16{1000}, 3*160))
		k.finish(0)
		r.drain()
		left, _ := channels(t, o, r.wav("c"))
		if len(left) != 240 || silent(left[:1]) {
			t.Errorf("%d samples from the origin on, the first %v", len(left), left[:1])
		}
		if m := r.recording("c").Manifest(); m.Origin != o.Origin {
			t.Errorf("manifest's origin is %d", m.Origin)
		}
	})
}

// TestSealingTrailsTheLiveEdge holds that a segment is not sealed before 15 s
// have passed after its end, is stored soon after, and that its spool file goes.
func TestSealingTrailsTheLiveEdge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		hum := media.Tone(8000, 300, 25*time.Second, -20)
		k.play(recorder.Caller, 0, hum[:len(hum)-160])
		time.Sleep(time.Second)
		if keys := r.store.keys("rec/"); len(keys) > 0 {
			t.Errorf("sealed within 15 s of the live edge: %v", keys)
		}
		k.put(recorder.Caller, 25*second-960, hum[:160])
		time.Sleep(time.Second)
		if keys := r.store.keys("rec/"); !slices.Equal(keys, []string{"rec/c/t1/seg/000001.age"}) {
			t.Errorf("10 s are stored as %v", keys)
		}
		if names := r.spooled(); slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "000001") }) {
			t.Errorf("the stored segment is still on the spool: %v", names)
		}
		k.put(recorder.Caller, 9*second, hum[:160]) // too late
		if sum := k.finish(0); sum.Complete || !slices.Equal(sum.Missing, []string{"late"}) {
			t.Errorf("complete: %v, missing %v", sum.Complete, sum.Missing)
		}
		r.drain()
		meta, err := r.recording("c").Meta(t.Context())
		if err != nil || len(meta.Gaps) != 1 || meta.Gaps[0].At != 9*second || meta.Gaps[0].Frames != 1 {
			t.Errorf("gaps %v, %v", meta.Gaps, err)
		}
	})
}

// TestOverflowIsMarked has a recorder that nobody runs.
func TestOverflowIsMarked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.idle(phone("c"))
		frame := slices.Repeat([]int16{1000}, 160)
		for i := range 1001 {
			k.put(recorder.Agent, media.Tick(i)*960, frame)
		}
		for range 65 {
			k.say(0, 960, "words", nil)
		}
		sum := k.finish(0)
		if sum.Complete || !slices.Equal(sum.Missing, []string{"overflow"}) || sum.Notes != 64 {
			t.Errorf("complete: %v, missing %v, %d notes", sum.Complete, sum.Missing, sum.Notes)
		}
		if sum.Bytes != 58+1000*160*2 {
			t.Errorf("%d bytes kept", sum.Bytes)
		}
	})
}

func TestNotes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.say(second, 2*second, "Grüß Gott, <b>hello</b>\nworld", map[string]any{"speaker": "caller"})
		time.Sleep(time.Second)
		k.say(2*second, 3*second, "good day", nil)
		anchor := recorder.Anchor{Tick: 60 * second, Wall: k.o.Started.Add(time.Minute)}
		k.Anchor(anchor)
		if err := k.Note(recorder.Note{Kind: "turn", Doc: "smuggled"}); !errors.Is(err, recorder.ErrNoWords) {
			t.Errorf("a note without words: %v", err)
		}
		if sum := k.finish(0); sum.Notes != 2 || sum.Bytes != 0 || sum.Segments != 0 {
			t.Errorf("summary %+v", sum)
		}
		r.drain()
		rec := r.recording("c")
		lines, err := rec.Notes(t.Context())
		if err != nil || len(lines) != 2 {
			t.Fatalf("%d notes, %v", len(lines), err)
		}
		if l := lines[0]; l.Kind != "turn" || l.From != second || l.To != 2*second ||
			l.Text != "Grüß Gott, <b>hello</b>\nworld" || string(l.Doc) != `{"speaker":"caller"}` {
			t.Errorf("the first is %+v", l)
		}
		meta, err := rec.Meta(t.Context())
		if err != nil || len(meta.Anchors) != 2 || meta.Anchors[1] != anchor || !meta.Anchors[0].Wall.Equal(k.o.Started) {
			t.Errorf("anchors %v, %v", meta.Anchors, err)
		}
	})
}

// TestNothingLiesOpen looks for what was said in everything that was written:
// the spool while the call runs, and the bucket.
func TestNothingLiesOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		rng := rand.New(rand.NewPCG(1, 2))
		noise := make([]int16, 30*8000)
		for i := range noise {
			noise[i] = int16(rng.IntN(1 << 16))
		}
		words := "the canary sings at midnight"
		k.play(recorder.Caller, 0, noise[:15*8000])
		k.say(0, second, words, map[string]string{"engine": words})
		k.play(recorder.Caller, 15*second, noise[15*8000:])
		ulaw := media.AppendULaw(nil, noise)
		secrets := [][]byte{[]byte("canary"), []byte("RIFF"), ulaw[800:832], ulaw[200_000:200_032]}
		search := func(name string, b []byte) {
			for _, s := range secrets {
				if bytes.Contains(b, s) {
					t.Errorf("%s lies open", name)
				}
			}
		}
		seen := 0
		walk(t, r.dir, func(path string, b []byte) { seen += len(b); search(path, b) })
		if seen < 20*8000 {
			t.Fatalf("only %d bytes on the spool", seen)
		}
		k.finish(0)
		r.drain()
		for _, key := range r.store.keys("") {
			search(key, must[[]byte](t)(r.store.Get(t.Context(), key)))
		}
		walk(t, r.dir, search)
	})
}

func TestBeginRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		keys := k.o.Keys
		for name, c := range map[string]struct {
			change func(*recorder.TakeOptions)
			want   error
		}{
			"begun before":    {func(*recorder.TakeOptions) {}, fs.ErrExist},
			"path":            {func(o *recorder.TakeOptions) { o.Call = "../c" }, recorder.ErrID},
			"line break":      {func(o *recorder.TakeOptions) { o.Take = "t1\r\n" }, recorder.ErrID},
			"emoji":           {func(o *recorder.TakeOptions) { o.Call = "📞" }, recorder.ErrID},
			"long":            {func(o *recorder.TakeOptions) { o.Call = strings.Repeat("c", 5000) }, recorder.ErrID},
			"empty":           {func(o *recorder.TakeOptions) { o.Call = "" }, recorder.ErrID},
			"epoch":           {func(o *recorder.TakeOptions) { o.Keys.Epoch = "a/b" }, recorder.ErrID},
			"no recipient":    {func(o *recorder.TakeOptions) { o.Call, o.Keys.Text.Recipient = "d", seal.Recipient{} }, seal.ErrNoRecipient},
			"no wrapped key":  {func(o *recorder.TakeOptions) { o.Call, o.Keys.Snippets.Wrapped = "d", nil }, seal.ErrNoRecipient},
			"rate":            {func(o *recorder.TakeOptions) { o.Call, o.Rate = "d", 44100 }, recorder.ErrFormat},
			"no coding":       {func(o *recorder.TakeOptions) { o.Call, o.Coding = "d", 0 }, recorder.ErrFormat},
			"coding and rate": {func(o *recorder.TakeOptions) { o.Call, o.Coding = "d", media.PCM16 }, recorder.ErrFormat},
		} {
			o := phone("c")
			o.Keys = keys
			c.change(&o)
			if _, err := r.spool.Begin(o); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestFinishOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.finish(0)
		if _, err := k.Finish(t.Context(), recorder.Ending{}); !errors.Is(err, recorder.ErrFinished) {
			t.Errorf("a second Finish: %v", err)
		}
		k.put(recorder.Caller, 0, make([]int16, 160)) // to nobody
		k.Write(recorder.Caller, consent.RecordAudio{})
	})
}

// TestFinishAfterRunWasStopped has the process stop while a call is recorded.
func TestFinishAfterRunWasStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.play(recorder.Caller, 0, media.Tone(8000, 300, time.Second, -20))
		k.kill()
		if sum := k.finish(0); !sum.Complete || sum.Bytes != 58+16000 {
			t.Errorf("summary %+v", sum)
		}
	})
}
