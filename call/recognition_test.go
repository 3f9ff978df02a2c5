package call_test

import (
	"context"
	"iter"
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
	"sidetone/internal/breaker"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/chain"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/openai"
	"sidetone/transcribe/remote"
	"sidetone/transcribe/vad"
)

// ears are recognition engines behind real sockets and requests, in the bubble of a
// test.
type ears struct {
	main    vendor
	spare   vendor
	gone    bool // nobody hears anything
	engine  *chain.Engine
	metrics *prometheus.Registry
	breaker *breaker.Breaker // of the first
}

func newEars(t *testing.T) *ears {
	e := &ears{metrics: prometheus.NewPedanticRegistry()}
	e.fail(sim.RecogniserFaults{}, sim.RecogniserFaults{})
	first, err := deepgram.New(deepgram.Options{URL: "http://main", Key: "key", Remote: reach(t, &e.main)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := openai.New(openai.Options{API: openai.Transcriptions, URL: "http://spare/v1", Key: "key", Remote: reach(t, &e.spare)})
	if err != nil {
		t.Fatal(err)
	}
	e.engine = e.chain(first, second)
	return e
}

// fail has the vendors fail, in their own ways.
func (e *ears) fail(main, spare sim.RecogniserFaults) {
	e.main.be(&sim.Deepgram{Recogniser: sim.Recogniser{Key: "key", Faults: main}})
	e.spare.be(&sim.Transcription{Recogniser: sim.Recogniser{Key: "key", Faults: spare, Latency: 150 * time.Millisecond}})
}

// vendor is a vendor's stand-in, which may change while it is asked.
type vendor struct{ now atomic.Pointer[http.Handler] }

func (v *vendor) be(h http.Handler) { v.now.Store(&h) }

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*v.now.Load()).ServeHTTP(w, r) }

// chain makes one engine of several.
func (e *ears) chain(engines ...transcribe.Engine) *chain.Engine {
	metrics := breaker.NewMetrics(e.metrics)
	var links []chain.Link
	for _, engine := range engines {
		links = append(links, chain.Link{Engine: engine, Breaker: breaker.New(breaker.Options{Kind: breaker.STT, Engine: engine.Name(), Metrics: metrics})})
	}
	e.breaker = links[0].Breaker
	return chain.New(chain.Options{Metrics: chain.NewMetrics(e.metrics)}, links[0], links[1:]...)
}

// reach lets a vendor's stand-in listen, and says how it is reached.
func reach(t *testing.T, vendor http.Handler) remote.Options {
	ln := sim.NewPipeListener()
	server := &http.Server{Handler: vendor}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return remote.Options{DialContext: ln.DialContext}
}

// answers greets with a tone and answers the first words by another, and then hangs
// up.
type answers struct{ heard []string }

func (a *answers) Reply(_ context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		if in.Kind != dialog.Said {
			yield(dialog.Part{Sentence: "440Hz"}, nil)
			return
		}
		a.heard = append(a.heard, in.Words())
		yield(dialog.Part{Sentence: "500Hz", End: true}, nil)
	}
}

// said is what the caller says, in the tone language.
const said = "alpha bravo charlie delta echo"

