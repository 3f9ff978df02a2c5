package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// display shows a tried call live: the carrier's side of it, and what the
// gateway says that was said.
type display struct {
	json  bool
	began time.Time

	mu     sync.Mutex
	sid    string // empty until the call stands
	held   []app.Event
	call   string // the gateway's id of the call
	ended  bool
	takes  takes
	events []app.Event
}

// begin lets in the gateway's events of one call.
func (d *display) begin(sid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sid = sid
	for _, e := range d.held {
		d.show(e)
	}
	d.held = nil
}

// gateway takes an event of the gateway.
func (d *display) gateway(e app.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sid == "" {
		d.held = append(d.held, e)
		return
	}
	d.show(e)
}

func (d *display) show(e app.Event) {
	if e.CarrierID != d.sid {
		return
	}
	d.call = e.Call
	d.events = append(d.events, e)
	d.ended = d.ended || e.Kind == app.CallEnded
	if e.Kind == app.ConsentSettled && e.Consent == "granted" {
		d.takes.begin()
	}
	if d.json {
		return
	}
	at := time.Since(d.began).Seconds()
	switch e.Kind {
	case app.AgentChosen:
		say(at, "language", "the agent "+e.Agent+" goes on")
	case app.ConsentSettled:
		say(at, "consent", string(e.Consent))
	case app.ConsentWithdrawn:
		say(at, "consent", "withdrawn: nothing more is kept")
	case app.RecordingPaused:
		say(at, "consent", "paused: nobody hears anything")
	case app.PauseOverdue:
		say(at, "consent", "still paused: end it with sidetone calls resume "+e.Call)
	case app.RecordingResumed:
		say(at, "consent", "resumed")
	case app.Spoke:
		text := e.Turn.Text
		if e.Turn.Interrupted {
			text += " -"
		}
		say(e.Turn.From, string(e.Turn.Speaker), text)
	case app.Answered:
		say(e.Answer.To, "answer", fmt.Sprintf("%s = %v", e.Answer.Key, e.Answer.Value))
	case app.CallEnded:
		say(at, "ended", fmt.Sprintf("%s/%s", e.Outcome, e.Reason))
	}
}

// carrier takes an event of the simulated carrier.
func (d *display) carrier(e sim.Event) {
	if d.json {
		return
	}
	switch e.Kind {
	case sim.EventFault, sim.EventKey, sim.EventStreamStarted, sim.EventStreamEnded:
		say(e.At.Seconds(), "carrier", string(e.Kind)+" "+e.Detail)
	}
}

// wait waits until the gateway has said that the call ended.
func (d *display) wait(atMost time.Duration) {
	for end := time.Now().Add(atMost); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		d.mu.Lock()
		ended := d.ended
		d.mu.Unlock()
		if ended {
			return
		}
	}
}

// tried is the end of a try, as JSON.
type tried struct {
	Call       string      `json:"call"`
	Ending     sim.Ending  `json:"ending"`
	Seconds    float64     `json:"seconds"`
	FirstAudio float64     `json:"first_audio_seconds"`
	Turns      []triedTurn `json:"turns"`
	Events     []app.Event `json:"events"`
}

// triedTurn is one utterance of the caller; Reply is from its end to the
// agent's first audio.
type triedTurn struct {
	From  float64  `json:"from"`
	To    float64  `json:"to"`
	Reply *float64 `json:"reply_seconds"`
}

// summary prints timings and how to get at what the call has left.
func (d *display) summary(r sim.Report, saved string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := tried{Call: d.call, Ending: r.Ending, Seconds: r.Length.Seconds(), FirstAudio: r.Pacing.FirstAudio.Seconds(), Turns: turnsOf(r.Turns), Events: d.events}
	if d.json {
		if err := printJSON(out); err != nil {
			fmt.Fprintln(os.Stderr, "sidetone:", err)
		}
		return
	}
	fmt.Printf("\n%.1f s; first audio %.0f ms after the start of the stream", out.Seconds, out.FirstAudio*1000)
	printEnd(out.Turns, saved)
	fmt.Print(d.takes.text(d.call))
}
