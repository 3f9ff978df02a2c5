package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// jitterAt is the time of a test, in ms.
func jitterAt(ms float64) time.Time {
	return epoch.Add(time.Duration(ms * float64(time.Millisecond)))
}

// numbered is a packet that holds its own number.
func numbered(seq uint16, at time.Time) JitterPacket {
	return JitterPacket{
		Seq: seq, Tag: uint8(seq) | 1, Timestamp: uint32(seq) * 960, Arrival: at, Payload: binary.BigEndian.AppendUint16(nil, seq),
	}
}

// drain returns what Next has at now: each number, with how many were lost
// before it.
func drain(t *testing.T, j *Jitter, now time.Time) string {
	t.Helper()
	var all []string
	for {
		p, ok := j.Next(now)
		if !ok {
			return strings.Join(all, " ")
		}
		if want := numbered(p.Seq, p.Arrival); p.Tag != want.Tag || p.Timestamp != want.Timestamp || !bytes.Equal(p.Payload, want.Payload) {
			t.Errorf("packet %d is %+v", p.Seq, p)
		}
		s := fmt.Sprint(p.Seq)
		if p.Lost > 0 {
			s = fmt.Sprintf("-%d,%s", p.Lost, s)
		}
		all = append(all, s)
	}
}

// jitterStep is something that happens at a time: a packet comes, unless time
// only passes.
type jitterStep struct {
	ms   float64
	seq  int // -1: only time passes
	put  JitterResult
	want string
	due  float64 // ms; 0: nothing waits
}

func TestJitter(t *testing.T) {
	const taken, duplicate, late, stray = JitterTaken, JitterDuplicate, JitterLate, JitterStray
	for name, steps := range map[string][]jitterStep{
		"in order": {{0, 7, taken, "7", 0}, {20, 8, taken, "8", 0}, {90, 9, taken, "9", 0}},
		"overtaken": {
			{0, 7, taken, "7", 0}, {40, 9, taken, "", 80}, {41, 10, taken, "", 80},
			{50, 8, taken, "8 9 10", 0},
		},
		"lost": {
			{0, 7, taken, "7", 0}, {40, 9, taken, "", 80}, {60, 10, taken, "", 80},
			{79.9, -1, 0, "", 80}, {80, -1, 0, "-1,9 10", 0}, {81, 11, taken, "11", 0},
		},
		"late": {{0, 7, taken, "7", 0}, {40, 9, taken, "", 80}, {85, -1, 0, "-1,9", 0}, {86, 8, late, "", 0}, {87, 8, duplicate, "", 0}},
		"lost in a row": {
			{0, 7, taken, "7", 0}, {100, 12, taken, "", 140}, {120, 13, taken, "", 140}, {140, -1, 0, "-4,12 13", 0},
		},
		"two gaps wait for themselves": {
			{0, 7, taken, "7", 0}, {40, 9, taken, "", 80}, {70, 11, taken, "", 80},
			{80, -1, 0, "-1,9", 110}, {110, -1, 0, "-1,11", 0},
		},
		"a gap is counted from the first beyond it": { // which is not the nearest
			{0, 7, taken, "7", 0}, {30, 10, taken, "", 70}, {50, 9, taken, "", 70}, {70, -1, 0, "-1,9 10", 0},
		},
		"duplicates": {
			{0, 7, taken, "7", 0}, {1, 7, duplicate, "", 0}, {40, 9, taken, "", 80}, {41, 9, duplicate, "", 80}, {42, 7, duplicate, "", 80},
			{45, 8, taken, "8 9", 0}, {46, 9, duplicate, "", 0},
		},
		"before the first": {{0, 7, taken, "7", 0}, {1, 6, late, "", 0}, {2, 65500, late, "", 0}},
		"wrap":             {{0, 65534, taken, "65534", 0}, {20, 65535, taken, "65535", 0}, {40, 0, taken, "0", 0}, {60, 1, taken, "1", 0}},
		"gap at the wrap": {
			{0, 65534, taken, "65534", 0}, {40, 1, taken, "", 80}, {45, 0, taken, "", 80}, {80, -1, 0, "-1,0 1", 0},
		},
		"as far as it can hold":     {{0, 0, taken, "0", 0}, {20, 64, taken, "", 60}, {60, -1, 0, "-63,64", 0}},
		"too far to be held":        {{0, 0, taken, "0", 0}, {20, 65, taken, "-64,65", 0}, {21, 66, taken, "66", 0}},
		"one far off drives others": {{0, 0, taken, "0", 0}, {20, 2, taken, "", 60}, {30, 300, taken, "-1,2 -297,300", 0}, {40, 300, duplicate, "", 0}},
		"a stray":                   {{0, 7, taken, "7", 0}, {20, 30000, stray, "", 0}, {21, 8, taken, "8", 0}, {22, 30001, stray, "", 0}},
		"begins anew": {
			{0, 7, taken, "7", 0}, {10, 9, taken, "", 50}, {20, 30000, stray, "", 50}, {40, 30001, taken, "-1,9 30001", 0}, {60, 30002, taken, "30002", 0},
			{61, 8, stray, "", 0},
		},
		"begins anew behind": {{0, 7, taken, "7", 0}, {20, 65000, stray, "", 0}, {40, 65001, taken, "65001", 0}},
		"far behind is late": {{0, 207, taken, "207", 0}, {1, 108, late, "", 0}, {2, 107, stray, "", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			j := NewJitter()
			for i, s := range steps {
				now := jitterAt(s.ms)
				if s.seq >= 0 {
					if got := j.Put(numbered(uint16(s.seq), now)); got != s.put {
						t.Errorf("step %d: packet %d: result %d, want %d", i, s.seq, got, s.put)
					}
				}
				if got := drain(t, j, now); got != s.want {
					t.Errorf("step %d: returned %q, want %q", i, got, s.want)
				}
				due, want := j.Due(), time.Time{}
				if s.due > 0 {
					want = jitterAt(s.due)
				}
				if !due.Equal(want) {
					t.Errorf("step %d: due at %v, want %v ms", i, due.Sub(epoch), s.due)
				}
			}
		})
	}
}

