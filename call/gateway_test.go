package call_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/telephony"
	"sidetone/telephony/twilio"
	"sidetone/transcribe"
	"sidetone/transcribe/vad"
)

// The tests of this package are whole calls in virtual time: the simulated
// carrier on the real wire, the real leg, playout, consent, turn machine,
// recorder and sealing; only the engines are scripted, and objects go to memory.

const authToken = "an auth token"

// options changes what a gateway is made of.
type options struct {
	mode consent.Mode

	snippets  dialog.Snippets
	unclipped bool // the policy forbids clips
	message   consent.Message
	replier   dialog.Replier
	speaker   dialog.Speaker
	engine    *engine
	hears     transcribe.Engine // in the place of engine
	ledger    *ledger
	unready   bool // recordings can not begin
	limit     time.Duration
	carrier   sim.CarrierOptions
	voices    vad.Factory // nil: the one that needs no model
	set       func(*dialog.Settings)
	screen    *screen // nil: the caller has none
	bound     bool    // to the recording: going on without one is no choice

	matcher call.Matcher // of spoken answers
	whole   bool         // a withdrawal may destroy the call
	hold    bool         // nothing is destroyed
	vendor  bool         // an engine is elsewhere
	beep    []int16
	handOn  string

	over      func(telephony.Leg) telephony.Leg // the leg, made worse
	colleague func(agent string, standing consent.Terms) (call.Persona, error)
}

// gateway is one gateway for one call.
type gateway struct {
	t       *testing.T
	o       options
	carrier *sim.Carrier
	objects *objects
	keys    *seal.Keyring
	node    *seal.Node
	spool   *recorder.Spool
	spooled string // its folder
	ledger  *ledger
	calls   *call.Registry
	results chan call.Result
	metrics *prometheus.Registry
	log     bytes.Buffer
	takes   int
	doomed  int // times that all takes were to be destroyed

	mu      sync.Mutex
	updates []call.Update
}

