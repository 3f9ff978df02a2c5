package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// What agents say in the tests about consent.
const (
	isMachine  = "I am a machine, not a person."
	isRecorded = "This call is recorded."
	hello      = "Good morning."
	firstAsk   = "Do you like to read?"
	secondAsk  = "Which book do you like?"
	thirdAsk   = "And why is that?"
	bye        = "Thank you, and goodbye."
)

// language is how callers choose one, which is a choice of agents.
var language = []string{"Press one to be asked.", "Press two for another voice."}

// reader is an agent that asks about books, in a mode.
func reader(mode consent.Mode, notice string) string {
	recording := fmt.Sprintf(", {kind: recording, text: %q}", isRecorded)
	if mode == consent.NoRecord {
		recording = ""
	}
	return fmt.Sprintf(`notice:
  mode: %s
  wait: 1s
  parts: [{kind: ai, text: %q}%s]
%s
script:
  greeting: %q
  goodbye: %q
  questions: [{key: reads, kind: yes_no, ask: %q}, {key: book, kind: text, ask: %q}, {key: why, kind: text, ask: %q}]
`, mode, isMachine, recording, notice, hello, bye, firstAsk, secondAsk, thirdAsk)
}

// nameOf is the name of the reader of a mode.
func nameOf(mode consent.Mode) string { return strings.ReplaceAll(string(mode), "_", "-") }

// readers are the agents that callers of TestConsentByPhone can have.
func readers() map[string]string {
	agents := map[string]string{
		"transfer": reader(consent.OptInDTMF, "  on_refusal: transfer\n  transfer: \"+12125550177\""),
		"child":    reader(consent.NoticeMode, "  minors: true"),
		"lobby": reader(consent.NoticeMode, fmt.Sprintf("  languages: [{key: \"1\", agent: opt-in-dtmf, text: %q}, {key: \"2\", agent: awb, text: %q}]",
			language[0], language[1])),
		"awb": "voice: {name: awb}\n" + reader(consent.NoticeMode, ""),
	}
	for _, mode := range consent.Modes {
		agents[nameOf(mode)] = reader(mode, "")
	}
	return agents
}

// asks is what callers hear who are asked as a mode says, and then.
func asks(mode consent.Mode, then ...any) []string {
	texts := []string{isMachine}
	if mode != consent.NoRecord {
		texts = append(texts, isRecorded, consent.Choice("en", mode))
	}
	return append(texts, told(mode, then...)...)
}

// told is what callers are told: prompts and texts.
func told(mode consent.Mode, what ...any) (texts []string) {
	for _, w := range what {
		switch w := w.(type) {
		case consent.Prompt:
			texts = append(texts, consent.Prompts("en", mode)[w])
		case string:
			texts = append(texts, w)
		case []string:
			texts = append(texts, w...)
		}
	}
	return texts
}

// What callers hear with whom the agent goes on, or talks.
var (
	goingOn      = []string{hello, firstAsk, secondAsk}
	conversation = []string{hello, firstAsk, secondAsk, thirdAsk}
)

// asked waits until the question has been put as a mode says.
func asked(mode consent.Mode) step { return hears(consent.Choice("en", mode)) }

// goesOn is a caller who answers the agent by a key once it asks, so that it asks
// on.
var goesOn = steps(hears(firstAsk), presses("1"), hears(secondAsk), hangsUp)

// talks is a caller who tells the agent about a book, too.
func talks(said sim.Utterance) step {
	return steps(hears(firstAsk), presses("1"), hears(secondAsk), plays(said), hears(thirdAsk), hangsUp)
}

