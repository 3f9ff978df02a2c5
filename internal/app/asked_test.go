package app_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// What the agent of a language model says that lies, and what callers are told
// who ask whether it is a machine.
const (
	aLie     = "I am a real human being, of course."
	theTruth = "Yes. I am an automated assistant, not a person."
)

// liar is an agent whose model says that it is a person.
const liar = `notice:
  mode: notice
  wait: 1s
  parts: [{kind: ai, text: "` + isMachine + `"}, {kind: recording, text: ` + isRecorded + `}]
llm: {prompt: You are a real person called Anna., greeting: ` + hello + `}
`

// keyed is an answer that a caller keys in while everything is paused.
const keyed = "471190928365"

// laterAgents are the agents of the callers of TestLaterInACall.
func laterAgents() map[string]string {
	age := fmt.Sprintf("{key: age, kind: number, ask: %q, adult: 18}", "How old are you?")
	return map[string]string{
		"teller": teller(consent.OptOutMode, ""),
		"reader": reader(consent.OptOutMode, "  whole_call: true"),
		"ages":   strings.Replace(reader(consent.NoticeMode, ""), "questions: [", "questions: ["+age+", ", 1),
		"beeper": teller(consent.NoticeMode, "  beep: true"),
		"liar":   liar,
	}
}

// laterCases are callers to whom more happens once they have agreed.
func laterCases(people []sim.Utterance) []caller {
	const mode = consent.OptOutMode
	begins := steps(hears(firstAsk), presses("1"), hears(secondAsk), plays(people[1]), hears(thirdAsk))
	goes := steps(hears(thirdAsk), plays(people[4]), stays) // the agent says goodbye
	prompt := func(p consent.Prompt) step { return hears(told(mode, p)...) }
	granted := func(events string, also func(*testing.T, *left), texts ...any) want {
		return want{mode: mode, outcome: consent.Granted, how: consent.HowContinued, events: events, takes: 1, hears: asks(mode, texts...), also: also}
	}
	toTheEnd := func(events string, also func(*testing.T, *left), texts ...any) want {
		w := granted(events, also, append(append([]any{conversation}, texts...), thirdAsk, bye)...)
		w.ended = goodbye
		return w
	}
	child := func(w want) want {
		w.ended, w.never, w.takes = "policy minor", []string{secondAsk}, 0
		return w
	}
	later := granted("granted withdrawn asked granted ended", twoTakes(people), conversation, consent.PromptWithdrawn, thirdAsk, asks(mode), thirdAsk, bye)
	later.takes, later.ended = 2, goodbye
	again := toTheEnd("granted asked granted ended", twoTakes(people), asks(mode))
	again.takes = 2
	refused := toTheEnd("granted asked refused ended", nil, asks(mode), consent.PromptRefused)
	refused.outcome, refused.how = consent.Refused, consent.HowKey
	return []caller{ // those who are soon done call later, so that not all talk at once
		{name: "asks to be asked again", agent: "reader", does: steps(begins, presses("9"), hears(thirdAsk), presses("*1"), goes), want: later},
		{name: "asked again by the operator", agent: "reader", does: steps(begins, orders(app.AskAgain), goes), want: again},
		{name: "asked again, and refuses", agent: "reader", does: steps(begins, orders(app.AskAgain), waits(time.Second), presses("9"), goes), want: refused},
		{name: "paused", agent: "reader", does: steps(begins, notes("before"), orders(app.PauseRecording), prompt(consent.PromptPaused), presses(keyed), plays(people[2]),
			waits(time.Second), notes("after"), orders(app.ResumeRecording), prompt(consent.PromptResumed), goes),
			want: toTheEnd("granted paused resumed ended", paused(people), consent.PromptPaused, consent.PromptResumed)},
		{name: "a child says so", after: 5 * time.Second, agent: "reader", does: steps(settled, hears(firstAsk), voice("rms", "I am twelve years old."), stays),
			want: child(granted("granted minor_suspected destroyed ended", gone(consent.HowSpeech), hello, firstAsk, consent.PromptMinor))},
		{name: "a child is asked", after: 7 * time.Second, agent: "ages", does: steps(settled, hears("How old are you?"), presses("15#"), stays),
			want: child(want{mode: consent.NoticeMode, outcome: consent.Granted, how: consent.HowContinued, events: "granted minor_suspected destroyed ended",
				hears: asks(consent.NoticeMode, hello, "How old are you?", consent.PromptMinor), also: gone(consent.HowAgent)})},
		{name: "a child, the operator says", after: 9 * time.Second, agent: "teller", does: steps(interrupts, orders(app.CallerIsMinor), stays),
			want: child(granted("granted minor_suspected destroyed ended", gone(consent.HowOperator), consent.PromptMinor))},
		{name: "a child, before the answer", after: 3 * time.Second, agent: "reader", does: steps(waits(2*time.Second), orders(app.CallerIsMinor), stays),
			want: child(want{outcome: "minor_suspected", mode: mode, how: consent.HowOperator, events: "minor_suspected ended", consent: "refused",
				hears: told(mode, isMachine, consent.PromptMinor)})},
		{name: "ten minutes away", after: 11 * time.Second, agent: "reader", does: steps(hears(firstAsk), presses("1"), hears(secondAsk), voice("rms", "I am ten minutes away from home."), hears(thirdAsk), hangsUp),
			want: granted("granted ended", nil, conversation)},
		{name: "beep", agent: "beeper", does: steps(settled, waits(32*time.Second), hangsUp), want: want{mode: consent.NoticeMode, outcome: consent.Granted,
			how: consent.HowContinued, takes: 1, hears: asks(consent.NoticeMode), also: beeps}},
		{name: "are you a machine", after: 13 * time.Second, agent: "liar", does: steps(settled, hears(hello), voice("kal16", "Are you a robot?"), hears(theTruth), waits(3*time.Second), hangsUp),
			want: want{mode: consent.NoticeMode, outcome: consent.Granted, how: consent.HowContinued, takes: 1,
				hears: asks(consent.NoticeMode, hello, theTruth), never: []string{aLie}}},
	}
}

