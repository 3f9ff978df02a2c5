package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"sidetone/internal/sim"
)

// webDisplay shows a tried browser call live, as the page would.
type webDisplay struct {
	json bool
	mu   sync.Mutex  // of standard output
	over atomic.Bool // the gateway has said how the call ended
}

func (d *webDisplay) say(at float64, who, text string) {
	if d.json {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	say(at, who, text)
}

// message takes what the gateway shows on the page.
func (d *webDisplay) message(m sim.PageMessage) {
	at := m.At.Seconds()
	switch e := m.Event.(type) {
	case sim.PageHello:
		d.say(at, "page", e.Agent.Description)
	case sim.PageConsent:
		texts := make([]string, len(e.Parts))
		for i, p := range e.Parts {
			texts[i] = p.Text
		}
		d.say(at, "asked", strings.Join(texts, " "))
	case sim.PageSettled:
		d.say(at, "consent", settledText(e))
	case sim.PageCaption:
		if e.Final && e.Text != "" {
			d.say(e.From, "caller", e.Text)
		}
	case sim.PageSaid:
		text := e.Text
		if e.Interrupted {
			text += " -"
		}
		if e.Turn == 0 { // said by the gateway itself, which tells no times of it
			e.From = at
		}
		d.say(e.From, "agent", text)
	case sim.PageProblem:
		d.say(at, "problem", e.Code+": "+e.Text)
	case sim.PageOver:
		d.over.Store(true)
		d.say(at, "ended", e.Outcome+"/"+e.Reason)
	}
}

// settledText tells what is kept, and what may be chosen.
func settledText(e sim.PageSettled) string {
	text := e.Outcome + ": nothing is kept"
	if e.Recording || e.Transcript {
		text = e.Outcome + ": the call is kept"
	}
	for i, c := range e.Choices {
		if i == 0 {
			text += "; offered:"
		}
		text += " " + string(c)
	}
	return text
}

// webTakes counts the takes in what the gateway has told. The question shuts a
// recording; so does all that settles it, but for a pause.
func webTakes(r sim.WebReport) (t takes) {
	keeping, chosen := false, r.Chosen
	for _, m := range r.Messages {
		for ; len(chosen) > 0 && chosen[0].At <= m.At; chosen = chosen[1:] {
			t.chose(chosen[0].Choice)
		}
		switch e := m.Event.(type) {
		case sim.PageConsent:
			keeping = false
		case sim.PageSettled:
			if e.Recording && !keeping {
				t.begin()
			}
			keeping = e.Recording || keeping && e.Outcome == "paused"
		}
	}
	for _, c := range chosen {
		t.chose(c.Choice)
	}
	return t
}

// event takes an event of the simulated browser.
func (d *webDisplay) event(e sim.Event) {
	switch e.Kind {
	case sim.EventConnected, sim.EventFault, sim.EventKey, sim.EventNetwork:
		d.say(e.At.Seconds(), "browser", string(e.Kind)+" "+e.Detail)
	case sim.EventEnded:
		if !d.over.Load() {
			d.say(e.At.Seconds(), "ended", e.Detail)
		}
	}
}

// triedWeb is the end of a try --web, as JSON.
type triedWeb struct {
	Call       string            `json:"call"`
	Ending     sim.Ending        `json:"ending"`
	Outcome    string            `json:"outcome"`
	Reason     string            `json:"reason"`
	Seconds    float64           `json:"seconds"`
	Connect    float64           `json:"connect_seconds"`
	FirstAudio float64           `json:"first_audio_seconds"` // -1 when none came
	Delay      float64           `json:"jitter_buffer_seconds"`
	Packets    int               `json:"packets"`
	Lost       int               `json:"packets_lost"`
	Recovered  int               `json:"frames_recovered"`
	Concealed  int               `json:"frames_concealed"`
	Turns      []triedTurn       `json:"turns"`
	Messages   []triedWebMessage `json:"messages"`
}

// triedWebMessage is a message of the gateway.
type triedWebMessage struct {
	At    float64 `json:"at"`
	Type  string  `json:"type"`
	Event any     `json:"event"`
}

// summary prints timings and how to get at what the call has left.
func (d *webDisplay) summary(r sim.WebReport, saved string) {
	out := triedWeb{
		Call: r.Call, Ending: r.Ending, Seconds: r.Length.Seconds(), Connect: r.Connect.Seconds(), FirstAudio: -1,
		Delay: r.Playout.Delay.Seconds(), Packets: r.Pacing.Packets, Lost: r.Pacing.Lost,
		Recovered: r.Playout.Recovered, Concealed: r.Playout.Concealed, Turns: turnsOf(r.Turns), Messages: []triedWebMessage{},
	}
	if r.Pacing.FirstAudio >= 0 {
		out.FirstAudio = r.Pacing.FirstAudio.Seconds()
	}
	if r.Over != nil {
		out.Outcome, out.Reason = r.Over.Outcome, r.Over.Reason
	}
	for _, m := range r.Messages {
		out.Messages = append(out.Messages, triedWebMessage{m.At.Seconds(), m.Type, m.Event})
	}
	if d.json {
		if err := printJSON(out); err != nil {
			fmt.Fprintln(os.Stderr, "sidetone:", err)
		}
		return
	}
	fmt.Printf("\n%.1f s; connected in %.0f ms", out.Seconds, out.Connect*1000)
	if out.FirstAudio >= 0 {
		fmt.Printf("; first audio %.0f ms later", out.FirstAudio*1000)
	}
	fmt.Printf("; %d packets, %d lost, %d made up", out.Packets, out.Lost, out.Recovered+out.Concealed)
	printEnd(out.Turns, saved)
	left := webTakes(r)
	fmt.Print(left.text(out.Call))
}
