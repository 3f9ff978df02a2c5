package media

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// farEnd is a carrier on virtual time: it plays frames without a gap while it
// has some, echoes marks in order, and throws away what it has on a clear. Its
// clock is skewed, both ways take time and keep order. It remembers what was
// heard. Since nothing overtakes anything, what a message does is known when it
// is sent.
type farEnd struct {
	t        *testing.T
	rng      *rand.Rand
	now      time.Duration // the gateway's time
	ppm      float64
	down, up func() time.Duration // delay of a message
	sentAt   time.Duration        // of the newest message down
	arrived  time.Duration        //
	buffer   Tick                 // how long it waits before it plays, when it was idle
	returned time.Duration        // of the newest echo
	free     float64              // tick at which all that has arrived is played
	heard    []heardFrame
	echoes   []echo  // not yet back
	newest   float64 // tick at which the newest echo that is back left
	cuts     int     // clears and losses so far
	sent     int     // frames
	truthful bool    // the leg labels echoes by what happened, not by when they come back
}

type heardFrame struct {
	clip, index int16
	at          float64 // tick
	cut         int     // cuts before it
	part        bool    // not heard to its end
}

type echo struct {
	id      MarkID
	at      float64 // tick at which it leaves
	up      time.Duration
	flushed bool
}

func newFarEnd(t *testing.T, seed uint64, ppm float64, base, jitter time.Duration) *farEnd {
	rng := rand.New(rand.NewPCG(seed, 7))
	delay := func() time.Duration { return base + time.Duration(rng.Int64N(int64(jitter)+1)) }
	return &farEnd{t: t, rng: rng, ppm: ppm, down: delay, up: delay, now: time.Second}
}

func (f *farEnd) tick(at time.Duration) float64 { return at.Seconds() * TickRate * (1 + f.ppm/1e6) }

func (f *farEnd) when(tick float64) time.Duration {
	return time.Duration(tick / TickRate / (1 + f.ppm/1e6) * float64(time.Second))
}

// arrive returns the tick at which a message sent now arrives. What is sent at
// once travels at once.
func (f *farEnd) arrive() float64 {
	if f.sentAt != f.now {
		f.sentAt, f.arrived = f.now, max(f.arrived, f.now+f.down())
	}
	return f.tick(f.arrived)
}

// turn returns when what has just arrived has its turn.
func (f *farEnd) turn() float64 {
	at := f.arrive()
	if at > f.free {
		at += float64(f.buffer)
	}
	return max(f.free, at)
}

func (f *farEnd) Send(fr Frame) error {
	at := f.turn()
	f.heard = append(f.heard, heardFrame{clip: fr.PCM[0], index: fr.PCM[1], at: at, cut: f.cuts})
	f.free = at + float64(FrameTicks)
	f.sent++
	return nil
}

func (f *farEnd) Mark(id MarkID) error {
	f.echoes = append(f.echoes, echo{id: id, at: f.turn(), up: f.up()})
	return nil
}

func (f *farEnd) Clear() error {
	at := f.arrive()
	f.stop(at)
	for i := range f.echoes {
		e := &f.echoes[i]
		e.flushed = !f.truthful || e.at > at
		e.at = min(e.at, at)
	}
	return nil
}

// stop silences the far end at a tick.
func (f *farEnd) stop(at float64) {
	f.heard = slices.DeleteFunc(f.heard, func(h heardFrame) bool { return h.at >= at })
	if n := len(f.heard); n > 0 && f.heard[n-1].at+float64(FrameTicks) > at {
		f.heard[n-1].part = true
	}
	f.free = min(f.free, at)
	f.cuts++
}

// back is when the next echo comes back.
func (f *farEnd) back() (time.Duration, bool) {
	if len(f.echoes) == 0 {
		return 0, false
	}
	return max(f.returned, f.when(f.echoes[0].at)+f.echoes[0].up), true
}

// inbound is the end of the newest frame that had left at a tick.
func inbound(tick float64) Tick { return Tick(tick) / FrameTicks * FrameTicks }

// take returns the next echo and the newest inbound tick as it comes back.
func (f *farEnd) take() (echo, Tick) {
	f.returned, _ = f.back()
	e := f.echoes[0]
	f.echoes = f.echoes[1:]
	f.newest = e.at
	return e, inbound(e.at)
}

// clipPCM is a clip whose every frame says which it is.
func clipPCM(clip ClipID, from, frames, rate int) []int16 {
	pcm := make([]int16, frames*FrameSamples(rate))
	for i := range frames {
		pcm[i*FrameSamples(rate)] = int16(clip)
		pcm[i*FrameSamples(rate)+1] = int16(from + i)
	}
	return pcm
}

// rig runs a playout against a far end.
type rig struct {
	*farEnd
	p     *Playout
	rate  int
	next  time.Time // what Step returned
	plan  []planned
	told  []toldFrame
	done  []ClipID
	stuck time.Duration // longest Overdue
	lossy map[int]bool  // cuts that were losses
}

type planned struct {
	at time.Duration
	do func()
}

type toldFrame struct {
	clip, index int16
	at          Tick
	cut         int
}

func newRig(f *farEnd, o PlayoutOptions) *rig {
	return &rig{farEnd: f, p: NewPlayout(o, f), rate: o.Rate, lossy: make(map[int]bool)}
}

func (r *rig) clock() time.Time { return epoch.Add(r.now) }

// at plans what to do at a time.
func (r *rig) at(d time.Duration, do func()) {
	i, _ := slices.BinarySearchFunc(r.plan, d, func(p planned, d time.Duration) int {
		if p.at <= d {
			return -1
		}
		return 1
	})
	r.plan = slices.Insert(r.plan, i, planned{d, do})
}

// report notes and checks spans.
func (r *rig) report(spans []Span) {
	r.t.Helper()
	n := FrameSamples(r.rate)
	for _, s := range spans {
		if len(s.PCM)%n != 0 || s.From%FrameTicks != 0 {
			r.t.Fatalf("span of %d samples from %d is not whole frames", len(s.PCM), s.From)
		}
		for i := 0; i < len(s.PCM); i += n {
			k := Tick(i/n) * FrameTicks
			index := int16((s.From + k) / FrameTicks)
			if ClipID(s.PCM[i]) != s.Clip || s.PCM[i+1] != index {
				r.t.Fatalf("span says frame %d of clip %d, its PCM frame %d of %d", index, s.Clip, s.PCM[i+1], s.PCM[i])
			}
			if m := len(r.told); m > 0 && r.told[m-1].at+FrameTicks > s.At+k {
				r.t.Fatalf("frame %d of clip %d at %d overlaps the one before at %d", index, s.Clip, s.At+k, r.told[m-1].at)
			}
			r.told = append(r.told, toldFrame{s.PCM[i], index, s.At + k, r.cuts})
		}
		if s.Done {
			r.done = append(r.done, s.Clip)
		}
	}
}

func (r *rig) step() {
	r.t.Helper()
	next, err := r.p.Step(r.clock())
	if err != nil {
		r.t.Fatal(err)
	}
	r.next = next
	r.stuck = max(r.stuck, r.p.Overdue(r.clock()))
}

// run lets time pass until end.
func (r *rig) run(end time.Duration) {
	r.t.Helper()
	for {
		due, what := end, 0
		if !r.next.IsZero() {
			if d := r.next.Sub(epoch) + time.Duration(r.rng.Int64N(int64(3*time.Millisecond))); d <= due {
				due, what = d, 1
			}
		}
		if d, ok := r.back(); ok && d <= due {
			due, what = d, 2
		}
		if len(r.plan) > 0 && r.plan[0].at <= due {
			due, what = r.plan[0].at, 3
		}
		r.now = max(r.now, due)
		switch what {
		case 0:
			return
		case 2:
			e, at := r.take()
			r.report(r.p.Marked(e.id, e.flushed, at))
		case 3:
			do := r.plan[0].do
			r.plan = r.plan[1:]
			do()
		}
		r.step()
	}
}

// say plans a clip that comes in chunks; gap is between them, as if synthesis
// took that long.
func (r *rig) say(at time.Duration, clip ClipID, frames, chunk int, gap time.Duration) {
	pcm := clipPCM(clip, 0, frames, r.rate)
	chunk = min(chunk*FrameSamples(r.rate)+3, len(pcm)) // never whole frames
	for ; len(pcm) > 0; at += gap {
		piece := pcm[:min(chunk, len(pcm))]
		pcm = pcm[len(piece):]
		r.at(at, func() { r.p.Append(clip, piece) })
	}
	r.at(at, func() { r.p.Finish(clip) })
}

// lose cuts the connection; whatever is on its way is lost.
func (r *rig) lose() {
	r.t.Helper()
	gone := max(r.newest, r.tick(r.now-r.up()))
	r.lossy[r.cuts] = true
	r.stop(gone)
	r.echoes = nil
	r.report(r.p.Lost(inbound(gone)))
}

// check holds what was told against what was heard: each frame once, in order,
// and within tolerance of its true place; at each cut at most slack frames were
// heard but not told, or told but not heard.
func (r *rig) check(tolerance time.Duration, slack int) {
	r.t.Helper()
	type key struct{ clip, index int16 }
	told := make(map[key]toldFrame)
	last := key{}
	for _, f := range r.told {
		k := key{f.clip, f.index}
		if k.clip < last.clip || k.clip == last.clip && k.index <= last.index {
			r.t.Errorf("frame %v was told after %v", k, last)
		}
		told[k], last = f, k
	}
	missing, extra := map[int]int{}, map[int]int{}
	matched := make(map[key]bool)
	for _, h := range r.heard {
		k := key{h.clip, h.index}
		f, ok := told[k]
		if off := float64(f.at) - h.at; ok && max(off, -off) <= float64(TicksIn(tolerance)) {
			matched[k] = true
		} else if !h.part {
			missing[h.cut]++
		}
	}
	for k, f := range told {
		if !matched[k] {
			extra[f.cut]++
		}
	}
	for cut := range r.cuts + 1 {
		allowed := slack
		switch {
		case cut == r.cuts:
			allowed = 0 // nothing was cut off
		case r.lossy[cut]:
			allowed += 15 // a run whose first echo was lost is played again: two delays
		}
		if missing[cut] > allowed {
			r.t.Errorf("stretch %d: %d frames were heard, but not told at their place", cut, missing[cut])
		}
	}
	for cut, n := range extra {
		if n > slack {
			r.t.Errorf("stretch %d: %d frames were told, but not heard", cut, n)
		}
	}
}
