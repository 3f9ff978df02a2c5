package consent

import (
	"encoding/json"
	"errors"
	"testing"
)

// everyRule is all rules that a text can name.
var everyRule = []Rule{{}, {Level: OptOut}, {OptIn, anyProof}, {OptIn, ByKey}, {OptIn, BySpeech}, {Level: Never}}

// situations is a set of what a caller may have done once the message was
// played. It is what a rule means, said in another way than the code says it.
type situations uint8

const (
	wentOn situations = 1 << iota
	wentOnAndRefused
	agreedByKey
	agreedBySpeech
)

// meaning is in which situations a rule lets a valve be open.
var meaning = map[string]situations{
	"after_notice":       wentOn | wentOnAndRefused | agreedByKey | agreedBySpeech,
	"opt_out":            wentOn | agreedByKey | agreedBySpeech,
	"opt_in{key,speech}": agreedByKey | agreedBySpeech,
	"opt_in{key}":        agreedByKey,
	"opt_in{speech}":     agreedBySpeech,
	"never":              0,
}

// opens returns the meaning of a rule.
func opens(t testing.TB, r Rule) situations {
	t.Helper()
	s, ok := meaning[r.String()]
	if !ok {
		t.Fatalf("%+v is no rule", r)
	}
	return s
}

// TestStrictestOpensWhatBothOpen holds Strictest against the meaning of rules,
// for all pairs and triples there are.
func TestStrictestOpensWhatBothOpen(t *testing.T) {
	for _, a := range everyRule {
		if got := a.Strictest(a); got != a {
			t.Errorf("%s with itself is %s", a, got)
		}
		for _, b := range everyRule {
			both := a.Strictest(b)
			if got, want := opens(t, both), opens(t, a)&opens(t, b); got != want {
				t.Errorf("%s and %s: %s opens in %04b, want %04b", a, b, both, got, want)
			}
			if other := b.Strictest(a); both != other {
				t.Errorf("%s and %s are %s one way and %s the other", a, b, both, other)
			}
			for _, c := range everyRule {
				if left, right := both.Strictest(c), a.Strictest(b.Strictest(c)); left != right {
					t.Errorf("%s, %s, %s: %s or %s, by the order of merging", a, b, c, left, right)
				}
			}
		}
	}
}

func TestRuleText(t *testing.T) {
	for _, r := range everyRule {
		text, err := r.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Rule
		if err := back.UnmarshalText(text); err != nil || back != r {
			t.Errorf("%s comes back as %s, %v", text, back, err)
		}
		if _, ok := meaning[string(text)]; !ok {
			t.Errorf("%s is not how rules are written", text)
		}
	}
	for text, want := range map[string]Rule{
		"opt_in":              {OptIn, anyProof},
		"opt_in{speech, key}": {OptIn, anyProof},
		"opt_in{ key }":       {OptIn, ByKey},
	} {
		r := Rule{Level: Never, Proofs: BySpeech}
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%s is %+v, %v", text, r, err)
		}
	}
}

func TestNoRule(t *testing.T) {
	for _, text := range []string{"", " ", "opt-in", "OPT_IN", "opt_in{", "opt_in}", "opt_in{}", "opt_in{key", "opt_in{key}x",
		"opt_in{key,}", "opt_in{key;speech}", "opt_in{nod}", "opt_in{{key}}", "never{}", "never{key}", "opt_out{speech}", "always"} {
		r := Rule{Level: Never}
		if err := r.UnmarshalText([]byte(text)); !errors.Is(err, ErrRule) {
			t.Errorf("%q was taken for %s, %v", text, r, err)
		}
	}
}

func TestRuleInJSON(t *testing.T) {
	p := Policy{Converse: Rule{OptIn, anyProof}, Record: Rule{OptIn, ByKey}, Transcript: Rule{Level: OptOut}, Snippet: Rule{Level: Never}}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"converse":"opt_in{key,speech}","local":"after_notice","record":"opt_in{key}","transcript":"opt_out","snippet":"never"}`
	if string(text) != want {
		t.Errorf("written as %s", text)
	}
	var back Policy
	if err := json.Unmarshal(text, &back); err != nil || back != p {
		t.Errorf("read as %+v, %v", back, err)
	}
}
