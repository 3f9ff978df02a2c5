package recorder_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
	"sidetone/store"
)

// outage is some calls over a store that has a fault for ten minutes.
type outage struct {
	fault   wireFault
	calls   int // half of them begin before the fault, half with it
	speak   time.Duration
	quota   int64
	through bool          // all is stored in spite of the fault
	fails   bool          // takes are given up until the next start
	skew    time.Duration // of the gateway's clock
}

// outcome is what it has come to.
type outcome struct {
	spooled int64         // that was on the spool in the end of the fault: the most
	met     int           // requests that the fault took
	drained time.Duration // after the fault
	bytes   int64         // that the store was given
}

// outageLasts is how long a store has its fault.
const outageLasts = 10 * time.Minute

// TestStoreAway has the real S3 server out of reach for ten minutes of a hundred
// calls.
func TestStoreAway(t *testing.T) {
	got := outage{fault: storeAway, calls: 100, speak: 11 * time.Second, quota: 25 << 20}.run(t, newWire(t))
	t.Logf("100 calls: at most %d kB on the spool, drained %v after it; %d connections were tried", got.spooled>>10, got.drained, got.met)
}

// BenchmarkStoreAway is TestStoreAway with calls that last as long.
func BenchmarkStoreAway(b *testing.B) {
	for range b.N {
		var got outcome
		ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "outage", F: func(t *testing.T) {
			got = outage{fault: storeAway, calls: 100, speak: outageLasts + time.Second, quota: 1 << 30}.run(t, newWire(t))
		}}})
		if !ok {
			b.Fatal("calls were lost")
		}
		b.ReportMetric(float64(got.spooled)/(1<<20), "MiB-on-spool-max")
		b.ReportMetric(got.drained.Seconds(), "virtual-s-to-drain")
		b.ReportMetric(float64(got.met), "connections-tried")
		b.ReportMetric(float64(got.bytes)/(1<<20), "MiB-sent")
	}
}

// TestStoreHasFaults has it answer badly for ten minutes.
func TestStoreHasFaults(t *testing.T) {
	w := newWire(t)
	for _, test := range []struct {
		name string
		outage
	}{
		{"stuck", outage{fault: storeStuck}},
		{"1 kB a second", outage{fault: storeSlow}},
		{"10 kB a second", outage{fault: wireFault{rate: 10 << 10}, through: true}},
		{"503", outage{fault: storeBusy}},
		{"403", outage{fault: storeShut}},
		{"reset in mid-body", outage{fault: storeReset}},
		{"truncated 200", outage{fault: storeCut}},
		{"200 for nothing", outage{fault: storeLies}},
		{"another ETag", outage{fault: storeRenames, through: true}},
		{"another checksum", outage{fault: storeClaims, fails: true}},
		{"our clock is ahead", outage{skew: 20 * time.Minute, through: true}},
		{"our clock is behind", outage{skew: -time.Hour, through: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.outage
			o.calls, o.speak, o.quota = 4, 21*time.Second, 3<<20
			got := o.run(t, w)
			t.Logf("at most %d kB on the spool, drained %v after it; %d requests met the fault", got.spooled>>10, got.drained, got.met)
			if got.met == 0 && o.skew == 0 {
				t.Error("nothing met the fault")
			}
		})
	}
}