// What is not fetched waits, and is not overwritten.
func TestJitterKeepsWhatIsNotFetched(t *testing.T) {
	j := NewJitter()
	for seq := range uint16(3) {
		j.Put(numbered(seq, jitterAt(float64(seq))))
	}
	if due := j.Due(); !due.Equal(jitterAt(0)) {
		t.Errorf("due at %v", due.Sub(epoch))
	}
	j.Put(numbered(100, jitterAt(4)))
	if due := j.Due(); !due.Equal(jitterAt(0)) {
		t.Errorf("due at %v", due.Sub(epoch))
	}
	if got := j.Put(numbered(3, jitterAt(5))); got != JitterFull {
		t.Errorf("result %d, want full", got)
	}
	if got := drain(t, j, jitterAt(6)); got != "0 1 2 -97,100" {
		t.Errorf("returned %q", got)
	}
	if got := j.Put(numbered(101, jitterAt(7))); got != JitterTaken {
		t.Errorf("result %d", got)
	}
}

func TestJitterFlushAndReset(t *testing.T) {
	j := NewJitter()
	j.Put(numbered(0, epoch))
	j.Put(numbered(2, epoch))
	j.Put(numbered(4, epoch))
	j.Flush()
	if got := drain(t, j, time.Time{}); got != "0 -1,2 -1,4" {
		t.Errorf("returned %q", got)
	}
	j.Put(numbered(6, epoch))
	if got := drain(t, j, epoch); got != "" {
		t.Errorf("returned %q at once, after a flush that was over", got)
	}
	j.Reset()
	if due := j.Due(); !due.IsZero() {
		t.Errorf("due at %v", due.Sub(epoch))
	}
	j.Put(numbered(40000, epoch))
	if got := drain(t, j, epoch); got != "40000" {
		t.Errorf("returned %q", got)
	}
	if got := j.Put(numbered(6, epoch)); got != JitterStray {
		t.Errorf("a packet from before is %d", got)
	}
}

