package main

import (
	"encoding/json"
	"strings"
	"testing"

	"sidetone/internal/app"
)

// consentCLI runs `sidetone consent` with the agents and the policy file that
// ship, and returns what was printed.
func consentCLI(t *testing.T, args ...string) (string, error) {
	t.Helper()
	t.Setenv("SIDETONE_AGENTS_DIR", "../../configs/agents")
	t.Setenv("SIDETONE_CONSENT_JURISDICTIONS", "../../configs/consent/jurisdictions.yaml")
	return printedBy(t, append([]string{"consent"}, args...)...)
}

func TestConsentExplain(t *testing.T) {
	printed, err := consentCLI(t, "explain", "--from", "+14155550100", "--to", "+4930555010", "--agent", "interview")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"interview, phone, inbound: callers are asked as in mode opt_in_either",
		"caller     us-ca", "callee     de", "agent      notice", "floor      notice", "in effect",
		"recognition: moonshine, on this machine", "agent: script, on this machine", "so ON THIS MACHINE counts, opt_in{key,speech}",
		"the whole call destroyed: yes", "caller: us-ca, California", "Cal. Penal Code", "reviewed by: nobody's counsel", "of 2026-11-22", "sha256 ",
		"A number is a hint of where somebody is, never proof. This is engineering, not legal advice.",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not in\n%s", want, printed)
		}
	}
}

func TestConsentExplainAsJSON(t *testing.T) {
	printed, err := consentCLI(t, "explain", "--web", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var e app.Explanation
	if err := json.Unmarshal([]byte(printed), &e); err != nil {
		t.Fatal(err)
	}
	if e.Agent != "interview" || e.Channel != "web" || e.Mode != "opt_in_dtmf" || !e.Local || len(e.Rules) != 3 || e.Rules[0].Rule != "unknown" {
		t.Errorf("printed %+v", e)
	}
}

func TestConsentExplainRefusals(t *testing.T) {
	for args, names := range map[string]string{
		"explain --agent nobody":              `"nobody"`,
		"explain --web --from +14155550100":   "from",
		"explain --web --outbound":            "outbound",
		"explain +14155550100":                "unknown command",
		"explain --web --agent interview -xy": "shorthand",
	} {
		if printed, err := consentCLI(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: printed %q, %v, wanted %s", args, printed, err, names)
		}
	}
}
