package dialog

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
)

const minimal = `
notice:
  parts:
    - {kind: recording, text: This call is recorded.}
script:
  greeting: Hello.
  goodbye: Bye.
  questions:
    - {key: color, kind: text, ask: Your color}
`

func TestShippedAgents(t *testing.T) {
	agents, err := LoadAgents("../configs/agents")
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]consent.Mode{"interview": consent.NoticeMode, "support": consent.OptOutMode}
	for name, mode := range modes {
		a := agents[name]
		if a == nil || a.Notice.Mode != mode || a.Script == nil {
			t.Fatalf("%s: got %+v, want a script in mode %s", name, a, mode)
		}
		for _, kind := range []consent.PartKind{consent.PartAI, consent.PartWho, consent.PartRecording, consent.PartPurpose, consent.PartChoice} {
			if !strings.Contains(partsOf(a), string(kind)) {
				t.Errorf("%s: the notice says nothing of kind %s", name, kind)
			}
		}
	}
	for name, a := range agents { // also under a policy that is stricter than the agent
		for _, mode := range consent.Modes {
			if mode != consent.NoRecord && mode != a.Notice.Mode && !asks(a, mode) && mode != consent.NoticeMode {
				t.Errorf("%s has no words for callers asked by %s", name, mode)
			}
		}
	}
	if got := agents["support"].Settings().EndOfTurn.Min; got != 600*time.Millisecond {
		t.Errorf("support ends turns after %v, want its own 600ms", got)
	}
}

func asks(a *Agent, mode consent.Mode) bool {
	return slices.ContainsFunc(a.Notice.Parts, func(p NoticePart) bool { return p.Mode == mode })
}

func partsOf(a *Agent) string {
	var kinds []string
	for _, p := range a.Notice.Parts {
		kinds = append(kinds, string(p.Kind))
	}
	return strings.Join(kinds, " ")
}

