package media

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// booth is a playout whose far end plays at once and without a gap, on a clock
// of whole frames. It keeps what was sent, and what the spans say.
type booth struct {
	t     *testing.T
	p     *Playout
	rate  int
	frame int       // time, in frames
	sent  []int16   // all of it
	queue [][]int16 // at the far end, not played
	marks []boothMark
	ended int // frames that have left queue, in all
	came  int // frames that have come, in all
	spans []Span
}

type boothMark struct {
	id    MarkID
	after int // played when so many frames have left
}

func newBooth(t *testing.T, o PlayoutOptions) *booth {
	b := &booth{t: t, rate: o.Rate}
	b.p = NewPlayout(o, b)
	return b
}

func (b *booth) Send(f Frame) error {
	b.sent = append(b.sent, f.PCM...)
	b.queue = append(b.queue, slices.Clone(f.PCM))
	b.came++
	return nil
}

func (b *booth) Mark(id MarkID) error {
	b.marks = append(b.marks, boothMark{id, b.came})
	return nil
}

func (b *booth) Clear() error {
	b.came -= len(b.queue)
	b.queue = nil
	return nil
}

func (b *booth) now() time.Time { return epoch.Add(time.Duration(b.frame) * FrameDuration) }

func (b *booth) take(spans []Span) { b.spans = append(b.spans, spans...) }

// run lets n frames of time pass.
func (b *booth) run(n int) {
	b.t.Helper()
	for range n {
		b.echo()
		mustStep(b.t, b.p, b.now())
		b.echo()
		if len(b.queue) > 0 {
			b.queue = b.queue[1:]
			b.ended++
		}
		b.frame++
	}
	b.echo()
}

// echo sends back the marks whose audio has been played; all, when it was thrown
// away.
func (b *booth) echo() {
	for len(b.marks) > 0 && (b.marks[0].after <= b.ended || len(b.queue) == 0) {
		m := b.marks[0]
		b.marks = b.marks[1:]
		b.take(b.p.Marked(m.id, m.after > b.ended, Tick(b.frame)*FrameTicks))
	}
}

// told returns the samples of the spans of a clip, and whether it was done. It
// holds that they follow each other in the clip.
func (b *booth) told(c ClipID, from Tick) (pcm []int16, done bool) {
	b.t.Helper()
	for _, s := range b.spans {
		if s.Clip != c {
			continue
		}
		if s.From != from || done {
			b.t.Errorf("clip %d: a span from %d, want %d; done %v", c, s.From, from, done)
		}
		pcm, done = append(pcm, s.PCM...), s.Done
		from += TickOfSample(int64(len(s.PCM)), b.rate)
	}
	return pcm, done
}

// mix is the sum of two sounds, the second laid over the first from sample at on.
func mix(under, over []int16, at int) []int16 {
	sum := slices.Clone(under)
	for i, s := range over {
		sum[at+i] = int16(min(max(int(sum[at+i])+int(s), -32768), 32767))
	}
	return sum
}

const beepClip = ClipID(1<<32 - 2)

func TestMixWhileIdle(t *testing.T) {
	for _, o := range []PlayoutOptions{phone, {Rate: 16000}} {
		b := newBooth(t, o)
		b.run(10)
		beep := Beep(o.Rate)
		if !b.p.Mix(beepClip, beep) || b.p.Idle() {
			t.Error("was not taken")
		}
		b.run(60)
		if !slices.Equal(b.sent, beep) {
			t.Errorf("%d samples were sent, not the beep", len(b.sent))
		}
		pcm, done := b.told(beepClip, 0)
		if !slices.Equal(pcm, beep) || !done || !b.p.Idle() {
			t.Errorf("told %d samples, done %v, idle %v", len(pcm), done, b.p.Idle())
		}
		if len(b.spans) > 5 {
			t.Errorf("%d spans for half a second", len(b.spans))
		}
	}
}

// A beep over speech, over the border of two clips, and beyond the end.
func TestMixOverClips(t *testing.T) {
	for _, o := range []PlayoutOptions{phone, {Rate: 16000}} {
		b := newBooth(t, o)
		n := FrameSamples(o.Rate)
		one := Tone(o.Rate, 300, 300*time.Millisecond, -12)
		two := Tone(o.Rate, 700, 160*time.Millisecond, -12)[:7*n+7] // 8 frames with its padding
		before, beep := slices.Concat(one, two), Beep(o.Rate)
		b.p.Append(1, one)
		b.p.Append(2, two)
		b.p.Finish(2)
		b.run(1)
		at := len(b.sent)
		if !b.p.Mix(beepClip, beep) {
			t.Fatal("was not taken")
		}
		b.run(100)

		speech := slices.Concat(one, two, make([]int16, at+len(beep)-len(before)))
		if want := mix(speech, beep, at); !slices.Equal(b.sent, want) {
			t.Errorf("at %d Hz, other than the sum was sent", o.Rate)
		}
		if level := ToneLevel(b.sent[at+n:at+len(beep)-n], o.Rate, 1400); level < -21 || level > -19 {
			t.Errorf("%.1f dBFS at 1400 Hz", level)
		}
		if level := ToneLevel(b.sent[:len(one)], o.Rate, 300); level < -12.5 || level > -11.5 {
			t.Errorf("%.1f dBFS at 300 Hz", level)
		}
		first, done1 := b.told(1, 0)
		second, done2 := b.told(2, 0)
		alone, done := b.told(beepClip, Tick(23*FrameTicks)-TickOfSample(int64(at), o.Rate))
		if !done1 || !done2 || !done || len(first) != 15*n || len(second) != 8*n {
			t.Errorf("told %d, %d and %d samples, done %v %v %v", len(first), len(second), len(alone), done1, done2, done)
		}
		if !slices.Equal(slices.Concat(first, second, alone), b.sent) {
			t.Error("the spans hold other than what was sent")
		}
		if !slices.Equal(before, slices.Concat(one, two)) || !slices.Equal(beep, Beep(o.Rate)) {
			t.Error("samples that were handed in are changed")
		}
	}
}

