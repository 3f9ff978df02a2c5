package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
	"sidetone/transcribe"
	"sidetone/transcribe/vad"
)

// The engines and the store of TestNothingLeaksBeforeConsent. All of them write
// down what reaches them.
//
// A caller says a canary: each 100 ms of it, a slot, is a tone of its own, so that
// a sound tells when it was said. The recogniser turns each slot into a word of
// its own, which the language model repeats and the voice speaks, so that a word
// tells the same, and by whom.

// slotTicks is the length of a slot.
const slotTicks = media.TickRate / 10

// slots is how many there are.
const slots = 150

// slotHertz is the tone of a slot. Tones lie further apart than 100 ms can tell.
func slotHertz(slot int) float64 { return 500 + 11*float64(slot) }

// answerHertz are the tones of what callers answer, below those of the slots.
var answerHertz = map[string]float64{"I agree.": 300, "No.": 380}

// slotWord is the word of a slot of a caller's.
func slotWord(caller, slot int) string { return fmt.Sprintf("k%03dx%03d", caller, slot) }

var slotWords = regexp.MustCompile(`k(\d{3})x(\d{3})`)

// slotOf returns the slot whose tone is the loudest in pcm, first roughly, by its
// loudest 20 ms; ok is false where it holds none.
func slotOf(pcm []int16, rate int) (slot int, ok bool) {
	level := media.RMS(pcm)
	if level < -30 {
		return 0, false
	}
	size := media.FrameSamples(rate)
	frame := pcm[:size]
	for i := size; i+size <= len(pcm); i += size {
		if media.RMS(pcm[i:i+size]) > media.RMS(frame) {
			frame = pcm[i : i+size]
		}
	}
	rough, _ := loudestSlot(frame, rate, 0, slots, 2)
	slot, loudest := loudestSlot(pcm, rate, max(0, rough-8), min(slots, rough+9), 1)
	return slot, loudest > level-8 // it is 3 dB above that of one whole slot
}

// loudestSlot returns the loudest slot from one to another, in steps.
func loudestSlot(pcm []int16, rate, from, to, step int) (slot int, loudest float64) {
	loudest = math.Inf(-1)
	for n := from; n < to; n += step {
		if l := media.ToneLevel(pcm, rate, slotHertz(n)); l > loudest {
			slot, loudest = n, l
		}
	}
	return slot, loudest
}

// witness is what was received of the callers of one gateway.
type witness struct {
	t       testing.TB
	dialing sync.Mutex // one call begins at a time, so that its session is known
	planted bool       // everybody gets what the detector hears, at once

	mu       sync.Mutex
	opens    *talker // whose call begins
	opened   chan struct{}
	asked    []received // bodies of requests to the language model
	spoken   []received // texts for the voice
	puts     []received // requests that wrote to the store: their paths
	answered int        // clips for the recogniser of answers

	model  *sim.ChatServer
	chat   *httptest.Server
	bucket *httptest.Server
	s3     store.S3Options
}

// received is something that was received.
type received struct {
	at   time.Time
	text string
}

// newWitness starts the language model and what stands before the object store.
func newWitness(t testing.TB) *witness {
	w := &witness{t: t}
	w.model = sim.NewChatServer(sim.ChatOptions{Reply: repeats})
	w.chat = httptest.NewServer(http.HandlerFunc(w.serveChat))
	t.Cleanup(w.chat.Close)
	w.s3 = bucket(t)
	inner := &url.URL{Scheme: "http", Host: "builtin.invalid"}
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(inner); r.Out.Host = r.In.Host }, // which is signed
		Transport: &http.Transport{DialContext: builtin.DialContext, DisableCompression: true},
	}
	w.bucket = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) { w.serveBucket(forward, out, in) }))
	t.Cleanup(w.bucket.Close)
	w.s3.Endpoint, w.s3.DialContext = w.bucket.URL, nil
	return w
}

// begin places a caller's call, and returns when it has its session.
func (w *witness) begin(ctx context.Context, k *talker, place func() error) error {
	w.dialing.Lock()
	defer w.dialing.Unlock()
	opened := make(chan struct{})
	w.mu.Lock()
	w.opens, w.opened = k, opened
	w.mu.Unlock()
	if err := place(); err != nil {
		return err
	}
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep writes down something that was received, which began to come at a time.
func (w *witness) keep(list *[]received, at time.Time, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, received{at, text})
}

// got returns what a list holds by now.
func (w *witness) got(list *[]received) []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]received(nil), *list...)
}

