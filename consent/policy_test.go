package consent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// rulesOf is every rule of a policy, by purpose.
var rulesOf = map[string]func(Policy) Rule{
	"converse":   func(p Policy) Rule { return p.Converse },
	"local":      func(p Policy) Rule { return p.Local },
	"record":     func(p Policy) Rule { return p.Record },
	"transcript": func(p Policy) Rule { return p.Transcript },
	"snippet":    func(p Policy) Rule { return p.Snippet },
}

// notMilder reports every purpose for which strict would let a valve be open
// where mild would not.
func notMilder(t testing.TB, strict, mild Policy) {
	t.Helper()
	for purpose, rule := range rulesOf {
		if more := opens(t, rule(strict)) &^ opens(t, rule(mild)); more != 0 {
			t.Errorf("%s: %s opens in %04b where %s does not", purpose, rule(strict), more, rule(mild))
		}
	}
}

// vector writes a policy down for tables: converse, local, and what is kept.
func vector(t testing.TB, converse, local, kept string) Policy {
	t.Helper()
	var p Policy
	for rule, text := range map[*Rule]string{&p.Converse: converse, &p.Local: local, &p.Record: kept} {
		if err := rule.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	p.Transcript, p.Snippet = p.Record, p.Record
	return p
}

// randomPolicy returns a random policy whose local rule is no stricter than
// converse.
func randomPolicy(t testing.TB, r *rand.Rand) Policy {
	t.Helper()
	rule := func() Rule { return everyRule[r.IntN(len(everyRule))] }
	p := Policy{Converse: rule(), Record: rule(), Transcript: rule(), Snippet: rule()}
	for p.Local = rule(); opens(t, p.Converse)&^opens(t, p.Local) != 0; {
		p.Local = rule()
	}
	return p
}

func TestModesAreVectors(t *testing.T) {
	const notice, optOut, either, speech, key, never = "after_notice", "opt_out", "opt_in{key,speech}", "opt_in{speech}", "opt_in{key}", "never"
	want := map[Mode]Policy{}
	for mode, p := range map[Mode][3]string{
		NoticeMode:  {notice, notice, notice},
		OptOutMode:  {notice, notice, optOut},
		OptInEither: {either, notice, either},
		OptInSpeech: {speech, notice, speech},
		OptInDTMF:   {key, notice, key},
		NoRecord:    {notice, notice, never},
	} {
		want[mode] = vector(t, p[0], p[1], p[2])
	}
	if len(Modes) != len(want) {
		t.Errorf("the modes are %v", Modes)
	}
	for _, mode := range Modes {
		name, p, err := ParseMode(string(mode))
		if err != nil || name != mode || p != want[mode] {
			t.Errorf("%s is %+v, %v; want %+v", mode, p, err, want[mode])
		}
		if got := p.For(false).Mode(); got != mode {
			t.Errorf("a caller under %s is asked as in %s", mode, got)
		}
		if got := p.For(true).Mode(); got != mode {
			t.Errorf("a caller under %s is asked as in %s by engines on this machine", mode, got)
		}
	}
	for _, name := range []string{"", "Notice", "opt_in", "never", "notice "} {
		if mode, _, err := ParseMode(name); err == nil {
			t.Errorf("%q was taken for %s", name, mode)
		}
	}
}

// TestHowCallersAreAsked has effective policies, as strangely mixed as merging
// makes them.
func TestHowCallersAreAsked(t *testing.T) {
	for _, c := range []struct {
		name                  string
		converse, local, kept string
		elsewhere, here       Mode
	}{
		{"a strict state", "opt_in{key,speech}", "after_notice", "opt_out", OptInEither, OptOutMode},
		{"Germany", "opt_in{key,speech}", "opt_in{key,speech}", "opt_in{key,speech}", OptInEither, OptInEither},
		{"Germany and nothing kept", "opt_in{key,speech}", "opt_in{key,speech}", "never", OptInEither, OptInEither},
		{"Germany and unknown", "opt_in{key}", "opt_in{key,speech}", "opt_in{key}", OptInDTMF, OptInDTMF},
		{"health", "never", "after_notice", "opt_in{speech}", OptInSpeech, OptInSpeech},
		{"a key for the one, speech for the other", "opt_in{speech}", "after_notice", "opt_in{key}", OptInDTMF, OptInDTMF},
		{"nothing at all", "never", "never", "never", NoRecord, NoRecord},
		{"nothing kept, no refusing it", "opt_out", "opt_out", "never", NoRecord, NoRecord},
		{"nothing to refuse", "after_notice", "after_notice", "after_notice", NoticeMode, NoticeMode},
	} {
		p := vector(t, c.converse, c.local, c.kept)
		if got := p.For(false).Mode(); got != c.elsewhere {
			t.Errorf("%s: engines elsewhere ask as in %s, want %s", c.name, got, c.elsewhere)
		}
		if got := p.For(true).Mode(); got != c.here {
			t.Errorf("%s: engines here ask as in %s, want %s", c.name, got, c.here)
		}
	}
}

// TestAskingIsEnough: what may be opened at all can be opened by the way in which
// callers are asked.
func TestAskingIsEnough(t *testing.T) {
	answer := map[Mode]situations{NoticeMode: wentOn, OptOutMode: wentOn, NoRecord: wentOn,
		OptInEither: agreedByKey, OptInSpeech: agreedBySpeech, OptInDTMF: agreedByKey}
	r := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		p := randomPolicy(t, r).For(r.IntN(2) == 0)
		mode := p.Mode()
		if mode.optIn() {
			continue // a key is proof enough for every opt-in: see Machine
		}
		for of := range purposes {
			if rule := p.rule(of); rule.Level != Never && opens(t, rule)&answer[mode] == 0 {
				t.Fatalf("%+v is asked as in %s, which never opens %s", p, mode, of)
			}
		}
		if mode == NoRecord && p.keeps() || mode != NoRecord && !p.keeps() {
			t.Fatalf("%+v is asked as in %s", p, mode)
		}
	}
}

func TestPoliciesMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		a, b, c := randomPolicy(t, r), randomPolicy(t, r), randomPolicy(t, r)
		both := a.Strictest(b)
		for purpose, rule := range rulesOf {
			if got, want := opens(t, rule(both)), opens(t, rule(a))&opens(t, rule(b)); got != want {
				t.Fatalf("%s of %+v and %+v opens in %04b, want %04b", purpose, a, b, got, want)
			}
		}
		if other := b.Strictest(a); other != both {
			t.Fatalf("%+v and %+v are %+v one way and %+v the other", a, b, both, other)
		}
		if left, right := both.Strictest(c), a.Strictest(b.Strictest(c)); left != right {
			t.Fatalf("%+v or %+v, by the order of merging", left, right)
		}
		if a.Strictest(a) != a || a.Strictest(Policy{}) != a {
			t.Fatalf("%+v does not stay as it is", a)
		}
		notMilder(t, both, a)
		notMilder(t, both.For(false), both.For(true)) // what engines elsewhere may, those here may as well
		if t.Failed() {
			t.Fatalf("of %+v and %+v", a, b)
		}
	}
}

// TestByKeyOnly: where no spoken answer is understood, a key stands in for it, and
// nothing else changes.
func TestByKeyOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 5000 {
		p := randomPolicy(t, r)
		byKey := p.ByKeyOnly()
		for purpose, rule := range rulesOf {
			want := opens(t, rule(p))
			if rule(p).Level == OptIn {
				want = agreedByKey
			}
			if got := opens(t, rule(byKey)); got != want {
				t.Fatalf("%s of %+v opens in %04b by key only, want %04b", purpose, p, got, want)
			}
		}
		if byKey.ByKeyOnly() != byKey || byKey.For(false).Mode().spoken() || byKey.For(true).Mode().spoken() {
			t.Fatalf("%+v by key only is %+v, and a spoken answer is taken", p, byKey)
		}
		notMilder(t, byKey.For(false), byKey.For(true))
	}
}

func TestSpokenModesAreOptIn(t *testing.T) {
	for _, m := range Modes {
		if m.spoken() && !m.optIn() {
			t.Errorf("%s takes a spoken answer and asks no question", m)
		}
	}
	if !slices.IsSortedFunc(Modes, func(a, b Mode) int {
		p, _ := a.Policy()
		q, _ := b.Policy()
		return int(p.Record.Level) - int(q.Record.Level)
	}) {
		t.Error("the modes are not listed from mild to strict")
	}
}