// drill places a call in which the caller says one thing, after the greeting.
func (e *ears) drill(t *testing.T) (d drilled, heard []string) {
	t.Helper()
	replier := &answers{}
	g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 120 * time.Millisecond}, hears: e.engine, replier: replier,
		set: func(s *dialog.Settings) {
			s.Wait.Filler, s.Apology, s.Farewell, s.WayOut = "1000Hz", "1100Hz", "1300Hz", "+14155550100"
		}})
	c := g.dial()
	if err := c.WaitAgent(t.Context(), 2*time.Second); err != nil { // the announcement
		t.Fatal(err)
	}
	if err := c.WaitAgent(t.Context(), 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	d.said = c.Say(sim.SayTones(8000, said))
	<-d.said.Done()
	if e.gone { // nobody hears it: once more, after the apology
		if err := c.WaitAgent(t.Context(), 500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		c.Say(sim.SayTones(8000, said))
	}
	d.report, d.result = g.end(c)
	d.turns = g.recording().turns
	return d, replier.heard
}

// TestRecognitionIsKilled is the failure drill: in 50 calls recognition goes, in the
// middle of what the caller says, and another engine hears all of it.
func TestRecognitionIsKilled(t *testing.T) {
	const calls, middle = 50, 2200 * time.Millisecond
	ways := []sim.RecogniserFaults{
		{CutAfter: middle}, {HalfOpen: middle}, {CutAfter: middle, CloseAs: 1011, Reason: "NET-0000"}, {Garbage: 1000}, {Deaf: true}, {Status: 503}, {Huge: true},
		{Connect: time.Hour}, {Status: 429, RetryAfter: 5 * time.Second}, {Status: 401},
	}
	bubble(t, func(t *testing.T) {
		e := newEars(t)
		longest, opened, by := time.Duration(0), false, map[string]int{}
		for i := range calls {
			way := ways[i%len(ways)]
			e.fail(way, sim.RecogniserFaults{})
			d, heard := e.drill(t)
			if want := (call.Result{Outcome: call.Completed, Reason: call.Goodbye}); d.result != want {
				t.Errorf("call %d, %+v: it ended %v, want %v", i, way, d.result, want)
			}
			if strings.Join(heard, "|") != said {
				t.Errorf("call %d, %+v: heard %q", i, way, heard)
			}
			for _, turn := range d.turns {
				if turn.Speaker == transcribe.Caller {
					by[turn.Engine]++
					if turn.Text != said {
						t.Errorf("call %d, %+v: the transcript has %q", i, way, turn.Text)
					}
				}
			}
			longest = max(longest, d.silence())
			opened = opened || e.breaker.State() == breaker.Open
			if i%10 == 9 {
				time.Sleep(2 * time.Minute) // it is tried again
			}
		}
		if longest > 4*time.Second {
			t.Errorf("the longest silence was %v", longest)
		}
		if by["openai"] != calls || !opened {
			t.Errorf("heard by %v; the breaker opened: %v", by, opened)
		}
		t.Logf("%d calls, none dropped; the longest silence was %v", calls, longest)
		e.fail(sim.RecogniserFaults{}, sim.RecogniserFaults{})
		time.Sleep(5 * time.Minute)
		if d, _ := e.drill(t); e.breaker.State() != breaker.Closed {
			t.Errorf("the breaker is %d after the engine was back, turns %+v", e.breaker.State(), d.turns)
		}
		if n, err := testutil.GatherAndCount(e.metrics, "sidetone_engine_takeovers_total"); err != nil || n == 0 {
			t.Errorf("no takeover is counted, %v", err)
		}
	})
}

// TestAllRecognitionIsKilled holds that a caller whom nobody hears is told so, and is
// connected to somebody when it happens again.
func TestAllRecognitionIsKilled(t *testing.T) {
	for name, dead := range map[string]sim.RecogniserFaults{"refusing": {Status: 503}, "not allowed": {Status: 401}, "rejecting": {Status: 400}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := newEars(t)
				e.gone = true
				e.fail(dead, dead)
				d, heard := e.drill(t)
				if want := (call.Result{Outcome: call.Vendor, Reason: call.ReplyLost}); d.result != want || len(heard) > 0 {
					t.Errorf("it ended %v, want %v; heard %q", d.result, want, heard)
				}
				if apology := onset(d.report.Heard, 1100) - d.said.To.Duration(); apology < 0 || apology > 4*time.Second {
					t.Errorf("the apology came after %v", apology)
				}
				if silent := d.silence(); silent > 4*time.Second {
					t.Errorf("the longest silence was %v", silent)
				}
				if onset(d.report.Heard, 1300) < 0 || d.report.Dialed != "+14155550100" {
					t.Errorf("no way out: connected to %q", d.report.Dialed)
				}
			})
		})
	}
}

