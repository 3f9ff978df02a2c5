package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/vad"
)

// The benchmarks of this file run a gateway in this process and its callers in
// another, on the same two cores: so CPU and memory are the gateway's alone,
// and the callers' own lateness stands beside each figure as a control.

// order is what the process of the callers is told to do.
type order struct {
	BaseURL, Token string
	From           string // the number of the first caller; the default is in New York
	Calls          int
	PerSecond      float64
	Seconds        float64 // each call's length
	Talk           bool    // the callers answer, and interrupt each third time
	Operator       string  // of browsers' calls: where tokens come from; else the callers are on the phone
}

// measured is what that process found, in milliseconds.
type measured struct {
	Calls, Failed, Frames, Underruns, Faults int
	Err                                      string
	FirstAudio, Late, Clear, Reply           quantiles
	Connect                                  quantiles // of browsers: from the first request to media
	Prompt                                   quantiles // of phones: from the first request to the agent's first sound
	Control, Idle                            quantiles // bare timers, under the load and before it
}

type quantiles struct {
	N                  int
	P50, P95, P99, Max float64
}

func quantilesOf(d *sim.Distribution) quantiles {
	ms := func(q float64) float64 { return float64(d.Quantile(q).Microseconds()) / 1000 }
	return quantiles{d.N(), ms(.5), ms(.95), ms(.99), ms(1)}
}

// callersEnv holds the order of the process that TestMain turns into callers.
const callersEnv = "SIDETONE_TEST_CALLERS"

// beCallers is the process of the callers.
func beCallers(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	voices, err := sim.Prompts(sentences...)
	if err != nil {
		return err
	}
	quiet, done := context.WithTimeout(context.Background(), 3*time.Second)
	idle := lateness(quiet)
	done()
	ctx, cancel := context.WithCancel(context.Background())
	control := make(chan sim.Distribution, 1)
	go func() { control <- lateness(ctx) }()
	if o.Operator != "" {
		m, err := o.browse(voices)
		cancel()
		late := <-control
		m.Control, m.Idle = quantilesOf(&late), quantilesOf(&idle)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(m))
	}
	var prompt sim.Distribution
	f := sim.RunFleet(context.Background(), sim.FleetOptions{
		OnReport: func(_ int, r sim.Report) {
			if r.Pacing.Frames > 0 {
				prompt.Add(r.Connect + r.Pacing.FirstAudio)
			}
		},
		Carrier: sim.CarrierOptions{BaseURL: o.BaseURL, AuthToken: o.Token, From: o.From, DiscardHeard: true},
		Calls:   o.Calls, PerSecond: o.PerSecond,
		Caller: func(ctx context.Context, n int, c *sim.Call) error {
			ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Seconds*float64(time.Second)))
			defer cancel()
			if !o.Talk {
				<-ctx.Done()
				return nil
			}
			if err := talk(ctx, n, c, voices); ctx.Err() == nil {
				return err
			}
			return nil
		},
	})
	cancel()
	late := <-control
	m := measured{Calls: f.Calls, Failed: f.Failed, Frames: f.Frames, Underruns: f.Underruns, Faults: f.Faults,
		FirstAudio: quantilesOf(&f.FirstAudio), Late: quantilesOf(&f.Late), Clear: quantilesOf(&f.Clear),
		Reply: quantilesOf(&f.Reply), Prompt: quantilesOf(&prompt), Control: quantilesOf(&late), Idle: quantilesOf(&idle)}
	if f.Err != nil {
		m.Err = f.Err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

// talk is a caller: it answers each question and interrupts each third.
func talk(ctx context.Context, n int, c *sim.Call, voices []sim.Utterance) error {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	for turn := 0; ; turn++ {
		quiet := 700 * time.Millisecond
		if turn == 0 {
			quiet = 2500 * time.Millisecond
		}
		var err error
		if turn%3 == 2 {
			if err = c.WaitSpeech(ctx); err == nil {
				now, _ := c.Now()
				err = c.WaitUntil(ctx, now+media.TicksIn(700*time.Millisecond))
			}
		} else {
			err = c.WaitAgent(ctx, quiet)
		}
		if err != nil {
			return err
		}
		if err := c.Say(spoken(voices[r.IntN(len(voices))].Phone)).Wait(ctx); err != nil {
			return err
		}
	}
}

// sentences are what callers say: recordings of whole sentences, of one to two seconds.
var sentences = []string{
	"all-circuits-busy-now", "check-number-dial-again", "conf-full", "conf-leaderhasleft", "confbridge-locked", "number-not-answering",
	"please-try-call-later", "sorry-youre-having-problems", "vm-msgsaved", "vm-nomore", "conf-extended", "pbx-parkingfailed",
}

// spoken is a recording from where speech begins in it, the first 20 ms within
// 10 dB of its level, to where it ends, the last within 25 dB. What is around that
// is breath and the noise of a room.
func spoken(pcm []int16) []int16 {
	const frame = 160
	level, n := media.RMS(pcm), len(pcm)/frame
	from := 0
	for from < n && media.RMS(pcm[from*frame:(from+1)*frame]) <= level-10 {
		from++
	}
	for n > from && media.RMS(pcm[(n-1)*frame:n*frame]) <= level-25 {
		n--
	}
	return pcm[from*frame : n*frame]
}

// lateness measures by how much timers of 20 ms are late in this process: what
// the machine itself does to pacing.
func lateness(ctx context.Context) (d sim.Distribution) {
	due := time.Now()
	for ctx.Err() == nil {
		due = due.Add(20 * time.Millisecond)
		<-time.After(time.Until(due))
		d.Add(max(0, time.Since(due)))
	}
	return d
}

// callers runs the process of the callers against the gateway.
func (g *gateway) callers(b *testing.B, o order) measured {
	b.Helper()
	token, err := authToken(g)
	if err != nil {
		b.Fatal(err)
	}
	o.BaseURL, o.Token = g.PublicURL(), token
	text, err := json.Marshal(o)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), callersEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("callers: %v", err)
	}
	var m measured
	if err := json.Unmarshal(out, &m); err != nil {
		b.Fatalf("callers: %v: %s", err, out)
	}
	if m.Failed > 0 {
		b.Errorf("%d of %d calls failed: %s", m.Failed, m.Calls, m.Err)
	}
	if o.Talk {
		g.recorded(b, o.Calls)
	}
	return m
}

