package remote

import (
	"testing"

	"sidetone/media"
)

// sec is n seconds in ticks.
func sec(n float64) media.Tick { return media.Tick(n * media.TickRate) }

// frames writes frames of a value from one tick to another, and returns what had
// to go.
func frames(t *Tape, from, to media.Tick, value int16) (dropped media.Tick) {
	for at := from; at < to; at += media.FrameTicks {
		pcm := make([]int16, t.rate/50)
		for i := range pcm {
			pcm[i] = value
		}
		dropped += t.Write(media.Frame{At: at, PCM: pcm})
	}
	return dropped
}

// all reads everything between two ticks, as (tick, samples, first sample).
func all(t *Tape, from, until media.Tick) (got [][3]int64) {
	buf := make([]int16, t.rate)
	for from < until {
		at, n := t.Read(buf, from, until)
		if n == 0 {
			break
		}
		got = append(got, [3]int64{int64(at), int64(n), int64(buf[0])})
		from = at + media.TickOfSample(int64(n), t.rate)
	}
	return got
}

func TestTape(t *testing.T) {
	tape := NewTape(8000)
	if _, _, ok := tape.Span(); ok {
		t.Error("an empty tape spans something")
	}
	frames(tape, sec(1), sec(2), 1)
	frames(tape, sec(3), sec(4), 2)   // a gap that is filled
	frames(tape, sec(2), sec(3), 9)   // heard before
	frames(tape, sec(60), sec(61), 3) // a gap that is not
	if start, end, _ := tape.Span(); start != sec(1) || end != sec(61) {
		t.Errorf("the tape spans %d to %d", start, end)
	}
	for i, want := range [][3]int64{{int64(sec(1)), 8000, 1}, {int64(sec(2)), 8000, 0}, {int64(sec(3)), 8000, 2}, {int64(sec(60)), 8000, 3}} {
		if got := all(tape, 0, sec(100)); len(got) != 4 || got[i] != want {
			t.Fatalf("read %v, want %v at %d", got, want, i)
		}
	}
	if got := all(tape, sec(3.5), sec(60.25)); len(got) != 2 || got[0] != [3]int64{int64(sec(3.5)), 4000, 2} || got[1] != [3]int64{int64(sec(60)), 2000, 3} {
		t.Errorf("read %v between 3.5 and 60.25 s", got)
	}
	tape.Forget(sec(3.5))
	if start, _, _ := tape.Span(); start != sec(3.5) {
		t.Errorf("after Forget the tape begins at %d", start)
	}
	tape.Forget(sec(100))
	if _, _, ok := tape.Span(); ok {
		t.Error("what was forgotten is there")
	}
}

func TestTapeIsBounded(t *testing.T) {
	tape := NewTape(8000)
	dropped := frames(tape, 0, sec(50), 1) + frames(tape, sec(100), sec(150), 2)
	held := media.Tick(0)
	for _, s := range tape.stretches {
		held += s.end(8000) - s.start
	}
	if held > sec(30) || held < sec(28) || dropped+held != sec(100) {
		t.Errorf("%.1f s are held and %.1f s went, of 100 s", held.Seconds(), dropped.Seconds())
	}
}

// FuzzTape writes frames at odd ticks: whatever is read lies in order, within
// the tape, and was written.
func FuzzTape(f *testing.F) {
	f.Add([]byte{1, 1, 1, 200, 1, 1, 0, 255, 255, 3})
	f.Fuzz(func(t *testing.T, jumps []byte) {
		tape, at := NewTape(8000), media.Tick(0)
		for i, j := range jumps {
			at += media.Tick(j) * media.Tick(j) * 40
			tape.Write(media.Frame{At: at, PCM: make([]int16, 160)})
			if i%7 == 6 {
				tape.Forget(at - sec(float64(j)))
			}
			last := media.Tick(-1)
			for _, r := range all(tape, at-sec(40), at+sec(1)) {
				start, end, _ := tape.Span()
				if media.Tick(r[0]) < last || media.Tick(r[0]) < start-slack || media.Tick(r[0]) > end {
					t.Fatalf("read at %d, after %d, of a tape from %d to %d", r[0], last, start, end)
				}
				last = media.Tick(r[0])
			}
		}
	})
}

func TestRuler(t *testing.T) {
	r := ruler{rate: 8000}
	r.put(sec(100), 8000)
	r.put(sec(101), 8000) // goes on
	r.put(sec(200), 8000) // a gap that was not sent
	for seconds, want := range map[float64]media.Tick{-1: sec(100), 0: sec(100), 1.5: sec(101.5), 2: sec(200), 2.5: sec(200.5), 9: sec(201)} {
		if got := r.tick(seconds); got != want {
			t.Errorf("second %g lies at %.3f s, want %.3f s", seconds, got.Seconds(), want.Seconds())
		}
	}
	for i := range 1000 {
		r.put(sec(300+10*float64(i)), 80)
	}
	if len(r.marks) > maxMarks {
		t.Errorf("%d marks are kept", len(r.marks))
	}
	if got, want := r.tick(r.seconds()-0.005), sec(300+9990)+sec(0.005); got != want {
		t.Errorf("the newest audio lies at %d, want %d", got, want)
	}
}
