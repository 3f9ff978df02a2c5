package consent

import (
	"errors"
	"strings"
	"testing"
)

// TestPolicyFileFaults has one mistake a file, made of the small one by changing
// its first occurrence of a text.
func TestPolicyFileFaults(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"no date", "version: 2026-11-22", "version: soon", "line 2: version: must be a date such as 2026-11-22"},
		{"no such day", "version: 2026-11-22", "version: 2026-02-30", "version: must be a date"},
		{"a time as well", "version: 2026-11-22", "version: 2026-11-22T00:00:00Z", "version: must be a date"},
		{"no version", "version: 2026-11-22", "", "(file): version is missing"},
		{"nobody", "reviewed_by: a test", "reviewed_by: ''", "reviewed_by: must be a text"},
		{"null", "reviewed_by: a test", "reviewed_by: ~", "reviewed_by: must be a text"},
		{"a list for a text", "reviewed_by: a test", "reviewed_by: [a, b]", "reviewed_by: must be a text"},
		{"an unknown key", "reviewed_by: a test", "reviewed_by: a test\nreviewer: a test", "line 4: reviewer: no such key"},
		{"an unknown key of a rule", "name: a mild country", "name: x\n    mode: notice", "rules[0].mode: no such key"},
		{"an unknown key of unknown", "unknown:", "unknown:\n  id: x", "unknown.id: no such key"},
		{"prefixes of an overlay", "  minor:", "  minor:\n    prefixes: ['+1']", "overlays.minor.prefixes: no such key"},
		{"a key twice", "name: a mild country", "name: x\n    name: y", "rules[0].name: is set twice"},
		{"no id", "- id: mild\n    name:", "- name:", "rules[0]: id is missing"},
		{"an id twice", "id: town", "id: mild", `rules[1]: id "mild" is taken`},
		{"the id of unknown", "id: town", "id: unknown", `rules[1]: id "unknown" is taken`},
		{"a strange id", "id: town", "id: Town hall", `rules[1]: id "Town hall" must be of small letters`},
		{"no name", "name: a mild country", "", "rules[0]: name is missing"},
		{"no source", "whole_call: true\n    source: none", "whole_call: true", "rules[1]: source is missing"},
		{"an empty source", "source: none", "source:", "rules[0].source: must be a text"},
		{"no prefixes", `prefixes: ["+77"]`, "", "rules[0]: prefixes is missing"},
		{"none of them", `["+77"]`, "[]", "rules[0].prefixes: must have at least one prefix"},
		{"not a list", `["+77"]`, `"+77"`, "rules[0].prefixes: must be a list"},
		{"a prefix without a plus", `["+77"]`, `["77"]`, `rules[0].prefixes[0]: "77" must be a plus and digits`},
		{"a plus alone", `["+77"]`, `["+"]`, `rules[0].prefixes[0]: "+" must be a plus and digits`},
		{"a zero", `["+77"]`, `["+077"]`, `rules[0].prefixes[0]: "+077" must be`},
		{"letters", `["+77"]`, `["+77a"]`, `rules[0].prefixes[0]: "+77a" must be`},
		{"too long", `["+77"]`, `["+1234567890123456"]`, `rules[0].prefixes[0]: "+1234567890123456" must be`},
		{"a prefix twice in a row", `["+77"]`, `["+77", "+77"]`, "rules[0].prefixes[1]: +77 is a prefix of mild already"},
		{"a prefix in two rows", `"+7799"`, `"+77"`, "rules[1].prefixes[1]: +77 is a prefix of mild already"},
		{"a prefix of unknown in a rule", `"+77800"`, `"+7712"`, "unknown.prefixes[0]: +7712 is a prefix of town already"},
		{"a rule left out", "transcript: after_notice", "", "rules[0]: transcript is missing"},
		{"no rule", "record: opt_out", "record: sometimes", `rules[0].record: unknown rule "sometimes"`},
		{"an empty rule", "record: opt_out", "record:", "rules[0].record: unknown rule"},
		{"a mapping for a rule", "record: opt_out", "record: {opt_in: key}", "rules[0].record: must be a rule"},
		{"a strict local", "local: after_notice", "local: opt_out", "rules[0].local: opt_out is stricter than converse, which is after_notice"},
		{"a local with other ways", "converse: opt_in{key}\n  local: after_notice", "converse: opt_in{key}\n  local: opt_in{speech}",
			"unknown.local: opt_in{speech} is stricter than converse"},
		{"whole or not", "whole_call: true", "whole_call: yes", "rules[1].whole_call: must be true or false"},
		{"no unknown", "unknown:", "known:", "(file): unknown is missing"},
		{"unknown is a text", "unknown:\n", "unknown: strict\nothers:\n", "unknown: must be a mapping"},
		{"no overlays", "overlays:", "kinds:", "(file): overlays is missing"},
		{"no outbound", "  outbound:", "  inbound:", "overlays: outbound is missing"},
		{"a strange overlay", "  minor:", "  Minor children:", "overlays.Minor children: its name must be"},
		{"no rules", "rules:", "rules: []\nother:", "rules: must have at least one rule"},
		{"rules by name", "rules:", "rules: {a: b}\nother:", "rules: must be a list"},
		{"a rule that is a text", "rules:", "rules:\n  - strict", "rules[0]: must be a mapping"},
		{"an alias", "name: a mild country", "name: &x y\n    source: *x", "rules[0].source: must be written out"},
		{"an alias in a list", `["+77"]`, `[&p "+77", *p]`, "rules[0].prefixes[1]: must be written out"},
		{"a merge", "name: a mild country", "name: x\n    <<: {source: y}", "rules[0]: has a key that is no plain word"},
		{"a second document", "rules:", "---\nrules:", "there is something after its end"},
		{"not YAML", "rules:", "rules: [", "line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.old, c.new, 1)
			if text == small {
				t.Fatalf("%q is not in the file", c.old)
			}
			r, err := ParseRuleset([]byte(text))
			if err == nil {
				t.Fatalf("was taken: %+v", r)
			}
			if !errors.Is(err, ErrRuleset) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is\n%v\nwanted %q", err, c.want)
			}
		})
	}
}

func TestPolicyFileTellsAllFaults(t *testing.T) {
	text := strings.NewReplacer("version: 2026-11-22", "version: never", "record: opt_out", "record: perhaps", `"+7712"`, `"7712"`).Replace(small)
	_, err := ParseRuleset([]byte(text))
	for _, path := range []string{"version", "rules[0].record", "rules[1].prefixes[0]", "overlays.outbound.record"} {
		if err == nil || !strings.Contains(err.Error(), path+": ") {
			t.Errorf("%s is not named by %v", path, err)
		}
	}
}

func TestPolicyFileThatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     "",
		"a comment":   "# nothing\n",
		"a text":      "strict",
		"a list":      "- a\n- b\n",
		"null":        "~",
		"a bomb":      "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nrules: [*c,*c]\n",
		"itself":      "rules: &a [*a]\n",
		"far too big": strings.Repeat("# padding\n", maxRuleset/10+1) + small,
		"many faults": "rules: [" + strings.Repeat("x,", 400_000) + "]\n",
		"deep":        strings.Repeat("[", 20_000),
		"binary":      "\x00\x01\xff\xfe",
	} {
		_, err := ParseRuleset([]byte(text))
		if !errors.Is(err, ErrRuleset) {
			t.Errorf("%s: %v", name, err)
		} else if len(err.Error()) > 1<<16 {
			t.Errorf("%s: the error is %d bytes", name, len(err.Error()))
		}
	}
}
