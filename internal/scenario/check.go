package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// Failure is an expectation that was not met.
type Failure struct {
	Step   int    `json:"step,omitempty"` // from 1; 0 is the whole call
	Line   int    `json:"line,omitempty"` // of the file
	Does   string `json:"does,omitempty"` // what the step does
	Expect string `json:"expect"`         // the key
	Want   string `json:"want"`
	Got    string `json:"got"`
}

// String says it in a line.
func (f Failure) String() string {
	where := "the call"
	if f.Step > 0 {
		where = fmt.Sprintf("step %d (%s, line %d)", f.Step, f.Does, f.Line)
	}
	return fmt.Sprintf("%s: %s: want %s, got %s", where, f.Expect, f.Want, f.Got)
}

// failure is one of a step.
func (p *player) failure(i int, key, want, got string) *Failure {
	kind, _ := p.Steps[i].action()
	return &Failure{Step: i + 1, Line: p.Steps[i].Line, Does: kind, Expect: key, Want: want, Got: got}
}

// check holds the call against what was expected.
func (p *player) check() (all []Failure) {
	add := func(f *Failure) {
		if f != nil {
			all = append(all, *f)
		}
	}
	add(p.missed)
	if p.fault != nil {
		add(&Failure{Expect: "wire", Want: "no fault", Got: p.fault.Error()})
	}
	for n, a := range p.acts {
		for _, f := range p.checkStep(n, a) {
			add(&f)
		}
	}
	e := &p.Expect
	for _, f := range slices.Concat(p.checkHeard(e), p.checkTranscript(e), p.checkAnswers(e), p.checkEvents(e), p.checkEnd(e)) {
		add(&f)
	}
	return all
}

// window is up to where what is heard is a reaction to an act.
func (p *player) window(n int) media.Tick {
	if n+1 < len(p.acts) {
		return p.acts[n+1].from
	}
	return p.length + media.TickRate
}

// checkStep holds what came of an act against what its step expects.
func (p *player) checkStep(n int, a act) (all []Failure) {
	s := &p.Steps[a.step]
	e, kind := &s.Expect, first(s.action())
	add := func(key, want, got string) { all = append(all, *p.failure(a.step, key, want, got)) }
	to := p.window(n)
	heard := p.hear.text(func(span sim.Span) bool {
		begins := span.From >= a.from
		if kind == "noise" || kind == "wait_for" { // it is laid over what is heard, or is in it
			begins = span.To > a.from || kind == "wait_for" && span.To >= a.to
		}
		return begins && span.From < to
	})
	for _, want := range e.Heard {
		if !contains(heard, want) {
			add("heard", quoted(want), quoted(heard))
		}
	}
	for _, not := range e.NotHeard {
		if contains(heard, not) {
			add("not_heard", "not "+quoted(not), quoted(heard))
		}
	}
	if kind == "hesitate" {
		if at, ok := p.begins(a.from, a.to); ok {
			add("hesitate", "the agent lets the caller end", fmt.Sprintf("it speaks after %.1f s of %.1f", (at-a.from).Seconds(), (a.to-a.from).Seconds()))
		}
	}
	within := e.AnsweredWithin
	if within == 0 && spoken(kind) {
		within = p.Expect.AnsweredWithin
	}
	if within > 0 {
		if reply, ok := p.begins(a.to, to); !ok {
			add("answered_within", within.String(), "no answer")
		} else if took := (reply - a.to).Duration(); took > within {
			add("answered_within", within.String(), seconds(took))
		}
	}
	if e.SilenceWithin > 0 {
		if took, spoke := p.stops(a.from); !spoke {
			add("silence_within", e.SilenceWithin.String(), "an agent that was silent")
		} else if took > e.SilenceWithin {
			add("silence_within", e.SilenceWithin.String(), seconds(took))
		}
	}
	return all
}

func first(kind, _ string) string { return kind }

// spoken reports whether a step is a turn that is answered.
func spoken(kind string) bool {
	return slices.Contains([]string{"say", "wav", "interrupt", "hesitate", "type"}, kind)
}

// begins returns when the agent is first heard to begin between two ticks.
func (p *player) begins(from, to media.Tick) (media.Tick, bool) {
	for _, s := range p.spans {
		if s.From >= from && s.From < to {
			return s.From, true
		}
	}
	return 0, false
}

// stops returns how long after a tick the agent, which speaks then or is between two
// words, falls silent for longer than that.
func (p *player) stops(at media.Tick) (took time.Duration, spoke bool) {
	end := media.Tick(-1)
	for _, s := range p.spans {
		switch {
		case s.From <= at && s.To > at-media.TicksIn(phraseGap):
			end = s.To
		case end >= 0 && s.From-end < media.TicksIn(phraseGap):
			end = s.To
		}
	}
	return max(0, end-at).Duration(), end >= 0
}