// newGateway starts a gateway in the bubble of t.
func newGateway(t *testing.T, o options) *gateway {
	t.Helper()
	dir := t.TempDir()
	g := &gateway{t: t, o: o, objects: &objects{}, ledger: o.ledger, calls: call.NewRegistry(1), results: make(chan call.Result, 1), metrics: prometheus.NewRegistry()}
	if g.ledger == nil {
		g.ledger = &ledger{}
	}
	var err error
	if g.keys, err = seal.OpenKeyring(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	if g.node, err = seal.OpenNode(filepath.Join(dir, "node")); err != nil {
		t.Fatal(err)
	}
	g.spooled = filepath.Join(dir, "spool")
	g.spool, err = recorder.OpenSpool(recorder.SpoolOptions{Dir: g.spooled, Node: g.node, Put: g.objects})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	spooled := make(chan error, 1)
	go func() { spooled <- g.spool.Run(ctx) }()

	server := twilio.New(twilio.Options{PublicURL: "http://127.0.0.1:8080", AuthTokens: []string{authToken},
		Secret: []byte("a secret of thirty-two bytes ...."), Once: &once{}, Serve: g.serve,
		Admit: func(context.Context, twilio.Incoming) (twilio.Admission, error) {
			return twilio.Admission{Accepted: true, CallID: "call-1", Agent: "tester"}, nil
		}})
	mux := http.NewServeMux()
	server.Routes(mux)
	ln := sim.NewPipeListener()
	web := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- web.Serve(ln) }()
	t.Cleanup(func() {
		web.Close()
		<-served
		server.Close()
		if err := g.spool.Drain(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cancel()
		<-spooled
		g.spool.Close()
	})
	co := o.carrier
	co.BaseURL, co.AuthToken, co.DialContext = "http://127.0.0.1:8080", authToken, ln.DialContext
	g.carrier = sim.NewCarrier(co)
	return g
}

// serve runs the call of a leg.
func (g *gateway) serve(ctx context.Context, leg *twilio.Leg) {
	_, policy, err := consent.ParseMode(string(g.o.mode))
	if err != nil {
		g.t.Error(err)
		return
	}
	if g.o.unclipped {
		policy.Snippet = consent.Rule{Level: consent.Never}
	}
	voices := g.o.voices
	if voices == nil {
		voices = vad.NewEnergy
	}
	detector, err := voices(leg.Info().Rate, vad.Options{})
	if err != nil {
		g.t.Error(err)
		return
	}
	var line telephony.Leg = leg
	if g.o.screen != nil {
		line = g.o.screen.over(leg)
	}
	if g.o.over != nil {
		line = g.o.over(line)
	}
	settings := dialog.DefaultSettings("en")
	if g.o.set != nil {
		g.o.set(&settings)
	}
	terms := consent.Terms{Policy: policy.For(!g.o.vendor), Decision: consent.Decision{WholeCall: g.o.whole}, Screen: g.o.screen != nil,
		LeaveUnrecorded: g.o.bound, HandOn: g.o.handOn != ""}
	persona := call.Persona{Consent: consent.NewMachine(terms, g.o.message), Matcher: g.o.matcher, Dialog: dialog.NewMachine(settings),
		Replier: g.o.replier, Speaker: g.o.speaker, Language: "en", Beep: g.o.beep, HandOn: g.o.handOn, Unrecorded: !g.o.bound,
		Snippets: g.o.snippets}
	if g.o.engine != nil {
		persona.Engine = g.o.engine
	}
	if g.o.hears != nil {
		persona.Engine = g.o.hears
	}
	c, err := call.New(call.Options{
		Persona: persona, Colleague: g.o.colleague, Leg: line, Detector: detector, Ledger: g.ledger, Begin: g.begin, Destroy: g.destroy, Limit: g.o.limit, Watch: g.watch,
		Farewell: call.Farewell{Duration: "1500Hz", ShuttingDown: "1600Hz", Unanswered: "1800Hz"},
		Metrics:  call.NewMetrics(g.metrics), Log: slog.New(slog.NewTextHandler(io.MultiWriter(testWriter{g.t}, &g.log), nil)),
	})
	if err != nil {
		g.t.Error(err)
		return
	}
	g.calls.Reserve("call-1")
	defer g.calls.Release("call-1")
	ctx = g.calls.Serve(ctx, "call-1")
	g.calls.Attach("call-1", c)
	g.results <- c.Run(ctx)
}

// destroy destroys all takes, unless there is a hold.
func (g *gateway) destroy(ctx context.Context) (queued bool, err error) {
	g.doomed++
	if g.o.hold {
		return true, nil
	}
	for n := 1; n <= g.takes; n++ {
		if err := g.spool.Destroy(ctx, "call-1", fmt.Sprintf("t%d", n)); err != nil {
			return true, err
		}
	}
	return false, nil
}

func (g *gateway) begin(origin media.Tick, snippets bool) (*recorder.Recorder, error) {
	if g.o.unready {
		return nil, recorder.ErrSpoolFull
	}
	keys, err := seal.NewTakeKeys(context.Background(), g.keys)
	if err != nil {
		return nil, err
	}
	g.takes++
	return g.spool.Begin(recorder.TakeOptions{Call: "call-1", Take: fmt.Sprintf("t%d", g.takes), Rate: 8000, Coding: media.MuLaw,
		Origin: origin, Started: time.Now(), Played: "mark", Clips: snippets, Keys: keys})
}

func (g *gateway) watch(u call.Update) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.updates = append(g.updates, u)
}

