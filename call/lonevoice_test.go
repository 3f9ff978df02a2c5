package call_test

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/call"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/breaker"
	"sidetone/internal/sim"
)

// larynx is a worker of a voice on this machine, which says words of the tone language.
type larynx struct {
	sick *atomic.Bool
	hung *atomic.Bool // how: it does not come back, else it crashes again and again
}

func (larynx) Prepare() {}
func (larynx) Close()   {}
func (l larynx) Say(ctx context.Context, piece string) ([]int16, int, error) {
	if !l.sick.Load() {
		return sim.SayTones(16000, strings.ToLower(strings.Trim(piece, ". "))), 16000, nil
	}
	if l.hung.Load() {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return nil, 0, errors.New("the worker has ended")
}

// builtIn is a voice of one worker.
type builtIn struct{ *tts.Workers }

func (builtIn) Name() string { return "built-in" }
func (builtIn) Local() bool  { return true }
func (v builtIn) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return v.Workers.Speak(ctx, text, rate)
}

// newLoneMouth is one voice on this machine, and no other.
func newLoneMouth(t *testing.T) (m *mouths, hung *atomic.Bool) {
	m, hung = &mouths{main: &ailing{}, spare: &ailing{}, metrics: prometheus.NewPedanticRegistry()}, &atomic.Bool{}
	workers := tts.NewWorkers(tts.Cutter{Min: 5, First: 80, Max: 80}, 1, larynx{&m.main.sick, hung})
	t.Cleanup(workers.Close)
	m.breaker = breaker.New(breaker.Options{Kind: breaker.TTS, Engine: "built-in", Metrics: breaker.NewMetrics(m.metrics)})
	m.voices = tts.NewVoices(tts.VoicesOptions{}, tts.Voice{Speaker: builtIn{workers}, Breaker: m.breaker})
	return m, hung
}

// TestLoneVoiceIsKilled is the failure drill of a built-in voice without another: in 50
// calls it goes when the caller was greeted. Each hears the prepared apology and is
// connected to somebody, and while it stays away it is left out.
func TestLoneVoiceIsKilled(t *testing.T) {
	const calls = 50
	bubble(t, func(t *testing.T) {
		m, hung := newLoneMouth(t)
		longest := time.Duration(0)
		for i := range calls {
			hung.Store(i%2 == 1)
			d := m.drill(t, true)
			silence := max(consoled(t, d), onset(d.report.Heard, 2000)-d.said.To.Duration())
			if !hung.Load() && silence > 2*time.Second {
				t.Errorf("call %d: silence of %v after a crash", i, silence)
			}
			longest = max(longest, silence)
		}
		if longest > 6*time.Second {
			t.Errorf("the longest silence was %v", longest)
		}
		t.Logf("%d calls, none dropped; the longest silence was %v", calls, longest)
		hung.Store(false)
		for range 2 { // it stays away: the greetings are lost too
			m.main.sick.Store(true)
			consoled(t, m.place(t, monologue{}, false))
		}
		m.gauge(t, breaker.Open)
		time.Sleep(breaker.OpenAtLast)
		m.drill(t, false)
		m.gauge(t, breaker.Closed)
	})
}

// TestGoodbyeIsLost holds that a call whose last sentence nobody can say ends with the
// prepared farewell, as it was to end.
func TestGoodbyeIsLost(t *testing.T) {
	for name, hangs := range map[string]bool{"crashed": false, "hung": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, hung := newLoneMouth(t)
				hung.Store(hangs)
				d := m.place(t, monologue{ends: true}, false)
				if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); d.result != want || d.report.Dialed != "" {
					t.Errorf("it ended %v, want %v; connected to %q", d.result, want, d.report.Dialed)
				}
				heard, _ := sim.HearTones(8000, d.report.Heard[d.said.To.Sample(8000):])
				farewell := onset(d.report.Heard, 2200) - d.said.To.Duration()
				if farewell < 0 || farewell > 6*time.Second || heard != "" || onset(d.report.Heard, 2000) >= 0 {
					t.Errorf("the farewell came after %v, and %q was heard", farewell, heard)
				}
				if last := d.turns[len(d.turns)-1]; last.Text != "Goodbye." {
					t.Errorf("the transcript ends with %q", last.Text)
				}
			})
		})
	}
}

// consoled holds that a caller was told, twice, and connected to somebody. It returns how
// long they waited for the second.
func consoled(t *testing.T, d drilled) time.Duration {
	t.Helper()
	if want := (call.Result{Outcome: call.Vendor, Reason: call.ReplyLost}); d.result != want || d.report.Dialed != "+14155550100" {
		t.Errorf("it ended %v, want %v; connected to %q", d.result, want, d.report.Dialed)
	}
	farewell := onset(d.report.Heard, 2200) - cmp.Or(d.again, d.said).To.Duration()
	if onset(d.report.Heard, 2000) < 0 || farewell < 0 {
		t.Error("nobody heard the apology, or the farewell")
	}
	return farewell
}

// gauge holds what the metrics say of the voice.
func (m *mouths) gauge(t *testing.T, want breaker.State) {
	t.Helper()
	families, err := m.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sidetone_engine_breaker_state" {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != float64(want) {
				t.Errorf("the breaker is %v, want %d", got, want)
			}
		}
	}
	if n, err := testutil.GatherAndCount(m.metrics, "sidetone_engine_breaker_state"); err != nil || n != 1 {
		t.Errorf("%d breakers, %v", n, err)
	}
}

var _ dialog.Speaker = builtIn{}