func TestJitterOwnsPayloads(t *testing.T) {
	j := NewJitter()
	j.Put(numbered(0, epoch))
	drain(t, j, epoch)
	b := []byte("sound")
	j.Put(JitterPacket{Seq: 2, Payload: b, Arrival: epoch})
	copy(b, "noise")
	j.Put(JitterPacket{Seq: 1, Arrival: epoch})
	if p, ok := j.Next(epoch); !ok || p.Seq != 1 || len(p.Payload) != 0 {
		t.Errorf("%+v, %v", p, ok)
	}
	p, _ := j.Next(epoch)
	if string(p.Payload) != "sound" || cap(p.Payload) != len("sound") {
		t.Errorf("payload %q of %d", p.Payload, cap(p.Payload))
	}
	if got := j.Put(JitterPacket{Seq: 3, Payload: make([]byte, JitterPayload+1)}); got != JitterTooLarge {
		t.Errorf("result %d", got)
	}
	if got := j.Put(JitterPacket{Seq: 3, Payload: make([]byte, JitterPayload)}); got != JitterTaken {
		t.Errorf("result %d", got)
	}
}

// deliver sends packets each 20 ms, from a second on, over a network and returns
// how they were returned and the longest time that one was held back.
func deliver(t *testing.T, j *Jitter, from, n int, delay func(seq int) (ms float64, ok bool)) (got []JitterPacket, held time.Duration) {
	t.Helper()
	type flight struct {
		seq uint16
		at  time.Time
	}
	var flights []flight
	for i := range n {
		if ms, ok := delay(i); ok {
			flights = append(flights, flight{uint16(i), jitterAt(float64(1000*from+20*i) + ms)})
		}
	}
	slices.SortStableFunc(flights, func(a, b flight) int { return a.at.Compare(b.at) })
	fetch := func(now time.Time) {
		for {
			p, ok := j.Next(now)
			if !ok {
				return
			}
			held = max(held, now.Sub(p.Arrival))
			got = append(got, p)
		}
	}
	for _, f := range flights {
		for due := j.Due(); !due.IsZero() && due.Before(f.at); due = j.Due() {
			fetch(due)
		}
		j.Put(numbered(f.seq, f.at))
		fetch(f.at)
	}
	j.Flush()
	fetch(flights[len(flights)-1].at)
	return got, held
}

// Whatever the network does, packets come out in order, each at most once, all
// that is missing is reported as lost, and nothing waits beyond the patience.
func TestJitterOnBadNetworks(t *testing.T) {
	for seed := range uint64(20) {
		for _, loss := range []float64{0, 0.01, 0.05, 0.2} {
			r := rand.New(rand.NewPCG(seed, uint64(loss*100)))
			const n = 3000
			sent := 0
			got, held := deliver(t, NewJitter(), 0, n, func(i int) (float64, bool) {
				if i > 0 && r.Float64() < loss {
					return 0, false
				}
				sent++
				return r.Float64() * 60 * float64(min(i, 1)), true
			})
			next, lost := 0, 0
			for _, p := range got {
				next += p.Lost
				if lost += p.Lost; int(p.Seq) != next {
					t.Fatalf("seed %d, loss %v: packet %d where %d was due", seed, loss, p.Seq, next)
				}
				next++
			}
			if late := sent - len(got); late > n/100+1 {
				t.Errorf("seed %d, loss %v: %d of %d packets came too late", seed, loss, late, sent)
			}
			if lost < n-sent-1 || held > mostPatience {
				t.Errorf("seed %d, loss %v: %d lost, at most %v held", seed, loss, lost, held)
			}
		}
	}
}

func TestJitterHoldsNothingInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	last := 0.0
	got, held := deliver(t, NewJitter(), 0, 3000, func(i int) (float64, bool) {
		last = max(last-20, 0) // never overtakes
		last = max(last, r.Float64()*200)
		return last, true
	})
	if len(got) != 3000 || held != 0 {
		t.Errorf("%d packets, at most %v held", len(got), held)
	}
}

