package app_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/transcribe"
)

const helper = `name: helper
language: en
notice: {mode: notice, parts: [{kind: ai, text: I am a machine.}, {kind: recording, text: This call is recorded.}]}
llm:
  prompt: You help people who have a broken bicycle.
  greeting: How can I help you?
  goals: [{key: part, kind: text, about: The part that is broken.}]
`

// TestLanguageModelAnswers holds a conversation whose agent is a language model
// behind a real HTTP stream, slow and in pieces.
func TestLanguageModelAnswers(t *testing.T) {
	t.Parallel()
	model := sim.NewChatServer(sim.ChatOptions{Reply: sim.Replies(
		sim.ChatReply{Text: "I see. Your chain is broken. We will mend it by Friday. Goodbye!", BetweenTokens: 5 * time.Millisecond,
			ToolCalls: []sim.ChatToolCall{{Name: "record_answer", Arguments: `{"key":"part","value":"chain"}`}, {Name: "end_call", Arguments: `{}`}}},
	)})
	server := httptest.NewServer(model)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "helper.yaml"), []byte(helper), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, configure(t, "SIDETONE_AGENTS_DIR="+dir, "SIDETONE_AGENTS_DEFAULT=helper",
		"SIDETONE_LLM_BASE_URL="+server.URL+"/v1", "SIDETONE_LLM_MODEL=any", "SIDETONE_LLM_PRICES_OUTPUT=0.25"))
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := sim.Script{Steps: []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.Say(people[4].Phone)}, HangupAfter: time.Minute}.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if report.Ending != sim.EndCompleted {
		t.Errorf("the call ended %q, want the model to end it", report.Ending)
	}
	// Two early guesses may have come before, and were dropped then.
	if asked := model.Requests(); len(asked) < 1 || len(asked) > 3 || !strings.Contains(strings.ToLower(asJSON(t, asked[len(asked)-1])), "amiable") {
		t.Errorf("the model was asked %d times, want once for the turn, with what the caller said", len(asked))
	}
	var doc bytes.Buffer
	records := g.records(t)
	if err := records.Transcript(t.Context(), report.CallSID, "t1", "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	var tr transcribe.Transcript
	if err := json.Unmarshal(doc.Bytes(), &tr); err != nil {
		t.Fatal(err)
	}
	if len(tr.Answers) != 1 || tr.Answers[0].Value != "chain" {
		t.Errorf("the answers are %+v", tr.Answers)
	}
	row, err := records.Call(t.Context(), report.CallSID)
	if err != nil {
		t.Fatal(err)
	}
	if took := row.LLM; took.Input == 0 || took.Output == 0 || took.Cost != 0.25*float64(took.Output)/1e6 {
		t.Errorf("the call's row says that the model took %+v", took)
	}
	if last := tr.Turns[len(tr.Turns)-1]; !strings.Contains(last.Text, "by Friday. Goodbye!") {
		t.Errorf("the last turn is %+v", last)
	}
}

func asJSON(t *testing.T, r any) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAgentWithoutItsModelDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "helper.yaml"), []byte(helper), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, configure(t, "SIDETONE_AGENTS_DIR="+dir, "SIDETONE_AGENTS_DEFAULT=helper"))
	if !strings.Contains(g.logs.String(), "llm.base_url") {
		t.Error("the log does not say what is missing")
	}
	if status, _ := g.get(t, "/readyz"); status != 503 {
		t.Errorf("/readyz answers %d, want 503", status)
	}
}

// TestAgentsAreHeldAgainstTheConfiguration holds that an agent names a voice and
// overlays that there are, and that there is a policy.
func TestAgentsAreHeldAgainstTheConfiguration(t *testing.T) {
	for _, c := range []struct{ name, old, new, env, want string }{
		{"policy", "", "", "SIDETONE_CONSENT_JURISDICTIONS=nowhere.yaml", "consent.jurisdictions"},
		{"overlay", "{mode: notice,", "{mode: notice, overlays: [moon],", "", "overlays"},
		{"voice", "language: en", "language: en\nvoice: {name: nobody}", "", "voice.name"},
		{"language", "language: en", "language: fr", "", "language"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "helper.yaml"), []byte(strings.Replace(helper, c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		env := []string{"SIDETONE_AGENTS_DIR=" + dir, "SIDETONE_AGENTS_DEFAULT=helper", "SIDETONE_LLM_BASE_URL=http://127.0.0.1:9/v1", "SIDETONE_LLM_MODEL=any"}
		if c.env != "" {
			env = append(env, c.env)
		}
		_, err := app.New(t.Context(), configure(t, env...), app.Options{Objects: bucket(t), Log: quiet})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that names %s", c.name, err, c.want)
		}
	}
}
