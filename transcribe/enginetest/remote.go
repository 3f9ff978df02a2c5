package enginetest

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

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// Key is the key that fakes of vendors want. Nothing that is logged may hold it.
const Key = "sk-kGb4xYq7Rw2PzT9vLm3N"

// Remote is an engine elsewhere, and the fake of its vendor.
type Remote struct {
	// Fake makes the vendor.
	Fake func() (*sim.Recogniser, http.Handler)
	// Engine makes an engine that has the key and whose vendor is at a URL.
	Engine func(t *testing.T, url string, o remote.Options) transcribe.Engine
	// Requests is set for an engine that makes a request a turn in place of a
	// connection a call.
	Requests bool
	// Untimed is set for an engine that does not say where the words are.
	Untimed bool
	// Late is set for one that says no word before the turn has ended.
	Late bool
	// Undivided is set for one that neither says that nor can be told where a turn
	// ends in speech that goes on: the words are there, in one turn or the other.
	Undivided bool
}

// said is what is said to engines elsewhere, in the language of their fakes.
const said = "alpha bravo charlie delta echo"

// inMidWord is how much of a call has been sent in the middle of a word, when
// Say begins with it.
const inMidWord = 1000 * time.Millisecond

// clip says words at a rate.
func clip(rate int, words string) Clip {
	return Clip{Name: words, Words: words, Rate: rate, PCM: sim.SayTones(rate, words)}
}

// RunRemote holds an engine elsewhere against the contract of
// transcribe.Session, and against what goes wrong with networks and vendors. All
// of it takes virtual time.
func RunRemote(t *testing.T, v Remote) {
	for _, rate := range []int{8000, 16000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			Run(t, Subject{Said: clip(rate, said), Bubble: func(t *testing.T) transcribe.Engine { return v.connect(t, rate, sim.RecogniserFaults{}).engine }})
		})
	}
	for name, hold := range map[string]func(*testing.T){
		"nothing before the grant":  v.silentBefore,
		"words on the call's clock": v.clock,
		"coding":                    v.coding,
		"long silence":              v.longSilence,
		"refused":                   v.refused,
		"interim words":             v.partials,
		"speech that goes on":       v.goesOn,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, hold) })
	}
	v.survives(t)
	v.givesUp(t)
}

// line is an engine that is connected to a fake.
type line struct {
	t        *testing.T
	fake     *sim.Recogniser
	listener *sim.PipeListener
	engine   transcribe.Engine
	registry *prometheus.Registry
	rate     int
}

// connect makes a fake and the engine that uses it, in a bubble.
func (v Remote) connect(t *testing.T, rate int, f sim.RecogniserFaults) *line {
	t.Helper()
	l := &line{t: t, rate: rate, listener: sim.NewPipeListener(), registry: prometheus.NewRegistry()}
	fake, handler := v.Fake()
	fake.Key, fake.Faults = Key, f
	l.fake = fake
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l.listener)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
		synctest.Wait()
	})
	l.engine = v.Engine(t, "http://vendor.example", remote.Options{Metrics: remote.NewMetrics(l.registry), DialContext: l.listener.DialContext})
	return l
}

// session opens a session whose audio is paced as in a call.
func (l *line) session(at media.Tick) *Driver {
	l.t.Helper()
	s, err := l.engine.Open(transcribe.Options{Rate: l.rate, Language: "en-US"})
	if err != nil {
		l.t.Fatal(err)
	}
	d := Drive(l.t, s, l.rate, at)
	d.Paced = true
	return d
}

// turn says words and returns the final.
func (l *line) turn(d *Driver, words string) transcribe.Event {
	l.t.Helper()
	d.Say(sim.SayTones(l.rate, words))
	d.Session.Finalize(d.At)
	return d.Final()
}

// secret checks that nothing that may be logged or shown holds the key.
func (l *line) secret(err error) {
	l.t.Helper()
	shown := fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err)
	var f *transcribe.Failure
	if errors.As(err, &f) {
		shown += fmt.Sprintf("%+v %#v", *f, *f)
	}
	families, gathered := l.registry.Gather()
	if gathered != nil {
		l.t.Fatal(gathered)
	}
	for _, family := range families {
		shown += family.String()
	}
	for i := 0; i+8 <= len(Key); i++ {
		if strings.Contains(shown, Key[i:i+8]) {
			l.t.Errorf("the key is in what may be logged:\n%s", shown)
			return
		}
	}
}