func TestPatienceFollowsOvertaking(t *testing.T) {
	j := NewJitter()
	if p := j.Patience(); p != 40*time.Millisecond {
		t.Errorf("begins with %v", p)
	}
	deliver(t, j, 0, 60*50, func(int) (float64, bool) { return 5, true })
	if p := j.Patience(); p != 20*time.Millisecond {
		t.Errorf("%v after a minute in order", p)
	}
	j.Reset()
	deliver(t, j, 100, 3, func(i int) (float64, bool) { return []float64{0, 70, 0}[i], true }) // 50 ms after its successor
	if p := j.Patience(); p != 55*time.Millisecond {
		t.Errorf("%v after one packet came 50 ms late", p)
	}
	grown := j.Patience()
	j.Reset()
	deliver(t, j, 101, 2*50, func(int) (float64, bool) { return 0, true })
	if p := j.Patience(); p < grown-3*patienceStep || p >= grown {
		t.Errorf("%v after two seconds in order", p)
	}
	j.Reset()
	deliver(t, j, 200, 60*50, func(i int) (float64, bool) { return []float64{0, 120}[i%50/49], true }) // one in 50, 100 ms late
	if p := j.Patience(); p < 100*time.Millisecond {
		t.Errorf("%v while packets come 100 ms late", p)
	}
	j.Reset()
	deliver(t, j, 300, 60*50, func(i int) (float64, bool) { return []float64{0, 900}[i%50/49], true })
	if p := j.Patience(); p > 120*time.Millisecond {
		t.Errorf("%v", p)
	}
}

// A gap that is not over does not shrink the patience, and hopeless packets do
// not stretch it.
func TestPatienceIsNotMisled(t *testing.T) {
	j := NewJitter()
	j.Put(numbered(0, epoch))
	drain(t, j, epoch)
	for i := range 100 {
		j.Put(numbered(uint16(2+2*i), jitterAt(float64(40*i))))
		drain(t, j, jitterAt(float64(40*i)))
	}
	if p := j.Patience(); p != firstPatience {
		t.Errorf("%v while packets were missing", p)
	}
	j = NewJitter()
	j.Put(numbered(0, epoch))
	j.Put(numbered(2, epoch))
	drain(t, j, jitterAt(300))
	if got := j.Put(numbered(1, jitterAt(500))); got != JitterLate || j.Patience() != firstPatience {
		t.Errorf("%v after a packet 500 ms late, result %d", j.Patience(), got)
	}
}

func FuzzJitter(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 3, 1, 2, 0, 200, 3, 10, 9, 9, 90})
	f.Fuzz(func(t *testing.T, ops []byte) {
		j, now, seq := NewJitter(), epoch, uint16(65500)
		var last uint16
		any := false
		for ; len(ops) >= 2; ops = ops[2:] {
			now = now.Add(time.Duration(ops[1]) * time.Millisecond)
			if step := int8(ops[0]); step > 120 { // a leap
				seq += uint16(step) * 300
			} else {
				seq += uint16(step)
			}
			if j.Put(numbered(seq, now)) == JitterFull {
				t.Fatal("full, though all was fetched")
			}
			for n := 0; ; n++ {
				p, ok := j.Next(now)
				if !ok {
					break
				}
				if n > jitterSlots {
					t.Fatal("more packets than it holds")
				}
				if any && p.Lost > 0 && p.Seq-last != uint16(p.Lost)+1 {
					t.Fatalf("%d lost between %d and %d", p.Lost, last, p.Seq)
				}
				last, any = p.Seq, true
			}
			if due := j.Due(); !due.IsZero() && (!due.After(now) || due.Sub(now) > mostPatience) {
				t.Fatalf("due in %v", due.Sub(now))
			}
		}
	})
}

func TestJitterAllocatesNothing(t *testing.T) {
	j, seq, p := NewJitter(), uint16(0), numbered(0, epoch)
	if n := testing.AllocsPerRun(1000, func() {
		for _, d := range []uint16{0, 2, 1, 4} {
			p.Seq = seq + d
			j.Put(p)
			for _, ok := j.Next(epoch); ok; _, ok = j.Next(epoch) {
			}
			j.Due()
		}
		for _, ok := j.Next(jitterAt(200)); ok; _, ok = j.Next(jitterAt(200)) {
		}
		seq += 5
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJitter(b *testing.B) {
	j, p := NewJitter(), JitterPacket{Payload: make([]byte, 80), Arrival: epoch}
	b.ReportAllocs()
	for b.Loop() {
		j.Put(p)
		for _, ok := j.Next(epoch); ok; _, ok = j.Next(epoch) {
		}
		p.Seq++
	}
}
