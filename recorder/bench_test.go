package recorder

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sidetone/consent/gatetest"
	"sidetone/media"
	"sidetone/seal"
)

// TestMain keeps the files of tests in memory, where there is a file system for
// it; those of benchmarks lie on the disk.
func TestMain(m *testing.M) {
	flag.Parse()
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); err == nil && flag.Lookup("test.bench").Value.String() == "" {
		os.Setenv("TMPDIR", memory)
	}
	os.Exit(m.Run())
}

// nowhere is an object store that keeps nothing and confirms everything.
type nowhere struct{}

func (nowhere) Put(context.Context, string, []byte, [32]byte) error { return nil }
func (nowhere) Head(context.Context, string) (int64, [32]byte, error) {
	return 0, [32]byte{}, context.Canceled
}

// benchSpool is a spool without a Run: the benchmark does what it would.
func benchSpool(tb testing.TB) (*Spool, func(call string) *Recorder) {
	tb.Helper()
	dir := tb.TempDir()
	node, err := seal.OpenNode(filepath.Join(dir, "node"))
	if err != nil {
		tb.Fatal(err)
	}
	keyring, err := seal.OpenKeyring(filepath.Join(dir, "keys"))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := OpenSpool(SpoolOptions{Dir: filepath.Join(dir, "spool"), Node: node, Put: nowhere{},
		Sync: func(*os.File) error { return nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s, func(call string) *Recorder {
		if err := s.syncNow(); err != nil {
			tb.Fatal(err)
		}
		keys, err := seal.NewTakeKeys(tb.Context(), keyring)
		if err != nil {
			tb.Fatal(err)
		}
		r, err := s.Begin(TakeOptions{Call: call, Take: "t1", Rate: 8000, Coding: media.MuLaw, Keys: keys, Started: time.Now()})
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}
}

// feed hands over frame n of both tracks, and flushes as often as Run would.
func feed(r *Recorder, n int, pcm []int16) {
	gate := benchGate
	a, _ := gate.Record(media.Frame{At: media.Tick(n) * media.FrameTicks, PCM: pcm})
	r.Write(Caller, a)
	r.Write(Agent, a)
	if n%int(flushEvery/media.FrameDuration) == 0 {
		r.flush()
	}
}

var benchGate = gatetest.Open()

// TestWriteDoesNotAllocate holds the path from Write to the spool file to no
// allocation, but for the files of new segments.
func TestWriteDoesNotAllocate(t *testing.T) {
	_, begin := benchSpool(t)
	r, pcm, n := begin("c"), media.Tone(8000, 300, media.FrameDuration, -20), 0
	for ; n < 30; n++ {
		feed(r, n, pcm)
	}
	if a := testing.AllocsPerRun(300, func() { feed(r, n, pcm); n++ }); a > 0 {
		t.Errorf("%v allocations a pair of frames", a)
	}
	r.closeFiles()
}

// BenchmarkCall records a phone call: an operation is 20 ms of both tracks, from
// Write to the spool file, and each 10 s the sealing of a segment.
func BenchmarkCall(b *testing.B) {
	_, begin := benchSpool(b)
	r, pcm, n := begin("c"), media.Tone(8000, 300, media.FrameDuration, -20), 0
	var w sealer
	var sealing time.Duration
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		if n >= int(longest/media.FrameDuration)-1 {
			b.Fatal("longer than the longest recording")
		}
		feed(r, n, pcm)
		n++
		_, end := r.take.span(r.next)
		if r.edge-r.take.samples(trail) < end {
			continue
		}
		started := time.Now()
		j := r.job(end)
		r.handedOver(j)
		if err := r.settle(w.seal(j)); err != nil {
			b.Fatal(err)
		}
		sealing += time.Since(started)
	}
	cpu = cpuTime(b) - cpu
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(cpu)/float64(b.N)/float64(media.FrameDuration)*100, "%core/call")
	b.ReportMetric(float64(sealing)/float64(max(len(r.take.segments), 1))/1e6, "ms/segment")
	r.closeFiles()
}

// cpuTime is the processor time of this process so far: a benchmark that waits
// for the disk is not busy.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMemory reports the heap of a recorded call in the 25th second.
func BenchmarkMemory(b *testing.B) {
	_, begin := benchSpool(b)
	pcm, calls := media.Tone(8000, 300, media.FrameDuration, -20), 0
	var all []*Recorder
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		r := begin(fmt.Sprint("c", calls))
		for n := range 24 * 50 {
			feed(r, n, pcm)
		}
		all = append(all, r)
		calls++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(calls), "heap-B/call")
	for _, r := range all {
		r.closeFiles()
	}
}

// BenchmarkSnippet makes snippets of ten seconds out of spool files that are held,
// with a segment's border in each.
func BenchmarkSnippet(b *testing.B) {
	_, begin := benchSpool(b)
	r, pcm := begin("c"), media.Tone(8000, 300, media.FrameDuration, -20)
	r.take.clips = true
	for n := range 26 * 50 {
		feed(r, n, pcm)
	}
	r.flush()
	var w sealer
	for range 2 {
		_, end := r.take.span(r.next)
		j := r.job(end)
		r.handedOver(j)
		if err := r.settle(w.do(j)); err != nil {
			b.Fatal(err)
		}
	}
	want := wish{ID: snippetID(1), Kind: "turn", From: 5 * sec, To: 15 * sec}
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		if res := w.do(sealJob{take: r.take, wish: &want}); res.err != nil || res.snippet.ID == "" {
			b.Fatal(res.err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(cap(w.file)+cap(w.plain)+cap(w.sealed)), "sealer-B")
	r.closeFiles()
}