// What is with the far end is not mixed again, nor is anything behind the beep.
func TestMixBeginsBehindTheLead(t *testing.T) {
	b := newBooth(t, phone)
	speech := Tone(8000, 300, 2*time.Second, -12)
	b.p.Append(1, speech)
	b.run(20)
	at := len(b.sent)
	b.p.Mix(beepClip, Beep(8000))
	b.run(120)
	if at != 29*160 || !slices.Equal(b.sent, mix(speech, Beep(8000), at)) {
		t.Errorf("other than the sum from sample %d on was sent", at)
	}
	if pcm, _ := b.told(1, 0); !slices.Equal(pcm, b.sent) {
		t.Error("the spans hold other than what was sent")
	}
}

// A sentence that comes while the beep is sent does not wait for its end.
func TestMixLetsSpeechIn(t *testing.T) {
	b := newBooth(t, PlayoutOptions{Rate: 8000})
	b.p.Mix(beepClip, Beep(8000))
	b.run(10)
	at := len(b.sent)
	speech := Tone(8000, 300, time.Second, -12)
	b.p.Append(1, speech[:4000])
	b.p.Append(1, speech[4000:])
	b.p.Finish(1)
	b.run(100)
	if want := mix(slices.Concat(make([]int16, at), speech), Beep(8000), 0); !slices.Equal(b.sent, want) {
		t.Errorf("after %d samples of the beep, other than the sum was sent", at)
	}
	alone, done := b.told(beepClip, 0)
	if pcm, whole := b.told(1, 0); len(alone) != at || done || len(pcm) != len(speech) || !whole {
		t.Errorf("%d samples of the beep alone, done %v; %d of the clip, done %v", len(alone), done, len(pcm), whole)
	}
	if !b.p.Idle() || !b.p.Mix(beepClip, Beep(8000)) {
		t.Error("not idle after it")
	}
}

func TestMixSaturates(t *testing.T) {
	b := newBooth(t, phone)
	loud := slices.Repeat([]int16{32767, -32768}, 800)
	b.p.Append(1, loud)
	b.p.Mix(beepClip, slices.Repeat([]int16{20000, -20000}, 400))
	b.run(20)
	if !slices.Equal(b.sent, loud) {
		t.Errorf("%d %d", b.sent[0], b.sent[1])
	}
}

func TestMixTakesOneAtATime(t *testing.T) {
	b := newBooth(t, phone)
	if b.p.Mix(beepClip, nil) {
		t.Error("takes nothing for something")
	}
	odd := slices.Repeat([]int16{1000}, 170) // is filled to two frames
	if !b.p.Mix(beepClip, odd) || b.p.Mix(beepClip, odd) {
		t.Error("takes two")
	}
	b.run(1)
	if b.p.Mix(beepClip, odd) {
		t.Error("takes another before it is known that the first was played")
	}
	b.run(5)
	if !b.p.Mix(beepClip, odd) || len(b.sent) != 320 || RMS(b.sent[170:]) != SilenceDBFS {
		t.Errorf("sent %d samples", len(b.sent))
	}
}

// While held, nothing is mixed; then the beep comes.
func TestMixWaitsForTheHold(t *testing.T) {
	for _, resume := range []bool{true, false} {
		b := newBooth(t, phone)
		speech := Tone(8000, 300, time.Second, -12)
		b.p.Append(1, speech)
		b.run(10)
		if err := b.p.Hold(b.now()); err != nil {
			t.Fatal(err)
		}
		if !b.p.Mix(beepClip, Beep(8000)) {
			t.Fatal("was not taken")
		}
		sent := len(b.sent)
		b.run(20)
		if level := ToneLevel(b.sent, 8000, 1400); len(b.sent) != sent || level > -60 {
			t.Errorf("in the hold %d samples were sent, %.1f dBFS at 1400 Hz", len(b.sent)-sent, level)
		}
		rest := speech
		if resume {
			b.p.Resume()
		} else {
			b.p.Drop()
			rest = nil
		}
		b.run(120)
		var told []int16
		for _, s := range b.spans {
			told = append(told, s.PCM...)
		}
		if resume {
			told, _ = b.told(1, 0)
		} else {
			told = told[len(told)-4000:]
		}
		if level := ToneLevel(told, 8000, 1400); level > -19 || level < -33 || len(rest) > 0 && len(told) != len(rest) {
			t.Errorf("resumed %v: %d samples were told, %.1f dBFS at 1400 Hz", resume, len(told), level)
		}
		if !b.p.Mix(beepClip, Beep(8000)) {
			t.Error("another is not taken after it")
		}
	}
}

