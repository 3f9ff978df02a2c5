package media

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var phone = PlayoutOptions{Rate: 8000, Lead: 10 * FrameTicks}

// Ten minutes of conversation: what the spans say is what was heard, within
// 20 ms, at any skew.
func TestPlayoutTellsWhatWasHeard(t *testing.T) {
	for _, ppm := range []float64{0, 100, -100, 500, -500} {
		for _, o := range []PlayoutOptions{phone, {Rate: 16000}} {
			t.Run(fmt.Sprintf("%+.0f ppm at %d Hz", ppm, o.Rate), func(t *testing.T) {
				f := newFarEnd(t, uint64(ppm+1000), ppm, 60*time.Millisecond, 0)
				if o.Lead == 0 {
					f.buffer = 2 * FrameTicks
				} else {
					f.down = func() time.Duration {
						return 60*time.Millisecond + time.Duration(f.rng.Int64N(int64(100*time.Millisecond)))
					}
				}
				r := newRig(f, o)
				at, frames, clip := time.Second, 0, ClipID(0)
				for at < 10*time.Minute {
					clip++
					n := 50 + r.rng.IntN(700)
					r.say(at, clip, n, 40, 300*time.Millisecond) // faster than real time
					frames += n
					at += time.Duration(n)*FrameDuration + time.Duration(r.rng.IntN(3000))*time.Millisecond
				}
				r.run(at + 5*time.Second)
				if len(r.told) != frames || len(r.done) != int(clip) {
					t.Errorf("%d of %d frames, %d of %d clips were told", len(r.told), frames, len(r.done), clip)
				}
				r.check(20*time.Millisecond, 0)
				if !r.p.Idle() || !r.next.IsZero() {
					t.Error("not idle in the end")
				}
				if r.stuck > 500*time.Millisecond {
					t.Errorf("a mark was %v overdue", r.stuck)
				}
			})
		}
	}
}

// Synthesis that cannot keep up: each gap begins a new run, placed for itself.
func TestPlayoutUnderrun(t *testing.T) {
	for _, o := range []PlayoutOptions{phone, {Rate: 16000}} {
		r := newRig(newFarEnd(t, 1, 100, 80*time.Millisecond, 0), o)
		r.say(time.Second, 1, 200, 13, 370*time.Millisecond)
		r.run(20 * time.Second)
		r.check(20*time.Millisecond, 0)
		if len(r.told) != 200 || len(r.done) != 1 {
			t.Errorf("%d frames, %d clips were told", len(r.told), len(r.done))
		}
	}
}

// The carrier's network stalls for longer than the lead: later frames are
// placed where they were heard.
func TestPlayoutReanchorsWhenTheFarEndRanDry(t *testing.T) {
	f := newFarEnd(t, 1, 0, 50*time.Millisecond, 0)
	r := newRig(f, phone)
	r.say(time.Second, 1, 500, 500, 0)
	r.at(4*time.Second, func() {
		f.down = func() time.Duration { return 500 * time.Millisecond }
	})
	r.at(4400*time.Millisecond, func() {
		f.down = func() time.Duration { return 50 * time.Millisecond }
	})
	r.run(20 * time.Second)
	if len(r.told) != 500 {
		t.Fatalf("%d frames were told", len(r.told))
	}
	off := 0
	for i, h := range r.heard {
		if d := h.at - float64(r.told[i].at); max(d, -d) > float64(FrameTicks) {
			off++
		}
	}
	if off == 0 || off > 20 {
		t.Errorf("%d frames lie wrong; those between two marks may", off)
	}
}

func TestPlayoutForgivesALateEcho(t *testing.T) {
	s := &sinkLog{}
	p := NewPlayout(phone, s)
	p.Append(1, clipPCM(1, 0, 100, 8000))
	for now := epoch; now.Before(epoch.Add(2 * time.Second)); now = now.Add(FrameDuration) {
		if _, err := p.Step(now); err != nil {
			t.Fatal(err)
		}
	}
	var at []Tick
	for i, late := range []Tick{0, 0, 0, 5, 0, 0} {
		for _, span := range p.Marked(MarkID(i+1), false, Tick(i)*10*FrameTicks+late*FrameTicks) {
			at = append(at, span.At)
		}
	}
	if want := []Tick{480, 10080, 19680, 29280, 38880}; !slices.Equal(at, want) {
		t.Errorf("spans at %v, want %v", at, want)
	}
}

// Holds, resumes, drops and losses at random, with random delays.
func TestPlayoutProperty(t *testing.T) {
	for seed := range uint64(500) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newFarEnd(t, seed, 0, 0, 0)
			f.ppm = []float64{0, 100, -100, 500, -500}[f.rng.IntN(5)]
			f.truthful = f.rng.IntN(2) == 0
			base := time.Duration(f.rng.IntN(75)) * time.Millisecond
			delay := func() time.Duration {
				return base + time.Duration(f.rng.IntN(75))*time.Millisecond
			}
			f.down, f.up = delay, delay
			r := newRig(f, phone)
			clip, at := ClipID(0), time.Second
			for range 8 {
				clip++
				r.say(at, clip, 20+r.rng.IntN(200), 5+r.rng.IntN(50), time.Duration(r.rng.IntN(1000))*time.Millisecond)
				at += time.Duration(r.rng.IntN(4000)) * time.Millisecond
				r.interrupt(at)
				at += 800 * time.Millisecond
			}
			r.run(at + 60*time.Second)
			r.check(40*time.Millisecond, 2)
			if !r.p.Idle() || !r.p.Settled() || r.p.Queued() != 0 || r.p.Playing(r.clock()) {
				t.Error("not idle in the end")
			}
		})
	}
}

// interrupt plans a hold and what follows it, or a loss.
func (r *rig) interrupt(at time.Duration) {
	r.t.Helper()
	hold := func() {
		if err := r.p.Hold(r.clock()); err != nil {
			r.t.Fatal(err)
		}
	}
	soon := at + time.Duration(r.rng.IntN(600))*time.Millisecond
	switch r.rng.IntN(5) {
	case 0:
		r.at(at, r.lose)
		r.at(soon, r.p.Found)
	case 1:
		r.at(at, hold)
		r.at(soon+400*time.Millisecond, r.lose) // settled by then
		r.at(soon+time.Second, r.p.Resume)
		r.at(soon+1200*time.Millisecond, r.p.Found)
	case 2:
		r.at(at, hold)
		r.at(soon, r.p.Drop)
	case 3: // resumed before it is settled, held again, dropped
		r.at(at, hold)
		r.at(at+10*time.Millisecond, r.p.Resume)
		r.at(at+20*time.Millisecond, hold)
		r.at(soon+20*time.Millisecond, r.p.Drop)
	default:
		r.at(at, hold)
		r.at(soon, r.p.Resume)
	}
}
