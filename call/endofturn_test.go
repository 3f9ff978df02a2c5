package call_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/dialog"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/vad"
)

// What the built-in recogniser takes for words whose speech has just ended, on
// the cores of the figures (BenchmarkDecode: 50 ms for a second, 41 ms for each
// more).
const (
	decodeFirst  = 60 * time.Millisecond
	decodeSecond = 45 * time.Millisecond
)

// agent is how long an agent takes from the end of a turn to its first audio.
type agent struct{ words, reply, voice time.Duration }

func (a agent) String() string { return fmt.Sprint(a.words + a.reply + a.voice) }

// scripted is an agent that needs no model, with built-in speech, which has the
// words when the turn ends; vendors is one whose engines are elsewhere.
var (
	scripted = agent{voice: 120 * time.Millisecond}
	vendors  = agent{150 * time.Millisecond, 250 * time.Millisecond, 120 * time.Millisecond}
)

// hearers are the built-in recogniser and detector of these tests. What they make
// of a turn is kept, by all that may change it: where the machine cut the turn.
type hearers struct {
	engine *moonshine.Engine
	vad    *vad.Model

	mu    sync.Mutex
	edges map[string][]edge
	words map[string]string
}

// edge is where the detector says that speech began, or ended.
type edge struct {
	seen, at media.Tick // when it says so; where it was
	on       bool
	cadence  dialog.Cadence // of speech that ended
}

var sharedHearers hearers

func listening(t testing.TB) *hearers {
	t.Helper()
	e := &sharedHearers
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil {
		return e
	}
	var err error
	if e.vad, err = vad.Load(modelstest.Dir(t)); err != nil {
		t.Fatal(err)
	}
	e.engine = moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	if err := e.engine.Load(); err != nil {
		t.Fatal(err)
	}
	e.edges, e.words = map[string][]edge{}, map[string]string{}
	return e
}

