package app_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/internal/app"
)

const (
	inCalifornia = "+14155550100"
	inNewYork    = "+12125550100"
	inGermany    = "+4930555010"
)

// explaining returns a configuration whose only agent has this notice and, if it
// is not empty, this model endpoint.
func explaining(t *testing.T, notice, endpoint string, env ...string) *configs.Config {
	t.Helper()
	who := "script: {greeting: Hello., goodbye: Goodbye., questions: [{key: one, kind: text, ask: One}]}\n"
	if endpoint != "" {
		who = "llm: {prompt: Be kind., greeting: Hello.}\n"
		env = append(env, "SIDETONE_LLM_BASE_URL="+endpoint, "SIDETONE_LLM_MODEL=large")
	}
	dir := t.TempDir()
	agent := "name: only\nlanguage: en\nnotice:\n  parts: [{kind: ai, text: I am a machine.}, {kind: recording, text: This is recorded.}]\n" +
		notice + who
	if err := os.WriteFile(filepath.Join(dir, "only.yaml"), []byte(agent), 0o600); err != nil {
		t.Fatal(err)
	}
	c := configure(t, append(env, "SIDETONE_AGENTS_DIR="+dir, "SIDETONE_AGENTS_DEFAULT=only")...)
	c.Consent.Jurisdictions = "../../configs/consent/jurisdictions.yaml"
	return c
}