// serveChat is the language model's endpoint.
func (w *witness) serveChat(out http.ResponseWriter, in *http.Request) {
	began := time.Now()
	body, err := io.ReadAll(in.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.keep(&w.asked, began, string(body))
	in.Body = io.NopCloser(bytes.NewReader(body))
	w.model.ServeHTTP(out, in)
}

// repeats answers with some of the words that the caller has just said.
func repeats(r sim.ChatRequest) sim.ChatReply {
	words := slotWords.FindAllString(string(r.Messages[len(r.Messages)-1].Content), 3)
	return sim.ChatReply{Text: "You said " + strings.Join(append(words, "something"), " ") + "."}
}

// serveBucket passes a request on to the object store.
func (w *witness) serveBucket(forward http.Handler, out http.ResponseWriter, in *http.Request) {
	if in.Method == http.MethodPut || in.Method == http.MethodPost {
		began := time.Now()
		body, err := io.ReadAll(in.Body)
		if err != nil {
			w.t.Error(err)
		}
		w.keep(&w.puts, began, in.URL.Path+"\n"+string(body))
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	forward.ServeHTTP(out, in)
}

// speech is the engines, of which those named run elsewhere.
func (w *witness) speech(elsewhere string) *app.Speech {
	return &app.Speech{
		Engine:    &listener{w, !strings.Contains(elsewhere, "stt")},
		Voice:     voiceWitness{w, !strings.Contains(elsewhere, "tts")},
		Detectors: w.detector,
	}
}

// detector is the energy detector. Where a leak is planted, it hands on what it
// hears, as a faulty program would.
func (w *witness) detector(rate int, o vad.Options) (vad.Detector, error) {
	d, err := vad.NewEnergy(rate, o)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || !w.planted {
		return d, err
	}
	return &leakyDetector{d, w, w.opens, rate}, nil
}

// voiceWitness speaks noise, of the same length whatever the text.
type voiceWitness struct {
	*witness
	local bool
}

func (voiceWitness) Name() string  { return "witness" }
func (v voiceWitness) Local() bool { return v.local }
func (v voiceWitness) Speak(_ context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	v.keep(&v.spoken, time.Now(), text)
	noise := rand.New(rand.NewPCG(1, uint64(len(text))))
	pcm := make([]int16, rate*14/10)
	for i := range pcm {
		pcm[i] = int16(noise.NormFloat64() * 1600)
	}
	return func(yield func([]int16, error) bool) { yield(pcm, nil) }
}

// listener is speech recognition.
type listener struct {
	*witness
	local bool
}

func (listener) Name() string  { return "witness" }
func (l listener) Local() bool { return l.local }

// Open implements transcribe.Engine: a session belongs to the call that begins.
func (l *listener) Open(o transcribe.Options) (transcribe.Session, error) {
	s := &listening{rate: o.Rate, events: make(chan transcribe.Event), more: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opens != nil {
		s.caller, l.opens.session, l.opens = l.opens.number, s, nil
		close(l.opened)
	}
	return s, nil
}

// errVendor says that a recogniser elsewhere was asked for a spoken answer.
var errVendor = errors.New("an engine elsewhere was given a clip before consent")

// Recognise implements spoken.Recogniser.
func (l *listener) Recognise(_ context.Context, pcm []int16, rate int) (string, float64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered++
	if !l.local {
		l.t.Error(errVendor)
		return "", 0, errVendor
	}
	for text, hertz := range answerHertz {
		if media.ToneLevel(pcm, rate, hertz) > -40 {
			return text, 0.999, nil
		}
	}
	return "banana", 0.999, nil
}

// listening is a session: it keeps each frame.
type listening struct {
	caller int
	rate   int
	events chan transcribe.Event
	more   chan struct{}

	mu     sync.Mutex
	frames []media.Frame
	slots  []int   // that were heard
	window []int16 // frames of the next one
	words  []string
	queue  []transcribe.Event
}

func (s *listening) Write(a consent.ConverseAudio) { s.take(a.Frame()) }
func (s *listening) Speech(media.Tick, bool)       {}

// take keeps a frame, and makes a word of each 100 ms.
func (s *listening) take(f media.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, media.Frame{At: f.At, PCM: append([]int16(nil), f.PCM...)})
	if s.window = append(s.window, f.PCM...); len(s.window) < s.rate/10 {
		return
	}
	if slot, ok := slotOf(s.window, s.rate); ok {
		s.slots, s.words = append(s.slots, slot), append(s.words, slotWord(s.caller, slot))
		s.tell(transcribe.Partial, f.End())
	}
	s.window = s.window[:0]
}

func (s *listening) Finalize(at media.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(transcribe.Final, at)
	s.words = nil
}

// tell queues an event. mu is held.
func (s *listening) tell(k transcribe.Kind, to media.Tick) {
	from := to - media.Tick(len(s.words))*slotTicks
	s.queue = append(s.queue, transcribe.Event{Kind: k, From: from, To: to, Text: strings.Join(s.words, " "), Confidence: 1})
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *listening) Events() <-chan transcribe.Event { return s.events }

func (s *listening) Run(ctx context.Context) error {
	defer close(s.events)
	for {
		select {
		case <-s.more:
		case <-ctx.Done():
			return nil
		}
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, e := range queue {
			select {
			case s.events <- e:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// heard returns the frames that were received, and the slots in them.
func (s *listening) heard() ([]media.Frame, []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames, s.slots
}

// leakyDetector is a planted leak: what it hears goes to everybody, over their
// own wires.
type leakyDetector struct {
	vad.Detector
	w    *witness
	of   *talker
	rate int
}

func (d *leakyDetector) Write(f media.Frame) (vad.State, error) {
	d.w.mu.Lock()
	session := d.of.session
	d.w.mu.Unlock()
	if session != nil {
		session.take(f)
	}
	if slot, ok := slotOf(f.PCM, d.rate); ok && f.At%slotTicks == 0 {
		word := slotWord(d.of.number, slot)
		voiceWitness{d.w, false}.Speak(context.Background(), word, d.rate)
		d.send(http.MethodPost, d.w.chat.URL+"/v1/chat/completions", word)
		d.send(http.MethodPut, d.w.bucket.URL+"/planted", word)
	}
	return d.Detector.Write(f)
}

func (d *leakyDetector) send(method, to, text string) {
	r, err := http.NewRequest(method, to, strings.NewReader(text))
	if err == nil {
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(r); err == nil {
			err = answer.Body.Close()
		}
	}
	if err != nil {
		d.w.t.Error(err)
	}
}
