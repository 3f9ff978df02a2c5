package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// small is a policy file that can be read in one look.
const small = `
version: 2026-11-22
reviewed_by: a test
rules:
  - id: mild
    name: a mild country
    prefixes: ["+77"]
    converse: after_notice
    local: after_notice
    record: opt_out
    transcript: after_notice
    snippet: after_notice
    whole_call: false
    source: none
  - id: town
    name: a strict town in it
    prefixes: ["+7712", "+7799"]
    converse: opt_in{key,speech}
    local: opt_in{key,speech}
    record: opt_in{key,speech}
    transcript: opt_out
    snippet: never
    whole_call: true
    source: none
    reviewed_by: the town's counsel
unknown:
  prefixes: ["+77800"]
  converse: opt_in{key}
  local: after_notice
  record: opt_in{key}
  transcript: opt_in{key}
  snippet: opt_in{key}
  whole_call: false
  source: none
overlays:
  outbound:
    converse: opt_out
    local: opt_out
    record: opt_out
    transcript: opt_out
    snippet: opt_out
    whole_call: false
    source: none
  minor:
    converse: after_notice
    local: after_notice
    record: never
    transcript: never
    snippet: never
    whole_call: false
    source: none
`

func ruleset(t testing.TB, text string) *Ruleset {
	t.Helper()
	r, err := ParseRuleset([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRulesetSaysWhatItIs(t *testing.T) {
	r := ruleset(t, small)
	sum := sha256.Sum256([]byte(small))
	if r.Version != "2026-11-22" || r.ReviewedBy != "a test" || r.SHA256() != hex.EncodeToString(sum[:]) {
		t.Errorf("version %q, reviewed by %q, hash %s", r.Version, r.ReviewedBy, r.SHA256())
	}
	town, ok := r.Rule("town")
	if !ok || town.Name != "a strict town in it" || town.ReviewedBy != "the town's counsel" || town.Source != "none" ||
		!town.WholeCall || !slices.Equal(town.Prefixes, []string{"+7712", "+7799"}) {
		t.Errorf("the town is %+v, %v", town, ok)
	}
	if want := (Policy{Converse: Rule{OptIn, anyProof}, Local: Rule{OptIn, anyProof}, Record: Rule{OptIn, anyProof},
		Transcript: Rule{Level: OptOut}, Snippet: Rule{Level: Never}}); town.Policy != want {
		t.Errorf("the town's policy is %+v", town.Policy)
	}
	if minor, ok := r.Overlay("minor"); !ok || minor.ID != "minor" || minor.Policy.Record.Level != Never {
		t.Errorf("the overlay is %+v, %v", minor, ok)
	}
	if _, ok := r.Rule("minor"); ok {
		t.Error("an overlay is a rule")
	}
	if e, ok := r.Overlay("mild"); ok {
		t.Errorf("a rule is the overlay %+v", e)
	}
}

func TestMatch(t *testing.T) {
	r := ruleset(t, small)
	for number, want := range map[string]string{
		"+7700000000":                      "mild",
		"+7710000000":                      "mild",
		"+7712000000":                      "town",
		"+7799123456":                      "town",
		"+77120000":                        "town", // the shortest, 8 digits
		"+771200000000000":                 "town", // the longest, 15
		"+7780012345":                      UnknownRule,
		"+4930123456":                      UnknownRule,
		"+7712000":                         UnknownRule,
		"+7712000000000000":                UnknownRule,
		"+0771200000":                      UnknownRule,
		"7712000000":                       UnknownRule,
		"007712000000":                     UnknownRule,
		"+77 1200 0000":                    UnknownRule,
		"+7712000000 ":                     UnknownRule,
		" +7712000000":                     UnknownRule,
		"+77120000x0":                      UnknownRule,
		"+77１２00000":                       UnknownRule,
		"++7712000000":                     UnknownRule,
		"":                                 UnknownRule,
		"+":                                UnknownRule,
		"anonymous":                        UnknownRule,
		"Restricted":                       UnknownRule,
		"+266696687":                       UnknownRule,
		"+7378742833":                      UnknownRule,
		"+86282452253":                     UnknownRule,
		"sip:+7712000000@example.org":      UnknownRule,
		"client:alice":                     UnknownRule,
		"+1; DROP TABLE calls":             UnknownRule,
		"+7712000000\r\nX-Policy: mild":    UnknownRule,
		strings.Repeat("+7712000000", 5e3): UnknownRule,
		strings.Repeat("7", 5e3):           UnknownRule,
	} {
		if got := r.Match(number); got != want {
			t.Errorf("%.40q is %s, want %s", number, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { r.Match("+7712000000") }); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
}

// TestWithheldNumbers: words on the keypad are no numbers, whatever the file
// says of the countries whose codes they begin with.
func TestWithheldNumbers(t *testing.T) {
	r := ruleset(t, strings.Replace(small, `["+77"]`, `["+77", "+266", "+73", "+86"]`, 1))
	if got := r.Match("+26622000000"); got != "mild" {
		t.Fatalf("a number of that country is %s", got)
	}
	for word, number := range map[string]string{"ANONYMOUS": "+266696687", "RESTRICTED": "+7378742833", "UNAVAILABLE": "+86282452253"} {
		if spelt := spell(word); spelt != number {
			t.Errorf("%s is spelt %s, not %s", word, spelt, number)
		}
		if got := r.Match(number); got != UnknownRule {
			t.Errorf("%s is %s", word, got)
		}
	}
}

// spell writes a word on the keypad.
func spell(word string) string {
	b := []byte("+")
	for _, c := range word {
		b = append(b, "22233344455566677778889999"[c-'A'])
	}
	return string(b)
}

func decide(t testing.TB, r *Ruleset, c Case) Decision {
	t.Helper()
	d, err := r.Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecide(t *testing.T) {
	r := ruleset(t, small)
	for _, c := range []struct {
		name    string
		of      Case
		reasons string
		policy  [5]string // converse, local, record, transcript, snippet
		whole   bool
	}{
		{"mild everywhere", Case{Caller: "+7700000000", Callee: "+7700000001", Agent: NoticeMode},
			"caller:mild callee:mild agent:notice",
			[5]string{"after_notice", "after_notice", "opt_out", "after_notice", "after_notice"}, false},
		{"the called number is strict", Case{Caller: "+7700000000", Callee: "+7712000001", Agent: NoticeMode},
			"caller:mild callee:town agent:notice",
			[5]string{"opt_in{key,speech}", "opt_in{key,speech}", "opt_in{key,speech}", "opt_out", "never"}, true},
		{"ways to agree in common", Case{Caller: "+7712000000", Callee: "", Agent: OptInDTMF},
			"caller:town callee:unknown agent:opt_in_dtmf",
			[5]string{"opt_in{key}", "opt_in{key,speech}", "opt_in{key}", "opt_in{key}", "never"}, true},
		{"none in common", Case{Web: true, Agent: OptInSpeech, WholeCall: true},
			"caller:unknown agent:opt_in_speech",
			[5]string{"never", "after_notice", "never", "never", "never"}, true},
		{"a web call has no numbers", Case{Web: true, Caller: "+7700000000", Callee: "+7712000000", Agent: NoticeMode},
			"caller:unknown agent:notice",
			[5]string{"opt_in{key}", "after_notice", "opt_in{key}", "opt_in{key}", "opt_in{key}"}, false},
		{"an agent that keeps nothing converses as others", Case{Caller: "+7700000000", Callee: "+7700000001", Agent: NoRecord},
			"caller:mild callee:mild agent:no_record",
			[5]string{"after_notice", "after_notice", "never", "never", "never"}, false},
		{"the operator's floor", Case{Caller: "+7700000000", Callee: "+7700000001", Agent: NoticeMode, Floor: OptOutMode},
			"caller:mild callee:mild agent:notice floor:opt_out",
			[5]string{"after_notice", "after_notice", "opt_out", "opt_out", "opt_out"}, false},
		{"overlays by name, each once", Case{Caller: "+7700000000", Callee: "+7700000001", Agent: NoticeMode,
			Overlays: []string{"outbound", "minor", "outbound"}, Outbound: true},
			"caller:mild callee:mild agent:notice overlay:minor overlay:outbound",
			[5]string{"opt_out", "opt_out", "never", "never", "never"}, false},
		{"a call that the operator places", Case{Caller: "+7700000000", Callee: "+7700000001", Agent: NoticeMode, Outbound: true},
			"caller:mild callee:mild agent:notice overlay:outbound",
			[5]string{"opt_out", "opt_out", "opt_out", "opt_out", "opt_out"}, false},
	} {
		d := decide(t, r, c.of)
		var reasons []string
		for _, reason := range d.Reasons {
			reasons = append(reasons, string(reason.Source)+":"+reason.Rule)
		}
		if got := strings.Join(reasons, " "); got != c.reasons {
			t.Errorf("%s: because of %s, want %s", c.name, got, c.reasons)
		}
		p := d.Policy
		if got := [5]string{p.Converse.String(), p.Local.String(), p.Record.String(), p.Transcript.String(), p.Snippet.String()}; got != c.policy {
			t.Errorf("%s: is %v, want %v", c.name, got, c.policy)
		}
		if d.WholeCall != c.whole || d.Ruleset != r.SHA256() {
			t.Errorf("%s: whole call %v, ruleset %s", c.name, d.WholeCall, d.Ruleset)
		}
	}
}

func TestDecideRefuses(t *testing.T) {
	r := ruleset(t, small)
	for name, c := range map[string]Case{
		"no agent":  {Web: true},
		"an agent":  {Web: true, Agent: "quiet"},
		"a floor":   {Web: true, Agent: NoticeMode, Floor: "ceiling"},
		"a number?": {Web: true, Agent: "+7700000000"},
	} {
		if d, err := r.Decide(c); err == nil || d.Reasons != nil {
			t.Errorf("%s: decided %+v, %v", name, d, err)
		}
	}
	_, err := r.Decide(Case{Web: true, Agent: NoticeMode, Overlays: []string{"minor", "minors"}})
	if !errors.Is(err, ErrOverlay) || !strings.Contains(err.Error(), `"minors"`) {
		t.Errorf("an overlay that is not there: %v", err)
	}
}

// TestDecideLeavesTheCaseAlone: all calls of an agent share its list of overlays.
func TestDecideLeavesTheCaseAlone(t *testing.T) {
	names := append(make([]string, 0, 8), "minor", "outbound", "minor")
	decide(t, ruleset(t, small), Case{Web: true, Agent: NoticeMode, Overlays: names, Outbound: true})
	if want := []string{"minor", "outbound", "minor", ""}; !slices.Equal(names[:4], want) {
		t.Errorf("the list has become %q", names[:4])
	}
}

// TestDecisionHoldsNoNumber: a decision stands in the ledger.
func TestDecisionHoldsNoNumber(t *testing.T) {
	d := decide(t, ruleset(t, small), Case{Caller: "+7712345678", Callee: "+7787654321", Agent: NoticeMode})
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, digits := range []string{"12345678", "87654321", "345678", "654321"} {
		if strings.Contains(string(text), digits) {
			t.Errorf("the decision holds the number: %s", text)
		}
	}
	if want := `{"source":"caller","rule":"town","policy":{"converse":"opt_in{key,speech}",`; !strings.Contains(string(text), want) {
		t.Errorf("the decision is %s, without %s", text, want)
	}
}

// anyRuleset returns a ruleset of random rows: one for each country code of one
// digit but 1 and 9, and six overlays.
func anyRuleset(t testing.TB, r *rand.Rand) *Ruleset {
	t.Helper()
	entry := func(id string) *Entry { return &Entry{ID: id, Policy: randomPolicy(t, r), WholeCall: r.IntN(4) == 0} }
	set := &Ruleset{rules: map[string]*Entry{}, overlays: map[string]*Entry{}, prefixes: map[string]*Entry{}, longest: 2}
	for digit := '2'; digit < '9'; digit++ {
		e := entry("row-" + string(digit))
		set.rules[e.ID], set.prefixes["+"+string(digit)] = e, e
	}
	set.unknown = entry(UnknownRule)
	for i := range 5 {
		name := fmt.Sprintf("kind-%d", i)
		set.overlays[name] = entry(name)
	}
	set.overlays[OutboundOverlay] = entry(OutboundOverlay)
	return set
}

// TestAddingARuleOpensNothing: whatever else has a say in a call, the decision
// lets no valve be open in a situation in which it was shut without it; and what
// engines elsewhere may, those on this machine may as well.
func TestAddingARuleOpensNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2026))
	for range 20_000 {
		set := anyRuleset(t, r)
		number := func() string { return fmt.Sprintf("+%d2345678", 1+r.IntN(9)) }
		c := Case{Web: r.IntN(4) == 0, Caller: number(), Callee: number(), Agent: Modes[r.IntN(len(Modes))]}
		before := decide(t, set, c)
		for range 5 {
			switch r.IntN(4) {
			case 0:
				if c.Floor == "" {
					c.Floor = Modes[r.IntN(len(Modes))]
				}
			case 1:
				c.Overlays = append(c.Overlays, fmt.Sprintf("kind-%d", r.IntN(5)))
			case 2:
				c.Outbound = true
			case 3:
				c.WholeCall = true
			}
			after := decide(t, set, c)
			notMilder(t, after.Policy, before.Policy)
			if before.WholeCall && !after.WholeCall {
				t.Error("the right to have the call destroyed is gone")
			}
			checkDecision(t, set, after)
			if t.Failed() {
				t.Fatalf("%+v\nbefore %+v\nafter %+v", c, before, after)
			}
			before = after
		}
	}
}

// checkDecision holds a decision against its reasons: it opens what all of them
// open, and nothing else.
func checkDecision(t testing.TB, set *Ruleset, d Decision) {
	t.Helper()
	for purpose, rule := range rulesOf {
		want := ^situations(0) & (wentOn | wentOnAndRefused | agreedByKey | agreedBySpeech)
		for _, reason := range d.Reasons {
			want &= opens(t, rule(reason.Policy))
		}
		if got := opens(t, rule(d.Policy)); got != want {
			t.Errorf("%s opens in %04b, its reasons in %04b", purpose, got, want)
		}
	}
	notMilder(t, d.Policy.For(false), d.Policy.For(true))
	for _, reason := range d.Reasons {
		e, ok := set.Rule(reason.Rule)
		if reason.Source == FromOverlay {
			e, ok = set.Overlay(reason.Rule)
		}
		if ok && e.WholeCall && !d.WholeCall {
			t.Errorf("%s offers to destroy the call, and the decision does not", reason.Rule)
		}
	}
}

// TestOrderOfOverlaysDoesNotMatter, nor does which end of the call is strict.
func TestOrderOfOverlaysDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		set := anyRuleset(t, r)
		names := []string{"kind-0", "kind-1", "kind-2", "kind-3"}
		c := Case{Caller: "+22345678", Callee: "+32345678", Agent: OptOutMode, Overlays: names}
		one := decide(t, set, c)
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		c.Overlays, c.Caller, c.Callee = names, c.Callee, c.Caller
		other := decide(t, set, c)
		if one.Policy != other.Policy || one.WholeCall != other.WholeCall || !slices.Equal(one.Reasons[2:], other.Reasons[2:]) {
			t.Fatalf("%+v one way, %+v the other", one, other)
		}
	}
}