// A beep that a barge-in cuts short is heard again, from its beginning.
func TestMixBeginsAgainAfterADrop(t *testing.T) {
	for _, under := range []int{0, 15, 100} { // frames of speech
		b := newBooth(t, phone)
		b.p.Append(1, make([]int16, under*160))
		b.p.Mix(beepClip, Beep(8000))
		b.run(10)
		if err := b.p.Hold(b.now()); err != nil {
			t.Fatal(err)
		}
		b.run(5)
		b.p.Drop()
		at := len(b.sent)
		b.run(60)
		if !slices.Equal(b.sent[at:], Beep(8000)) {
			t.Errorf("over %d frames: %d samples were sent after the drop, not the beep", under, len(b.sent)-at)
		}
		if last := b.spans[len(b.spans)-1]; last.Clip != beepClip || !last.Done || !b.p.Idle() {
			t.Errorf("over %d frames: %q", under, brief(b.spans))
		}
	}
}

// Clips, overlays, holds, drops and losses at random: what the spans hold is the
// clip's own samples, in order, and each overlay once, whole and in one piece.
func TestMixProperty(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			b := newBooth(t, []PlayoutOptions{phone, {Rate: 8000}}[rng.IntN(2)])
			over := make([]int16, 25*160) // each frame says which it is
			for i := range over {
				over[i] = int16(i/160 + 1)
			}
			clip, taken := ClipID(0), 0
			for range 200 {
				switch rng.IntN(8) {
				case 0, 1, 2:
					if rng.IntN(3) == 0 || clip == 0 {
						clip++
					}
					b.p.Append(clip, slices.Repeat([]int16{int16(clip) * 100}, rng.IntN(30*160)))
				case 3:
					b.p.Finish(clip)
				case 4:
					if b.p.Mix(beepClip, over) {
						taken++
					}
				case 5:
					if err := b.p.Hold(b.now()); err != nil {
						t.Fatal(err)
					}
				case 6:
					if rng.IntN(2) == 0 {
						b.p.Drop()
					}
					b.p.Resume()
				case 7:
					if rng.IntN(4) == 0 {
						b.marks, b.came, b.queue = nil, b.ended, nil
						b.take(b.p.Lost(Tick(b.frame) * FrameTicks))
						b.run(rng.IntN(10))
						b.p.Found()
					}
				}
				b.run(rng.IntN(20))
			}
			b.p.Resume()
			b.p.Finish(clip)
			b.run(10_000)
			if whole := b.checkOverlays(); whole != taken || taken == 0 {
				t.Errorf("%d overlays were taken, %d were told whole", taken, whole)
			}
		})
	}
}

// checkOverlays takes clips and overlay in the spans apart again, and returns how
// often the overlay was told whole.
func (b *booth) checkOverlays() (whole int) {
	b.t.Helper()
	next, end := 1, map[ClipID]Tick{}
	for _, s := range b.spans {
		base := int16(s.Clip) * 100
		if s.Clip == beepClip {
			base = 0
		} else if s.From != end[s.Clip] {
			b.t.Fatalf("clip %d goes on at %d, not at %d", s.Clip, s.From, end[s.Clip])
		}
		end[s.Clip] = s.From + TickOfSample(int64(len(s.PCM)), b.rate)
		for i := 0; i < len(s.PCM); i += 160 {
			j := s.PCM[i] - base
			if s.PCM[i] < base && s.Clip != beepClip && s.PCM[i] <= 25 {
				j = s.PCM[i] // the silence that fills a clip
			}
			switch {
			case j == 0 && next == 1:
			case j == 1:
				next = 2 // perhaps once more, after a drop
			case int(j) == next:
				next++
			default:
				b.t.Fatalf("clip %d at %d: frame %d of the overlay, want %d", s.Clip, s.From, j, next)
			}
			if s.Clip == beepClip && s.From+Tick(i/160)*FrameTicks != Tick(j-1)*FrameTicks {
				b.t.Fatalf("frame %d of the overlay is told as that from %d", j, s.From)
			}
			if next == 26 {
				whole, next = whole+1, 1
			}
		}
	}
	return whole
}

// An overlay costs its mix and no more, however many frames that is.
func TestMixAllocatesLittle(t *testing.T) {
	s := newSteady(40_000)
	beep := Beep(8000)
	second := func() {
		s.p.Mix(beepClip, beep)
		for range 100 {
			if err := s.frame(); err != nil {
				t.Fatal(err)
			}
		}
	}
	second()
	if n := testing.AllocsPerRun(50, second); n > 4 {
		t.Errorf("%v allocations a beep", n)
	}
}
