package main

import (
	"encoding/json"
	"strings"
	"testing"

	"sidetone/internal/app"
)

func TestRetentionRules(t *testing.T) {
	t.Setenv("SIDETONE_AGENTS_DIR", "../../configs/agents")
	t.Setenv("SIDETONE_RETENTION_AUDIO", "90d")
	t.Setenv("SIDETONE_RETENTION_TEXT", "36h")
	printed, err := printedBy(t, "retention", "rules")
	if err != nil || !strings.Contains(printed, "(others)   90d    for ever  36h") || !strings.Contains(printed, "interview  90d    for ever  36h") {
		t.Errorf("%s%v", printed, err)
	}
	printed, err = printedBy(t, "retention", "rules", "--json")
	var rules []app.RetentionRule
	if again := json.Unmarshal([]byte(printed), &rules); err != nil || again != nil || len(rules) != 3 {
		t.Errorf("%s%v, %v", printed, err, again)
	}
	t.Setenv("SIDETONE_RETENTION_TEXT", "36")
	if printed, err := printedBy(t, "retention", "rules"); err == nil || !strings.Contains(err.Error(), "SIDETONE_RETENTION_TEXT") {
		t.Errorf("%s%v", printed, err)
	}
}

// TestRetentionSweep sweeps without a gateway: nothing is due.
func TestRetentionSweep(t *testing.T) {
	t.Setenv("SIDETONE_DATA_DIR", t.TempDir())
	if printed, err := printedBy(t, "retention", "sweep", "--dry-run"); err == nil || !strings.Contains(err.Error(), "nothing has been recorded") {
		t.Errorf("%s%v", printed, err)
	}
}