// The modes in which going on is enough.
func plainCases(people []sim.Utterance) (all []caller) {
	for _, mode := range []consent.Mode{consent.NoticeMode, consent.OptOutMode, consent.NoRecord} {
		name, how := nameOf(mode), consent.HowContinued
		goes := want{mode: mode, outcome: consent.Granted, how: how, takes: 1, hears: asks(mode, conversation)}
		if mode == consent.NoRecord {
			goes.outcome, goes.how, goes.takes = consent.NotAsked, consent.HowPolicy, 0
		}
		all = append(all,
			caller{name: name + ": goes on", agent: name, does: talks(people[4]), want: goes},
			caller{name: name + ": refuses by star nine", agent: name, does: steps(waits(time.Second), presses("*9"), goesOn),
				want: want{mode: mode, outcome: consent.Refused, how: consent.HowKey, hears: asks(mode, consent.PromptRefused, goingOn)}},
			caller{name: name + ": hangs up", agent: name, does: steps(waits(3*time.Second), hangsUp),
				want: want{mode: mode, outcome: consent.Abandoned, how: consent.HowHungUp, events: "abandoned", hears: asks(mode)[:1]}})
		if mode == consent.NoRecord {
			continue
		}
		short := asks(mode)[1:]
		all = append(all,
			caller{name: name + ": talks over it once", agent: name, does: steps(speaks, plays(people[1]), talks(people[4])),
				want: want{mode: mode, outcome: consent.Granted, how: how, takes: 1, repeats: 1, hears: asks(mode, short, conversation)}},
			caller{name: name + ": talks over it twice", agent: name, does: steps(speaks, plays(people[3]), plays(people[1]), goesOn),
				want: want{mode: mode, outcome: consent.Undecided, how: consent.HowTalked, repeats: 1,
					hears: asks(mode, short, consent.PromptRefused, goingOn)}})
	}
	return append(all, caller{name: "opt-out: refuses by nine", agent: "opt-out", does: steps(waits(time.Second), presses("9"), talks(people[4])),
		want: want{mode: consent.OptOutMode, outcome: consent.Refused, how: consent.HowKey,
			hears: asks(consent.OptOutMode, consent.PromptRefused, conversation)}})
}

// The modes in which callers are asked: answers by key, and none.
func keyCases(people []sim.Utterance) (all []caller) {
	for _, mode := range []consent.Mode{consent.OptInDTMF, consent.OptInEither} {
		name := nameOf(mode)
		all = append(all,
			caller{name: name + ": presses one, first too early", agent: name, does: steps(waits(2*time.Second), presses("1"), asked(mode), presses("1"), talks(people[4])),
				want: want{mode: mode, outcome: consent.Granted, how: consent.HowKey, takes: 1, early: 1, hears: asks(mode, conversation)}},
			caller{name: name + ": presses two", agent: name, does: steps(asked(mode), presses("2"), goesOn),
				want: want{mode: mode, outcome: consent.Refused, how: consent.HowKey, hears: asks(mode, consent.PromptRefused, goingOn)}},
			caller{name: name + ": says nothing", agent: name, does: steps(settled, hears(firstAsk), hangsUp),
				want: want{mode: mode, outcome: consent.Undecided, how: consent.HowSilent,
					hears: asks(mode, consent.PromptAgain, consent.PromptRefused, firstAsk)}})
	}
	for _, mode := range []consent.Mode{consent.OptInDTMF, consent.OptInSpeech, consent.OptInEither} {
		all = append(all, caller{name: nameOf(mode) + ": hangs up", agent: nameOf(mode), does: steps(asked(mode), hangsUp),
			want: want{mode: mode, outcome: consent.Abandoned, how: consent.HowHungUp, events: "abandoned", hears: asks(mode)}})
	}
	return all
}

// The modes in which callers may answer by voice.
func spokenCases(people, prompts []sim.Utterance) []caller {
	says := func(mode consent.Mode, who string, said step, w want) caller {
		w.mode = mode
		on := goesOn
		if w.takes > 0 {
			on = talks(people[4])
		}
		return caller{name: nameOf(mode) + ": " + who, agent: nameOf(mode), does: steps(asked(mode), insists(mode, said), on), want: w}
	}
	yes := func(mode consent.Mode, before ...any) want {
		return want{outcome: consent.Granted, how: consent.HowSpeech, takes: 1, hears: asks(mode, append(before, consent.PromptHeardYes, conversation)...),
			never: told(mode, consent.PromptHeardNo)}
	}
	no := func(mode consent.Mode) want {
		return want{outcome: consent.Refused, how: consent.HowSpeech, hears: asks(mode, consent.PromptHeardNo, goingOn),
			never: told(mode, consent.PromptHeardYes)}
	}
	const speech, either = consent.OptInSpeech, consent.OptInEither
	prompt := func(p consent.Prompt) step { return hears(told(speech, p)...) }
	unclear := steps(voice("slt", "Bananas and oranges."), prompt(consent.PromptUnclear), voice("awb", "Where are you calling from?"), prompt(consent.PromptKey))
	return []caller{
		says(speech, "yes", voice("awb", "Yes, I agree."), yes(speech)),
		says(speech, "no, by a person", plays(prompts[0]), no(speech)),
		says(speech, "a bare yes, then as told", steps(voice("rms", "Yes."), prompt(consent.PromptUnclear), voice("rms", "Yes, I do.")), yes(speech, consent.PromptUnclear)),
		says(speech, "unclear twice, then one", steps(unclear, presses("1")), want{outcome: consent.Granted, how: consent.HowKey, takes: 1,
			hears: asks(speech, consent.PromptUnclear, consent.PromptKey, conversation)}),
		{name: "opt-in-speech: unclear twice, then too late a yes", agent: "opt-in-speech", does: steps(asked(speech), unclear, voice("rms", "Yes, I do."), settled, hangsUp),
			want: want{mode: speech, outcome: consent.Undecided, how: consent.HowUnclear,
				hears: asks(speech, consent.PromptUnclear, consent.PromptKey, consent.PromptRefused), never: told(speech, consent.PromptHeardYes)}},
		says(either, "yes", voice("slt", "Yes, I do."), yes(either)),
		says(either, "no", voice("kal16", "No, thank you."), no(either)),
		says(either, "a mixture", voice("rms", "Yes, but do not record me."), no(either)),
	}
}

