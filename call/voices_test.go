package call_test

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/deepgram"
	"sidetone/dialog/tts/openai"
	"sidetone/dialog/tts/remote"
	"sidetone/internal/breaker"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// mouths are two voices behind real requests, in the bubble of a test. Each works
// until it is made ill.
type mouths struct {
	voices      *tts.Voices
	main, spare *ailing
	metrics     *prometheus.Registry
	breaker     *breaker.Breaker // of the first
}

// ailing is a vendor's stand-in that can be made ill.
type ailing struct {
	well, ill http.Handler
	sick      atomic.Bool
}

func (p *ailing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.sick.Load() {
		p.ill.ServeHTTP(w, r)
		return
	}
	p.well.ServeHTTP(w, r)
}

func newMouths(t *testing.T) *mouths {
	speech := func() *sim.SpeechAPI {
		return &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: "key", Latency: 120 * time.Millisecond}}
	}
	aura := func() *sim.Aura {
		return &sim.Aura{Synthesiser: sim.Synthesiser{Key: "key", Latency: 120 * time.Millisecond}}
	}
	m := &mouths{main: &ailing{well: speech(), ill: speech()}, spare: &ailing{well: aura(), ill: aura()}, metrics: prometheus.NewPedanticRegistry()}
	first := openai.New(openai.Options{URL: "http://main/v1", Key: "key", Remote: remote.Options{DialContext: reach(t, m.main).DialContext}})
	second := deepgram.New(deepgram.Options{URL: "http://spare", Key: "key", Remote: remote.Options{DialContext: reach(t, m.spare).DialContext}})
	t.Cleanup(func() { first.Close(); second.Close() })
	counted := breaker.NewMetrics(m.metrics)
	voice := func(s dialog.Speaker) tts.Voice {
		return tts.Voice{Speaker: s, Breaker: breaker.New(breaker.Options{Kind: breaker.TTS, Engine: s.Name(), Metrics: counted})}
	}
	one := voice(first)
	m.breaker, m.voices = one.Breaker, tts.NewVoices(tts.VoicesOptions{}, one, voice(second))
	return m
}

// What the agent says, in the tone language.
const (
	greeting = "Golf hotel india."
	told     = "Alpha bravo charlie delta echo foxtrot golf hotel."
)

// monologue greets, and says one sentence in answer; then it hangs up, if it does.
type monologue struct{ ends bool }

func (m monologue) Reply(_ context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		if in.Kind == dialog.Opening {
			yield(dialog.Part{Sentence: greeting}, nil)
			return
		}
		yield(dialog.Part{Sentence: told, End: m.ends}, nil)
	}
}

// drill places a call whose voices go when the caller has been greeted.
func (m *mouths) drill(t *testing.T, both bool) drilled {
	t.Helper()
	m.main.sick.Store(false)
	m.spare.sick.Store(false)
	return m.place(t, monologue{!both}, both)
}

// place has a caller speak once or twice when they were greeted, and the first voice go
// then, or both, if they have not gone before.
func (m *mouths) place(t *testing.T, agent monologue, both bool) drilled {
	t.Helper()
	own := map[string]media.Audio{}
	for text, hz := range map[string]float64{"A moment.": 1800, "Sorry.": 2000, "Goodbye.": 2200} {
		own[text] = media.Audio{Rate: 8000, PCM: media.Tone(8000, hz, time.Second, -12)}
	}
	g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: m.voices.ForCall(tts.Prepared{Sentences: own}), engine: &engine{wait: 150 * time.Millisecond}, replier: agent,
		set: func(s *dialog.Settings) {
			s.Wait.Filler, s.Apology, s.Farewell, s.WayOut = "A moment.", "Sorry.", "Goodbye.", "+14155550100"
		}})
	c := g.dial()
	if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil { // the announcement
		t.Fatal(err)
	}
	if err := c.WaitAgent(t.Context(), 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	m.main.sick.Store(true)
	m.spare.sick.Store(both)
	d := drilled{said: c.Say(media.Tone(8000, 1200, time.Second, -10))}
	if both {
		if err := c.WaitAgent(t.Context(), 3500*time.Millisecond); err != nil { // the apology, and no filler before it
			t.Fatal(err)
		}
		d.again = c.Say(media.Tone(8000, 1200, time.Second, -10))
	}
	d.report, d.result = g.end(c)
	d.turns = g.recording().turns
	return d
}

