package sim

import (
	"context"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/media"
)

// TestFleetMeasures runs calls against a gateway whose faults are known: it
// answers after 30 ms, speaks 15 ms after that, sends 200 ms ahead and then each frame on time, but for
// every 50th, which is 12 ms late.
func TestFleetMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(n int, r request) string {
			time.Sleep(30 * time.Millisecond)
			return once(n, r)
		}
		g := &gateway{answer: slow, talk: func(s *stream) {
			time.Sleep(15 * time.Millisecond)
			began := time.Now()
			go func() {
				for i := range 250 {
					late := time.Duration(0)
					if i%50 == 49 {
						late = 12 * time.Millisecond
					}
					due := began.Add(max(0, time.Duration(i-10)*20*time.Millisecond) + late)
					time.Sleep(time.Until(due))
					s.play(tone(20 * time.Millisecond))
				}
			}()
			for onset := 0; onset < 5; {
				f := s.until("media")
				if f.Event == "" {
					return
				}
				if !slices.Equal(f.audio(), silence[:]) {
					onset++
				}
			}
			time.Sleep(time.Millisecond)
			s.clear()
			s.until("")
		}}
		opts := startGateway(t, g)
		opts.DiscardHeard = true
		var mu sync.Mutex
		starts := map[int]time.Time{}
		seen, connect := 0, time.Duration(0)
		report := RunFleet(t.Context(), FleetOptions{
			Carrier: opts, Calls: 20, PerSecond: 5,
			Caller: func(ctx context.Context, n int, call *Call) error {
				mu.Lock()
				starts[n] = time.Now()
				mu.Unlock()
				if err := call.WaitUntil(ctx, 6*media.TickRate); err != nil {
					return err
				}
				spoken := call.Say(tone(time.Second))
				return spoken.Wait(ctx)
			},
			OnReport: func(_ int, r Report) {
				seen++
				connect = max(connect, r.Connect)
				if len(r.Heard) != 0 {
					t.Error("audio was kept")
				}
			},
		})
		if report.Err != nil || report.Calls != 20 || seen != 20 || report.Endings[EndHungUp] != 20 {
			t.Fatalf("%d calls, %v: %v", report.Calls, report.Endings, report.Err)
		}
		if report.Frames != 20*250 || report.Underruns != 0 || report.Faults != 0 {
			t.Errorf("%d frames, %d underruns, %d faults", report.Frames, report.Underruns, report.Faults)
		}
		check := func(name string, got, want time.Duration) {
			t.Helper()
			if d := got - want; d.Abs() > 250*time.Microsecond {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		check("connect", connect, 30*time.Millisecond)
		check("first audio", report.FirstAudio.Quantile(0.5), 15*time.Millisecond)
		check("late p50", report.Late.Quantile(0.5), 0)
		check("late p99", report.Late.Quantile(0.99), 12*time.Millisecond)
		check("late max", report.Late.Max(), 12*time.Millisecond)
		check("interval max", report.Interval.Max(), 12*time.Millisecond)
		check("clear", report.Clear.Quantile(0.5), 101*time.Millisecond)
		if took := starts[19].Sub(starts[0]); took < 3780*time.Millisecond || took > 3820*time.Millisecond {
			t.Errorf("20 calls at 5 a second were placed in %v", took)
		}
		phases := map[time.Duration]bool{}
		for _, at := range starts {
			phases[time.Duration(at.UnixNano())%(20*time.Millisecond)/time.Millisecond] = true
		}
		if len(phases) < 15 {
			t.Errorf("20 calls share %d of 20 phases", len(phases))
		}
	})
}

func TestFleetReportsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(int, request) string { return "<Nonsense/>" }}
		report := RunFleet(t.Context(), FleetOptions{Carrier: startGateway(t, g), Calls: 8})
		if report.Failed != 8 || report.Err == nil || strings.Count(report.Err.Error(), "12100") != maxFleetErrors {
			t.Errorf("%d failed: %v", report.Failed, report.Err)
		}
	})
}

func TestUnderrunsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: once, talk: func(s *stream) {
			go s.until("")
			s.play(tone(100 * time.Millisecond))
			time.Sleep(150 * time.Millisecond) // 50 ms too late
			s.play(tone(100 * time.Millisecond))
			time.Sleep(2 * time.Second) // another sentence
			s.play(tone(100 * time.Millisecond))
			time.Sleep(time.Second)
			s.conn.Close()
		}}
		report := finish(t, place(t, startGateway(t, g)))
		if report.Pacing.Underruns != 1 || report.Pacing.Frames != 3 {
			t.Errorf("%d underruns in %d frames, want 1 in 3", report.Pacing.Underruns, report.Pacing.Frames)
		}
	})
}

func TestDistribution(t *testing.T) {
	var d Distribution
	if d.Quantile(0.5) != 0 || d.Max() != 0 {
		t.Error("an empty distribution is not 0")
	}
	for i := range 100 {
		d.Add(time.Duration(100-i) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.01: 1, 0.5: 50, 0.95: 95, 0.99: 99, 0.999: 100, 1: 100} {
		if got := d.Quantile(q); got != want*time.Millisecond {
			t.Errorf("Quantile(%v) = %v, want %v ms", q, got, int(want))
		}
	}
	var other Distribution
	other.Add(time.Second)
	d.Merge(other)
	if d.Max() != time.Second || d.N() != 101 {
		t.Errorf("merged: %v", d.String())
	}
}

// BenchmarkFleet is the idle control of a load test: the callers alone, against a
// gateway that does nothing but send a frame each 20 ms on real sockets. What it
// prints is the error of the measuring itself.
func BenchmarkFleet(b *testing.B) {
	for _, calls := range []int{100, 200} {
		b.Run(strconv.Itoa(calls), func(b *testing.B) {
			server := httptest.NewServer(nil)
			defer server.Close()
			g := &gateway{base: server.URL, answer: relativeStream, talk: func(s *stream) {
				go s.until("")
				frame := tone(20 * time.Millisecond)
				for began, i := time.Now(), 0; time.Since(began) < 5*time.Second; i++ {
					time.Sleep(time.Until(began.Add(time.Duration(i-10) * 20 * time.Millisecond)))
					s.play(frame)
				}
				s.conn.Close()
			}}
			server.Config.Handler = g.handler(b)
			opts := CarrierOptions{BaseURL: server.URL, AuthToken: testToken, DiscardHeard: true}
			for b.Loop() {
				var before, after syscall.Rusage
				syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				began := time.Now()
				report := RunFleet(b.Context(), FleetOptions{Carrier: opts, Calls: calls, PerSecond: 100,
					Caller: func(ctx context.Context, _ int, call *Call) error {
						return call.WaitUntil(ctx, media.Tick(never))
					}})
				syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
				b.ReportMetric(float64(cpu)/float64(time.Since(began)), "cores")
				b.ReportMetric(float64(report.Late.Quantile(0.99))/1e6, "late-p99-ms")
				b.ReportMetric(float64(report.Interval.Quantile(0.99))/1e6, "interval-p99-ms")
				b.ReportMetric(float64(report.FirstAudio.Quantile(0.95))/1e6, "first-audio-p95-ms")
				b.ReportMetric(float64(report.Frames), "frames")
			}
		})
	}
}
