package sim

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Path is one direction of a bad network. The zero value is a perfect one.
type Path struct {
	Loss float64 // share of the packets lost, each by itself, 0 to 1
	// BurstLoss is the share of the packets lost in bursts of BurstLength packets
	// on average (5 when 0): the model of Gilbert. It comes on top of Loss.
	BurstLoss, BurstLength float64
	Delay                  time.Duration // of every packet
	Jitter                 time.Duration // each packet's further delay is evenly spread up to this; order is kept
	// Reorder is the share of the packets that come reorderedBy later than the
	// latest that jitter allows, and so behind those that follow them.
	Reorder   float64
	Duplicate float64 // share of the packets that come twice
}

// reorderedBy is longer than the distance of two packets of audio.
const reorderedBy = 25 * time.Millisecond

// PathReport is what a direction of a relay did.
type PathReport struct {
	Packets    int // that came in, but for Darkened
	Lost       int // by Loss and BurstLoss
	Darkened   int // lost in a blackout
	Reordered  int
	Duplicated int
	Overflowed int // beyond what the relay holds
}

// impairment decides what becomes of the packets of one direction. What it does
// to packet n depends on the seed, n and when packets come.
type impairment struct {
	Path
	rng    *rand.Rand
	bad    bool      // within a burst of losses
	newest time.Time // when the newest packet that keeps its order is due
	report PathReport
}

func newImpairment(p Path, seed, direction uint64) *impairment {
	if p.BurstLength < 1 {
		p.BurstLength = 5
	}
	return &impairment{Path: p, rng: rand.New(rand.NewPCG(seed, direction))}
}

// pass returns when a packet that comes at t is delivered, and how often: not at
// all, once or twice. It takes the same random numbers whatever it decides, so
// that one setting does not change what another does.
func (m *impairment) pass(t time.Time) (due time.Time, copies int) {
	lost, burst := m.rng.Float64() < m.Loss, m.rng.Float64()
	jitter := time.Duration(m.rng.Float64() * float64(m.Jitter))
	reorder, duplicate := m.rng.Float64() < m.Reorder, m.rng.Float64() < m.Duplicate
	if m.bad {
		m.bad = burst >= 1/m.BurstLength
	} else {
		// The chain is in its bad state for a share of BurstLoss.
		m.bad = m.BurstLoss > 0 && burst*(1-m.BurstLoss)*m.BurstLength < m.BurstLoss
	}
	m.report.Packets++
	if lost || m.bad {
		m.report.Lost++
		return time.Time{}, 0
	}
	copies = 1
	if duplicate {
		m.report.Duplicated++
		copies = 2
	}
	if reorder {
		m.report.Reordered++
		return t.Add(m.Delay + m.Jitter + reorderedBy), copies
	}
	due = t.Add(m.Delay + jitter)
	if due.Before(m.newest) {
		due = m.newest
	}
	m.newest = due
	return due, copies
}

// delivery is a packet on its way.
type delivery struct {
	due    time.Time
	number int // of packets due at once the first comes first
	packet []byte
}

// deliveries are packets on their way, the next one first.
type deliveries []delivery

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	if d[i].due.Equal(d[j].due) {
		return d[i].number < d[j].number
	}
	return d[i].due.Before(d[j].due)
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = delivery{}
	*d = (*d)[:len(*d)-1]
	return last
}

func (d *deliveries) add(due time.Time, number int, packet []byte) {
	heap.Push(d, delivery{due, number, packet})
}

func (d *deliveries) next() delivery { return heap.Pop(d).(delivery) }