// recorded holds that so many callers at least agreed to be recorded: those of
// whom nothing is kept cost less, and are asked for their consent again instead.
func (g *gateway) recorded(b *testing.B, calls int) {
	b.Helper()
	_, scrape := g.get(b, "/metrics")
	granted := 0
	for line := range strings.Lines(scrape) {
		if rest, ok := strings.CutPrefix(line, "sidetone_consent_outcomes_total{"); ok && strings.Contains(rest, `outcome="granted"`) {
			_, count, _ := strings.Cut(strings.TrimSpace(rest), "} ")
			n, err := strconv.Atoi(count)
			if err != nil {
				b.Fatal(err)
			}
			granted += n
		}
	}
	if granted < calls {
		b.Errorf("%d of %d callers agreed to be recorded", granted, calls)
	}
}

// usage is what this process has used.
type usage struct {
	cpu time.Duration
	rss float64 // MB
	at  time.Time
}

func used(b *testing.B) usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), pages * float64(os.Getpagesize()) / 1e6, time.Now()}
}

// costs begins to watch what this process uses; the function it returns ends that
// and tells the CPU time and the greatest growth in MB.
func costs(b *testing.B) func() (time.Duration, float64) {
	runtime.GC()
	before := used(b)
	peak := before.rss
	watch, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for watch.Err() == nil {
			peak = max(peak, used(b).rss)
			<-time.After(time.Second)
		}
	})
	return func() (time.Duration, float64) {
		after := used(b)
		stop()
		wg.Wait()
		return after.cpu - before.cpu, peak - before.rss
	}
}

// BenchmarkCalls runs conversations of a minute with recording, sealing and
// upload on, voice activity detection real, recognition and voice scripted.
func BenchmarkCalls(b *testing.B) {
	for _, n := range []int{100, 200} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			g := benchGateway(b, scripted(b))
			cost := costs(b)
			m := g.callers(b, order{Calls: n, PerSecond: 20, Seconds: 60, Talk: true})
			cpu, peak := cost()
			b.ReportMetric(m.Late.P99, "pacing-p99-ms")
			b.ReportMetric(m.Control.P99, "control-p99-ms")
			b.ReportMetric(m.Idle.P99, "idle-p99-ms")
			b.ReportMetric(g.share(b)*1000, "gateway-p95-ms")
			b.ReportMetric(m.Clear.P95, "clear-p95-ms")
			b.ReportMetric(m.FirstAudio.P95, "first-audio-p95-ms")
			b.ReportMetric(100*cpu.Seconds()/(60*float64(n)), "%core/call")
			b.ReportMetric(peak/float64(n), "MB/call")
			b.Logf("%d calls, %d frames, %d underruns, %d faults; clear %+v; first audio %+v; control %+v", m.Calls, m.Frames, m.Underruns, m.Faults, m.Clear, m.FirstAudio, m.Control)
		})
	}
}

// BenchmarkFirstAudio places five new calls a second while 100 are live.
func BenchmarkFirstAudio(b *testing.B) {
	g := benchGateway(b, scripted(b))
	var wg sync.WaitGroup
	wg.Go(func() { g.callers(b, order{Calls: 100, PerSecond: 50, Seconds: 35, Talk: true}) })
	<-time.After(8 * time.Second)
	m := g.callers(b, order{Calls: 100, PerSecond: 5, Seconds: 3})
	wg.Wait()
	b.ReportMetric(m.FirstAudio.P95, "first-audio-p95-ms")
	b.ReportMetric(m.Control.P95, "control-p95-ms")
	b.ReportMetric(m.Idle.P95, "idle-p95-ms")
	b.Logf("first audio %+v; control %+v", m.FirstAudio, m.Control)
}

// BenchmarkBuiltinSpeech holds four conversations at once with the built-in
// engines, by each of the voices, and measures from the end of speech to the
// agent's first audio.
func BenchmarkBuiltinSpeech(b *testing.B) {
	for _, voice := range []string{"piper", "flite"} {
		b.Run(voice, func(b *testing.B) {
			g := benchGateway(b, nil, "SIDETONE_SPEECH_TTS="+voice)
			m := g.callers(b, order{Calls: 4, PerSecond: 1, Seconds: 60, Talk: true})
			b.ReportMetric(m.Reply.P50, "reply-p50-ms")
			b.ReportMetric(m.Reply.P95, "reply-p95-ms")
			b.ReportMetric(m.Clear.P95, "clear-p95-ms")
			b.ReportMetric(m.Late.P99, "pacing-p99-ms")
			b.ReportMetric(m.Control.P99, "control-p99-ms")
			b.ReportMetric(m.Idle.P99, "idle-p99-ms")
			b.Logf("%d underruns; reply %+v; clear %+v; control %+v", m.Underruns, m.Reply, m.Clear, m.Control)
		})
	}
}

// BenchmarkShare holds 100 conversations with engines whose delays are known, a
// language model behind HTTP among them: what the callers wait beyond those delays
// and the silence that ends a turn is the gateway's, its voice activity detection
// and the way to the callers included.
func BenchmarkShare(b *testing.B) {
	const silence, stt, llm, tts = 550, 150, 250, 120 // ms; the first as by default
	model := httptest.NewServer(sim.NewChatServer(sim.ChatOptions{Reply: func(sim.ChatRequest) sim.ChatReply {
		return sim.ChatReply{FirstToken: llm * time.Millisecond, Text: "I see. And what else do you say to it?"}
	}}))
	defer model.Close()
	speech := scripted(b)
	speech.Voice = scriptedVoice{tts * time.Millisecond}
	// With early guesses the model's delay would be hidden in the silence.
	g := agentGateway(b, "turn: {early_guess: false}\nllm:\n  prompt: You ask without end.\n  greeting: Hello. What do you say to it?\n", speech,
		"SIDETONE_LLM_BASE_URL="+model.URL+"/v1", "SIDETONE_LLM_MODEL=scripted")
	m := g.callers(b, order{Calls: 100, PerSecond: 20, Seconds: 60, Talk: true})
	const scriptedDelay = silence + stt + llm + tts
	b.ReportMetric(g.share(b)*1000, "gateway-p95-ms")
	b.ReportMetric(m.Reply.P50-scriptedDelay, "beyond-p50-ms")
	b.ReportMetric(m.Reply.P95-scriptedDelay, "beyond-p95-ms")
	b.ReportMetric(m.Late.P99, "pacing-p99-ms")
	b.ReportMetric(m.Control.P99, "control-p99-ms")
	b.Logf("reply %+v; clear %+v; control %+v", m.Reply, m.Clear, m.Control)
}

// benchGateway starts a gateway whose agent asks without end; env adds settings.
func benchGateway(b testing.TB, speech *app.Speech, env ...string) *gateway {
	b.Helper()
	var y strings.Builder
	y.WriteString("script:\n  greeting: Hello.\n  goodbye: Goodbye.\n  questions:\n")
	for i := range 100 {
		fmt.Fprintf(&y, "    - {key: q%d, kind: text, ask: \"This is question number %d, and what do you say to it?\"}\n", i, i)
	}
	return agentGateway(b, y.String(), speech, env...)
}