// TestShownDefaults checks that what interview.yaml shows as defaults in its
// comments are the defaults, by taking the comments away.
func TestShownDefaults(t *testing.T) {
	data, err := os.ReadFile("../configs/agents/interview.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ParseAgent("interview", data)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(data)
	for _, key := range []string{"on_refusal:", "transfer:", "minors:", "overlays:", "whole_call:", "beep:"} {
		if !strings.Contains(shown, "\n  # "+key) {
			t.Errorf("interview.yaml does not show %s", key)
		}
		shown = strings.Replace(shown, "\n  # "+key, "\n  "+key, 1)
	}
	for _, key := range []string{"voice:", "protected:", "snippets:", "turn:", "silence:", "truth:", "filler:", "give_up_after:", "way_out:", "apology:", "farewell:", "  name:", "  pronounce:", "  min_silence:", "  max_silence:",
		"  digits_silence:", "  barge_in:", "  commit_after:", "  resume_after:", "  key_pause:", "  early_guess:", "  after:", "  reprompts:", "  goodbye:"} {
		if !strings.Contains(shown, "\n# "+key) {
			t.Errorf("interview.yaml does not show %s", key)
		}
		shown = strings.Replace(shown, "\n# "+key, "\n"+key, 1)
	}
	full, err := ParseAgent("interview", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if plain.Settings() != full.Settings() || plain.Voice.Name != full.Voice.Name || len(full.Voice.Pronounce) > 0 || plain.Snippets != AnswerSnippets || full.Snippets != AnswerSnippets {
		t.Errorf("shown defaults differ:\n%+v\n%+v", full.Settings(), plain.Settings())
	}
	if full.Notice.Overlays = nil; !reflect.DeepEqual(plain.Notice, full.Notice) {
		t.Errorf("shown defaults differ:\n%+v\n%+v", full.Notice, plain.Notice)
	}
}

// TestShownExamples checks that what interview.yaml shows in its comments of the
// words of prompts and of the choice of a language can be used.
func TestShownExamples(t *testing.T) {
	data, err := os.ReadFile("../configs/agents/interview.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := string(data)
	for _, line := range []string{"prompts:\n", "  again:", "languages:\n", `  - {key: "1"`, `  - {key: "2"`} {
		shown = strings.Replace(shown, "\n  # "+line, "\n  "+line, 1)
	}
	a, err := ParseAgent("interview", []byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if a.Notice.Prompts[consent.PromptAgain] == "" || len(a.Notice.Languages) != 2 || a.Notice.Languages[1].Agent == "" {
		t.Errorf("got %+v", a.Notice)
	}
	for name := range consent.Prompts("en", consent.OptInEither) {
		if !strings.Contains(string(data), string(name)) {
			t.Errorf("interview.yaml does not name the prompt %s", name)
		}
	}
}

// TestSwitchToLLM checks that the llm section in the comments of support.yaml
// works when it is put in place of the script.
func TestSwitchToLLM(t *testing.T) {
	data, err := os.ReadFile("../configs/agents/support.yaml")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(data), "\nscript:")
	_, llm, found := strings.Cut(rest, "\n# llm:")
	if !found {
		t.Fatal("support.yaml shows no llm section")
	}
	llm = strings.ReplaceAll("\n# llm:"+llm, "\n# ", "\n")
	a, err := ParseAgent("support", []byte(head+llm))
	if err != nil {
		t.Fatal(err)
	}
	if a.LLM == nil || len(a.LLM.Goals) != 4 || a.LLM.MaxTokens != 200 || !a.Pause {
		t.Errorf("got %+v", a.LLM)
	}
}

// TestTransfers reads whom a model may hand callers on to.
func TestTransfers(t *testing.T) {
	head, _, _ := strings.Cut(minimal, "script:")
	a, err := ParseAgent("test", []byte(head+`llm: {prompt: p, transfers: {sales: "+14155550100", "the boss": {to: "sip:boss@example.org", announce: A caller.}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Transfer{"sales": {To: "+14155550100"}, "the boss": {To: "sip:boss@example.org", Announce: "A caller."}}
	if !maps.Equal(a.LLM.Transfers, want) {
		t.Errorf("got %+v, want %+v", a.LLM.Transfers, want)
	}
	if said := a.LLM.Announcements(); !maps.Equal(said, map[string]string{"sip:boss@example.org": "A caller."}) {
		t.Errorf("announced: %v", said)
	}
}

func TestParseAgentFaults(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(minimal, old, new, 1) }
	question := func(q string) string { return change("{key: color, kind: text, ask: Your color}", q) }
	head, _, _ := strings.Cut(minimal, "script:")
	transfers := func(all string) string { return head + "llm: {prompt: p, transfers: " + all + "}\n" }
	tests := []struct{ name, file, want string }{
		{"empty", "", "the file is empty"},
		{"not YAML", "name: test\na: b: secret", "line 2: mapping values are not allowed"},
		{"two documents", minimal + "---\na: 1\n", "after the end of the agent"},
		{"truth", "truth: \" \"\n" + minimal, "truth: a text is needed"},
		{"give up", "give_up_after: 0\n" + minimal, "give_up_after: want 1 to 5 failed replies, not 0"},
		{"way out", "way_out: \"112\"\n" + minimal, `way_out: "112" is no number`},
		{"unknown key", "colour: secret\n" + minimal, "line 1: unknown key colour"},
		{"unknown key inside", change("greeting:", "greting:"), "line 6: unknown key greting"},
		{"wrong type", "turn: {min_silence: [secret]}\n" + minimal, `line 1: found a list, want a duration such as "1.5s"`},
		{"an engine twice", "stt: [a, b, a]\n" + minimal, `stt[2]: "a" is no name`},
		{"an empty key term", "key_terms: [a, '']\n" + minimal, `key_terms[1]: a text`},
		{"not a duration", "turn: {min_silence: secret}\n" + minimal, `line 1: found a text, want a duration`},
		{"twice", change("greeting: Hello.", "greeting: Hello.\n  greeting: secret"), "line 7: mapping key \"greeting\" already defined at line 6"},
		{"another name", "name: other\n" + minimal, `name: "other" does not match the file's name "test"`},
		{"language", "language: english language\n" + minimal, "language: "},
		{"script in German", "language: de\n" + minimal, "a script understands en only"},
		{"a transfer to nobody", transfers("{a: Bob}"), `llm.transfers.a: "Bob" is no number`},
		{"a transfer to a list", transfers("{a: [1]}"), "line 5: want a number, or to and announce"},
		{"unknown key of a transfer", transfers("{a: {to: \"+14155550100\", say: secret}}"), "line 5: unknown key say"},
		{"a list to announce", transfers("{a: {to: \"+14155550100\", announce: [secret]}}"), "line 5: announce: want a text"},
		{"a long announcement", transfers("{a: {to: \"+14155550100\", announce: " + strings.Repeat("x", 501) + "}}"), "llm.transfers.a.announce: 501 bytes"},
		{"one number, announced in two ways", transfers("{a: {to: \"+14155550100\", announce: One.}, b: \"+14155550100\"}"), "+14155550100 is announced in two ways"},
		{"mode", change("notice:", "notice:\n  mode: silent"), `notice.mode: consent: unknown mode "silent"`},
		{"no parts", change("    - {kind: recording, text: This call is recorded.}", "    []"), "notice.parts: "},
		{"does not say it records", change("recording", "ai"), "so a part of kind recording must say so"},
		{"part kind", change("recording", "greeting"), `notice.parts[0].kind: unknown kind "greeting"`},
		{"part file", change("text: This call is recorded.", "text: a, file: a.ogg"), "neither .mp3 nor .wav"},
		{"part text", change("text: This call is recorded.", "file: a.mp3"), "notice.parts[0].text: a text is needed"},
		{"wait", change("notice:", "notice:\n  wait: 1h"), "notice.wait: 1h0m0s is not between"},
		{"pronounced nothing", "voice: {pronounce: {Sidetone: \" \"}}\n" + minimal, `voice.pronounce: "Sidetone": " " has neither a letter nor a digit`},
		{"pronounced in lines", "voice: {pronounce: {Sidetone: \"side\\ntone\"}}\n" + minimal, `voice.pronounce: "Sidetone": "side\ntone" has spaces around it, control characters`},
		{"pronounced for nothing", "voice: {pronounce: {\"+\": plus}}\n" + minimal, `voice.pronounce: "+": "+" has neither a letter nor a digit`},
		{"silence", "silence: {after: 0s}\n" + minimal, "silence.after: 0s is not between"},
		{"snippets", "snippets: all\n" + minimal, `snippets: "all" is none of`},
		{"reprompts", "silence: {reprompts: -1}\n" + minimal, "silence.reprompts: -1"},
		{"both", "llm: {prompt: Hi}\n" + minimal, "exactly one of them is needed"},
		{"goal", change("script:\n  greeting: Hello.\n  goodbye: Bye.\n  questions:", "llm:\n  prompt: a\n  goals:") + "", `unknown key ask`},
		{"kind", question("{key: a, kind: colour, ask: b}"), `script.questions[0].kind: unknown kind "colour"`},
		{"key", question("{key: A b, kind: text, ask: b}"), `script.questions[0].key: "A b" is no key`},
		{"key twice", minimal + "    - {key: color, kind: text, ask: Again}\n", `script.questions[1].key: "color" is used twice`},
		{"no ask", question("{key: a, kind: text}"), "script.questions[0].ask"},
		{"choices", question("{key: a, kind: choice, ask: b}"), "script.questions[0].choices: needed for kind choice"},
		{"no choices", question("{key: a, kind: text, ask: b, choices: [{value: c}]}"), "and for no other"},
		{"same choice", question("{key: a, kind: choice, ask: b, choices: [{value: c}, {value: c}]}"), `choices[1].value: "c" is used twice`},
		{"sensitive text", question("{key: a, kind: text, ask: b, sensitive: true}"), "script.questions[0].sensitive: only for kind digits"},
		{"sensitive read-back", question("{key: a, kind: digits, ask: b, sensitive: true, confirm: true}"), "script.questions[0].confirm: nobody sees an answer that is sensitive"},
		{"when of a secret", question("{key: a, kind: digits, ask: b, sensitive: true}") + "    - {key: c, kind: text, ask: d, when: {key: a, is: \"1\"}}\n", `when.key: nobody sees the answer to "a"`},
		{"adult of text", question("{key: a, kind: text, ask: b, adult: 18}"), "script.questions[0].adult: only for kind number"},
		{"adult too old", question("{key: a, kind: number, ask: b, adult: 26}"), "script.questions[0].adult: 26 is not between 1 and 25"},
		{"adults only", question("{key: a, kind: number, ask: b, adult: 18, min: 18}"), "script.questions[0].min: must be 0 or left out"},
		{"children only", question("{key: a, kind: number, ask: b, adult: 18, max: 17}"), "script.questions[0].max: no adult could answer"},
		{"range", question("{key: a, kind: number, ask: b, min: 2, max: 1}"), "script.questions[0].min: is above max"},
		{"range of text", question("{key: a, kind: text, ask: b, min: 2}"), "min and max are for kind number"},
		{"digits of text", question("{key: a, kind: text, ask: b, min_digits: 2}"), "min_digits and max_digits are for"},
		{"digits", question("{key: a, kind: digits, ask: b, min_digits: 5, max_digits: 4}"), "in this order"},
		{"attempts", question("{key: a, kind: text, ask: b, attempts: 11}"), "attempts: 11 is not between 1 and 10"},
		{"give up", question("{key: a, kind: text, ask: b, give_up: cry}"), `give_up: "cry" is neither skip nor end`},
		{"next", question("{key: a, kind: text, ask: b, next: a}"), `next: "a" is neither a later question nor "goodbye"`},
		{"when", question("{key: a, kind: text, ask: b, when: {key: z, is: yes}}"), `when.key: "z" is no earlier question`},
		{"when what", minimal + "    - {key: a, kind: text, ask: b, when: {key: color}}\n", "when.is: at least one answer"},
		{"when impossible", question("{key: a, kind: yes_no, ask: b}") + "    - {key: c, kind: text, ask: d, when: {key: a, is: maybe}}\n", `when.is: "maybe" is no answer to "a"`},
		{"reask", question("{key: a, kind: text, ask: b, reask: {c: d}}"), "want a text or a list of texts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseAgent("test", []byte(test.file))
			if !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "dialog.") || strings.Contains(err.Error(), "Hello.") {
				t.Errorf("the error quotes the file or speaks Go: %v", err)
			}
		})
	}
}

// TestFillerSpeaksTheLanguage checks that nobody is spoken to in English in
// between, unless the file says what.
func TestFillerSpeaksTheLanguage(t *testing.T) {
	for file, want := range map[string]string{
		"": "One moment, please.", "language: en-GB\n": "One moment, please.", "language: de\n": "",
		"language: de\nfiller: Einen Moment.\n": "Einen Moment.", "filler: \"\"\n": "",
	} {
		file += "notice:\n  parts:\n    - {kind: recording, text: This call is recorded.}\nllm: {prompt: Hi.}\n"
		a, err := ParseAgent("test", []byte(file))
		if err != nil || a.Settings().Wait.Filler != want {
			t.Errorf("%s: %q, %v", file, a.Settings().Wait.Filler, err)
		}
	}
}

func TestParseAgentDefaults(t *testing.T) {
	a, err := ParseAgent("test", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Settings(), DefaultSettings("en"); got != want {
		t.Errorf("settings: got %+v, want %+v", got, want)
	}
	if q := a.Script.Questions[0]; q.Attempts != 3 || q.GiveUp != GiveUpSkip {
		t.Errorf("question: got %+v, want 3 attempts and skip", q)
	}
	want := Notice{
		Mode: consent.NoticeMode, Wait: 1500 * time.Millisecond, OnRefusal: GoOn,
		Parts: []NoticePart{{Kind: consent.PartRecording, Text: "This call is recorded."}},
	}
	if !reflect.DeepEqual(a.Notice, want) || a.Pause {
		t.Errorf("notice: got %+v, want %+v", a.Notice, want)
	}
}

// TestLoadAgents checks that all faults of all files come at once, each with
// the path of its file.
func TestLoadAgents(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadAgents(dir); !errors.Is(err, ErrAgent) {
		t.Errorf("an empty folder: got %v", err)
	}
	write("good.yaml", strings.Replace(minimal, "text: This", "file: note.mp3, text: This", 1))
	write("bad.yaml", "language: x y\n"+minimal)
	write("broken.yaml", "a: [")
	write("notes.txt", "no agent")
	_, err := LoadAgents(dir)
	for _, want := range []string{"bad.yaml: dialog: unusable agent: language", "broken.yaml: dialog: unusable agent: line 1", "good.yaml: dialog: unusable agent: notice.parts[0].file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to hold %q", err, want)
		}
	}
	for _, name := range []string{"bad.yaml", "broken.yaml"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("note.mp3", "")
	agents, err := LoadAgents(dir)
	if err != nil || len(agents) != 1 {
		t.Fatalf("got %v, %v", agents, err)
	}
	if got := agents["good"].Notice.Parts[0].File; got != filepath.Join(dir, "note.mp3") {
		t.Errorf("file: got %s", got)
	}
}

func FuzzParseAgent(f *testing.F) {
	f.Add([]byte(minimal))
	for _, name := range []string{"interview", "support"} {
		data, err := os.ReadFile("../configs/agents/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("script: {questions: [{when: {is: [[]]}}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAgent("test", data)
		if (a == nil) == (err == nil) {
			t.Fatalf("got %v and %v", a, err)
		}
		if err != nil {
			if !errors.Is(err, ErrAgent) {
				t.Fatalf("%v is no ErrAgent", err)
			}
			return
		}
		if (a.Script == nil) == (a.LLM == nil) || len(a.Notice.Parts) == 0 {
			t.Fatalf("an unusable agent was accepted: %+v", a)
		}
	})
}

// TestEarlyGuess checks which agents guess: those of language models that do not say
// otherwise.
func TestEarlyGuess(t *testing.T) {
	const notice = "notice: {parts: [{kind: recording, text: This call is recorded.}]}\n"
	const model, script = "llm: {prompt: Be brief.}\n", "script: {greeting: Hello., goodbye: Bye., questions: [{key: a, kind: text, ask: Why}]}\n"
	for text, want := range map[string]bool{
		model: true, "turn: {early_guess: false}\n" + model: false, "turn: {early_guess: true}\n" + model: true,
		script: false, "turn: {early_guess: true}\n" + script: false,
	} {
		a, err := ParseAgent("a", []byte(notice+text))
		if err != nil {
			t.Fatal(err)
		}
		if a.Settings().Guess != want {
			t.Errorf("guesses: %v, want %v, of\n%s", !want, want, text)
		}
	}
}