// dial places the call.
func (g *gateway) dial() *sim.Call {
	g.t.Helper()
	c, err := g.carrier.Dial(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// end waits for both ends of the call.
func (g *gateway) end(c *sim.Call) (sim.Report, call.Result) {
	g.t.Helper()
	report, err := c.Wait(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return report, <-g.results
}

// recording is what a call has left, decrypted.
type recording struct {
	left, right []int16 // sample 0 is tick 0
	turns       []transcribe.Turn
	answers     []transcribe.Answer
	metadata    map[string]string
	manifest    *recorder.Manifest
}

// recording waits until all is stored, and opens it.
func (g *gateway) recording() recording {
	g.t.Helper()
	return g.take("t1")
}

// take is recording for one of several takes.
func (g *gateway) take(take string) recording {
	g.t.Helper()
	if err := g.spool.Drain(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	r := g.open(take)
	var wav bytes.Buffer
	if err := r.WriteWAV(g.t.Context(), &wav); err != nil {
		g.t.Fatal(err)
	}
	out := recording{manifest: r.Manifest()}
	samples := media.AppendPCM(nil, wav.Bytes()[r.Manifest().Header:])
	for i := 0; i+1 < len(samples); i += 2 {
		out.left, out.right = append(out.left, samples[i]), append(out.right, samples[i+1])
	}
	lines, err := r.Notes(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	var tr transcribe.Transcript
	for _, l := range lines {
		if err := tr.Add(l.Kind, l.From, l.To, l.Text, l.Doc, l.Snippet); err != nil {
			g.t.Fatal(err)
		}
	}
	out.turns, out.answers, out.metadata = tr.Turns, tr.Answers, tr.Metadata
	return out
}

// open opens a stored take.
func (g *gateway) open(take string) *recorder.Recording {
	g.t.Helper()
	r, err := recorder.Open(g.t.Context(), recorder.OpenOptions{From: g.objects, Keys: g.keys,
		Trusted: []ed25519.PublicKey{g.node.PublicKey()}, Call: "call-1", Take: take})
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// objects is an object store in memory.
type objects struct {
	mu   sync.Mutex
	held map[string][]byte
}

func (o *objects) Put(_ context.Context, key string, body []byte, _ [32]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		o.held = map[string][]byte{}
	}
	if old, ok := o.held[key]; ok && !bytes.Equal(old, body) {
		return fmt.Errorf("object %s is there with other content", key)
	}
	o.held[key] = bytes.Clone(body)
	return nil
}

func (o *objects) Head(_ context.Context, key string) (int64, [32]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.held[key]
	if !ok {
		return 0, [32]byte{}, errors.New("no such object")
	}
	return int64(len(body)), sha256.Sum256(body), nil
}

func (o *objects) Get(_ context.Context, key string) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.held[key]
	if !ok {
		return nil, fmt.Errorf("no object %s", key)
	}
	return body, nil
}

// keys returns the keys of all objects.
func (o *objects) keys() (keys []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k := range o.held {
		keys = append(keys, k)
	}
	return keys
}

// ledger keeps rows in memory; wait and err are its faults.
type ledger struct {
	wait time.Duration
	err  error

	mu     sync.Mutex
	rows   []string
	bodies [][]byte
}

func (l *ledger) Append(ctx context.Context, _, event string, body []byte) (int64, error) {
	select {
	case <-time.After(l.wait):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	l.rows, l.bodies = append(l.rows, event), append(l.bodies, body)
	return int64(len(l.rows)), nil
}

// at is the sample at which, by the first row of an event, it happened.
func (l *ledger) at(t *testing.T, event string) int {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var row consent.Row
	i := slices.Index(l.rows, event)
	if i < 0 {
		t.Fatalf("no row %q among %q", event, l.rows)
	}
	if err := json.Unmarshal(l.bodies[i], &row); err != nil {
		t.Fatal(err)
	}
	return int(math.Round(row.At * 8000))
}

func (l *ledger) events() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.rows, " ")
}

// once remembers nonces.
type once struct {
	mu   sync.Mutex
	used map[string]bool
}

func (o *once) Use(_ context.Context, nonce string, _ time.Time) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.used == nil {
		o.used = map[string]bool{}
	}
	first := !o.used[nonce]
	o.used[nonce] = true
	return first, nil
}

// tones speaks: a text is words of the form "440Hz" or "440Hz*3", one second of
// that tone each, or as many as it says; wait is the time to the first audio.
type tones struct{ wait time.Duration }

func (tones) Name() string { return "tones" }
func (tones) Local() bool  { return true }

func (s tones) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		select {
		case <-time.After(s.wait):
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		for word := range strings.FieldsSeq(text) {
			hz, seconds := 0.0, 1.0
			if _, err := fmt.Sscanf(word, "%fHz*%f", &hz, &seconds); err != nil && hz == 0 {
				yield(nil, fmt.Errorf("tones can not say %q", word))
				return
			}
			if !yield(media.Tone(rate, hz, time.Duration(seconds*float64(time.Second)), -12), nil) {
				return
			}
		}
	}
}

// replies answers its inputs in turn, then ends the call.
type replies struct {
	each []string
	got  []string // what the caller said, as the replier got it
	wait time.Duration
}

func (r *replies) Reply(ctx context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		select {
		case <-time.After(r.wait):
		case <-ctx.Done():
			yield(dialog.Part{}, ctx.Err())
			return
		}
		if in.Kind != dialog.Opening {
			r.got = append(r.got, in.Said.String())
		}
		if len(r.each) == 0 {
			yield(dialog.Part{End: true}, nil)
			return
		}
		next := r.each[0]
		r.each = r.each[1:]
		for sentence := range strings.SplitSeq(next, ". ") {
			part := dialog.Part{Sentence: sentence}
			if key, ok := strings.CutPrefix(sentence, "answer:"); ok {
				part = dialog.Part{Answer: &dialog.Answer{Key: key, Kind: "text", Value: in.Said.String(), Said: in.Said}}
			}
			if agent, ok := strings.CutPrefix(sentence, "hand:"); ok {
				part = dialog.Part{HandOver: agent}
			}
			if !yield(part, nil) {
				return
			}
		}
	}
}