// agentGateway starts a gateway whose agent is a script or a model.
func agentGateway(b testing.TB, agent string, speech *app.Speech, env ...string) *gateway {
	b.Helper()
	dir := b.TempDir()
	head := "name: endless\nlanguage: en\nnotice: {mode: notice, parts: [{kind: ai, text: I am a machine.}, {kind: recording, text: This call is recorded.}]}\n"
	if err := os.WriteFile(filepath.Join(dir, "endless.yaml"), []byte(head+agent), 0o600); err != nil {
		b.Fatal(err)
	}
	config := configure(b, append(env, "SIDETONE_AGENTS_DIR="+dir, "SIDETONE_AGENTS_DEFAULT=endless", "SIDETONE_LIMITS_CALLS=1000",
		"SIDETONE_WEB_CALLS_PER_AGENT=1000", "SIDETONE_WEB_CALLS_PER_ADDRESS=1000", "SIDETONE_WEB_CALLS_PER_ADDRESS_DAY=1000")...)
	return startWith(b, config, speech)
}

// share is the 95th percentile of the gateway's own share of a turn, in
// seconds, from its histogram.
func (g *gateway) share(b *testing.B) float64 {
	_, scrape := g.get(b, "/metrics")
	return quantile(b, scrape, `sidetone_turn_latency_seconds_bucket{stage="gateway",le="`, .95)
}

// quantile is a quantile of a histogram, in seconds, from its buckets; series is
// their name and labels up to the bound.
func quantile(t testing.TB, scrape, series string, q float64) float64 {
	t.Helper()
	var bounds, counts []float64
	for line := range strings.Lines(scrape) {
		rest, ok := strings.CutPrefix(line, series)
		if !ok {
			continue
		}
		le, count, _ := strings.Cut(strings.TrimSpace(rest), `"} `)
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseFloat(count, 64)
		if err != nil {
			t.Fatal(err)
		}
		bounds, counts = append(bounds, bound), append(counts, n)
	}
	if len(counts) == 0 || counts[len(counts)-1] == 0 {
		t.Fatalf("nothing is counted under %s", series)
	}
	want := q * counts[len(counts)-1]
	low, below := 0.0, 0.0
	for i, n := range counts {
		if n >= want {
			return low + (bounds[i]-low)*(want-below)/(n-below)
		}
		low, below = bounds[i], n
	}
	return low
}

// scripted returns engines that cost next to nothing, but for voice activity
// detection, which is the real one.
func scripted(b testing.TB) *app.Speech {
	model, err := vad.Load(modelstest.Dir(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { model.Close() })
	return &app.Speech{Engine: scriptedEngine{}, Voice: scriptedVoice{80 * time.Millisecond}, Detectors: model.NewDetector}
}

// scriptedVoice speaks a tone of 50 ms a character, some time after it was asked.
type scriptedVoice struct{ after time.Duration }

func (scriptedVoice) Name() string { return "scripted" }
func (scriptedVoice) Local() bool  { return true }

func (v scriptedVoice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		select {
		case <-time.After(v.after):
			yield(media.Tone(rate, 440, time.Duration(len(text))*50*time.Millisecond, -20), nil)
		case <-ctx.Done():
			yield(nil, ctx.Err())
		}
	}
}

// scriptedEngine answers each Finalize after 150 ms with the same words.
type scriptedEngine struct{}

func (scriptedEngine) Name() string { return "scripted" }
func (scriptedEngine) Local() bool  { return true }

func (scriptedEngine) Open(transcribe.Options) (transcribe.Session, error) {
	return &scriptedSession{asks: make(chan media.Tick, 16), events: make(chan transcribe.Event, 16)}, nil
}

type scriptedSession struct {
	asks   chan media.Tick
	events chan transcribe.Event
}

func (*scriptedSession) Write(consent.ConverseAudio)       {}
func (*scriptedSession) Speech(media.Tick, bool)           {}
func (s *scriptedSession) Finalize(at media.Tick)          { s.asks <- at }
func (s *scriptedSession) Events() <-chan transcribe.Event { return s.events }

func (s *scriptedSession) Run(ctx context.Context) error {
	defer close(s.events)
	const took = 150 * time.Millisecond
	for {
		select {
		case at := <-s.asks:
			<-time.After(took)
			s.events <- transcribe.Event{Kind: transcribe.Final, From: at - media.TickRate, To: at, Text: "this is what I say to it", Took: took}
		case <-ctx.Done():
			return nil
		}
	}
}
