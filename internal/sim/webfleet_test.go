package sim

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidetone/media"
)

// TestWebFleetMeasures runs callers who only measure.
func TestWebFleetMeasures(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	const calls = 5
	served := make(chan *webAgent, calls)
	go func() {
		for range calls {
			a := <-agents
			a.play(t, wideTone(440, time.Second))
			served <- a
		}
	}()
	clip, err := NewWebClip(Opus, wideTone(1000, 200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	seen, least := 0, 0
	report := RunWebFleet(t.Context(), WebFleetOptions{
		Browser: opts, Clip: clip, Calls: calls, PerSecond: 4,
		Caller: func(ctx context.Context, _ int, call *WebCall) error {
			return call.WaitUntil(ctx, media.TicksIn(1300*time.Millisecond))
		},
		OnReport: func(_ int, r WebReport) {
			seen++
			least += r.Pacing.Packets - (1+spurtTail)*r.Pacing.Spurts - r.Pacing.Reordered
			if len(r.Heard) != 0 || r.Pacing.FirstAudio < 0 || r.Sent < 60 || r.Pacing.Late.N() == 0 {
				t.Errorf("%d samples kept, %d packets sent, of the agent %+v", len(r.Heard), r.Sent, r.Pacing)
			}
		},
	})
	if report.Err != nil || report.Calls != calls || seen != calls || report.Endings[EndHungUp] != calls || report.Faults != 0 {
		t.Fatalf("%v: %v", report, report.Err)
	}
	// 50 of sound and 3 of silence each. The first packet of a spurt and its last
	// three are not measured; a machine that stalls makes two spurts of one.
	if report.Packets < 50*calls || report.Lost != 0 || report.Late.N() < least || report.Late.N() > 49*calls || report.Connect.N() != calls {
		t.Errorf("%v", report)
	}
	for range calls {
		a := <-served
		<-a.ended
		if share := clearFrames(a.heard[wideRate/2:wideRate], 1000, -12); share < 0.9 {
			t.Errorf("%.0f %% of a caller's frames hold their tone", 100*share)
		}
	}
}

func TestWebFleetReportsFailures(t *testing.T) {
	t.Parallel()
	opts, _ := startWebGateway(t)
	opts.Mint, opts.Token = nil, "forged"
	report := RunWebFleet(t.Context(), WebFleetOptions{Browser: opts, Calls: 8})
	if report.Failed != 8 || report.Err == nil || strings.Count(report.Err.Error(), "401") != maxFleetErrors {
		t.Errorf("%d failed: %v", report.Failed, report.Err)
	}
	opts.Relay = &RelayOptions{}
	if report = RunWebFleet(t.Context(), WebFleetOptions{Browser: opts, Calls: 1}); report.Err == nil || report.Calls != 0 {
		t.Errorf("a fleet behind a relay: %v", report)
	}
}

// BenchmarkWebFleet runs callers against legs that say a tone and do nothing
// else, in the same process: what the transport alone costs, both of its sides.
func BenchmarkWebFleet(b *testing.B) {
	for _, calls := range []int{50, 100} {
		b.Run(strconv.Itoa(calls), func(b *testing.B) {
			opts, agents := startWebGateway(b)
			go func() {
				for a := range agents {
					go a.drone(wideTone(440, time.Second))
				}
			}()
			people, err := LibriVox()
			if err != nil {
				b.Fatal(err)
			}
			clip, err := NewWebClip(Opus, people[0].Wide)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var before, after syscall.Rusage
				syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				began := time.Now()
				report := RunWebFleet(b.Context(), WebFleetOptions{Browser: opts, Clip: clip, Calls: calls, PerSecond: 25,
					Caller: func(ctx context.Context, n int, call *WebCall) error {
						left := time.Duration(calls-n) * time.Second / 25
						return call.WaitUntil(ctx, media.TicksIn(left+5*time.Second))
					}})
				syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				if report.Err != nil {
					b.Fatal(report.Err)
				}
				cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
				b.ReportMetric(float64(cpu)/float64(time.Since(began)), "cores")
				b.ReportMetric(float64(cpu.Microseconds())/float64(report.Packets), "cpu-us/pair")
				b.ReportMetric(float64(report.Late.Quantile(0.99))/1e6, "late-p99-ms")
				b.ReportMetric(float64(report.FirstAudio.Quantile(0.95))/1e6, "first-audio-p95-ms")
				b.ReportMetric(float64(report.Connect.Quantile(0.95))/1e6, "connect-p95-ms")
			}
		})
	}
}

// drone sends a second of sound over and over, a second ahead, until the leg ends.
func (a *webAgent) drone(second []int16) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for from := 0; from < len(second); from += wideFrame {
			if a.Send(media.Frame{PCM: second[from : from+wideFrame]}) != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-a.ended:
			return
		}
	}
}
