package chain_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/consent"
	"sidetone/internal/breaker"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/chain"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/openai"
	"sidetone/transcribe/remote"
)

// said is what is said, in the language of the fakes.
const said = "alpha bravo charlie delta echo"

// dead is a vendor that nobody can connect to.
var dead = sim.RecogniserFaults{Connect: time.Hour}

// vendors are two engines elsewhere and their fakes, in a bubble.
type vendors struct {
	first    sim.Deepgram
	second   sim.Transcription
	metrics  *prometheus.Registry
	breakers [2]*breaker.Breaker
	engine   *chain.Engine
}

// connect makes a chain whose first engine is Deepgram's, and whose second is asked
// by requests.
func connect(t *testing.T, first, second sim.RecogniserFaults) *vendors {
	t.Helper()
	v := &vendors{metrics: prometheus.NewPedanticRegistry()}
	v.first.Key, v.first.Faults = enginetest.Key, first
	v.second.Key, v.second.Faults = enginetest.Key, second
	a, err := deepgram.New(deepgram.Options{URL: "http://vendor.example", Key: enginetest.Key, Remote: serve(t, &v.first)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := openai.New(openai.Options{API: openai.Transcriptions, URL: "http://vendor.example/v1", Key: enginetest.Key, Remote: serve(t, &v.second)})
	if err != nil {
		t.Fatal(err)
	}
	metrics := breaker.NewMetrics(v.metrics)
	for i, e := range []transcribe.Engine{a, b} {
		v.breakers[i] = breaker.New(breaker.Options{Kind: breaker.STT, Engine: e.Name(), Metrics: metrics})
	}
	v.engine = chain.New(chain.Options{Metrics: chain.NewMetrics(v.metrics)}, chain.Link{Engine: a, Breaker: v.breakers[0]}, chain.Link{Engine: b, Breaker: v.breakers[1]})
	return v
}

// serve lets a fake listen, and says how it is reached.
func serve(t *testing.T, handler http.Handler) remote.Options {
	listener := sim.NewPipeListener()
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
		synctest.Wait()
	})
	return remote.Options{DialContext: listener.DialContext}
}

// open opens a session of a call whose first frame will be at a tick.
func open(t *testing.T, e transcribe.Engine, at media.Tick) *enginetest.Driver {
	t.Helper()
	s, err := e.Open(transcribe.Options{Rate: 8000, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	d := enginetest.Drive(t, s, 8000, at)
	d.Paced = true
	return d
}

// TestContract holds a chain against what every engine keeps to, whichever of its
// engines hears.
func TestContract(t *testing.T) {
	for name, f := range map[string]sim.RecogniserFaults{
		"the first":                  {},
		"the first is not there":     {Status: 503},
		"the first does not answer":  {Deaf: true},
		"the first goes in mid-word": {CutAfter: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			clip := enginetest.Clip{Name: said, Words: said, Rate: 8000, PCM: sim.SayTones(8000, said)}
			enginetest.Run(t, enginetest.Subject{Said: clip, Bubble: func(t *testing.T) transcribe.Engine { return connect(t, f, sim.RecogniserFaults{}).engine }})
		})
	}
}

// TestTakesOver has the first engine fail in all ways there are, from the first word
// on: every turn has its words once, soon, and its place on the call's clock.
func TestTakesOver(t *testing.T) {
	const midWord = time.Second
	for name, c := range map[string]struct {
		faults sim.RecogniserFaults
		first  string // who hears the first turn
	}{
		"works":                        {sim.RecogniserFaults{}, "deepgram"},
		"slow to connect":              {sim.RecogniserFaults{Connect: 3 * time.Second}, "deepgram"},
		"slower than anybody can wait": {sim.RecogniserFaults{Connect: 4500 * time.Millisecond}, "openai"},
		"nobody there":                 {dead, "openai"},
		"401":                          {sim.RecogniserFaults{Status: 401}, "openai"},
		"429":                          {sim.RecogniserFaults{Status: 429, RetryAfter: time.Minute}, "openai"},
		"400":                          {sim.RecogniserFaults{Status: 400}, "openai"},
		"500":                          {sim.RecogniserFaults{Status: 500}, "openai"},
		"cut in mid-word":              {sim.RecogniserFaults{CutAfter: midWord}, "openai"},
		"half-open":                    {sim.RecogniserFaults{HalfOpen: midWord}, "openai"},
		"half-open from the start":     {sim.RecogniserFaults{Deaf: true}, "openai"},
		"closed with 1011":             {sim.RecogniserFaults{CutAfter: midWord, CloseAs: 1011, Reason: "NET-0000"}, "openai"},
		"nothing but garbage":          {sim.RecogniserFaults{Garbage: 1000}, "openai"},
		"100 MB":                       {sim.RecogniserFaults{Huge: true}, "openai"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := connect(t, c.faults, sim.RecogniserFaults{})
				d := open(t, v.engine, media.TicksIn(time.Hour))
				d.Start()
				for i, words := range []string{said, "foxtrot golf", "golf hotel"} {
					from := d.At
					d.Say(sim.SayTones(8000, words))
					d.Session.Finalize(d.At)
					asked := time.Now()
					e := d.Final()
					if took := time.Since(asked); e.Text != words || took > 2500*time.Millisecond || e.Took != took {
						t.Errorf("turn %d: heard %q after %v, which it says are %v; want %q", i, e.Text, took, e.Took, words)
					}
					if begins := from + media.TicksIn(400*time.Millisecond); e.From < begins-media.TicksIn(450*time.Millisecond) || e.From > begins+media.TicksIn(100*time.Millisecond) {
						t.Errorf("turn %d: the words begin at %.2f s, want %.2f s", i, e.From.Seconds(), begins.Seconds())
					}
					if i == 0 && e.Engine != c.first {
						t.Errorf("%s heard the first turn, want %s", e.Engine, c.first)
					}
					d.Silence(2 * time.Second)
				}
				if n := testutil.CollectAndCount(v.metrics, "sidetone_engine_takeovers_total"); (n > 0) != (c.first == "openai") {
					t.Errorf("%d takeovers are counted", n)
				}
			})
		})
	}
}