// silentBefore keeps a caller waiting for the grant, for longer than vendors wait
// for a stream to begin.
func (v Remote) silentBefore(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	const grant = 35 * time.Second
	d := l.session(media.TicksIn(grant))
	d.Start()
	time.Sleep(grant)
	for _, r := range l.fake.Requests() {
		if r.Seconds > 0 {
			t.Errorf("%.2f s of audio were sent before there was any", r.Seconds)
		}
	}
	if n := l.fake.Live(); !v.Requests && n != 1 {
		t.Errorf("%d connections are open when the caller may be heard, want 1", n)
	}
	if e := l.turn(d, said); e.Text != said {
		t.Errorf("heard %q after the grant, want %q", e.Text, said)
	}
}

// clock begins an hour into the call, with a gap that is filled, one that is not,
// and a second turn.
func (v Remote) clock(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	d := l.session(media.TicksIn(time.Hour))
	d.Start()
	for _, gap := range []time.Duration{0, 3 * time.Second, time.Minute} {
		d.Silence(500 * time.Millisecond)
		d.At += media.TicksIn(gap)
		began := d.At + media.TicksIn(400*time.Millisecond)
		e := l.turn(d, said)
		if e.Text != said {
			t.Errorf("after a gap of %v: heard %q, want %q", gap, e.Text, said)
		}
		margin := media.TicksIn(50 * time.Millisecond)
		if v.Untimed {
			margin = media.TicksIn(450 * time.Millisecond)
		}
		if e.From < began-margin || e.From > began+margin {
			t.Errorf("after a gap of %v: the words begin at %.3f s, want %.3f s", gap, e.From.Seconds(), began.Seconds())
		}
		if v.Untimed {
			continue
		}
		if len(e.Words) != len(strings.Fields(said)) {
			t.Fatalf("after a gap of %v: %d words have times", gap, len(e.Words))
		}
		for i, w := range e.Words {
			want := began + media.TicksIn(time.Duration(i)*260*time.Millisecond)
			if w.From < want-margin || w.From > want+margin || w.To <= w.From {
				t.Errorf("after a gap of %v: %q lies at %.3f to %.3f s, want it from %.3f s", gap, w.Text, w.From.Seconds(), w.To.Seconds(), want.Seconds())
			}
		}
	}
}

// coding checks that the vendor can make speech of what it gets, at both rates,
// and that all of it is there.
func (v Remote) coding(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		l := v.connect(t, rate, sim.RecogniserFaults{})
		d := l.session(0)
		d.Start()
		if e := l.turn(d, said); e.Text != said {
			t.Errorf("at %d Hz: heard %q, want %q", rate, e.Text, said)
		}
		for _, r := range l.fake.Requests() {
			if r.Noise > 1 {
				t.Errorf("at %d Hz: %d blocks of what was sent are noise", rate, r.Noise)
			}
		}
	}
}

// longSilence has a pause of the recording, in which no frame comes, and speech
// after it.
func (v Remote) longSilence(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	d := l.session(0)
	d.Start()
	first := l.turn(d, "alpha bravo")
	const pause = 3 * time.Minute
	time.Sleep(pause)
	d.At += media.TicksIn(pause)
	second := l.turn(d, "charlie delta")
	if first.Text != "alpha bravo" || second.Text != "charlie delta" || second.From < media.TicksIn(pause) {
		t.Errorf("heard %q, and %q at %v", first.Text, second.Text, second.From.Duration())
	}
	if n := len(l.fake.Requests()); !v.Requests && n != 1 {
		t.Errorf("it took %d connections, want 1 that is kept alive", n)
	}
}

// partials hears words before the turn has ended.
func (v Remote) partials(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	d := l.session(0)
	d.Start()
	d.Say(sim.SayTones(8000, said))
	if v.Requests || v.Late {
		d.Session.Finalize(d.At)
	}
	e := <-d.Session.Events()
	if v.Late {
		if e.Kind != transcribe.Final || e.Text != said {
			t.Errorf("first came %+v, want %q as a final", e, said)
		}
		return
	}
	if e.Kind != transcribe.Partial || e.Text == "" || !strings.HasPrefix(said, e.Text) {
		t.Errorf("first came %+v, want the beginning of %q as a partial", e, said)
	}
}

