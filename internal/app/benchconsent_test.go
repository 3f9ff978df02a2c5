package app_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// askedByKey is a number of no place: its caller is asked to agree by a key.
const askedByKey = "+15005550000"

// BenchmarkConsentStorm has 500 callers in the stage of consent at once: each is
// asked for a key and says nothing until that counts as no. It prints how long
// they wait for the first word, from the carrier's request on, and how long their
// rows wait for the disk: alone, and beside one who writes 1 MiB after another
// there, with an fsync each.
func BenchmarkConsentStorm(b *testing.B) {
	const callers = 500
	for _, beside := range []bool{false, true} {
		name := "alone"
		if beside {
			name = "beside-bulk-writer"
		}
		b.Run(name, func(b *testing.B) {
			g := benchGateway(b, scripted(b))
			if beside {
				defer bulkWriter(b)()
			}
			cost := costs(b)
			m := g.callers(b, order{From: askedByKey, Calls: callers, PerSecond: 100, Seconds: 28})
			cpu, peak := cost()
			scrape := g.unbroken(b)
			b.ReportMetric(m.Prompt.P50, "prompt-p50-ms")
			b.ReportMetric(m.Prompt.P99, "prompt-p99-ms")
			b.ReportMetric(m.Control.P99, "control-p99-ms")
			b.ReportMetric(m.Idle.P99, "idle-p99-ms")
			const appended = `sidetone_ledger_append_seconds_bucket{result="ok",le="`
			b.ReportMetric(1000*quantile(b, scrape, appended, .5), "append-p50-ms")
			b.ReportMetric(1000*quantile(b, scrape, appended, .99), "append-p99-ms")
			b.ReportMetric(cpu.Seconds(), "cpu-s")
			b.ReportMetric(peak/callers, "MB/call")
			b.Logf("prompt %+v; first audio %+v; control %+v; %d frames, %d faults", m.Prompt, m.FirstAudio, m.Control, m.Frames, m.Faults)
			rows, cut := g.provenCalls(b), 0
			if len(rows) != callers {
				b.Errorf("rows of %d calls", len(rows))
			}
			for call, events := range rows {
				switch {
				case events == "undecided ended":
				case strings.HasSuffix(events, "abandoned"): // its carrier could not keep up
					cut++
				default:
					b.Errorf("call %s has the rows %q", call, events)
				}
			}
			b.ReportMetric(float64(cut), "cut-short")
		})
	}
}

// bulkWriter writes to the disk of the tests as a busy recorder does, and reports
// how much, until stop.
func bulkWriter(b *testing.B) (stop func()) {
	f, err := os.Create(filepath.Join(b.TempDir(), "bulk"))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	written, start := int64(0), time.Now()
	work.Go(func() {
		piece := bytes.Repeat([]byte("recorded"), 1<<17)
		for ; ctx.Err() == nil; written += int64(len(piece)) {
			_, err := f.WriteAt(piece, written%(256<<20))
			if err := errors.Join(err, f.Sync()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
		b.ReportMetric(float64(written)/1e6/time.Since(start).Seconds(), "bulk-MB/s")
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	}
}

// TestConsentStorm has many callers in the stage of consent at once who agree,
// refuse, say nothing, hang up and change their mind, and holds the rows of each.
func TestConsentStorm(t *testing.T) {
	const callers = 60
	g := benchGateway(t, scripted(t))
	token, err := authToken(g)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		keys string // each when the agent has finished
		stay time.Duration
		rows string
	}{
		{"", 30 * time.Second, "undecided ended"},
		{"1", 0, "granted ended"},
		{"2", 0, "refused ended"},
		{"", 1500 * time.Millisecond, "abandoned"},
		{"19", 0, "granted withdrawn ended"},
	}
	sids := make([]string, callers)
	f := sim.RunFleet(t.Context(), sim.FleetOptions{
		Carrier: sim.CarrierOptions{BaseURL: g.PublicURL(), AuthToken: token, From: askedByKey, DiscardHeard: true},
		Calls:   callers, PerSecond: callers,
		Caller: func(ctx context.Context, n int, c *sim.Call) error {
			kind := kinds[n%len(kinds)]
			for _, key := range kind.keys {
				if err := errors.Join(c.WaitAgent(ctx, 700*time.Millisecond), c.Press(string(key))); err != nil {
					return err
				}
			}
			if kind.stay == 0 {
				return c.WaitAgent(ctx, 700*time.Millisecond)
			}
			return c.WaitUntil(ctx, media.TicksIn(kind.stay))
		},
		OnReport: func(n int, r sim.Report) { sids[n] = r.CallSID },
	})
	if f.Failed > 0 || f.Faults > 0 {
		t.Fatalf("%d calls failed, %d faults: %v", f.Failed, f.Faults, f.Err)
	}
	g.unbroken(t)
	rows := g.provenCalls(t)
	if len(rows) != callers {
		t.Errorf("rows of %d calls", len(rows))
	}
	for n, sid := range sids {
		if want := kinds[n%len(kinds)].rows; rows[sid] != want {
			t.Errorf("call %d has the rows %q, want %q", n, rows[sid], want)
		}
	}
}

// unbroken returns the metrics and fails where something was let through that the
// rows do not permit.
func (g *gateway) unbroken(t testing.TB) (scrape string) {
	t.Helper()
	_, scrape = g.get(t, "/metrics")
	if !strings.Contains(scrape, "sidetone_invariant_violations_total{") {
		t.Error("violations are not counted")
	}
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "sidetone_invariant_violations_total{") && !strings.HasSuffix(line, " 0\n") {
			t.Error(line)
		}
	}
	return scrape
}

// provenCalls stops the gateway, checks its ledger, and returns the events of each
// call's rows by the carrier's id.
func (g *gateway) provenCalls(t testing.TB) map[string]string {
	t.Helper()
	r := g.records(t)
	evidence, err := app.OpenEvidence(t.Context(), g.config, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Verify(t.Context(), app.TrustOptions{}); errors.Join(err, evidence.Close()) != nil {
		t.Errorf("the ledger: %v", err)
	}
	calls, err := r.Calls(t.Context(), app.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, c := range calls {
		detail, err := r.Call(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		var events []string
		for _, p := range detail.Proof {
			events = append(events, p.Event)
		}
		rows[c.CarrierID] = strings.Join(events, " ")
	}
	return rows
}