// Places and agents that ask for more than the agent's mode.
func placeCases(people []sim.Utterance) []caller {
	talk := talks(people[4])
	const berlin, newYork, losAngeles, london, withheld = "+493055501234", "+12125550123", "+13105550123", "+442079460123", "anonymous"
	const either, key, optOut = consent.OptInEither, consent.OptInDTMF, consent.OptOutMode
	grant := func(mode consent.Mode, how consent.How, then ...any) want {
		return want{mode: mode, outcome: consent.Granted, how: how, takes: 1, hears: asks(mode, append(then, conversation)...)}
	}
	leave := func(outcome consent.Outcome, how consent.How, then ...any) want {
		return want{mode: either, outcome: outcome, how: how, ended: "caller no_consent", hears: asks(either, then...), never: []string{hello}}
	}
	return []caller{
		{name: "Berlin: yes", from: berlin, agent: "notice", does: steps(asked(either), insists(either, voice("rms", "Yes, I do.")), talk), want: grant(either, consent.HowSpeech, consent.PromptHeardYes)},
		{name: "Berlin: no", from: berlin, agent: "notice", does: steps(asked(either), insists(either, voice("slt", "No."))), want: leave(consent.Refused, consent.HowSpeech, consent.PromptHeardNo, consent.PromptGoodbye)},
		{name: "Berlin: two", from: berlin, agent: "notice", does: steps(asked(either), presses("2")), want: leave(consent.Refused, consent.HowKey, consent.PromptGoodbye)},
		{name: "Berlin: nothing", from: berlin, agent: "notice", does: settled, want: leave(consent.Undecided, consent.HowSilent, consent.PromptAgain, consent.PromptGoodbye)},
		{name: "New York", from: newYork, agent: "notice", does: talk, want: grant(optOut, consent.HowContinued)},
		{name: "Los Angeles", from: losAngeles, agent: "notice", does: talk, want: grant(optOut, consent.HowContinued)},
		{name: "London", from: london, agent: "opt-in-dtmf", does: steps(asked(key), presses("1"), talk), want: grant(key, consent.HowKey)},
		{name: "withheld", from: withheld, agent: "notice", does: steps(asked(key), presses("1"), talk), want: grant(key, consent.HowKey)},
		{name: "transfer", agent: "transfer", does: steps(asked(key), presses("2")), want: want{mode: key, outcome: consent.Refused, how: consent.HowKey,
			ended: "caller no_consent", dialed: "+12125550177", hears: asks(key, consent.PromptTransfer), never: []string{hello}}},
		{name: "child", agent: "child", does: goesOn, want: want{mode: consent.NoRecord, outcome: consent.NotAsked, how: consent.HowPolicy,
			hears: asks(consent.NoRecord, goingOn), never: []string{isRecorded}}},
		{name: "language: one", agent: "lobby", does: steps(hears(language[0]), presses("1"), asked(key), presses("1"), talk),
			want: want{mode: key, outcome: consent.Granted, how: consent.HowKey, takes: 1, answers: "opt-in-dtmf",
				hears: slices.Concat(language[:1], asks(key, conversation))}},
		{name: "language: two", agent: "lobby", does: steps(speaks, waits(time.Second), presses("2"), talk),
			want: want{mode: consent.NoticeMode, outcome: consent.Granted, how: consent.HowContinued, takes: 1, answers: "awb", voice: "awb",
				hears: asks(consent.NoticeMode, conversation)}},
	}
}

