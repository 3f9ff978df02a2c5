package consent

import (
	"os"
	"strings"
	"testing"
)

// FuzzParseRuleset: what is taken is whole and can decide; nothing panics.
func FuzzParseRuleset(f *testing.F) {
	for _, seed := range []string{small, "", "rules: [", "a: &a [*a]", "- a", "version: 2026-11-22\n<<: {a: b}\n",
		strings.Replace(small, "record: opt_out", "record: opt_in{speech}", 1), "\ufeff" + small, strings.ReplaceAll(small, "\n", "\r\n")} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRuleset(data)
		if err != nil {
			return
		}
		if len(r.SHA256()) != 64 || r.Version == "" || r.ReviewedBy == "" {
			t.Errorf("version %q, reviewed by %q, hash %q", r.Version, r.ReviewedBy, r.SHA256())
		}
		for id, e := range r.rules {
			if e.ID != id || e.Source == "" || id != UnknownRule && len(e.Prefixes) == 0 {
				t.Errorf("%q is %+v", id, e)
			}
			notMilder(t, e.Policy.For(false), e.Policy.For(true))
			for _, prefix := range e.Prefixes {
				if r.prefixes[prefix] != e {
					t.Errorf("%s is not of %s", prefix, id)
				}
			}
		}
		for name := range r.overlays {
			d := decide(t, r, Case{Caller: "+14155550100", Callee: "+4930123456", Agent: NoticeMode, Overlays: []string{name}, Outbound: true})
			checkDecision(t, r, d)
		}
	})
}

// FuzzMatch: any text leads to a row, and to that of its longest prefix.
func FuzzMatch(f *testing.F) {
	r := shipped(f)
	for _, seed := range []string{"", "+", "anonymous", "+14155550100", "+4930123456", "+447012345678", "+18005550100", "+266696687",
		"sip:+14155550100@example.org", "+1415555010O", "＋14155550100", "+999999999999999", strings.Repeat("+1415", 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, number string) {
		id := r.Match(number)
		e, ok := r.Rule(id)
		if !ok {
			t.Fatalf("%q leads to %q, which is no row", number, id)
		}
		d := decide(t, r, Case{Caller: number, Agent: NoticeMode})
		if d.Reasons[0].Rule != id {
			t.Errorf("%q is decided by %s and matched by %s", number, d.Reasons[0].Rule, id)
		}
		if len(number) < 9 || len(number) > 16 || strings.Trim(number[1:], "0123456789") != "" || number[0] != '+' {
			if id != UnknownRule {
				t.Errorf("%q is no number, and in %s", number, id)
			}
			return
		}
		longest := ""
		for other := range r.prefixes {
			if strings.HasPrefix(number, other) && len(other) > len(longest) {
				longest = other
			}
		}
		if id != UnknownRule && r.prefixes[longest].ID != e.ID {
			t.Errorf("%q is in %s by %s, and in %s", number, r.prefixes[longest].ID, longest, id)
		}
	})
}

// BenchmarkDecide is what each admission costs.
func BenchmarkDecide(b *testing.B) {
	r := shipped(b)
	for name, c := range map[string]Case{
		"phone":    {Caller: "+14155550100", Callee: "+493055501000", Agent: OptOutMode, Floor: NoticeMode},
		"web":      {Web: true, Agent: NoticeMode, Floor: NoticeMode},
		"overlays": {Caller: "+14155550100", Callee: "+493055501000", Agent: OptOutMode, Floor: NoticeMode, Overlays: []string{"pci", "minor"}, Outbound: true},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Decide(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseRuleset(b *testing.B) {
	data, err := os.ReadFile(shippedFile)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRuleset(data); err != nil {
			b.Fatal(err)
		}
	}
}