func explain(t *testing.T, c *configs.Config, q app.ExplainQuery) app.Explanation {
	t.Helper()
	e, err := app.Explain(c, q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// because lists where the rules of an explanation come from.
func because(e app.Explanation) (rules []string) {
	for _, r := range e.Rules {
		rules = append(rules, string(r.Source)+":"+r.Rule)
	}
	return rules
}

func TestExplain(t *testing.T) {
	const elsewhere, here = "https://api.example.org/v1", "http://127.0.0.1:11434/v1"
	for _, c := range []struct {
		name     string
		notice   string
		endpoint string
		query    app.ExplainQuery
		rules    string
		mode     consent.Mode
		local    bool
	}{
		{"a script, in California", "  mode: notice\n", "", app.ExplainQuery{From: inCalifornia, To: inNewYork},
			"caller:us-ca callee:us-other agent:notice floor:notice", consent.OptOutMode, true},
		{"a vendor, in California", "  mode: notice\n", elsewhere, app.ExplainQuery{From: inCalifornia, To: inNewYork},
			"caller:us-ca callee:us-other agent:notice floor:notice", consent.OptInEither, false},
		{"a model on this machine, in California", "  mode: notice\n", here, app.ExplainQuery{From: inCalifornia, To: inNewYork},
			"caller:us-ca callee:us-other agent:notice floor:notice", consent.OptOutMode, true},
		{"a script, with Germany", "  mode: notice\n", "", app.ExplainQuery{From: inNewYork, To: inGermany},
			"caller:us-other callee:de agent:notice floor:notice", consent.OptInEither, true},
		{"a withheld number", "  mode: notice\n", "", app.ExplainQuery{From: "anonymous", To: inNewYork},
			"caller:unknown callee:us-other agent:notice floor:notice", consent.OptInDTMF, true},
		{"a page", "  mode: opt_out\n", "", app.ExplainQuery{Web: true},
			"caller:unknown agent:opt_out floor:notice", consent.OptInDTMF, true},
		{"placed by the operator", "  mode: notice\n", "", app.ExplainQuery{From: inNewYork, To: inNewYork, Outbound: true},
			"caller:us-other callee:us-other agent:notice floor:notice overlay:outbound", consent.OptInEither, true},
		{"about health, by a vendor", "  mode: notice\n  overlays: [hipaa]\n", elsewhere, app.ExplainQuery{From: inNewYork, To: inNewYork},
			"caller:us-other callee:us-other agent:notice floor:notice overlay:hipaa", consent.OptInEither, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explain(t, explaining(t, c.notice, c.endpoint), c.query)
			if got := strings.Join(because(e), " "); got != c.rules {
				t.Errorf("because of %s, want %s", got, c.rules)
			}
			if e.Agent != "only" || e.Mode != c.mode || e.Local != c.local {
				t.Errorf("agent %s is to ask as in %s, on this machine %v; want %s, %v", e.Agent, e.Mode, e.Local, c.mode, c.local)
			}
			if away := slices.ContainsFunc(e.Engines, func(g app.ExplainedEngine) bool { return g.Where == "api.example.org" }); away == c.local {
				t.Errorf("the engines are %+v", e.Engines)
			}
			if e.Choice == "" {
				t.Error("it does not say in which words callers are asked")
			}
		})
	}
}

// TestExplainSaysWhatItRestsOn: each rule has its basis, and rows of the file
// have who reviewed them.
func TestExplainSaysWhatItRestsOn(t *testing.T) {
	e := explain(t, explaining(t, "  mode: notice\n  overlays: [pci]\n", ""), app.ExplainQuery{From: inCalifornia, To: inGermany, Outbound: true})
	for i, want := range []string{"Cal. Penal Code 631", "StGB 201", "notice.mode", "consent.floor", "TCPA", "PCI DSS 3.3.1"} {
		if i >= len(e.Rules) || !strings.Contains(e.Rules[i].Basis, want) {
			t.Fatalf("rule %d does not rest on %s: %+v", i, want, e.Rules)
		}
	}
	for _, r := range e.Rules {
		ofFile := r.Source != consent.FromAgent && r.Source != consent.FromFloor
		if r.Basis == "" || ofFile != strings.HasPrefix(r.ReviewedBy, "nobody's counsel") {
			t.Errorf("%s %s rests on %q, reviewed by %q", r.Source, r.Rule, r.Basis, r.ReviewedBy)
		}
	}
	if f := e.File; f.Version != "2026-11-22" || len(f.SHA256) != 64 || !strings.HasSuffix(f.Path, "jurisdictions.yaml") {
		t.Errorf("the policy file is %+v", f)
	}
	if !e.WholeCall {
		t.Error("Germany offers to destroy the whole call")
	}
}

// TestExplainNamesWhoReviewedARow, where a row has been reviewed by itself.
func TestExplainNamesWhoReviewedARow(t *testing.T) {
	c := explaining(t, "  mode: notice\n", "")
	data, err := os.ReadFile(c.Consent.Jurisdictions)
	if err != nil {
		t.Fatal(err)
	}
	c.Consent.Jurisdictions = filepath.Join(t.TempDir(), "own.yaml")
	own := strings.Replace(string(data), "- id: us-ca\n", "- id: us-ca\n    reviewed_by: our counsel, 2026-12-01\n", 1)
	if err := os.WriteFile(c.Consent.Jurisdictions, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	e := explain(t, c, app.ExplainQuery{From: inCalifornia, To: inNewYork})
	if e.Rules[0].ReviewedBy != "our counsel, 2026-12-01" || e.Rules[1].ReviewedBy != e.File.ReviewedBy || e.File.Path != c.Consent.Jurisdictions {
		t.Errorf("the rows are reviewed by %q and %q, the file %+v", e.Rules[0].ReviewedBy, e.Rules[1].ReviewedBy, e.File)
	}
}

func TestExplanationHoldsNoNumber(t *testing.T) {
	e := explain(t, explaining(t, "  mode: notice\n", ""), app.ExplainQuery{From: inCalifornia, To: inGermany})
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"5550100", "555010"} {
		if strings.Contains(string(text), number) {
			t.Errorf("the explanation holds a number: %s", text)
		}
	}
	for _, want := range []string{`"mode":"opt_in_either"`, `"source":"callee","rule":"de","policy":{"converse":"opt_in{key,speech}","local":"opt_in{key,speech}"`,
		`"whole_call":true`, `"local":true`, `"policy_file":{"path":`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

// TestExplainWithoutRecognition: where nothing understands a spoken answer, a key
// takes its place, and the explanation says so.
func TestExplainWithoutRecognition(t *testing.T) {
	e := explain(t, explaining(t, "  mode: opt_in_either\n", "", "SIDETONE_SPEECH_STT=none"), app.ExplainQuery{From: inNewYork, To: inNewYork})
	if e.Mode != consent.OptInDTMF || !slices.ContainsFunc(e.Rules, func(r app.ExplainedRule) bool { return r.Source == consent.FromSpeech && r.Basis != "" }) {
		t.Errorf("callers are asked as in %s because of %+v", e.Mode, because(e))
	}
}

func TestExplainFindsTheAgent(t *testing.T) {
	c := explaining(t, "  mode: notice\n", "", "SIDETONE_AGENTS_NUMBERS="+inNewYork+"=only")
	c.Agents.Default = "nobody"
	if e := explain(t, c, app.ExplainQuery{From: inCalifornia, To: inNewYork}); e.Agent != "only" {
		t.Errorf("%s answers", e.Agent)
	}
	for _, q := range []app.ExplainQuery{{To: inCalifornia}, {Agent: "someone"}} {
		if e, err := app.Explain(c, q); err == nil || !strings.Contains(err.Error(), "there is no agent") {
			t.Errorf("%+v: %+v, %v", q, e, err)
		}
	}
}

func TestExplainRefusals(t *testing.T) {
	model := explaining(t, "  mode: notice\n", "https://api.example.org/v1")
	model.LLM.BaseURL = ""
	if e, err := app.Explain(model, app.ExplainQuery{Web: true}); err == nil || !strings.Contains(err.Error(), "llm.base_url") {
		t.Errorf("an agent that can not answer: %+v, %v", e, err)
	}
	c := explaining(t, "  mode: notice\n  overlays: [gdpr]\n", "")
	if e, err := app.Explain(c, app.ExplainQuery{Web: true}); !errors.Is(err, consent.ErrOverlay) || !strings.Contains(err.Error(), "agent only") {
		t.Errorf("an overlay that is not there: %+v, %v", e, err)
	}
	c.Consent.Jurisdictions = filepath.Join(t.TempDir(), "none.yaml")
	if _, err := app.Explain(c, app.ExplainQuery{Web: true}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "consent.jurisdictions") {
		t.Errorf("a policy file that is not there: %v", err)
	}
	if err := os.WriteFile(c.Consent.Jurisdictions, []byte("version: today\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Explain(c, app.ExplainQuery{Web: true}); !errors.Is(err, consent.ErrRuleset) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a policy file that is none: %v", err)
	}
}
