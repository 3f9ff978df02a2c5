package moonshine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/vad"
)

// shared holds the models, which all tests share as the calls of a process do.
var shared struct {
	sync.Mutex
	engine *moonshine.Engine
	vad    *vad.Model
}

func load(t testing.TB) (*moonshine.Engine, *vad.Model) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		return shared.engine, shared.vad
	}
	m, err := vad.Load(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	e := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	if err := e.Load(); err != nil {
		t.Fatal(err)
	}
	shared.engine, shared.vad = e, m
	return e, m
}

// caller is a call with voice activity detection.
type caller struct {
	*enginetest.Driver
	t        testing.TB
	detector vad.Detector
	rate     int
	speech   bool
	ended    media.Tick // where the latest speech ended
}

func call(t testing.TB, rate int) *caller {
	t.Helper()
	e, m := load(t)
	s, err := e.Open(transcribe.Options{Rate: rate, Language: "en-US"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := m.NewDetector(rate, vad.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := &caller{Driver: enginetest.Drive(t, s, rate, 0), t: t, detector: d, rate: rate}
	c.Start()
	return c
}

// say writes audio frame by frame, and what the detector makes of it.
func (c *caller) say(pcm []int16) {
	for _, f := range enginetest.Frames(pcm, c.rate, c.At) {
		c.Write(f.PCM)
		s, err := c.detector.Write(f)
		if err != nil {
			c.t.Fatal(err)
		}
		if s.Speech != c.speech {
			at := s.From
			if !s.Speech {
				at, c.ended = s.To, s.To
			}
			c.Session.Speech(at, s.Speech)
			c.speech = s.Speech
		}
	}
}

// hear says a clip with some silence around it and returns the final.
func (c *caller) hear(clip enginetest.Clip) transcribe.Event {
	c.say(make([]int16, c.rate/2))
	c.say(clip.At(c.t, c.rate).PCM)
	c.say(make([]int16, c.rate*2/5))
	c.Session.Finalize(c.At)
	return c.Final()
}

func TestConformance(t *testing.T) {
	e, _ := load(t)
	for _, rate := range []int{8000, 16000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			enginetest.Run(t, enginetest.Subject{Engine: e, Said: enginetest.GoForward(t).At(t, rate), WordErrors: 1})
		})
	}
}

// TestWordErrorRate is the promise of issue 2: human speech, through mu-law, as
// the call does it.
func TestWordErrorRate(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		c := call(t, rate)
		errors, words := 0, 0
		for _, clip := range enginetest.LibriVox(t) {
			e := c.hear(clip)
			wrong, all := sim.WordErrors(clip.Words, e.Text)
			errors, words = errors+wrong, words+all
			if wrong > 0 {
				t.Logf("%d Hz, %s: heard %q", rate, clip.Name, e.Text)
			}
			if e.Confidence < 0.8 {
				t.Errorf("%d Hz, %s: confidence %.2f", rate, clip.Name, e.Confidence)
			}
		}
		rateOfErrors := 100 * float64(errors) / float64(words)
		t.Logf("%d Hz: %d of %d words wrong, %.1f %%", rate, errors, words, rateOfErrors)
		if rateOfErrors > 10 {
			t.Errorf("%d Hz: word error rate %.1f %%, want at most 10 %%", rate, rateOfErrors)
		}
	}
}

func TestShortPhrases(t *testing.T) {
	c := call(t, 8000)
	errors, words := 0, 0
	for _, clip := range enginetest.Cards(t) {
		e := c.hear(clip)
		wrong, all := sim.WordErrors(clip.Words, e.Text)
		errors, words = errors+wrong, words+all
		if e.Text == "" {
			t.Errorf("%q was not heard", clip.Words)
		}
	}
	t.Logf("%d of %d words wrong", errors, words)
	if errors > words/5 {
		t.Errorf("%d of %d words wrong, want at most a fifth", errors, words)
	}
}

