package media

import "time"

// How long a gap may wait.
const (
	leastPatience = 20 * time.Millisecond
	firstPatience = 40 * time.Millisecond
	mostPatience  = 120 * time.Millisecond
)

const (
	patienceStep   = 5 * time.Millisecond // of the count by lateness, and of shrinking
	patienceEvery  = time.Second          // it shrinks by at most a step in this time
	patienceShare  = 995                  // of 1000 packets are to be waited for
	patienceMemory = 1000                 // packets; then each counts for half
)

// patience is how long to wait for a packet that others have overtaken: for all
// but 5 of 1000 packets, by how late the last thousand or two were. It has no
// clock.
type patience struct {
	now    time.Duration
	counts [mostPatience/patienceStep + 1]int // by lateness, rounded up to whole steps
	total  int
	shrunk time.Time // when it last was, or was found right
}

func newPatience() patience { return patience{now: firstPatience} }

// learn takes how long after its successors a packet came: 0 or less if it was
// not overtaken. calm says that nothing is missing.
func (p *patience) learn(late time.Duration, arrival time.Time, calm bool) {
	if late > mostPatience {
		return // no patience that is allowed would have helped
	}
	step := max(0, int((late+patienceStep-1)/patienceStep))
	p.counts[step]++
	p.total++
	if step > 0 {
		p.now = max(p.now, min(time.Duration(step+1)*patienceStep, mostPatience))
	}
	if p.total >= patienceMemory {
		p.forget()
	}
	if p.shrunk.IsZero() {
		p.shrunk = arrival
	}
	if calm && arrival.Sub(p.shrunk) >= patienceEvery {
		p.now = max(p.now-patienceStep, min(p.now, p.enough()))
		p.shrunk = arrival
	}
}

// forget makes each packet so far count for half.
func (p *patience) forget() {
	p.total = 0
	for i := range p.counts {
		p.counts[i] /= 2
		p.total += p.counts[i]
	}
}

// enough is the least patience that waits for the share of packets.
func (p *patience) enough() time.Duration {
	sum := 0
	for i, n := range p.counts {
		if sum += n; sum*1000 >= p.total*patienceShare {
			return max(leastPatience, min(time.Duration(i+1)*patienceStep, mostPatience))
		}
	}
	return mostPatience
}