// goesOn ends a turn in the middle of speech: what follows is the next one's.
func (v Remote) goesOn(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	d := l.session(0)
	d.Start()
	d.Silence(400 * time.Millisecond)
	d.Session.Speech(d.At, true)
	d.Write(sim.SayTones(8000, "alpha bravo charlie"))
	middle := d.At
	d.Session.Finalize(middle)
	d.Write(sim.SayTones(8000, "delta echo"))
	d.Session.Speech(d.At, false)
	d.Silence(300 * time.Millisecond)
	d.Session.Finalize(d.At)
	first, second := d.Final(), d.Final()
	if v.Undivided {
		if all := strings.TrimSpace(first.Text + " " + second.Text); all != said {
			t.Errorf("heard %q and %q", first.Text, second.Text)
		}
		return
	}
	if first.Text != "alpha bravo charlie" || second.Text != "delta echo" {
		t.Errorf("heard %q and %q", first.Text, second.Text)
	}
	if first.To > middle || second.From < middle-media.TicksIn(60*time.Millisecond) {
		t.Errorf("the turns lie at %d to %d and %d to %d, want %d between them", first.From, first.To, second.From, second.To, middle)
	}
}

// survives has one thing go wrong, and then all is well: not a word may be lost,
// and none said twice.
func (v Remote) survives(t *testing.T) {
	for name, f := range map[string]sim.RecogniserFaults{
		"slow connect":             {First: 1, Connect: 3 * time.Second},
		"connect hangs":            {First: 1, Connect: time.Hour},
		"429":                      {First: 1, Status: 429, RetryAfter: time.Second, Echo: true},
		"500":                      {First: 1, Status: 500, Echo: true},
		"503":                      {First: 2, Status: 503},
		"cut in mid-word":          {First: 1, CutAfter: inMidWord},
		"cut twice":                {First: 2, CutAfter: inMidWord},
		"half-open":                {First: 1, HalfOpen: inMidWord},
		"half-open from the start": {First: 1, Deaf: true},
		"closed with 1011":         {First: 1, CutAfter: inMidWord, CloseAs: 1011, Reason: "NET-0000"},
		"garbage":                  {First: 1, Garbage: 1},
		"nothing but garbage":      {First: 1, Garbage: 1000},
		"100 MB":                   {First: 1, Huge: true},
		"duplicate finals":         {Duplicates: true},
		"finals out of order":      {Disorder: true},
		"never-ending stream":      {Endless: true},
		"unknown fields":           {Unknown: true},
		"all that at once":         {Duplicates: true, Disorder: true, Unknown: true, Garbage: 1},
	} {
		t.Run("survives "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { v.survive(t, f) })
		})
	}
}

// survive has two turns through a fault, the first at the very tick from which
// the caller may be heard.
func (v Remote) survive(t *testing.T, f sim.RecogniserFaults) {
	l := v.connect(t, 8000, f)
	d := l.session(0)
	d.Start()
	for _, words := range []string{said, "foxtrot golf", "golf hotel"} {
		d.Say(sim.SayTones(8000, words))
		d.Session.Finalize(d.At)
		asked := time.Now()
		if e := d.Final(); e.Text != words {
			t.Errorf("heard %q, want %q", e.Text, words)
		}
		if took := time.Since(asked); took > 15*time.Second {
			t.Errorf("%q took %v", words, took)
		}
		d.Silence(2 * time.Second)
	}
	d.Paced = false
	d.Say(sim.SayTones(8000, "hotel india")) // two turns at once: their finals come in order
	d.Session.Finalize(d.At)
	d.Say(sim.SayTones(8000, "juliett kilo"))
	d.Session.Finalize(d.At)
	if a, b := d.Final(), d.Final(); a.Text != "hotel india" || b.Text != "juliett kilo" {
		t.Errorf("of two turns heard %q and %q", a.Text, b.Text)
	}
	l.secret(nil)
}

// refused has nobody listen, at first.
func (v Remote) refused(t *testing.T) {
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	l.listener.Close()
	err := l.lost()
	l.failed(err, transcribe.Unreachable)
}