// run holds that no call notices anything, and that all is stored in the end, once.
func (o outage) run(t *testing.T, w *wire) (got outcome) {
	t.Helper()
	// A store allows for 15 minutes between clocks.
	now := time.Now().Add(o.skew - 7*time.Minute)
	bubble(t, func(t *testing.T) {
		objects := w.open(t, now, strings.ReplaceAll(t.Name(), " ", "-"))
		options := func(s *recorder.SpoolOptions) { s.Put, s.Conflict, s.MaxBytes = objects, store.ErrConflict, o.quota }
		r := newRig(t, options)
		r.from = objects
		began := time.Now()
		o.record(t, r, w)
		time.Sleep(outageLasts - time.Since(began))
		got.spooled = r.spool.Bytes()
		if got.spooled > o.quota {
			t.Errorf("%d bytes on the spool, the limit is %d", got.spooled, o.quota)
		}
		if stored := got.spooled == 0; stored != o.through {
			t.Errorf("all is stored during the fault: %v", stored)
		}
		w.set(wireFault{})
		healed := time.Now()
		r.drain()
		if o.fails {
			o.startAgain(t, r, options)
		}
		got.drained, got.met, got.bytes = time.Since(healed), w.refused, w.sent
		o.check(t, r, w, objects)
	})
	return got
}

// record begins the calls, has the fault begin after half of them, and waits until
// all have ended.
func (o outage) record(t *testing.T, r *rig, w *wire) {
	hum := outageHum(o.speak)
	var calls sync.WaitGroup
	for i := range o.calls {
		if i == o.calls/2 {
			time.Sleep(time.Second)
			w.set(o.fault)
		}
		k := r.begin(phone(fmt.Sprint("c", i)))
		calls.Go(func() {
			k.play(recorder.Caller, 0, hum)
			began := time.Now()
			if sum := k.finish(0); !sum.Complete || time.Since(began) > time.Second {
				t.Errorf("call %d misses %v, and ended in %v", i, sum.Missing, time.Since(began))
			}
		})
	}
	calls.Wait()
}

// startAgain has what was given up taken up by another start.
func (o outage) startAgain(t *testing.T, r *rig, options func(*recorder.SpoolOptions)) {
	for i := range o.calls {
		if err := r.stored[fmt.Sprintf("c%d t1", i)]; !errors.Is(err, store.ErrConflict) {
			t.Errorf("call %d: told %v", i, err)
		}
	}
	r.stop()
	r.open(options)
	if rec, err := r.spool.Recover(t.Context()); err != nil || rec != (recorder.Recovery{Complete: o.calls}) {
		t.Errorf("recovered %+v, %v", rec, err)
	}
	r.drain()
}

func outageHum(d time.Duration) []int16 { return media.Tone(8000, 300, d, -20) }

// check looks at what is in the store in the end.
func (o outage) check(t *testing.T, r *rig, w *wire, objects *store.Objects) {
	var want []string
	hum := outageHum(o.speak)
	for i := range o.calls {
		call := fmt.Sprint("c", i)
		want = append(want, wantOrder(call, int(o.speak/(10*time.Second))+1, false)...)
		if err, told := r.stored[call+" t1"]; !told || err != nil {
			t.Errorf("%s: told: %v, %v", call, told, err)
		}
		v, err := recorder.Verify(t.Context(), r.verifyOptionsIn(objects, store.ErrNotFound, call, "t1"))
		if err != nil || len(v.Faults) > 0 {
			t.Errorf("%s: %v, %v", call, v.Faults, err)
		}
		if left, _ := channels(t, phone(call), r.wav(call)); !slices.Equal(left, media.AppendPCM(nil, media.AppendULaw(nil, hum))) {
			t.Errorf("%s: %d samples, which are not the %d that were said", call, len(left), len(hum))
		}
	}
	slices.Sort(want)
	if keys := must[[]string](t)(objects.List(t.Context(), "")); !slices.Equal(keys, want) {
		t.Errorf("%d objects are stored, and not the %d that were made: %q", len(keys), len(want), keys)
	}
	if len(w.created) != len(want) {
		t.Errorf("the store has made %d objects of %d", len(w.created), len(want))
	}
	for key, n := range w.created {
		if n != 1 {
			t.Errorf("the store has made %s %d times", key, n)
		}
	}
	if len(r.spooled()) > 0 || r.spool.Bytes() != 0 || r.spool.Oldest() != 0 {
		t.Errorf("the spool still has %v", r.spooled())
	}
}