// TestVoiceIsKilled is the failure drill: in 50 calls the voice goes in the middle of
// a turn, and another one says the rest.
func TestVoiceIsKilled(t *testing.T) {
	const calls = 50
	ways := []sim.SynthesiserFaults{
		{CutAfter: 600 * time.Millisecond}, {HalfOpen: 900 * time.Millisecond}, {Deaf: true}, {Status: 500}, {CutAfter: 1300 * time.Millisecond},
		{HalfOpen: 300 * time.Millisecond}, {Connect: time.Hour}, {Status: 429, RetryAfter: 5 * time.Second}, {Empty: true}, {Status: 401},
	}
	bubble(t, func(t *testing.T) {
		m := newMouths(t)
		longest, opened, twice := time.Duration(0), false, 0
		for i := range calls {
			way := ways[i%len(ways)]
			m.main.ill = &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: "key", Latency: 120 * time.Millisecond, Faults: way}}
			d := m.drill(t, false)
			if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); d.result != want {
				t.Errorf("call %d, %+v: it ended %v, want %v", i, way, d.result, want)
			}
			heard, _ := sim.HearTones(8000, d.report.Heard[d.said.To.Sample(8000):])
			n, whole := repeated(strings.ToLower(strings.TrimSuffix(told, ".")), heard)
			if !whole || n > 2 {
				t.Errorf("call %d, %+v: the caller heard %q", i, way, heard)
			}
			twice = max(twice, n)
			last := d.turns[len(d.turns)-1]
			if last.Speaker != transcribe.Agent || !strings.HasSuffix(last.Text, told) || last.Engine != "deepgram" {
				t.Errorf("call %d, %+v: the transcript ends %q by %s", i, way, last.Text, last.Engine)
			}
			longest = max(longest, d.silence())
			opened = opened || m.breaker.State() == breaker.Open
			if i%10 == 9 {
				time.Sleep(2 * time.Minute) // it is tried again
			}
		}
		if longest > 4*time.Second || !opened {
			t.Errorf("the longest silence was %v; the breaker opened: %v", longest, opened)
		}
		t.Logf("%d calls, none dropped; the longest silence was %v; at most %d words came twice", calls, longest, twice)
		m.main.ill = m.main.well
		time.Sleep(5 * time.Minute)
		m.drill(t, false)
		if s := m.breaker.State(); s != breaker.Closed {
			t.Errorf("the breaker is %d after the engine was back", s)
		}
		if n, err := testutil.GatherAndCount(m.metrics, "sidetone_engine_takeovers_total"); err != nil || n == 0 {
			t.Errorf("no takeover is counted, %v", err)
		}
	})
}

// repeated returns how many words of a text were heard twice, and whether all were
// heard, in order.
func repeated(text, heard string) (twice int, whole bool) {
	words, got := strings.Fields(text), strings.Fields(heard)
	at := 0
	for _, w := range got {
		i := slices.Index(words, w)
		if i < 0 || i > at {
			return twice, false
		}
		if i < at {
			twice += at - i
		}
		at = i + 1
	}
	return twice, at == len(words)
}

// gone has both voices fail, in their own ways.
func (m *mouths) gone(main, spare sim.SynthesiserFaults) {
	m.main.ill = &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: "key", Faults: main}}
	m.spare.ill = &sim.Aura{Synthesiser: sim.Synthesiser{Key: "key", Faults: spare}}
}

// TestAllVoicesAreKilled holds that a caller to whom nobody can speak any more hears a
// prepared apology, and is connected to somebody.
func TestAllVoicesAreKilled(t *testing.T) {
	for name, way := range map[string]sim.SynthesiserFaults{"refusing": {Status: 503}, "silent": {Deaf: true}, "not allowed": {Status: 401}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMouths(t)
				m.gone(way, way)
				d := m.drill(t, true)
				if want := (call.Result{Outcome: call.Vendor, Reason: call.ReplyLost}); d.result != want || d.report.Dialed != "+14155550100" {
					t.Errorf("it ended %v, want %v; connected to %q", d.result, want, d.report.Dialed)
				}
				if apology := onset(d.report.Heard, 2000) - d.said.To.Duration(); apology < 0 || apology > 4*time.Second {
					t.Errorf("the apology came after %v", apology)
				}
				if farewell := onset(d.report.Heard, 2200) - d.again.To.Duration(); farewell < 0 || farewell > 4*time.Second {
					t.Errorf("the farewell came after %v", farewell)
				}
				for _, turn := range d.turns {
					if strings.Contains(turn.Text, "Alpha") {
						t.Errorf("the transcript has %q, which nobody said", turn.Text)
					}
				}
			})
		})
	}
}

// TestSentenceIsCut holds that of a sentence that nobody can end the transcript has no
// more than was said.
func TestSentenceIsCut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMouths(t)
		m.gone(sim.SynthesiserFaults{CutAfter: 1200 * time.Millisecond}, sim.SynthesiserFaults{Status: 503})
		d := m.drill(t, true)
		heard, _ := sim.HearTones(8000, d.report.Heard[d.said.To.Sample(8000):])
		i := slices.IndexFunc(d.turns, func(turn transcribe.Turn) bool { return strings.HasPrefix(turn.Text, "Alpha") })
		if i < 0 {
			t.Fatalf("what was said is not in the transcript: %+v", d.turns)
		}
		words := strings.Fields(strings.ToLower(d.turns[i].Text))
		if !strings.HasPrefix(heard, strings.Join(words, " ")) || len(words) < 3 || len(words) > 5 {
			t.Errorf("the transcript has %q, and the caller heard %q", words, heard)
		}
	})
}
