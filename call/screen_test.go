package call_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/telephony"
)

// screen gives the simulated phone a screen: what is shown is kept, and what the
// caller does on it comes among the leg's own events.
type screen struct {
	telephony.Leg
	info   telephony.Info
	done   chan telephony.Event
	events chan telephony.Event

	mu    sync.Mutex
	shown []telephony.Show
}

func newScreen() *screen {
	return &screen{done: make(chan telephony.Event), events: make(chan telephony.Event)}
}

func (s *screen) over(leg telephony.Leg) *screen {
	s.Leg = leg
	s.info = leg.Info()
	s.info.Metadata = map[string]string{"crm": "4711"}
	go func() {
		defer close(s.events)
		for of := leg.Events(); ; {
			select {
			case e, ok := <-of:
				if !ok {
					return
				}
				s.events <- e
			case e := <-s.done:
				s.events <- e
			}
		}
	}()
	return s
}

func (s *screen) Events() <-chan telephony.Event { return s.events }
func (s *screen) Info() telephony.Info           { return s.info }
func (s *screen) Delay() string                  { return "stats" }

func (s *screen) Show(what telephony.Show) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, what)
	return nil
}

// choose presses a button of the message that is on the screen.
func (s *screen) choose(at media.Tick, choice telephony.Choice) {
	s.done <- telephony.Event{Kind: telephony.Chose, At: at, Choice: choice, Text: "m1"}
}

// lines writes down what was shown, leaving out how far a sentence has got.
func (s *screen) lines() (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range s.shown {
		switch w := what.(type) {
		case telephony.Question:
			lines = append(lines, fmt.Sprintf("question %s %v %v", w.Message, w.Parts, w.Choices))
		case telephony.Settled:
			lines = append(lines, fmt.Sprintf("settled %s recording=%v", w.Outcome, w.Recording))
		case telephony.State:
			lines = append(lines, "state "+string(w.State))
		case telephony.Caption:
			lines = append(lines, fmt.Sprintf("caller %s %s", w.How, w.Text))
		case telephony.Said:
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("agent %s %s", w.Text, map[bool]string{true: "/"}[w.Interrupted])))
		case telephony.Over:
			lines = append(lines, "over "+w.Outcome+" "+w.Reason)
		}
	}
	return lines
}

// screened starts a call of a caller with a screen.
func screened(t *testing.T, o options) (*gateway, *screen, *sim.Call) {
	t.Helper()
	o.mode, o.message, o.screen = consent.NoticeMode, notice(), newScreen()
	if o.speaker == nil {
		o.speaker = tones{}
	}
	g := newGateway(t, o)
	return g, o.screen, g.dial()
}