// TestStaysWhereItWorks goes through the whole of a call: who took over goes on, a
// breaker opens over several calls, and the first engine is tried again later.
func TestStaysWhereItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, sim.RecogniserFaults{CutAfter: time.Second}, sim.RecogniserFaults{})
		heard := func() (who []string) {
			ctx, cancel := context.WithCancel(t.Context())
			d := open(t, v.engine, 0)
			ended := make(chan error)
			go func() { ended <- d.Session.Run(ctx) }()
			for range 2 {
				d.Say(sim.SayTones(8000, said))
				d.Session.Finalize(d.At)
				e := d.Final()
				if e.Text != said {
					t.Errorf("heard %q", e.Text)
				}
				who = append(who, e.Engine)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			return who
		}
		for range breaker.Tolerated {
			if who := strings.Join(heard(), " "); who != "openai openai" {
				t.Errorf("a call was heard by %s", who)
			}
		}
		if s := v.breakers[0].State(); s != breaker.Open {
			t.Errorf("the breaker is %d", s)
		}
		before := len(v.first.Requests())
		heard()
		if len(v.first.Requests()) != before {
			t.Error("an engine that is left out is connected")
		}
		v.first.Faults = sim.RecogniserFaults{}
		time.Sleep(breaker.OpenAtLast)
		if who := strings.Join(heard(), " "); who != "deepgram deepgram" || v.breakers[0].State() != breaker.Closed {
			t.Errorf("once it is back a call is heard by %s, and the breaker is %d", who, v.breakers[0].State())
		}
	})
}