func (p *player) checkHeard(e *Expectation) (all []Failure) {
	heard := p.hear.text(everything)
	notice := heard + p.shown
	for _, want := range e.Notice {
		if !contains(notice, want) {
			all = append(all, Failure{Expect: "notice", Want: quoted(want), Got: quoted(notice)})
		}
	}
	for _, want := range e.Heard {
		if !contains(heard, want) {
			all = append(all, Failure{Expect: "heard", Want: quoted(want), Got: quoted(heard)})
		}
	}
	for _, not := range e.NotHeard {
		if contains(heard, not) {
			all = append(all, Failure{Expect: "not_heard", Want: "not " + quoted(not), Got: quoted(heard)})
		}
	}
	if quiet, from := p.quiet(); e.QuietAtMost > 0 && quiet > e.QuietAtMost {
		all = append(all, Failure{Expect: "quiet_at_most", Want: e.QuietAtMost.String(), Got: fmt.Sprintf("%s from %.1f s on", seconds(quiet), from.Seconds())})
	}
	return all
}

// quiet is the longest time in which nobody was heard.
func (p *player) quiet() (longest time.Duration, from media.Tick) {
	all := slices.Clone(p.spans)
	for _, a := range p.acts {
		all = append(all, sim.Span{From: a.from, To: a.to})
	}
	slices.SortFunc(all, func(a, b sim.Span) int { return int(a.From - b.From) })
	end := media.Tick(0)
	for _, s := range append(all, sim.Span{From: p.length, To: p.length}) {
		if d := (s.From - end).Duration(); d > longest {
			longest, from = d, end
		}
		end = max(end, s.To)
	}
	return longest, from
}

func (p *player) checkTranscript(e *Expectation) (all []Failure) {
	if e.Transcript == nil {
		return nil
	}
	lines := map[string]string{}
	for _, ev := range p.events {
		if ev.Turn != nil {
			lines[string(ev.Turn.Speaker)] += ev.Turn.Text + "\n"
			lines[""] += ev.Turn.Text + "\n"
		}
	}
	miss := func(key, want, of string) {
		all = append(all, Failure{Expect: "transcript." + key, Want: want, Got: quoted(strings.TrimSpace(lines[of]))})
	}
	for speaker, wanted := range map[string]Phrases{"caller": e.Transcript.Caller, "agent": e.Transcript.Agent} {
		for _, want := range wanted {
			if !contains(lines[speaker], want) {
				miss(speaker, quoted(want), speaker)
			}
		}
	}
	for _, not := range e.Transcript.Not {
		if contains(lines[""], not) {
			miss("not", "not "+quoted(not), "")
		}
	}
	if e.Transcript.Empty && lines[""] != "" {
		miss("empty", "no line", "")
	}
	return all
}

func (p *player) checkAnswers(e *Expectation) (all []Failure) {
	given := map[string]any{}
	for _, ev := range p.events {
		if ev.Answer != nil && ev.Answer.Value != nil { // a nil is that of a caller who does not know
			given[ev.Answer.Key] = ev.Answer.Value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Answers)) {
		want := e.Answers[key]
		got, there := given[key]
		if there != (want != nil) || there && !sameAnswer(want, got) {
			f := Failure{Expect: "answers." + key, Want: "none", Got: "none"}
			if want != nil {
				f.Want = fmt.Sprint(want)
			}
			if there {
				f.Got = fmt.Sprint(got)
			}
			all = append(all, f)
		}
	}
	return all
}

// sameAnswer reports whether an answer is as wanted. Of text without digits the words
// count; what was recognised may say more.
func sameAnswer(want, got any) bool {
	text, ok := got.(string)
	wanted, also := want.(string)
	if ok && also && !strings.ContainsAny(wanted, "0123456789") {
		return contains(text, wanted)
	}
	return fmt.Sprint(want) == fmt.Sprint(got)
}

// checkEvents holds that the events wanted are there, in their order.
func (p *player) checkEvents(e *Expectation) []Failure {
	var names []string
	left := e.Events
	for _, ev := range p.events {
		name := nameOf(ev)
		names = append(names, name)
		if len(left) > 0 && (name == left[0] || strings.HasPrefix(name, left[0]+":")) {
			left = left[1:]
		}
	}
	if len(left) == 0 {
		return nil
	}
	return []Failure{{Expect: "events", Want: strings.Join(e.Events, ", "), Got: strings.Join(names, ", ")}}
}

// nameOf names an event, and what it is about after a colon.
func nameOf(e app.Event) string {
	name := string(e.Kind)
	switch {
	case e.Kind == app.ConsentSettled:
		name += ":" + string(e.Consent)
	case e.Turn != nil:
		name += ":" + string(e.Turn.Speaker)
	case e.Answer != nil:
		name += ":" + e.Answer.Key
	case e.Kind == app.AgentChosen:
		name += ":" + e.Agent
	}
	return name
}

func (p *player) checkEnd(e *Expectation) (all []Failure) {
	transfer := p.transfer
	if transfer == "" {
		transfer = none
	}
	for _, c := range []struct{ key, want, got string }{
		{"ended", e.Ended, p.row.outcome + "/" + p.row.reason}, {"consent", e.Consent, p.row.consent},
		{"recording", e.Recording, p.row.recording}, {"transfer", e.Transfer, transfer},
	} {
		if c.want != "" && c.want != c.got {
			all = append(all, Failure{Expect: c.key, Want: c.want, Got: c.got})
		}
	}
	if e.Announced != "" && p.leg == Phone && e.Announced != p.told {
		all = append(all, Failure{Expect: "announced", Want: quoted(e.Announced), Got: quoted(p.told)})
	}
	return all
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