func until(t *testing.T, c *sim.Call, d time.Duration) media.Tick {
	t.Helper()
	at := media.TicksIn(d)
	if err := c.WaitUntil(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	return at
}

// The agent's first part is being played when the caller agrees; it stops, the
// conversation begins, and nothing of the caller's from before is kept.
func TestAgreeingOnTheScreen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{wait: 100 * time.Millisecond}
		g, s, c := screened(t, options{engine: e, replier: &replies{each: []string{"440Hz", "500Hz"}}})
		c.Say(media.Tone(8000, 333, 3*time.Second, -10))
		at := until(t, c, 1500*time.Millisecond)
		s.choose(at, telephony.Agree)
		s.done <- telephony.Event{Kind: telephony.Told, At: at, Field: "name", Text: "Ada"}
		until(t, c, 5*time.Second)
		s.done <- telephony.Event{Kind: telephony.Typed, At: media.TicksIn(5 * time.Second), Text: "I am fine."}
		report, _ := g.end(c)
		rec := g.recording()
		if slices.ContainsFunc(rec.left[:int64(at.Sample(8000))], func(v int16) bool { return v != 0 }) || e.first < at {
			t.Error("the caller is recorded or recognised before they agreed")
		}
		for _, hz := range []float64{700, 900, 440, 500} {
			heard, kept := onset(report.Heard, hz), onset(rec.right, hz)
			if heard < 0 || (heard-kept).Abs() > 20*time.Millisecond {
				t.Errorf("%.0f Hz was heard at %v and recorded at %v", hz, heard, kept)
			}
		}
		if left := media.ToneLevel(report.Heard[8000*17/10:8000*2], 8000, 900); left > -40 {
			t.Errorf("the message goes on after the answer: %.0f dB", left)
		}
		want := []string{"agent: 700Hz", "agent: 440Hz", "caller: I am fine.", "agent: 500Hz"}
		if got := texts(rec.turns); !slices.Equal(got, want) || !rec.turns[2].Typed {
			t.Errorf("transcript %q, want %q", got, want)
		}
		if len(rec.answers) != 1 || rec.answers[0].Key != "name" || rec.answers[0].Value != "Ada" {
			t.Errorf("answers %+v", rec.answers)
		}
		if rec.metadata["crm"] != "4711" {
			t.Errorf("metadata %v", rec.metadata)
		}
		lines := s.lines()
		want = []string{"state announcing", "question m1 [{ai 700Hz} {recording 900Hz}] [agree unrecorded]",
			"settled granted recording=true", "state thinking", "state speaking", "agent 440Hz", "state listening",
			"caller typed I am fine.", "state thinking", "state speaking", "agent 500Hz", "state listening", "over completed goodbye"}
		for _, line := range want {
			i := slices.Index(lines, line)
			if i < 0 {
				t.Fatalf("%q was not shown, or not in this order; shown are %q", line, s.lines())
			}
			lines = lines[i+1:]
		}
	})
}

// Without a press of the button nothing opens, and the call ends.
func TestNoAnswerOnTheScreen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{}
		g, s, c := screened(t, options{engine: e, replier: &replies{each: []string{"440Hz"}}})
		c.Say(media.Tone(8000, 333, 3*time.Second, -10))
		c.Press("91")
		report, result := g.end(c)
		if want := (call.Result{Outcome: call.Caller, Reason: call.NoConsent}); result != want {
			t.Errorf("the call ended %v, want %v", result, want)
		}
		if e.any || len(g.objects.keys()) > 0 {
			t.Errorf("recognised %v, objects %v", e.any, g.objects.keys())
		}
		if early, late := onset(report.Heard, 440), onset(report.Heard, 1800); early >= 0 || late < 119*time.Second {
			t.Errorf("the agent spoke at %v and said goodbye at %v; shown were %q", early, late, s.lines())
		}
		if got := g.ledger.events(); got != "abandoned" {
			t.Errorf("ledger %q", got)
		}
	})
}

func TestGoingOnUnrecorded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &engine{wait: 100 * time.Millisecond}
		replier := &replies{each: []string{"440Hz", "500Hz"}}
		g, s, c := screened(t, options{engine: e, replier: replier})
		s.choose(until(t, c, 500*time.Millisecond), telephony.Unrecorded)
		until(t, c, 4*time.Second)
		c.Say(media.Tone(8000, 1200, time.Second, -10))
		report, result := g.end(c)
		if result.Outcome != call.Completed || onset(report.Heard, 500) < 0 || len(replier.got) == 0 {
			t.Errorf("the call ended %v; the caller was heard saying %q", result, replier.got)
		}
		if keys := g.objects.keys(); len(keys) > 0 {
			t.Errorf("objects %v", keys)
		}
		if got := g.ledger.events(); got != "refused ended" || !slices.Contains(s.lines(), "settled refused recording=false") {
			t.Errorf("ledger %q, shown %q", got, s.lines())
		}
	})
}