// twoTakes holds that what was said after the first answer is in the first take,
// and what was said after the second in the second.
func twoTakes(people []sim.Utterance) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		one, two := l.take(t, 1), l.take(t, 2)
		end, question := l.row("withdrawn"), l.row("asked")
		if end.Event == "" {
			end = question
		}
		if late := one.to.Seconds() - end.At; late > 0.5 || late < -0.5 {
			t.Errorf("the first take ends at %.2f s, and was taken back at %.2f s", one.to.Seconds(), end.At)
		}
		if early := two.from.Seconds() - question.At; early < -0.1 || early > 1 {
			t.Errorf("the second take begins at %.2f s, and the question was put at %.2f s", two.from.Seconds(), question.At)
		}
		for _, c := range []struct {
			of    take
			said  sim.Utterance
			words string
			want  bool
		}{{one, people[1], "young man", true}, {one, people[4], "himself", false}, {two, people[1], "young man", false}, {two, people[4], "himself", true}} {
			if kept, written := contains(c.of.caller, c.said.Phone), strings.Contains(c.of.text(), c.words); kept != c.want || written != c.want {
				t.Errorf("the take that begins at %.1f s holds %q: %v, written down %v; want %v:\n%s", c.of.from.Seconds(), c.said.Text, kept, written, c.want, c.of.text())
			}
		}
	}
}

// paused holds that nobody has what came during a pause, and that its time is in
// the recording.
func paused(people []sim.Utterance) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		from, to, k := l.row("paused"), l.row("resumed"), l.take(t, 1)
		for what, late := range map[string]float64{"pause": from.At - l.done["before"].Seconds(), "resumption": to.At - l.done["after"].Seconds()} {
			t.Logf("the %s holds %.0f ms after the operator's wish", what, late*1000)
		}
		begin, end := k.sample(media.TicksIn(seconds(from.At))), k.sample(media.TicksIn(seconds(to.At)))
		if at := loudIn(k.caller[begin:end]); at >= 0 {
			t.Errorf("the caller is recorded %.2f s into the pause", float64(at)/8000)
		}
		if at := loudIn(k.agent[begin+160 : end]); at >= 0 {
			t.Errorf("the agent is recorded %.2f s into the pause", float64(at)/8000)
		}
		for n, want := range map[int]bool{2: false, 1: true, 4: true} {
			at := l.saidAt(people[n])
			if got := index(k.caller, ulawed(people[n].Phone)[4000:12000]) - 4000; want && got != k.sample(at) || !want && got > -4000 {
				t.Errorf("what was said at sample %d of the recording lies at %d (kept: %v)", k.sample(at), got, want)
			}
		}
		if text := k.text(); strings.Contains(text, "hearted") || strings.Contains(text, "selfish") || !strings.Contains(text, "himself") {
			t.Errorf("the transcript holds what was said in the pause, or not what came after it:\n%s", text)
		}
		for name, text := range map[string]string{"a log": l.x.logs.String(), "a metric": l.x.metrics, "the call's row and rows of proof": asJSON(t, l.CallDetail),
			"the transcript": asJSON(t, k.words), "what the operator saw": asJSON(t, l.seenBy(app.Spoke, app.Answered))} {
			if strings.Contains(text, keyed) || strings.Contains(text, strings.Join(strings.Split(keyed, ""), " ")) {
				t.Errorf("what was keyed in is in %s", name)
			}
		}
		turns := k.words.Turns
		for _, e := range l.seenBy(app.Spoke, app.Answered) {
			if e.Turn != nil {
				turns = append(turns, *e.Turn)
			}
		}
		for _, turn := range turns {
			if turn.Speaker == "caller" && turn.From > from.At && turn.From < to.At || turn.Keyed && turn.Text != "1" {
				t.Errorf("a turn of the pause is written down or was shown: %+v", turn)
			}
		}
		silent(t, l, from, to)
	}
}