// TestFirstWords has a caller who speaks from the very tick of the grant on, while
// recognition takes 3 s to connect, or is not there and another engine takes its
// place: all words are in the transcript, once, by who heard them.
func TestFirstWords(t *testing.T) {
	slow := sim.RecogniserFaults{Connect: 3 * time.Second}
	for name, c := range map[string]struct {
		main, spare sim.RecogniserFaults
		by          string
	}{
		"3 s to connect":                    {slow, sim.RecogniserFaults{}, "deepgram"},
		"refusing":                          {sim.RecogniserFaults{Status: 503}, sim.RecogniserFaults{}, "openai"},
		"refusing, and the other takes 3 s": {sim.RecogniserFaults{Status: 503}, slow, "openai"},
		"gone with the first word, and the other slow":   {sim.RecogniserFaults{CutAfter: 100 * time.Millisecond}, slow, "openai"},
		"silent from the first word, and the other slow": {sim.RecogniserFaults{HalfOpen: 100 * time.Millisecond}, slow, "openai"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := newEars(t)
				e.fail(c.main, c.spare)
				turn := firstWords(t, e.engine, sim.SayTones(8000, said), vad.NewEnergy)
				if turn.Text != said || turn.Engine != c.by {
					t.Errorf("the transcript has %q by %s, want %q by %s", turn.Text, turn.Engine, said, c.by)
				}
			})
		})
	}
	t.Run("a person", func(t *testing.T) {
		own := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
		if err := own.Load(); err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		model, err := vad.Load(modelstest.Dir(t))
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		clip := enginetest.GoForward(t).At(t, 8000)
		bubble(t, func(t *testing.T) {
			e := newEars(t)
			e.fail(sim.RecogniserFaults{Status: 503}, sim.RecogniserFaults{})
			first, err := deepgram.New(deepgram.Options{URL: "http://main", Key: "key", Remote: reach(t, &e.main)})
			if err != nil {
				t.Fatal(err)
			}
			e.metrics = prometheus.NewPedanticRegistry()
			turn := firstWords(t, e.chain(first, own), clip.PCM, model.NewDetector)
			if wrong, _ := sim.WordErrors(clip.Words, turn.Text); wrong > 0 || turn.Engine != "moonshine" {
				t.Errorf("the transcript has %q by %s, want %q", turn.Text, turn.Engine, clip.Words)
			}
		})
	})
}

// firstWords has a caller say something from the tick of the grant on, and returns
// what the transcript has of it.
func firstWords(t *testing.T, engine transcribe.Engine, pcm []int16, voices vad.Factory) transcribe.Turn {
	t.Helper()
	message := notice()
	message.Parts, message.Wait = message.Parts[1:], media.TicksIn(500*time.Millisecond)
	replier := &answers{}
	g := newGateway(t, options{mode: consent.NoticeMode, message: message, speaker: tones{}, hears: engine, replier: replier, voices: voices})
	c := g.dial()
	for g.ledger.events() == "" { // until the grant
		time.Sleep(time.Millisecond)
	}
	granted, err := c.Now()
	if err != nil {
		t.Fatal(err)
	}
	spoken := c.Say(pcm)
	<-spoken.Done()
	g.end(c)
	if late := spoken.From - granted; late < -media.FrameTicks || late > media.FrameTicks {
		t.Fatalf("the caller speaks %v after the grant", late.Duration())
	}
	for _, turn := range g.recording().turns {
		if turn.Speaker == transcribe.Caller {
			if turn.From < granted.Seconds()-0.02 || turn.From > granted.Seconds()+1 {
				t.Errorf("the words begin at %.2f s, and the grant was at %.2f s", turn.From, granted.Seconds())
			}
			return turn
		}
	}
	return transcribe.Turn{}
}