// An agent that talks to recorded callers only says goodbye to who refuses, or
// takes it back.
func TestBoundToTheRecording(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, s, c := screened(t, options{bound: true, replier: &replies{each: []string{"440Hz*4"}}})
		s.choose(until(t, c, 500*time.Millisecond), telephony.Unrecorded)
		report, result := g.end(c)
		if result.Reason != call.NoConsent || onset(report.Heard, 440) >= 0 || len(g.objects.keys()) > 0 {
			t.Errorf("the call ended %v", result)
		}
	})
	bubble(t, func(t *testing.T) {
		g, s, c := screened(t, options{bound: true, replier: &replies{each: []string{"440Hz*9"}}})
		s.choose(until(t, c, 500*time.Millisecond), telephony.Agree)
		at := until(t, c, 3*time.Second)
		c.Say(media.Tone(8000, 333, 3*time.Second, -10))
		s.choose(at, telephony.Unrecorded)
		report, result := g.end(c)
		if result.Reason != call.NoConsent || onset(report.Heard, 1900) < 0 {
			t.Errorf("the call ended %v", result)
		}
		rec := g.recording()
		if level := media.ToneLevel(rec.left[min(len(rec.left), int(at.Sample(8000))):], 8000, 333); level > -60 {
			t.Errorf("the caller is recorded after they took it back: %.0f dB", level)
		}
		if got := g.ledger.events(); got != "granted withdrawn ended" {
			t.Errorf("ledger %q", got)
		}
	})
}

// What is written while the ledger is, counts once it is on disk.
func TestWrittenWhileTheLedgerIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, s, c := screened(t, options{ledger: &ledger{wait: 700 * time.Millisecond}, replier: &replies{each: []string{"440Hz", "500Hz"}}})
		at := until(t, c, time.Second)
		s.choose(at, telephony.Agree)
		s.done <- telephony.Event{Kind: telephony.Typed, At: at, Text: "Hello."}
		synctest.Wait()
		g.end(c)
		if got := texts(g.recording().turns); !slices.Contains(got, "caller: Hello.") {
			t.Errorf("transcript %q", got)
		}
	})
}

// What is written in a pause is dropped, also where its time is that of a sound
// from before the pause: a leg knows no newer.
func TestWrittenInAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, s, c := screened(t, options{replier: &replies{each: []string{"440Hz", "500Hz", "500Hz", "500Hz", "500Hz", "500Hz"}},
			set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
		s.choose(until(t, c, time.Second), telephony.Agree)
		before := until(t, c, 5*time.Second) - media.TicksIn(60*time.Millisecond)
		g.calls.DoAll(call.PauseRecording)
		synctest.Wait()
		s.done <- telephony.Event{Kind: telephony.Typed, At: before, Text: "4929173605"}
		s.done <- telephony.Event{Kind: telephony.Told, At: before, Field: "name", Text: "4929173605"}
		until(t, c, 10*time.Second)
		g.calls.DoAll(call.ResumeRecording)
		at := until(t, c, 15*time.Second)
		s.done <- telephony.Event{Kind: telephony.Typed, At: at, Text: "I am fine."}
		until(t, c, 18*time.Second)
		c.Hangup()
		g.end(c)
		rec := g.recording()
		got := texts(rec.turns)
		if !slices.Contains(got, "caller: I am fine.") || strings.Contains(strings.Join(append(got, s.lines()...), "\n"), "4929173605") || len(rec.answers) > 0 {
			t.Errorf("transcript %q, answers %v, shown %q", got, rec.answers, s.lines())
		}
	})
}

// The same holds of what is written after a withdrawal: it is not kept.
func TestWrittenAfterAWithdrawal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, s, c := screened(t, options{replier: &replies{each: []string{"440Hz", "500Hz", "500Hz", "500Hz", "500Hz"}},
			set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
		s.choose(until(t, c, time.Second), telephony.Agree)
		before := until(t, c, 5*time.Second) - media.TicksIn(60*time.Millisecond)
		g.calls.DoAll(call.StopRecording)
		until(t, c, 5040*time.Millisecond)
		s.done <- telephony.Event{Kind: telephony.Typed, At: before, Text: "4929173605"}
		s.done <- telephony.Event{Kind: telephony.Told, At: before, Field: "name", Text: "4929173605"}
		until(t, c, 10*time.Second)
		c.Hangup()
		g.end(c)
		rec := g.recording()
		if got := texts(rec.turns); len(got) == 0 || strings.Contains(strings.Join(got, "\n"), "4929173605") || len(rec.answers) > 0 {
			t.Errorf("transcript %q, answers %v", got, rec.answers)
		}
	})
}