// givesUp has things go wrong for good: the session ends soon, with the class of
// the failure and without the key.
func (v Remote) givesUp(t *testing.T) {
	for name, c := range map[string]struct {
		faults sim.RecogniserFaults
		class  transcribe.Class
	}{
		"401":                 {sim.RecogniserFaults{Status: 401, Echo: true}, transcribe.Denied},
		"403":                 {sim.RecogniserFaults{Status: 403, Echo: true}, transcribe.Denied},
		"400":                 {sim.RecogniserFaults{Status: 400, Echo: true}, transcribe.Rejected},
		"a redirect":          {sim.RecogniserFaults{Status: 307}, transcribe.Rejected},
		"429":                 {sim.RecogniserFaults{Status: 429, RetryAfter: time.Minute}, transcribe.Limited},
		"500":                 {sim.RecogniserFaults{Status: 500, Echo: true}, transcribe.Busy},
		"connect hangs":       {sim.RecogniserFaults{Connect: time.Hour}, transcribe.TimedOut},
		"cut in mid-word":     {sim.RecogniserFaults{CutAfter: inMidWord}, transcribe.Cut},
		"half-open":           {sim.RecogniserFaults{Deaf: true}, transcribe.TimedOut},
		"nothing but garbage": {sim.RecogniserFaults{Garbage: 1000}, transcribe.Protocol},
		"100 MB":              {sim.RecogniserFaults{Huge: true}, transcribe.Protocol},
	} {
		t.Run("gives up on "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v.Loses(t, 8000, c.faults, c.class)
			})
		})
	}
	if v.Requests {
		return
	}
	t.Run("gives up on a key in a close frame", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v.Loses(t, 8000, sim.RecogniserFaults{CutAfter: inMidWord, CloseAs: 1008, Reason: Key + " may not do this"}, transcribe.Rejected)
		})
	})
}

// Hears runs a session with one turn, and returns what the vendor was sent. It is
// called in a bubble.
func (v Remote) Hears(t *testing.T, o transcribe.Options, words string) sim.RecogniserRequest {
	t.Helper()
	l := v.connect(t, o.Rate, sim.RecogniserFaults{})
	s, err := l.engine.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	d := Drive(t, s, o.Rate, 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if e := l.turn(d, words); e.Text != words {
		t.Errorf("heard %q, want %q", e.Text, words)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	synctest.Wait()
	requests := l.fake.Requests()
	return requests[len(requests)-1]
}

// Loses runs a session that ends by a failure of a class, and returns it. It is
// called in a bubble.
func (v Remote) Loses(t *testing.T, rate int, f sim.RecogniserFaults, class transcribe.Class) *transcribe.Failure {
	t.Helper()
	l := v.connect(t, rate, f)
	err := l.lost()
	l.failed(err, class)
	failure := &transcribe.Failure{}
	errors.As(err, &failure)
	return failure
}

// Hints says words, and after 400 ms more of them, and returns what the engine
// makes of the turn in the second after that. It is called in a bubble.
func (v Remote) Hints(t *testing.T, first, more string) (hints []transcribe.Hint) {
	t.Helper()
	l := v.connect(t, 8000, sim.RecogniserFaults{})
	d := l.session(0)
	d.Start()
	d.Silence(400 * time.Millisecond)
	d.Write(sim.SayTones(8000, first))
	d.Silence(340 * time.Millisecond)
	d.Write(sim.SayTones(8000, more))
	d.Silence(time.Second)
	synctest.Wait()
	for {
		select {
		case e := <-d.Session.Events():
			if e.Hint != transcribe.NoHint {
				hints = append(hints, e.Hint)
			}
		default:
			return hints
		}
	}
}

// lost says something to a session that will be lost, and returns how.
func (l *line) lost() error {
	l.t.Helper()
	d := l.session(0)
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- d.Session.Run(context.Background()) }()
	go func() {
		for range d.Session.Events() {
		}
	}()
	d.Say(sim.SayTones(l.rate, said))
	d.Session.Finalize(d.At)
	err := <-ended
	if took := time.Since(began); took > 30*time.Second {
		l.t.Errorf("it took %v to give up", took)
	}
	return err
}

// failed checks how a session was lost.
func (l *line) failed(err error, class transcribe.Class) {
	l.t.Helper()
	var f *transcribe.Failure
	if !errors.As(err, &f) || f.Class != class || f.Engine != l.engine.Name() {
		l.t.Errorf("Run = %v, want a failure of %s of class %s", err, l.engine.Name(), class)
		return
	}
	if class == transcribe.Limited && f.RetryAfter != time.Minute {
		l.t.Errorf("it says to come again after %v", f.RetryAfter)
	}
	l.secret(err)
}
