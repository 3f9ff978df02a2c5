package recorder_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// BenchmarkSpools records phone calls as they are spoken, on one spool, with the
// built-in store in the same process: 16 begin each second; 35 s later they are
// sealed and stored as fast as they are recorded, and for half a minute is counted
// what all of it costs.
func BenchmarkSpools(b *testing.B) {
	for _, calls := range []int{100, 1000} {
		b.Run(fmt.Sprint(calls), func(b *testing.B) {
			for range b.N {
				benchSpools(b, calls)
			}
		})
	}
}

// spools is calls that are recorded at once.
type spools struct {
	*rig
	b       *testing.B
	pcm     [8][]int16
	calls   []*recorder.Recorder
	gate    *consent.Gate
	queued  int       // frames: the most that a recorder had waiting
	control []float64 // how late the ticks of the carrier were, in milliseconds
	began   time.Time
	n       int // frames so far
}

func benchSpools(b *testing.B, calls int) {
	s := &spools{b: b, gate: gatetest.Open(), began: time.Now()}
	for i := range s.pcm {
		s.pcm[i] = media.Tone(8000, float64(300+100*i), media.FrameDuration, -20)
	}
	objects := newBuiltin(b)
	s.rig = newRig(b, func(o *recorder.SpoolOptions) {
		o.Put, o.Conflict, o.Sync, o.Sealers = objects, store.ErrConflict, nil, 0
	})
	empty := heap()
	for len(s.calls) < calls { // a minute for a thousand
		s.begin()
		s.speak(60 * time.Millisecond)
	}
	s.speak(35 * time.Second)
	s.queued, s.control = 0, nil
	cpu, began := processorTime(b), time.Now()
	s.speak(30 * time.Second)
	cpu, took := processorTime(b)-cpu, time.Since(began)
	full := heap()
	b.ReportMetric(float64(cpu)/float64(took)/float64(calls)*100, "%core/call")
	b.ReportMetric(float64(full-empty)/float64(calls), "heap-B/call")
	b.ReportMetric(float64(s.queued)*10, "ms-queued-max") // of two sides
	slices.Sort(s.control)
	b.ReportMetric(s.control[len(s.control)*99/100], "ms-control-p99")
	b.ReportMetric(float64(s.spool.Bytes())/float64(calls), "spool-B/call")
	b.ReportMetric(s.spool.Oldest().Seconds(), "s-oldest-upload")
	b.ReportMetric(0, "ns/op")
	incomplete := 0
	for _, rec := range s.calls {
		if sum, err := rec.Finish(context.Background(), recorder.Ending{}); err != nil || !sum.Complete {
			incomplete++
		}
	}
	b.ReportMetric(float64(incomplete), "incomplete")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := s.spool.Drain(ctx); err != nil {
		b.Fatal(err)
	}
}

// begin begins a call.
func (s *spools) begin() {
	o := phone(fmt.Sprint("c", len(s.calls)))
	o.Origin = media.Tick(s.n) * media.FrameTicks
	o.Keys = must[seal.TakeKeys](s.b)(seal.NewTakeKeys(s.b.Context(), s.keys))
	rec := must[*recorder.Recorder](s.b)(s.spool.Begin(o))
	go rec.Run(s.ctx)
	s.calls = append(s.calls, rec)
}

// speak has all calls say something on both sides for a while.
func (s *spools) speak(d time.Duration) {
	tick := time.NewTicker(media.FrameDuration)
	defer tick.Stop()
	for end, last := time.Now().Add(d), time.Now(); last.Before(end); {
		<-tick.C
		s.control = append(s.control, milliseconds(max(0, time.Since(last)-media.FrameDuration)))
		last = time.Now()
		for ; s.n < int(time.Since(s.began)/media.FrameDuration); s.n++ {
			s.frame()
		}
	}
}

// frame hands over the next frame of all calls.
func (s *spools) frame() {
	at := media.Tick(s.n) * media.FrameTicks
	for i, rec := range s.calls {
		s.queued = max(s.queued, rec.Queued())
		a, _ := s.gate.Record(media.Frame{At: at, PCM: s.pcm[(s.n+i)%len(s.pcm)]})
		rec.Write(recorder.Caller, a)
		rec.Write(recorder.Agent, a)
	}
}

// newBuiltin starts a built-in store.
func newBuiltin(t testing.TB) *store.Objects {
	t.Helper()
	s := must[*store.Builtin](t)(store.StartBuiltin(t.Context(), store.BuiltinOptions{Dir: t.TempDir()}))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return must[*store.Objects](t)(store.OpenS3(t.Context(), s.S3("sidetone")))
}

// heap is what is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// processorTime is the time that this process has had of processors.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