// TestNobodyIsThere has all engines gone: a turn is answered all the same, soon, and
// says that it was lost. Words that are said while one comes back are heard.
func TestNobodyIsThere(t *testing.T) {
	for name, gone := range map[string]sim.RecogniserFaults{"refusing": {Status: 503}, "not allowed": {Status: 401}, "400": {Status: 400}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := connect(t, gone, gone)
				d := open(t, v.engine, 0)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- d.Session.Run(ctx) }()
				defer cancel()
				d.Say(sim.SayTones(8000, said))
				d.Session.Finalize(d.At)
				asked := time.Now()
				if gone.Status == 400 { // it will never be better
					for range d.Session.Events() {
						t.Error("an event of nobody")
					}
					var f *transcribe.Failure
					if err := <-ended; !errors.As(err, &f) || f.Class != transcribe.Rejected {
						t.Errorf("it ended with %v", err)
					}
					return
				}
				if e := d.Final(); !e.Lost || e.Text != "" || time.Since(asked) > 2*time.Second {
					t.Errorf("answered by %+v after %v, want a lost turn", e, time.Since(asked))
				}
				if lost := testutil.ToFloat64(counter(t, v.metrics, "sidetone_stt_unheard_seconds_total")); lost < 1.5 || lost > 3 {
					t.Errorf("%.1f s are counted as unheard", lost)
				}
				v.second.Faults = sim.RecogniserFaults{}
				d.Silence(time.Minute)
				d.Say(sim.SayTones(8000, "foxtrot golf"))
				d.Session.Finalize(d.At)
				if e := d.Final(); e.Text != "foxtrot golf" || e.Lost {
					t.Errorf("once the second is back it hears %+v", e)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// counter finds a counter without labels.
func counter(t *testing.T, r *prometheus.Registry, name string) prometheus.Collector {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name})
	for _, f := range families {
		if f.GetName() == name {
			c.Add(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return c
}

// TestComesBackInTime has the only engine refuse for a second in the middle of a
// turn: what was said meanwhile is heard.
func TestComesBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fake sim.Deepgram
		fake.Key, fake.Faults = enginetest.Key, sim.RecogniserFaults{Status: 503}
		e, err := deepgram.New(deepgram.Options{URL: "http://vendor.example", Key: enginetest.Key, Remote: serve(t, &fake)})
		if err != nil {
			t.Fatal(err)
		}
		d := open(t, chain.New(chain.Options{}, chain.Link{Engine: e, Breaker: breaker.New(breaker.Options{})}), 0)
		d.Start()
		d.Say(sim.SayTones(8000, "alpha"))
		fake.Faults = sim.RecogniserFaults{}
		d.Session.Finalize(d.At)
		if e := d.Final(); e.Text != "alpha" || e.Lost {
			t.Errorf("heard %+v", e)
		}
	})
}

// TestBothAreSlow has two engines that take longer than either may while there is
// another: the second one is waited for, and the turn does not go back and forth.
func TestBothAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := connect(t, sim.RecogniserFaults{}, sim.RecogniserFaults{})
		v.first.Latency, v.second.Latency = 3*time.Second, 3*time.Second
		d := open(t, v.engine, 0)
		d.Start()
		d.Say(sim.SayTones(8000, said))
		d.Session.Finalize(d.At)
		if e := d.Final(); e.Text != said || e.Engine != "openai" {
			t.Errorf("heard %q by %s", e.Text, e.Engine)
		}
	})
}

// TestLocal checks that a chain is on this machine only where all of it is, and which
// languages it takes.
func TestLocal(t *testing.T) {
	link := func(e transcribe.Engine) chain.Link {
		return chain.Link{Engine: e, Breaker: breaker.New(breaker.Options{})}
	}
	here, there := stub{name: "here", local: true}, stub{name: "there"}
	if e := chain.New(chain.Options{}, link(here), link(here)); !e.Local() || e.Name() != "here" {
		t.Error("two engines on this machine are elsewhere")
	}
	e := chain.New(chain.Options{}, link(here), link(there))
	if e.Local() || len(e.Engines()) != 2 {
		t.Error("a chain with an engine elsewhere is on this machine")
	}
	picky := stub{name: "picky", err: errors.New("no such language")}
	if _, err := chain.New(chain.Options{}, link(picky), link(here)).Open(transcribe.Options{}); err != nil {
		t.Errorf("one of two can: %v", err)
	}
	if _, err := chain.New(chain.Options{}, link(picky), link(picky)).Open(transcribe.Options{}); !errors.Is(err, picky.err) {
		t.Errorf("none can: %v", err)
	}
}

// TestPanic checks that the panic of an engine is one of Run, and leaves nobody
// behind.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, chain.New(chain.Options{}, chain.Link{Engine: stub{name: "bad"}, Breaker: breaker.New(breaker.Options{})}), 0)
		defer func() {
			if p := recover(); !strings.Contains(fmt.Sprint(p), "out of order") {
				t.Errorf("Run panicked with %v", p)
			}
		}()
		d.Session.Run(t.Context())
	})
}

// stub is an engine that opens sessions which panic.
type stub struct {
	name  string
	local bool
	err   error
}

func (s stub) Name() string { return s.name }
func (s stub) Local() bool  { return s.local }

func (s stub) Open(transcribe.Options) (transcribe.Session, error) {
	return panicking{make(chan transcribe.Event)}, s.err
}

// panicking is a session that panics as it runs.
type panicking struct{ events chan transcribe.Event }

func (panicking) Write(consent.ConverseAudio)       {}
func (panicking) Speech(media.Tick, bool)           {}
func (panicking) Finalize(media.Tick)               {}
func (p panicking) Events() <-chan transcribe.Event { return p.events }
func (panicking) Run(context.Context) error         { panic("out of order") }
