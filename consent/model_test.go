package consent

import (
	"flag"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	modelSeed   = flag.Uint64("seed", 0, "the seed of the first order of the model check; 0: any")
	modelOrders = flag.Int("orders", 100_000, "how many orders the model check runs")
)

func honest(m *Machine) gateway { return m }

// TestModel runs random orders of events against the real gate, in virtual time,
// and against the reference; the audit and the check of rows run beside them. What
// fails is shrunk and printed with its seed: go test -run TestModel -seed N -orders 1.
func TestModel(t *testing.T) {
	first := *modelSeed
	if first == 0 {
		first = rand.Uint64()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // little lives, and not for long
	began := time.Now()
	var next atomic.Int64
	var bad atomic.Pointer[order]
	var mutex sync.Mutex
	tally := map[string]int{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			mine := map[string]int{}
			for i := next.Add(1) - 1; i < int64(*modelOrders) && bad.Load() == nil; i = next.Add(1) - 1 {
				if o := newOrder(first + uint64(i)); run(o, honest, mine) != nil {
					bad.CompareAndSwap(nil, o)
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			for what, n := range mine {
				tally[what] += n
			}
		})
	}
	workers.Wait()
	if o := bad.Load(); o != nil {
		o = shrink(o, honest)
		t.Fatalf("%v\n%v", run(o, honest, map[string]int{}), o)
	}
	t.Logf("%d orders since seed %d in %.1f s: 0 differences", *modelOrders, first, time.Since(began).Seconds())
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%8d  %s", tally[what], what)
	}
	must := []string{"crash", "row asked", "row withdrawn", "row paused", "row resumed", "row minor_suspected", "row destroyed", "row deletion_queued", "row ended"}
	for _, o := range Outcomes {
		must = append(must, "outcome "+string(o))
	}
	for _, what := range must {
		if tally[what] == 0 && *modelOrders >= 10_000 {
			t.Errorf("%s: in no order", what)
		}
	}
}

// shrink leaves out what an order can fail without.
func shrink(o *order, plant func(*Machine) gateway) *order {
	for i := len(o.script) - 1; i >= 0; i-- {
		less := *o
		less.script = slices.Delete(slices.Clone(o.script), i, i+1)
		if run(&less, plant, map[string]int{}) != nil {
			o = &less
			i = min(i, len(o.script))
		}
	}
	return o
}
