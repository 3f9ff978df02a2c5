package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

func at(seconds float64) media.Tick {
	return media.TicksIn(time.Duration(seconds * float64(time.Second)))
}

func turn(speaker transcribe.Speaker, text string) *transcribe.Turn {
	return &transcribe.Turn{Text: text, Manner: transcribe.Manner{Speaker: speaker}}
}

func answer(key string, value any) *transcribe.Answer {
	return &transcribe.Answer{Meaning: transcribe.Meaning{Key: key, Value: value}}
}

// held is a call that was as it should be: the agent greets, the caller interrupts and
// is answered, then presses a key.
func held() *player {
	p := &player{
		Scenario: &Scenario{Name: "held", Limit: time.Minute, Steps: []Step{{Line: 3, Interrupt: "Yes, seven.", After: time.Second}, {Line: 5, Press: "1"}, {Line: 7, Hesitate: []string{"Well", "1s", "no."}}}},
		leg:      Phone, length: at(20),
		spans:  []sim.Span{{From: at(1), To: at(4.1)}, {From: at(4.2), To: at(4.4)}, {From: at(6.2), To: at(8)}, {From: at(9.3), To: at(11)}, {From: at(16.5), To: at(19.5)}},
		acts:   []act{{step: 0, from: at(4), to: at(5.5), onset: at(3)}, {step: 1, from: at(9), to: at(9)}, {step: 2, from: at(12), to: at(16)}},
		events: []app.Event{{Kind: app.ConsentSettled, Consent: "granted"}, {Kind: app.Spoke, Turn: turn("agent", "This call is recorded.")}, {Kind: app.Spoke, Turn: turn("caller", "Yes, seven.")}, {Kind: app.Answered, Answer: answer("rating", 7.0)}, {Kind: app.Answered, Answer: answer("wish", nil)}, {Kind: app.TurnTimed, Timing: &app.Timing{At: 5.45, Endpoint: .45, STT: .15, Token: .2, LLM: .25, TTS: .12, Gateway: .01, Total: .73}}, {Kind: app.CallEnded}},
		row:    callRow{id: "c", outcome: "completed", reason: "goodbye", consent: "granted", recording: "stored"},
	}
	p.hear.phrases = []phrase{{sim.Span{From: at(1), To: at(4.4)}, "This call is recorded."}, {sim.Span{From: at(6.2), To: at(8)}, "Thank you. Press one."}, {sim.Span{From: at(9.3), To: at(11)}, "Well done."}, {sim.Span{From: at(16.5), To: at(19.5)}, "Goodbye."}}
	p.Expect = Expectation{
		Notice: Phrases{"call is recorded"}, Heard: Phrases{"well done"}, NotHeard: Phrases{"sales"}, AnsweredWithin: time.Second, QuietAtMost: 2 * time.Second,
		Transcript: &Lines{Caller: Phrases{"seven"}, Agent: Phrases{"recorded"}, Not: Phrases{"sales"}}, Answers: map[string]any{"rating": 7, "wish": nil, "other": nil},
		Ended: "completed/goodbye", Consent: "granted", Recording: "stored", Transfer: none, Events: []string{"consent:granted", "turn", "answer:rating", "ended"},
	}
	p.Steps[0].Expect = Reaction{Heard: Phrases{"press one"}, NotHeard: Phrases{"well done"}, SilenceWithin: 500 * time.Millisecond}
	p.Steps[1].Expect = Reaction{AnsweredWithin: 400 * time.Millisecond}
	return p
}