// engine recognises by length: each final is "heard <tenths of a second>", from
// the onset of speech to the end of the turn, and empty for short sounds; wait is
// how long that takes.
type engine struct {
	wait time.Duration

	partial, final string // what is heard in each turn, instead of its length
	whole          bool   // the partial comes again when the speech ends, and is all of it

	mu    sync.Mutex
	first media.Tick // of the first frame it was ever given
	any   bool
}

func (*engine) Name() string { return "counter" }
func (*engine) Local() bool  { return true }

func (e *engine) Open(transcribe.Options) (transcribe.Session, error) {
	return &session{engine: e, asks: make(chan ask, 8), events: make(chan transcribe.Event, 8)}, nil
}

type ask struct{ from, to media.Tick }

type session struct {
	engine *engine
	from   media.Tick
	asks   chan ask
	events chan transcribe.Event
}

func (s *session) Write(a consent.ConverseAudio) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if !s.engine.any {
		s.engine.any, s.engine.first = true, a.Frame().At
	}
}

func (s *session) Speech(at media.Tick, on bool) {
	if on && s.from == 0 {
		s.from = at
	}
	if s.engine.partial != "" && (on || s.engine.whole) {
		s.events <- transcribe.Event{Kind: transcribe.Partial, From: s.from, To: at, Text: s.engine.partial}
	}
}

func (s *session) Finalize(at media.Tick) {
	s.asks <- ask{s.from, at}
	s.from = 0
}

func (s *session) Events() <-chan transcribe.Event { return s.events }

func (s *session) Run(ctx context.Context) error {
	defer close(s.events)
	for {
		select {
		case a := <-s.asks:
			<-time.After(s.engine.wait)
			e := transcribe.Event{Kind: transcribe.Final, From: a.from, To: a.to, Took: s.engine.wait}
			if a.from > 0 && a.to-a.from > media.TicksIn(800*time.Millisecond) {
				e.Text = fmt.Sprintf("heard %.0f", (a.to-a.from).Seconds()*10)
				if s.engine.final != "" {
					e.Text = s.engine.final
				}
			}
			s.events <- e
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// testWriter logs to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// The tones of the prompts, each half a second.
var promptTones = map[consent.Prompt]float64{
	consent.PromptAgain: 2050, consent.PromptUnclear: 2150, consent.PromptKey: 2250, consent.PromptHeardYes: 2350, consent.PromptHeardNo: 2450,
	consent.PromptRefused: 2550, consent.PromptGoodbye: 1900, consent.PromptTransfer: 2650, consent.PromptWithdrawn: 2750,
	consent.PromptDeleted: 2850, consent.PromptRequested: 2950, consent.PromptPaused: 3050, consent.PromptResumed: 3150,
	consent.PromptMinor: 3250, consent.PromptUnable: 1850, consent.PromptUnproved: 1700,
}

// notice is a message of two parts, each one second of a tone of its own, with
// prompts.
func notice() consent.Message {
	part := func(kind consent.PartKind, hz float64) consent.Part {
		return consent.Part{Kind: kind, Text: fmt.Sprintf("%.0fHz", hz), SHA256: "-", Audio: media.Audio{Rate: 8000, PCM: media.Tone(8000, hz, time.Second, -12)}}
	}
	prompts := map[consent.Prompt]consent.Part{}
	for name, hz := range promptTones {
		p := part(consent.PartKind(name), hz)
		p.Audio.PCM = p.Audio.PCM[:4000]
		prompts[name] = p
	}
	return consent.Message{ID: "m1", Prompts: prompts, Language: "en", Wait: consent.ClearWait,
		Parts: []consent.Part{part(consent.PartAI, 700), part(consent.PartRecording, 900)}}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }
