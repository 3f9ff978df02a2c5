package call_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/dialog/llm/anthropic"
	"sidetone/dialog/llm/openai"
	"sidetone/internal/breaker"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// models are two language models behind real HTTP streams, in the bubble of a
// test.
type models struct {
	engines *llm.Engines
	metrics *prometheus.Registry
	main    atomic.Pointer[sim.ChatReply] // what the first answers
	spare   atomic.Pointer[sim.ChatReply]
}

func newModels(t *testing.T) *models {
	m := &models{metrics: prometheus.NewPedanticRegistry()}
	serve := func(reply *atomic.Pointer[sim.ChatReply]) *http.Client {
		ln := sim.NewPipeListener()
		server := &http.Server{Handler: sim.NewChatServer(sim.ChatOptions{Reply: func(sim.ChatRequest) sim.ChatReply { return *reply.Load() }})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		transport := &http.Transport{DialContext: ln.DialContext}
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			server.Close()
			<-served
		})
		return &http.Client{Transport: transport}
	}
	first, err := openai.New(openai.Options{BaseURL: "http://main/v1", Model: "m", HTTP: serve(&m.main)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := anthropic.New(anthropic.Options{BaseURL: "http://spare", Model: "m", HTTP: serve(&m.spare)})
	if err != nil {
		t.Fatal(err)
	}
	m.engines = llm.NewEngines(llm.EnginesOptions{Breakers: breaker.NewMetrics(m.metrics)}, llm.Engine{Name: "main", Chat: first}, llm.Engine{Name: "spare", Chat: second})
	return m
}

// breaker is the state of the first engine's breaker, as metrics tell it.
func (m *models) breaker(t *testing.T) breaker.State {
	t.Helper()
	families, err := m.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, series := range f.GetMetric() {
			if f.GetName() == "sidetone_engine_breaker_state" && series.GetLabel()[0].GetValue() == "main" {
				return breaker.State(series.GetGauge().GetValue())
			}
		}
	}
	t.Fatal("no breaker is counted")
	return 0
}

// drilled is what came of a call.
type drilled struct {
	report sim.Report
	result call.Result
	said   *sim.Spoken
	again  *sim.Spoken // where the caller says it again
	turns  []transcribe.Turn
}

// drill places a call in which the caller says one thing.
func (m *models) drill(t *testing.T, way string) drilled {
	t.Helper()
	replier := llm.New(llm.Options{Engines: m.engines, Agent: &dialog.Agent{Language: "en", LLM: &dialog.LLM{Prompt: "You are a tone.", Greeting: "440Hz"}}})
	g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 120 * time.Millisecond},
		engine: &engine{wait: 150 * time.Millisecond}, replier: replier, set: func(s *dialog.Settings) {
			s.Wait.Filler, s.Apology, s.Farewell, s.WayOut = "1000Hz", "1100Hz", "1300Hz", way
		}})
	c := g.dial()
	if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil { // the announcement
		t.Fatal(err)
	}
	if err := c.WaitAgent(t.Context(), 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	d := drilled{said: c.Say(media.Tone(8000, 1200, time.Second, -10))}
	d.report, d.result = g.end(c)
	d.turns = g.recording().turns
	return d
}

// silence is the longest silence in which the caller waits for the agent: from the end
// of their words to the end of the call, or to the apology and then from the end of what
// they said after it.
func (d drilled) silence() time.Duration {
	heard := d.report.Heard
	if d.again == nil {
		return longestSilence(heard[d.said.To.Sample(8000):])
	}
	apology := media.TicksIn(max(0, onset(heard, 2000)))
	return max(longestSilence(heard[d.said.To.Sample(8000):apology.Sample(8000)]), longestSilence(heard[d.again.To.Sample(8000):]))
}