// TestSingleWords cuts the first words out of phrases. Without sureOfNothing
// the model passes over some of them.
func TestSingleWords(t *testing.T) {
	for _, c := range []struct {
		clip    int
		seconds float64
		word    string
	}{{0, 0.34, "ten"}, {1, 0.55, "four"}, {2, 0.55, "seven"}, {3, 0.60, "five"}} {
		clip := enginetest.Cards(t)[c.clip]
		clip.PCM = clip.PCM[:int(c.seconds*float64(clip.Rate))]
		e := call(t, 8000).hear(clip)
		if wrong, _ := sim.WordErrors(c.word, e.Text); wrong > 0 {
			t.Errorf("heard %q, want %q", e.Text, c.word)
		}
	}
}

// TestNoiseHasNoWords also holds when voice activity is claimed for all of it.
func TestNoiseHasNoWords(t *testing.T) {
	for _, clip := range enginetest.Noises(8000) {
		if e := call(t, 8000).hear(clip); e.Text != "" {
			t.Errorf("heard %q in %s", e.Text, clip.Name)
		}
		c := call(t, 8000)
		c.Driver.Say(clip.PCM)
		c.Session.Finalize(c.At)
		if e := c.Final(); e.Text != "" && clip.Name != "DTMF" && clip.Name != "silence" {
			t.Errorf("heard %q in %s taken for speech", e.Text, clip.Name)
		}
	}
}

// TestLongTurnIsCut speaks on for longer than the model can take at once: five
// sentences without the pauses between them, 25 s.
func TestLongTurnIsCut(t *testing.T) {
	var pcm []int16
	var said []string
	for _, clip := range enginetest.LibriVox(t) {
		pcm = append(pcm, clip.At(t, 8000).PCM...)
		said = append(said, clip.Words)
	}
	c := call(t, 8000)
	c.Driver.Say(pcm)
	c.Session.Finalize(c.At)
	e := c.Final()
	if wrong, all := sim.WordErrors(strings.Join(said, " "), e.Text); 10*wrong > all {
		t.Errorf("%d of %d words wrong: %q", wrong, all, e.Text)
	}
	if length := (e.To - e.From).Seconds(); length < 20 {
		t.Errorf("the turn spans %.1f s", length)
	}
}

// TestFinalizeInMidSpeech cuts the turn there, and the rest is the next one's.
func TestFinalizeInMidSpeech(t *testing.T) {
	one, two := enginetest.LibriVox(t)[1].At(t, 8000), enginetest.LibriVox(t)[4].At(t, 8000)
	c := call(t, 8000)
	from := c.At
	c.Write(one.PCM[:8000])
	c.Session.Speech(from, true)
	c.Write(one.PCM[8000:])
	middle := c.At
	c.Write(two.PCM)
	c.Session.Finalize(middle)
	c.Session.Speech(c.At, false)
	c.Session.Finalize(c.At)
	for _, clip := range []enginetest.Clip{one, two} {
		if e := c.Final(); tooWrong(clip.Words, e.Text) {
			t.Errorf("heard %q, want %q", e.Text, clip.Words)
		}
	}
}

func tooWrong(said, heard string) bool {
	wrong, all := sim.WordErrors(said, heard)
	return 4*wrong > all
}

// TestShortPauseIsOneSentence pauses in the middle: the halves are decoded
// together, as the model hears better in context.
func TestShortPauseIsOneSentence(t *testing.T) {
	clip := enginetest.GoForward(t).At(t, 8000)
	c := call(t, 8000)
	c.Driver.Say(clip.PCM)
	first := partial(t, c)
	if !strings.Contains(strings.ToLower(first.Text), "forward") {
		t.Errorf("the partial after the speech says %q", first.Text)
	}
	c.Driver.Say(clip.PCM)
	c.Session.Finalize(c.At)
	e := c.Final()
	if tooWrong(clip.Words+" "+clip.Words, e.Text) {
		t.Errorf("heard %q, want %q twice", e.Text, clip.Words)
	}
	if e.From != first.From {
		t.Errorf("the final begins at %d, its first partial at %d", e.From, first.From)
	}
}

