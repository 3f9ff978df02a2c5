package call_test

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
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
	"sidetone/media"
	"sidetone/transcribe"
)

// larynx is a worker of a voice on this machine, which says words of the tone language.
type larynx struct {
	sick *atomic.Bool
	way  *atomic.Int32
	late time.Duration // when sick, and dawdling
}

// How a voice is sick.
const (
	crashes int32 = iota // again and again
	hangs                // it does not come back
	stalls               // the same, when it has said the beginning of a sentence
	dawdles
)

func (larynx) Prepare() {}
func (larynx) Close()   {}
func (l larynx) Say(ctx context.Context, piece string) ([]int16, int, error) {
	if !l.sick.Load() || l.way.Load() == stalls && strings.HasPrefix(told, piece) {
		return l.tones(piece)
	}
	switch l.way.Load() {
	case dawdles:
		time.Sleep(l.late)
		return l.tones(piece)
	case crashes:
		return nil, 0, errors.New("the worker has ended")
	}
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (larynx) tones(piece string) ([]int16, int, error) {
	return sim.SayTones(16000, strings.ToLower(strings.Trim(piece, ". "))), 16000, nil
}

// builtIn is a voice of one worker.
type builtIn struct{ *tts.Workers }

func (builtIn) Name() string { return "built-in" }
func (builtIn) Local() bool  { return true }
func (v builtIn) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return v.Workers.Speak(ctx, text, rate)
}

// newLoneMouth is one voice on this machine, and no other.
func newLoneMouth(t *testing.T, late time.Duration) (m *mouths, way *atomic.Int32) {
	m, way = &mouths{main: &ailing{}, spare: &ailing{}, metrics: prometheus.NewPedanticRegistry()}, &atomic.Int32{}
	workers := tts.NewWorkers(tts.Cutter{Min: 5, First: 20, Max: 80}, 1, larynx{&m.main.sick, way, late})
	t.Cleanup(workers.Close)
	m.breaker = breaker.New(breaker.Options{Kind: breaker.TTS, Engine: "built-in", Metrics: breaker.NewMetrics(m.metrics)})
	m.voices = tts.NewVoices(tts.VoicesOptions{Covered: true}, tts.Voice{Speaker: builtIn{workers}, Breaker: m.breaker})
	return m, way
}

// TestLoneVoiceIsKilled is the failure drill of a built-in voice without another: in 50
// calls it goes when the caller was greeted. Each hears the prepared apology and is
// connected to somebody, and while it stays away it is left out.
func TestLoneVoiceIsKilled(t *testing.T) {
	const calls = 50
	bubble(t, func(t *testing.T) {
		m, way := newLoneMouth(t, 0)
		longest := time.Duration(0)
		for i := range calls {
			way.Store(int32(i % 3))
			d := m.drill(t, true)
			consoled(t, d)
			if way.Load() == stalls && !slices.ContainsFunc(d.turns, func(turn transcribe.Turn) bool { return strings.HasPrefix(turn.Text, "Alpha bravo") }) {
				t.Errorf("call %d: of the beginning of a sentence the transcript has nothing: %+v", i, d.turns)
			}
			filler := onset(d.report.Heard, 1800) - d.said.To.Duration()
			if way.Load() == hangs && (filler < 0 || filler > 2*time.Second) {
				t.Errorf("call %d: the filler came after %v", i, filler)
			}
			if way.Load() == crashes && d.silence() > 2*time.Second {
				t.Errorf("call %d: silence of %v after a crash", i, d.silence())
			}
			longest = max(longest, d.silence())
		}
		if longest > 4*time.Second {
			t.Errorf("the longest silence was %v", longest)
		}
		t.Logf("%d calls, none dropped; the longest silence was %v", calls, longest)
		way.Store(crashes)
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

// TestVoiceIsLate has a voice take about as long as it has before a filler is said: that
// is heard before the sentence, or not at all, and all of the sentence is heard.
func TestVoiceIsLate(t *testing.T) {
	fillers := 0
	const calls = 30
	for i := range calls {
		bubble(t, func(t *testing.T) {
			late := time.Duration(900+20*i) * time.Millisecond
			m, way := newLoneMouth(t, late)
			way.Store(dawdles)
			d := m.drill(t, false)
			rest := d.report.Heard[d.said.To.Sample(8000):]
			heard, _ := sim.HearTones(8000, rest)
			if want := strings.ToLower(strings.TrimSuffix(told, ".")); heard != want {
				t.Errorf("%v late: the caller heard %q", late, heard)
			}
			if filler := onset(rest, 1800); filler >= 0 {
				fillers++
				if longestSilence(rest[:media.TicksIn(filler).Sample(8000)]) < filler-20*time.Millisecond {
					t.Errorf("%v late: the filler came after %v, in the sentence", late, filler)
				}
			}
		})
	}
	if fillers < 3 || fillers > calls-3 {
		t.Errorf("a filler in %d of %d calls", fillers, calls)
	}
}

// TestGoodbyeIsLost holds that a call whose last sentence nobody can say ends with the
// prepared farewell, as it was to end.
func TestGoodbyeIsLost(t *testing.T) {
	for name, how := range map[string]int32{"crashes": crashes, "hangs": hangs} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, way := newLoneMouth(t, 0)
				way.Store(how)
				d := m.place(t, monologue{ends: true}, false)
				if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); d.result != want || d.report.Dialed != "" {
					t.Errorf("it ended %v, want %v; connected to %q", d.result, want, d.report.Dialed)
				}
				heard, _ := sim.HearTones(8000, d.report.Heard[d.said.To.Sample(8000):])
				farewell := onset(d.report.Heard, 2200) - d.said.To.Duration()
				if farewell < 0 || d.silence() > 4*time.Second || heard != "" || onset(d.report.Heard, 2000) >= 0 {
					t.Errorf("the farewell came after %v, the longest silence was %v, and %q was heard", farewell, d.silence(), heard)
				}
				if last := d.turns[len(d.turns)-1]; last.Text != "Goodbye." {
					t.Errorf("the transcript ends with %q", last.Text)
				}
			})
		})
	}
}

// consoled holds that a caller was told, twice, and connected to somebody.
func consoled(t *testing.T, d drilled) {
	t.Helper()
	if want := (call.Result{Outcome: call.Vendor, Reason: call.ReplyLost}); d.result != want || d.report.Dialed != "+14155550100" {
		t.Errorf("it ended %v, want %v; connected to %q", d.result, want, d.report.Dialed)
	}
	if onset(d.report.Heard, 2000) < 0 || onset(d.report.Heard, 2200) < cmp.Or(d.again, d.said).To.Duration() {
		t.Error("nobody heard the apology, or the farewell")
	}
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