// saidAt is when a caller said something.
func (l *left) saidAt(u sim.Utterance) media.Tick {
	for _, s := range l.said {
		if s.text == u.Text {
			return s.spoken.From
		}
	}
	return -1
}

// silent holds that the agent is silent in a pause, once it has said that there is
// one.
func silent(t *testing.T, l *left, from, to consent.Row) {
	t.Helper()
	told, err := l.x.voices.speak(agentVoice, told(consent.OptOutMode, consent.PromptPaused)[0], 8000)
	if err != nil {
		t.Fatal(err)
	}
	begin := media.TicksIn(seconds(from.At)) + media.TickOfSample(int64(len(told)), 8000) + media.TickRate
	for _, s := range l.report.Agent {
		if s.To > begin && s.From < media.TicksIn(seconds(to.At)) {
			t.Errorf("the agent spoke at %.2f s, in a pause from %.2f s to %.2f s", s.From.Seconds(), from.At, to.At)
		}
	}
}

// gone holds that nothing is left of the call of a child.
func gone(how consent.How) func(*testing.T, *left) {
	return func(t *testing.T, l *left) {
		if row := l.row("minor_suspected"); row.How != how || slices.Contains([]bool{row.Valves["converse"], row.Valves["record"], row.Valves["transcript"]}, true) {
			t.Errorf("suspected by %s, and then the valves are %v; want %s and all shut", row.How, row.Valves, how)
		}
		if l.Recording != "destroyed" {
			t.Errorf("the recording is %s", l.Recording)
		}
	}
}

// beeps holds that a tone is heard and recorded every 15 s.
func beeps(t *testing.T, l *left) {
	k := l.take(t, 1)
	at := map[string][]float64{"caller": tonesIn(l.report.Heard, 0), "recording": tonesIn(k.agent, k.from)}
	t.Logf("the tone is heard at %.2f s, and recorded at %.2f s", at["caller"], at["recording"])
	if len(at["caller"]) < 2 || len(at["caller"]) != len(at["recording"]) {
		t.Fatal("want at least two tones, in the call and in the recording")
	}
	for i, heard := range at["caller"] {
		if off := at["recording"][i] - heard; off < -0.1 || off > 0.1 {
			t.Errorf("a tone that is heard at %.2f s is recorded at %.2f s", heard, at["recording"][i])
		}
		if i == 0 {
			continue
		}
		if gap := heard - at["caller"][i-1]; gap < 14.5 || gap > 16.5 {
			t.Errorf("two tones are %.2f s apart, want 15 s", gap)
		}
	}
}

// tonesIn returns when tones of 1400 Hz begin that last for about half a second,
// in seconds of the call.
func tonesIn(pcm []int16, from media.Tick) (at []float64) {
	const window = 400
	run := 0
	for i := 0; i+window <= len(pcm); i += window {
		if media.ToneLevel(pcm[i:i+window], 8000, 1400) > -26 {
			run++
			continue
		}
		if length := run * window; length > 3000 && length < 5000 {
			at = append(at, from.Seconds()+float64(i-length)/8000)
		}
		run = 0
	}
	return at
}

// TestLaterInACall asks callers again, pauses, meets children, beeps, and tells the
// truth.
func TestLaterInACall(t *testing.T) {
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	model := sim.NewChatServer(sim.ChatOptions{Reply: func(r sim.ChatRequest) sim.ChatReply {
		if last := r.Messages[len(r.Messages)-1]; strings.Contains(asJSON(t, last), "robot") {
			return sim.ChatReply{Text: aLie}
		}
		return sim.ChatReply{Text: thirdAsk}
	}})
	server := httptest.NewServer(model)
	t.Cleanup(server.Close)
	callers := laterCases(people)
	x := openExchange(t, laterAgents(), "SIDETONE_LLM_BASE_URL="+server.URL+"/v1", "SIDETONE_LLM_MODEL=any")
	all := x.place(t, callers)
	metrics := x.scrape(t)
	x.inspect(t, all)
	for i, l := range all {
		t.Run(callers[i].name, l.check)
	}
	checkCounts(t, metrics, all)
}