func longestSilence(pcm []int16) time.Duration {
	longest, run := 0, 0
	for _, s := range pcm {
		if run++; s > 100 || s < -100 {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * time.Second / 8000
}

var (
	answer = sim.ChatReply{Text: "500Hz. 600Hz.", FirstToken: 250 * time.Millisecond, ToolCalls: []sim.ChatToolCall{{ID: "1", Name: "end_call", Arguments: "{}"}}}
	// killed is how the first engine goes, each time in another way.
	killed = []sim.ChatReply{
		{Silent: true}, {Text: "500Hz.", CutAfter: 1, CutInEvent: true}, {Text: "1500Hz and", StallAfter: 1}, {Status: 500}, {Status: 429, RetryAfter: 5 * time.Second},
		{Text: "1500Hz and", GarbageAfter: 1}, {Text: "1500Hz and", ErrorAfter: 1}, {Text: "1500Hz and", CutAfter: 2},
	}
)

// TestLanguageModelIsKilled is the failure drill: in 50 calls the language model goes
// in the middle of a turn, and another one takes the call over.
func TestLanguageModelIsKilled(t *testing.T) {
	const calls = 50
	bubble(t, func(t *testing.T) {
		m := newModels(t)
		m.spare.Store(&answer)
		longest := time.Duration(0)
		opened := false
		for i := range calls {
			m.main.Store(&killed[i%len(killed)])
			d := m.drill(t, "")
			if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); d.result != want {
				t.Errorf("call %d, %+v: it ended %v, want %v", i, killed[i%len(killed)], d.result, want)
			}
			if onset(d.report.Heard, 500) < 0 || onset(d.report.Heard, 600) < 0 {
				t.Errorf("call %d, %+v: the answer was not heard", i, killed[i%len(killed)])
			}
			if last := d.turns[len(d.turns)-1].Text; !strings.HasSuffix(last, "500Hz. 600Hz.") {
				t.Errorf("call %d: the transcript ends %q", i, last)
			}
			longest = max(longest, d.silence())
			opened = opened || m.breaker(t) == breaker.Open
			if i%10 == 9 {
				time.Sleep(2 * time.Minute) // it is tried again
			}
		}
		if longest > 4*time.Second {
			t.Errorf("the longest silence was %v", longest)
		}
		t.Logf("%d calls, none dropped; the longest silence was %v", calls, longest)
		if !opened {
			t.Error("the breaker never opened")
		}
		m.main.Store(&answer)
		time.Sleep(5 * time.Minute)
		m.drill(t, "")
		if s := m.breaker(t); s != breaker.Closed {
			t.Errorf("the breaker is %d after the engine was back", s)
		}
		if n, err := testutil.GatherAndCount(m.metrics, "sidetone_engine_takeovers_total"); err != nil || n == 0 {
			t.Errorf("no takeover is counted, %v", err)
		}
	})
}

// TestEveryLanguageModelIsKilled holds that a caller whose engines have all gone hears
// why, and is connected to somebody.
func TestEveryLanguageModelIsKilled(t *testing.T) {
	for name, dead := range map[string]sim.ChatReply{"silent": {Silent: true}, "refusing": {Status: 503}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newModels(t)
				m.main.Store(&dead)
				m.spare.Store(&dead)
				d := m.drill(t, "+14155550100")
				if want := (call.Result{Outcome: call.Vendor, Reason: call.ReplyLost}); d.result != want {
					t.Errorf("it ended %v, want %v", d.result, want)
				}
				apology := onset(d.report.Heard, 1100) - d.said.To.Duration()
				if apology < 0 || apology > 7*time.Second {
					t.Errorf("the apology came after %v", apology)
				}
				if filler := onset(d.report.Heard, 1000) - d.said.To.Duration(); name == "silent" && (filler < 0 || filler > 2200*time.Millisecond) {
					t.Errorf("the filler came after %v", filler)
				}
				if onset(d.report.Heard, 1300) < 0 || d.report.Dialed != "+14155550100" {
					t.Errorf("no way out: connected to %q", d.report.Dialed)
				}
			})
		})
	}
}