// later has callers call later, so that not all are asked at once.
func later(by time.Duration, callers []caller) []caller {
	for i := range callers {
		callers[i].after += by
	}
	return callers
}

// TestConsentByPhone places calls in every mode, from several places, that end
// granted, refused, undecided and abandoned, on the wire and with real voices. It
// holds what callers hear, the rows of proof, the call's row, the recording, the
// transcript, the bucket and the metrics against what they should be.
func TestConsentByPhone(t *testing.T) {
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := sim.Prompts("vm-no")
	if err != nil {
		t.Fatal(err)
	}
	callers := slices.Concat(spokenCases(people, prompts), keyCases(people), later(7*time.Second, placeCases(people)), later(14*time.Second, plainCases(people)))
	x := openExchange(t, readers())
	all := x.place(t, callers)
	metrics := x.scrape(t)
	x.inspect(t, all)
	for i, l := range all {
		t.Run(callers[i].name, func(t *testing.T) {
			l.check(t)
			l.checkKept(t, people[4])
		})
	}
	checkCounts(t, metrics, all)
}

// checkKept holds that what the caller told the agent is kept where it may be, and
// shown nowhere else.
func (l *left) checkKept(t *testing.T, said sim.Utterance) {
	t.Helper()
	shown := len(l.seenBy(app.Spoke, app.Answered))
	if l.want.takes == 0 {
		if shown > 0 {
			t.Errorf("%d turns and answers of a conversation that is not kept were shown", shown)
		}
		return
	}
	k := l.take(t, 1)
	if !contains(k.caller, said.Phone) {
		t.Error("what the caller said is not in the recording, sample for sample")
	}
	if !strings.Contains(k.text(), "book ") || !strings.Contains(k.text(), "himself") {
		t.Errorf("the answer is not in the transcript:\n%s", k.text())
	}
	for _, text := range conversation {
		if at, _, err := l.x.voices.heardAt(k.agent, l.want.voice, text, 0); err != nil || at < 0 {
			t.Errorf("the recording does not hold that the agent said %q (%v)", text, err)
		}
	}
}

// checkCounts holds the metrics against the rows of all calls of a gateway.
func checkCounts(t *testing.T, metrics map[string]float64, all []*left) {
	t.Helper()
	want := map[string]float64{}
	for _, l := range all {
		for _, r := range l.rows {
			if !slices.Contains(consent.Outcomes, consent.Outcome(r.Event)) {
				continue
			}
			want[fmt.Sprintf(`sidetone_consent_outcomes_total{how="%s",mode="%s",outcome="%s"}`, r.How, r.Mode, r.Event)]++
			want["sidetone_consent_repeats_total"] += float64(r.Message.Repeats)
			want["sidetone_consent_early_keys_total"] += float64(r.Message.EarlyKeys)
			if len(r.Message.Parts) > 0 {
				want["sidetone_consent_message_seconds_count"]++
			}
			if r.Answer != nil {
				want[fmt.Sprintf(`sidetone_consent_decision_seconds_count{mode="%s"}`, r.Mode)]++
			}
		}
		for _, e := range []struct{ event, name string }{
			{"paused", `sidetone_recording_pauses_total{how="%s"}`}, {"withdrawn", `sidetone_consent_withdrawals_total{how="%s",scope="%s"}`},
		} {
			for _, r := range l.rows {
				if r.Event == e.event {
					want[strings.TrimSuffix(fmt.Sprintf(e.name, r.How, r.Scope), `%!(EXTRA string=)`)]++
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if metrics[name] != want[name] {
			t.Errorf("%s is %v, and the rows make %v", name, metrics[name], want[name])
		}
	}
	checkPromises(t, metrics)
}

// checkPromises holds the metrics that must stay 0.
func checkPromises(t *testing.T, metrics map[string]float64) {
	t.Helper()
	for _, i := range consent.Invariants {
		name := fmt.Sprintf(`sidetone_invariant_violations_total{invariant="%s"}`, i)
		if n, ok := metrics[name]; !ok || n != 0 {
			t.Errorf("%s is %v (there: %v), want 0", name, n, ok)
		}
	}
	if n, ok := metrics["sidetone_ledger_verify_failures_total"]; !ok || n != 0 {
		t.Errorf("sidetone_ledger_verify_failures_total is %v (there: %v), want 0", n, ok)
	}
	if metrics[`sidetone_ledger_append_seconds_count{result="ok"}`] == 0 {
		t.Error("no ledger append was timed")
	}
}