// partial waits for a partial.
func partial(t testing.TB, c *caller) transcribe.Event {
	t.Helper()
	e := <-c.Session.Events()
	if e.Kind != transcribe.Partial {
		t.Fatalf("got %+v, want a partial", e)
	}
	return e
}

// TestWordsAreKnownAheadOfFinalize counts decodes: the one at the end of speech
// is the only one.
func TestWordsAreKnownAheadOfFinalize(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t), Metrics: moonshine.NewMetrics(registry)})
	s, err := e.Open(transcribe.Options{Rate: 8000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	clip := enginetest.GoForward(t).At(t, 8000)
	c := &caller{Driver: enginetest.Drive(t, s, 8000, 0), t: t, rate: 8000}
	c.Driver.Say(clip.PCM)
	c.Start()
	before := partial(t, c)
	c.Session.Finalize(c.At)
	final := c.Final()
	if final.Text != before.Text || final.Text == "" {
		t.Errorf("final %q, partial before it %q", final.Text, before.Text)
	}
	if n := decodes(t, registry, "final"); n != 1 {
		t.Errorf("%d decodes, want 1", n)
	}
}

// decodes is the number of decodes of a kind.
func decodes(t testing.TB, r *prometheus.Registry, kind string) uint64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "sidetone_moonshine_decode_seconds" && l.GetValue() == kind {
					return m.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	return 0
}

func TestCallsInParallel(t *testing.T) {
	clips := append(enginetest.LibriVox(t), enginetest.GoForward(t))
	var all sync.WaitGroup
	for _, clip := range clips {
		c := call(t, 8000)
		all.Go(func() {
			for range 2 {
				if e := c.hear(clip); tooWrong(clip.Words, e.Text) {
					t.Errorf("heard %q, want %q", e.Text, clip.Words)
				}
			}
		})
	}
	all.Wait()
}

func TestMetricsAreSound(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	moonshine.NewMetrics(r)
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestOpenWithoutModels(t *testing.T) {
	e := moonshine.New(moonshine.Options{Dir: t.TempDir()})
	_, err := e.Open(transcribe.Options{Rate: 8000})
	if !errors.Is(err, transcribe.ErrUnavailable) || !strings.Contains(err.Error(), "make models") {
		t.Errorf("Open = %v, want ErrUnavailable and the command", err)
	}
}

func TestOpenWithTamperedModel(t *testing.T) {
	dir := t.TempDir()
	from := modelstest.Dir(t)
	for _, name := range []string{models.Runtime, models.Vocabulary, models.Decoder} {
		copyFile(t, filepath.Join(from, name), filepath.Join(dir, name), nil)
	}
	copyFile(t, filepath.Join(from, models.Encoder), filepath.Join(dir, models.Encoder), func(b []byte) { b[1000] ^= 1 })
	_, err := moonshine.New(moonshine.Options{Dir: dir}).Open(transcribe.Options{Rate: 8000})
	if !errors.Is(err, transcribe.ErrUnavailable) || !errors.Is(err, models.ErrTampered) || !strings.Contains(err.Error(), filepath.FromSlash(models.Encoder)) {
		t.Errorf("Open = %v, want ErrUnavailable for the tampered encoder", err)
	}
}

func copyFile(t *testing.T, from, to string, change func([]byte)) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(b)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	e, _ := load(t)
	if _, err := e.Open(transcribe.Options{Rate: 8000, Language: "de-DE"}); !errors.Is(err, moonshine.ErrLanguage) {
		t.Errorf("German: %v, want ErrLanguage", err)
	}
	if _, err := e.Open(transcribe.Options{Rate: 44100}); err == nil {
		t.Error("44.1 kHz was accepted")
	}
}