// TestWhatFails spoils a call in each way that there is, and holds that the failure
// names the step and the expectation.
func TestWhatFails(t *testing.T) {
	if all := held().check(); len(all) > 0 {
		t.Fatalf("a call as it should be: %v", all)
	}
	for _, tt := range []struct {
		step        int
		expect, got string
		spoil       func(*player)
	}{
		{0, "notice", "", func(p *player) { p.hear.phrases[0].text = "Welcome." }},
		{0, "heard", "Goodbye", func(p *player) { p.hear.phrases[2].text = "" }},
		{0, "not_heard", "sales", func(p *player) { p.hear.phrases[3].text = "Sales." }},
		{1, "heard", `""`, func(p *player) { p.hear.phrases[1].text = "" }},
		{1, "not_heard", "Well done", func(p *player) { p.hear.phrases[1].text = "Press one. Well done." }},
		{1, "silence_within", "0.80 s", func(p *player) { p.spans[1].To = at(4.8) }},
		{1, "silence_within", "0.80 s", func(p *player) { p.spans[0].To, p.spans[1] = at(3.9), sim.Span{From: at(4.2), To: at(4.8)} }},
		{1, "silence_within", "silent", func(p *player) { p.spans = p.spans[2:] }},
		{1, "answered_within", "1.50 s", func(p *player) { p.spans[2].From = at(7) }},
		{1, "answered_within", "no answer", func(p *player) { p.spans = append(p.spans[:2], p.spans[3:]...) }},
		{2, "answered_within", "0.60 s", func(p *player) { p.spans[3].From = at(9.6) }},
		{3, "hesitate", "after 1.0 s of 4.0", func(p *player) { p.spans = append(p.spans[:4], sim.Span{From: at(13), To: at(14)}, p.spans[4]) }},
		{0, "quiet_at_most", "2.50 s from 0.0", func(p *player) { p.spans[0].From = at(2.5) }},
		{0, "transcript.caller", "eight", func(p *player) { p.events[2].Turn.Text = "Eight." }},
		{0, "transcript.agent", "Welcome", func(p *player) { p.events[1].Turn.Text = "Welcome." }},
		{0, "transcript.not", "sales", func(p *player) { p.events[2].Turn.Text = "Seven sales." }},
		{0, "transcript.empty", "seven", func(p *player) { p.Expect.Transcript = &Lines{Empty: true} }},
		{0, "answers.rating", "8", func(p *player) { p.events[3].Answer.Value = 8.0 }},
		{0, "answers.rating", "none", func(p *player) { p.events[3].Answer.Value = nil }},
		{0, "answers.wish", "none", func(p *player) { p.Expect.Answers["wish"] = "x" }},
		{0, "answers.other", "true", func(p *player) { p.events[4].Answer = answer("other", true) }},
		{0, "events", "consent:granted", func(p *player) { p.Expect.Events = []string{"withdrawn"} }},
		{0, "events", "ended", func(p *player) { p.Expect.Events = []string{"ended", "turn"} }},
		{0, "ended", "caller/hung_up", func(p *player) { p.row.outcome, p.row.reason = "caller", "hung_up" }},
		{0, "consent", "refused", func(p *player) { p.row.consent = "refused" }},
		{0, "recording", "incomplete", func(p *player) { p.row.recording = "incomplete" }},
		{0, "transfer", "+19005550123", func(p *player) { p.transfer = "+19005550123" }},
		{0, "announced", "a robber", func(p *player) { p.Expect.Announced, p.told = "A caller.", "A robber." }},
		{0, "wire", "late", func(p *player) { p.fault = errors.New("late") }},
		{2, "step", "ended", func(p *player) { p.missed = p.failure(1, "step", "it is done", "the call had ended") }},
	} {
		p := held()
		tt.spoil(p)
		found := false
		for _, f := range p.check() {
			found = found || f.Step == tt.step && f.Expect == tt.expect && strings.Contains(strings.ToLower(f.Got), strings.ToLower(tt.got)) && (f.Step == 0 || f.Line == p.Steps[f.Step-1].Line)
		}
		if !found {
			t.Errorf("%s of step %d, %q, is not among %v", tt.expect, tt.step, tt.got, p.check())
		}
	}
}

// TestReports holds what people and programs are shown.
func TestReports(t *testing.T) {
	good := held().report()
	var out bytes.Buffer
	if err := good.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"passed  held on phone: 20.0 s, completed/goodbye, consent granted", "endpoint", "450  150    200  250  120       10    730    700"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	p := held()
	p.row.consent = "refused"
	bad := p.report()
	out.Reset()
	if err := bad.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAILED", "the call: consent: want granted, got refused", "heard   6.20 to   8.00  Thank you. Press one.", "caller  Yes, seven."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	for _, r := range []*Report{good, bad} {
		text, err := json.Marshal(r)
		var back Report
		if err != nil || json.Unmarshal(text, &back) != nil || back.Passed != r.Passed || len(back.Turns) != 3 || back.Turns[0].Stages.Total != 0.73 || strings.Contains(string(text), `"failures":null`) {
			t.Errorf("%v: %s", err, text)
		}
	}
}

// TestPhrasesAreParted holds where what is heard is parted for recognition.
func TestPhrasesAreParted(t *testing.T) {
	p := &player{Scenario: &Scenario{Steps: []Step{{Noise: Cough}, {Interrupt: "No."}}}, acts: []act{{step: 0, from: at(1.5)}, {step: 1, from: at(6)}}}
	got := p.parted([]sim.Span{{From: at(1), To: at(1.8)}, {From: at(2), To: at(3)}, {From: at(3.5), To: at(6.1)}, {From: at(6.3), To: at(7)}, {From: at(7.2), To: at(30)}})
	want := []sim.Span{{From: at(1), To: at(3)}, {From: at(3.5), To: at(6.1)}, {From: at(6.3), To: at(7)}, {From: at(7.2), To: at(16.2)}, {From: at(16.2), To: at(25.2)}, {From: at(25.2), To: at(30)}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("phrase %d is from %v to %v", i, got[i].From.Seconds(), got[i].To.Seconds())
		}
	}
}

// TestTheScriptedModelAnswers holds which reply goes with what.
func TestTheScriptedModelAnswers(t *testing.T) {
	m := &Model{Name: "m", Replies: []Reply{{When: "my brother", Tool: "transfer", With: `{"to":"x"}`, Say: "Yes."}, {When: "rules", Say: "None."}, {Say: "Sorry."}}}
	ask := func(roles ...string) sim.ChatReply {
		var r sim.ChatRequest
		for _, role := range roles {
			name, text, _ := strings.Cut(role, ":")
			r.Messages = append(r.Messages, sim.ChatMessage{Role: name, Content: sim.ChatContent(text)})
		}
		return m.reply(r)
	}
	if r := ask("system:my brother", "user:Connect me to my brother."); r.Text != "Yes." || len(r.ToolCalls) != 1 || r.ToolCalls[0].Name != "transfer" || r.ToolCalls[0].Arguments != `{"to":"x"}` {
		t.Errorf("%+v", r)
	}
	if r := ask("user:Connect me to my brother.", "assistant:Yes.", "tool:refused"); r.Text != "Sorry." || len(r.ToolCalls) > 0 {
		t.Errorf("what follows a tool: %+v", r)
	}
	if r := ask("user:My brother.", "user:What are your rules?"); r.Text != "None." {
		t.Errorf("%+v", r)
	}
}
