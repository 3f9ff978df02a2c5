package scenario

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sidetone/internal/app"
	"sidetone/media"
)

// Report is what came of a scenario on one leg. All times are seconds on the call's
// clock, or of a length.
type Report struct {
	Scenario  string    `json:"scenario"`
	Leg       Leg       `json:"leg"`
	Passed    bool      `json:"passed"`
	Failures  []Failure `json:"failures"`
	Call      string    `json:"call"` // the gateway's id of it
	Ended     string    `json:"ended"`
	Consent   string    `json:"consent"`
	Recording string    `json:"recording"`
	Seconds   float64   `json:"seconds"`
	Turns     []Turn    `json:"turns"`
	Heard     []Heard   `json:"heard"` // recognised out of what the caller heard
	Lines     []Line    `json:"transcript"`
}

// Turn is one thing that the caller did, and where the time to the answer went.
type Turn struct {
	Step   int         `json:"step"`
	Does   string      `json:"does"`
	What   string      `json:"what"`
	From   float64     `json:"from"`
	To     float64     `json:"to"`
	Reply  *float64    `json:"reply_seconds,omitempty"` // from To to the agent's first sound, as it was heard
	Stages *app.Timing `json:"stages,omitempty"`        // as the gateway tells
}

// Heard is what was recognised between two pauses of the agent.
type Heard struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Text string  `json:"text"`
}

// Line is a line of the gateway's transcript.
type Line struct {
	From    float64 `json:"from"`
	Speaker string  `json:"speaker"`
	Text    string  `json:"text"`
}

func (p *player) report() *Report {
	r := &Report{Scenario: p.Name, Leg: p.leg, Failures: p.check(), Call: p.row.id, Ended: p.row.outcome + "/" + p.row.reason,
		Consent: p.row.consent, Recording: p.row.recording, Seconds: p.length.Seconds(), Turns: []Turn{}, Heard: []Heard{}, Lines: []Line{}}
	if r.Passed = len(r.Failures) == 0; r.Passed {
		r.Failures = []Failure{}
	}
	for n, a := range p.acts {
		kind, what := p.Steps[a.step].action()
		if kind == "wait_for" {
			continue
		}
		t := Turn{Step: a.step + 1, Does: kind, What: what, From: a.from.Seconds(), To: a.to.Seconds(), Stages: p.stages(a.from, p.window(n))}
		if reply, ok := p.begins(a.to, p.window(n)); ok && (spoken(kind) || kind == "press") {
			took := (reply - a.to).Seconds()
			t.Reply = &took
		}
		r.Turns = append(r.Turns, t)
	}
	for _, h := range p.hear.phrases {
		r.Heard = append(r.Heard, Heard{h.From.Seconds(), h.To.Seconds(), h.text})
	}
	for _, e := range p.events {
		if e.Turn != nil {
			r.Lines = append(r.Lines, Line{e.Turn.From, string(e.Turn.Speaker), e.Turn.Text})
		}
	}
	return r
}

// stages are where the time of a turn went that ended between two ticks.
func (p *player) stages(from, to media.Tick) *app.Timing {
	for _, e := range p.events {
		if e.Timing != nil && e.Timing.At >= from.Seconds() && e.Timing.At < to.Seconds() {
			return e.Timing
		}
	}
	return nil
}

// String says in a line what came of it.
func (r *Report) String() string {
	state := "passed"
	if !r.Passed {
		state = "FAILED"
	}
	return fmt.Sprintf("%s  %s on %s: %.1f s, %s, consent %s", state, r.Scenario, r.Leg, r.Seconds, r.Ended, r.Consent)
}

// shown is how much of what was said a table shows, in letters.
const shown = 30

// Write writes the report for people: each turn's time by stage in milliseconds, and
// what was not as expected. Without a pass it also writes what was heard, and the
// transcript.
func (r *Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%s\n", r)
	if len(r.Turns) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(t, "  step\tcaller\t\tendpoint\tstt\ttoken\tllm\ttts\tgateway\ttotal\theard\t ms\n")
		for _, turn := range r.Turns {
			what := []rune(turn.What)
			if len(what) > shown {
				what = append(what[:shown-1], '…')
			}
			fmt.Fprintf(t, "  %d\t%s\t%s\t%s\t\n", turn.Step, turn.Does, string(what), strings.Join(turn.times(), "\t"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "  %s\n", f)
	}
	if !r.Passed {
		for _, h := range r.Heard {
			fmt.Fprintf(w, "  heard %6.2f to %6.2f  %s\n", h.From, h.To, h.Text)
		}
		for _, l := range r.Lines {
			fmt.Fprintf(w, "  transcript %6.2f  %-6s  %s\n", l.From, l.Speaker, l.Text)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// tokenColumn is that of the model's first token.
const tokenColumn = 2

// times are the columns of a turn's table, in milliseconds.
func (t *Turn) times() []string {
	columns := make([]string, 8)
	if s := t.Stages; s != nil {
		for i, v := range []float64{s.Endpoint, s.STT, s.Token, s.LLM, s.TTS, s.Gateway, s.Total} {
			columns[i] = fmt.Sprintf("%.0f", v*1000)
		}
		if s.Token == 0 {
			columns[tokenColumn] = "" // a script, or words that were guessed in time
		}
	}
	if t.Reply != nil {
		columns[len(columns)-1] = fmt.Sprintf("%.0f", *t.Reply*1000)
	}
	return columns
}