// detect returns the edges of a turn.
func (e *hearers) detect(t testing.TB, u turn, rate int) []edge {
	t.Helper()
	key := fmt.Sprint(rate, u.name)
	if found, ok := e.edges[key]; ok {
		return found
	}
	detector, err := e.vad.NewDetector(rate, vad.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer detector.Close()
	var edges []edge
	speech := false
	for _, f := range enginetest.Frames(u.at[rate], rate, 0) {
		s, err := detector.Write(f)
		if err != nil {
			t.Fatal(err)
		}
		if s.Speech != speech {
			speech = s.Speech
			at := s.To
			if speech {
				at = s.From
			}
			edges = append(edges, edge{f.End(), at, speech, dialog.Cadence(s.Cadence)})
		}
	}
	e.edges[key] = edges
	return edges
}

// hear returns the words of the open turn at its n-th edge, where speech ends,
// when the machine has ended turns at those ticks before.
func (e *hearers) hear(t testing.TB, u turn, rate, n int, finals []media.Tick) string {
	t.Helper()
	edges := e.detect(t, u, rate)
	key := fmt.Sprint(rate, u.name, n, finals)
	if words, ok := e.words[key]; ok {
		return words
	}
	session, err := e.engine.Open(transcribe.Options{Rate: rate, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	driver := enginetest.Drive(t, session, rate, 0)
	driver.Start()
	next, ended := 0, 0
	for _, f := range enginetest.Frames(u.at[rate], rate, 0) {
		driver.Write(f.PCM)
		for ended < len(finals) && finals[ended] <= f.End() {
			session.Finalize(finals[ended])
			driver.Final()
			ended++
		}
		if edges[next].seen != f.End() {
			continue
		}
		session.Speech(edges[next].at, edges[next].on)
		if next == n {
			break
		}
		next++
	}
	words := ""
	session.Finalize(driver.At)
	if final := driver.Final(); final.From < edges[n].at {
		words = final.Text
	}
	e.words[key] = words
	return words
}

// listened is how a turn went.
type listened struct {
	cut    bool          // the agent was heard before the caller had said all
	took   time.Duration // from the end of the caller's words to the end of the turn
	spoken time.Duration // and to the agent's first audio
}

// listen lets a machine hear a turn, in virtual time: voice activity and words
// come from the built-in engines, words as late as they take, and the agent is
// heard so long after the final. Without words there is voice activity alone.
func (e *hearers) listen(t testing.TB, u turn, rate int, s dialog.Settings, words bool, who agent) listened {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &listener{t: t, e: e, u: u, rate: rate, words: words, who: who, m: dialog.NewMachine(s), gate: gatetest.Open()}
	l.begin()
	edges := e.detect(t, u, rate)
	end := media.TicksIn(u.ends)
	for next := 0; l.answered == 0; {
		l.now += media.FrameTicks
		if l.now > end+media.TicksIn(10*time.Second) {
			t.Fatalf("%q: no answer", u.name)
		}
		for next < len(edges) && edges[next].seen <= l.now {
			l.edge(next, edges[next])
			next++
		}
		l.advance()
		l.step(dialog.Passed{At: l.now})
	}
	return listened{cut: l.answered < end, took: (l.ended - end).Duration(), spoken: (l.answered - end).Duration()}
}

// listener is one turn on its way.
type listener struct {
	t     testing.TB
	e     *hearers
	u     turn
	rate  int
	words bool
	who   agent
	m     *dialog.Machine
	gate  *consent.Gate
	now   media.Tick

	from   media.Tick // of the open turn
	finals []media.Tick
	newest dialog.Words // of the newest pause
	known  media.Tick   // when they are
	sent   bool
	owed   bool // a final

	turn     dialog.TurnID
	replies  media.Tick // when the reply is due; 0: not at all
	speaks   media.Tick // when its first audio is
	held     bool       // playout is
	clip     media.ClipID
	ended    media.Tick // when the turn was
	answered media.Tick // when the agent was heard
}

// begin has the agent ask.
func (l *listener) begin() {
	at := -media.TicksIn(time.Second)
	l.step(dialog.Opened{At: at})
	l.step(dialog.Replied{At: at, Turn: l.turn, Part: dialog.Part{Sentence: "Yes?", Expect: l.u.expect}})
	l.step(dialog.ReplyEnded{At: at, Turn: l.turn})
	l.replies = 0
	l.step(dialog.Played{At: 0, Clip: l.clip, From: at, Offset: media.TickRate, Length: media.TickRate, Done: true})
	l.speaks = 0
}

func (l *listener) edge(n int, e edge) {
	if e.on {
		if l.from == 0 {
			l.from = e.at
		}
		l.step(dialog.SpeechStarted{At: l.now, From: e.at})
		return
	}
	l.step(dialog.SpeechEnded{At: l.now, To: e.at, Cadence: e.cadence})
	text := "words"
	if l.words {
		text = l.e.hear(l.t, l.u, l.rate, n, l.finals)
	}
	said, _ := l.gate.Heard(min(l.from, e.at), e.at, text)
	l.newest, l.sent = dialog.Words{Said: said}, false
	l.known = l.now
	if l.words {
		l.known += media.TicksIn(decodeFirst + time.Duration((e.at-l.from).Seconds()*float64(decodeSecond)))
	}
}

// advance brings words, finals and the agent's voice when they are due.
func (l *listener) advance() {
	if l.words && !l.sent && l.newest.Said.String() != "" && l.now >= l.known {
		l.sent, l.newest.At = true, l.now
		l.step(l.newest)
	}
	if l.owed && l.now >= max(l.known, l.ended+media.TicksIn(l.who.words)) {
		l.owed, l.sent = false, true
		final := l.newest
		final.At, final.Final = l.now, true
		l.newest, l.from = dialog.Words{}, 0
		l.step(final)
	}
	if l.replies != 0 && l.now >= l.replies {
		l.replies = 0
		l.step(dialog.Replied{At: l.now, Turn: l.turn, Part: dialog.Part{Sentence: "I see."}})
		l.step(dialog.ReplyEnded{At: l.now, Turn: l.turn})
	}
	if l.held {
		l.step(dialog.HoldSettled{At: l.now})
	} else if l.speaks != 0 && l.now >= l.speaks {
		l.answered = l.now
	}
}

func (l *listener) step(e dialog.Event) {
	for _, a := range l.m.Step(e) {
		switch a := a.(type) {
		case dialog.Finalize:
			l.finals, l.owed, l.ended = append(l.finals, a.At), true, a.At
		case dialog.StartReply:
			l.turn, l.replies = a.Input.Turn, l.now+max(1, media.TicksIn(l.who.reply))
			if a.Input.Kind == dialog.Silent {
				l.t.Fatalf("%q: the machine heard nothing", l.u.name)
			}
		case dialog.CancelReply:
			l.replies, l.speaks = 0, 0
		case dialog.Say:
			l.clip, l.speaks = a.Clip, l.now+media.TicksIn(l.who.voice)
		case dialog.Hold:
			l.held = true
		case dialog.Resume, dialog.Drop:
			l.held = false
		}
	}
}

// curve is one point of it: how patient a machine is, and how often wrong.
type curve struct {
	turns, cut int
	cuts       []string
	took       sim.Distribution
}

func (c *curve) share() float64 { return float64(c.cut) / float64(c.turns) }

func (c *curve) String() string {
	return fmt.Sprintf("%3d of %3d cut off (%4.1f %%)  endpoint p50 %4d ms  p95 %4d ms", c.cut, c.turns, 100*c.share(),
		c.took.Quantile(0.5).Milliseconds(), c.took.Quantile(0.95).Milliseconds())
}

// measure lets a machine hear turns.
func (e *hearers) measure(t testing.TB, set []turn, rate int, s dialog.Settings, words bool, who agent) *curve {
	t.Helper()
	c := &curve{turns: len(set)}
	for _, u := range set {
		l := e.listen(t, u, rate, s, words, who)
		if l.cut {
			c.cut++
			c.cuts = append(c.cuts, u.name)
			continue
		}
		c.took.Add(l.took)
	}
	return c
}

// half returns the turns that rules are made with, or the others.
func half(set []turn, others bool) []turn {
	i := -1
	return slices.DeleteFunc(slices.Clone(set), func(turn) bool { i++; return i/2%2 == 1 != others })
}

// silence is plain voice activity: the same silence ends each turn.
func silence(d time.Duration) dialog.Settings {
	s := dialog.DefaultSettings("en")
	s.EndOfTurn.Short, s.EndOfTurn.Min, s.EndOfTurn.Max, s.EndOfTurn.Digits = d, d, d, d
	return s
}

// TestEndOfTurn holds the machine to its promise on a quarter of the set, of the half
// that the rules were not made with, on the phone and on the web: callers are seldom
// cut off, much less often than by voice activity that is as quick. Of so few turns,
// one more is let pass than the tenth of BenchmarkEndOfTurn.
func TestEndOfTurn(t *testing.T) {
	e := listening(t)
	some := half(half(turns(t), true), true)
	for _, rate := range []int{8000, 16000} {
		c := e.measure(t, some, rate, dialog.DefaultSettings("en"), true, scripted)
		p50 := c.took.Quantile(0.5)
		plain := e.measure(t, some, rate, silence(p50), false, scripted)
		t.Logf("%d Hz: %v\n voice activity alone: %v", rate, c, plain)
		if c.cut > len(some)/10+1 || p50 > 600*time.Millisecond {
			t.Errorf("%d Hz: %v, want at most 10 %% at 600 ms; %q", rate, c, c.cuts)
		}
		if c.share() > 0.7*plain.share() {
			t.Errorf("%d Hz: %v, want 30 %% fewer than %v", rate, c, plain)
		}
	}
}

// ending is a detector that tells of each speech that has ended how it did.
type ending struct {
	vad.Detector
	as vad.Cadence
}

func (d ending) Write(f media.Frame) (vad.State, error) {
	s, err := d.Detector.Write(f)
	if s.To > 0 && !s.Speech {
		s.Cadence = d.as
	}
	return s, err
}

// TestCadenceIsHeard has the agent wait for a caller whose voice stops as in the middle
// of a sentence.
func TestCadenceIsHeard(t *testing.T) {
	answered := map[vad.Cadence]time.Duration{}
	for _, as := range []vad.Cadence{vad.NoCadence, vad.Held, vad.Faded} {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{wait: 50 * time.Millisecond},
				engine:  &engine{wait: 100 * time.Millisecond, partial: "There is somebody at the door,", whole: true},
				replier: &replies{each: []string{"440Hz", "500Hz"}},
				voices: func(rate int, o vad.Options) (vad.Detector, error) {
					d, err := vad.NewEnergy(rate, o)
					return ending{d, as}, err
				}})
			c := g.dial()
			until(t, c, 6*time.Second)
			c.Say(media.Tone(8000, 1200, 1500*time.Millisecond, -10))
			report, _ := g.end(c)
			answered[as] = onset(report.Heard[7*8000:], 500)
		})
	}
	plain := answered[vad.NoCadence]
	if longer := answered[vad.Held] - plain; plain < 0 || longer < 800*time.Millisecond {
		t.Errorf("the agent answers %v later where the voice stops in the middle, want 1 s", longer)
	}
	if sooner := plain - answered[vad.Faded]; answered[vad.Faded] < 0 || sooner < 60*time.Millisecond {
		t.Errorf("the agent answers %v sooner where the voice fades in spite of a comma, want 0.1 s", sooner)
	}
}

// BenchmarkEndOfTurn prints how often callers are cut off and how long they wait, for
// voice activity alone and for the machine.
func BenchmarkEndOfTurn(b *testing.B) {
	set := turns(b)
	for b.Loop() {
		e := listening(b)
		for _, others := range []bool{false, true} {
			some := half(set, others)
			for _, rate := range []int{8000, 16000} {
				for _, who := range []agent{scripted, vendors} {
					fmt.Printf("%d turns at %d Hz, those for making the rules: %v; the agent is heard %v after the end of a turn\n", len(some), rate, !others, who)
					for _, ms := range []int{300, 450, 600, 800, 1000, 1200, 1500} {
						d := time.Duration(ms) * time.Millisecond
						fmt.Printf("  silence of %4d ms  %v\n", ms, e.measure(b, some, rate, silence(d), false, who))
					}
					for _, ms := range []int{300, 400, 450, 500, 550, 600, 800} {
						s := dialog.DefaultSettings("en")
						s.EndOfTurn.Min = time.Duration(ms) * time.Millisecond
						fmt.Printf("  machine, min %4d  %v\n", ms, e.measure(b, some, rate, s, true, who))
					}
				}
			}
		}
	}
}
