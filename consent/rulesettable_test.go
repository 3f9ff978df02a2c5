package consent

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

const shippedFile = "../configs/consent/jurisdictions.yaml"

func shipped(t testing.TB) *Ruleset {
	t.Helper()
	data, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	return ruleset(t, string(data))
}

// The vectors of the shipped table: converse, local, and what is kept.
var (
	ofStrictState = [3]string{"opt_in{key,speech}", "after_notice", "opt_out"}
	ofOptOut      = [3]string{"after_notice", "after_notice", "opt_out"}
	ofEurope      = [3]string{"opt_in{key,speech}", "after_notice", "opt_in{key,speech}"}
	ofExplicit    = [3]string{"opt_in{key,speech}", "opt_in{key,speech}", "opt_in{key,speech}"}
	ofUnknown     = [3]string{"opt_in{key}", "after_notice", "opt_in{key}"}
)

// table is what the shipped file must say: for each row its vector, whether
// callers may have the whole call destroyed, and numbers that hint at it.
var table = map[string]struct {
	vector  [3]string
	whole   bool
	numbers string
}{
	"us-ca":    {ofStrictState, false, "+14155550100 +12135550100 +13575550100"},
	"us-ct":    {ofStrictState, false, "+12035550100 +19595550100"},
	"us-de":    {ofStrictState, false, "+13025550100"},
	"us-fl":    {ofStrictState, false, "+13055550100 +13245550100"},
	"us-il":    {ofStrictState, false, "+13125550100 +18615550100"},
	"us-md":    {ofStrictState, false, "+14105550100 +12275550100"},
	"us-ma":    {ofStrictState, false, "+16175550100 +14135550100"},
	"us-mi":    {ofStrictState, false, "+13135550100 +16795550100"},
	"us-mt":    {ofStrictState, false, "+14065550100"},
	"us-nv":    {ofStrictState, false, "+17025550100 +17255550100"},
	"us-nh":    {ofStrictState, false, "+16035550100"},
	"us-or":    {ofStrictState, false, "+15035550100 +14585550100"},
	"us-pa":    {ofStrictState, false, "+12155550100 +18355550100"},
	"us-wa":    {ofStrictState, false, "+12065550100 +15645550100"},
	"us-other": {ofOptOut, false, "+12125550100 +12025550100 +17875550100 +16715550100 +19245550100"},
	"ca":       {ofOptOut, false, "+14165550100 +15145550100 +18675550100 +12575550100"},
	"gb":       {ofOptOut, false, "+442071838750 +447700900123 +441534440000 +447624300000"},
	"au":       {ofOptOut, false, "+61280001234 +61491570156"},
	"at":       {ofExplicit, true, "+4315550100"},
	"be":       {ofEurope, true, "+3225550100"},
	"bg":       {ofEurope, true, "+35925550100"},
	"ch":       {ofEurope, true, "+41445550100"},
	"cy":       {ofEurope, true, "+35722555010"},
	"cz":       {ofEurope, true, "+420225550100"},
	"de":       {ofExplicit, true, "+4930555010 +4915123456789 +498001234567 +493212345678"},
	"dk":       {ofEurope, true, "+4533555010"},
	"ee":       {ofEurope, true, "+3726555010"},
	"es":       {ofEurope, true, "+34915550100"},
	"fi":       {ofEurope, true, "+35895550100 +35818555010"},
	"fr":       {ofEurope, true, "+33155501000 +262262555010 +590590555010 +594594555010 +596596555010"},
	"gr":       {ofEurope, true, "+302155501000"},
	"hr":       {ofEurope, true, "+38515550100"},
	"hu":       {ofEurope, true, "+3615550100"},
	"ie":       {ofEurope, true, "+35315550100"},
	"is":       {ofEurope, true, "+3545550100"},
	"it":       {ofEurope, true, "+390655501000"},
	"li":       {ofEurope, true, "+4235550100"},
	"lt":       {ofEurope, true, "+37055501000"},
	"lu":       {ofEurope, true, "+352255501"},
	"lv":       {ofEurope, true, "+37165550100"},
	"mt":       {ofEurope, true, "+35621555010"},
	"nl":       {ofEurope, true, "+31205550100"},
	"no":       {ofEurope, true, "+4721555010 +4779021234"},
	"pl":       {ofEurope, true, "+48225550100"},
	"pt":       {ofEurope, true, "+351215550100"},
	"ro":       {ofEurope, true, "+40215550100"},
	"se":       {ofEurope, true, "+4685550100"},
	"si":       {ofEurope, true, "+38615550100"},
	"sk":       {ofEurope, true, "+421255501000"},
	UnknownRule: {ofUnknown, true, "+819012345678 +79161234567 +5511987654321 +919812345678 +35022555010 " +
		"+37745550100 +298555010 +299555010 +383445550100 +886212345678 " +
		"+12425550100 +18765550100 +18095550100 +14415550100 " + // other countries of the North American plan
		"+18005550100 +18335550100 +18885550100 +15005550100 +15225550100 +16005550100 +17005550100 +19005550100 +14565550100 " +
		"+443001234567x +445612345678 +447012345678 +448001234567 +448081234567 +448451234567 +449012345678 +44500123456 " +
		"+611800123456 +611300123456 +61147123456 +80012345678 +87077312345 +8781012345678 +881612345678 +88213300655 +883510012345 +97912345678 " +
		"+141555501 +141555501001 anonymous +266696687 sip:alice@example.org"},
}

// TestShippedTable holds each row of the shipped file against the table: a number
// of it gives exactly its vector.
func TestShippedTable(t *testing.T) {
	r := shipped(t)
	for id := range r.rules {
		if _, ok := table[id]; !ok {
			t.Errorf("no test knows the row %s", id)
		}
	}
	for id, want := range table {
		e, ok := r.Rule(id)
		if !ok {
			t.Errorf("there is no row %s", id)
			continue
		}
		policy := vector(t, want.vector[0], want.vector[1], want.vector[2])
		if e.Policy != policy || e.WholeCall != want.whole || e.Name == "" || e.Source == "" {
			t.Errorf("%s is %+v, want %+v, whole call %v, a name and a source", id, e, policy, want.whole)
		}
		for _, number := range strings.Fields(want.numbers) {
			d := decide(t, r, Case{Caller: number, Callee: number, Agent: NoticeMode})
			if d.Reasons[0].Rule != id || d.Reasons[1].Rule != id || d.Policy != policy || d.WholeCall != want.whole {
				t.Errorf("%s is decided %+v, want the vector of %s", number, d, id)
			}
		}
	}
	if d := decide(t, r, Case{Web: true, Agent: NoticeMode}); d.Reasons[0].Rule != UnknownRule {
		t.Errorf("a web call is decided %+v", d)
	}
}

// areaCodes is how many area codes each row of the North American plan has.
var areaCodes = map[string]int{"us-ca": 41, "us-ct": 4, "us-de": 1, "us-fl": 23, "us-il": 17, "us-md": 6, "us-ma": 9, "us-mi": 13,
	"us-mt": 1, "us-nv": 3, "us-nh": 1, "us-or": 4, "us-pa": 15, "us-wa": 6, "us-other": 231, "ca": 56}

// TestAreaCodes goes through all area codes that there can be.
func TestAreaCodes(t *testing.T) {
	r := shipped(t)
	found := map[string]int{}
	for code := 200; code < 1000; code++ {
		id := r.Match(fmt.Sprintf("+1%d5550100", code))
		found[id]++
		if _, ok := areaCodes[id]; !ok && id != UnknownRule {
			t.Errorf("area code %d is in %s", code, id)
		}
		expansion, noPlace := code/10%10 == 9, code%10 == code/10%10 // such as 411, 500, 888
		if (expansion || noPlace) && id != UnknownRule {
			t.Errorf("area code %d is of no place, and in %s", code, id)
		}
	}
	for id, want := range areaCodes {
		if found[id] != want {
			t.Errorf("%s has %d area codes, want %d", id, found[id], want)
		}
	}
	for id, want := range table {
		e, _ := r.Rule(id)
		if want.vector == ofStrictState && len(e.Prefixes) != areaCodes[id] {
			t.Errorf("%s has %d prefixes and %d area codes", id, len(e.Prefixes), areaCodes[id])
		}
	}
}

// TestStrictStates holds the area codes of the strict states, written down a
// second time: a mistake in them would let a vendor listen before a yes.
func TestStrictStates(t *testing.T) {
	r := shipped(t)
	for id, codes := range map[string]string{
		"us-ca": "209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951",
		"us-ct": "203 475 860 959", "us-de": "302",
		"us-fl": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
		"us-il": "217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872",
		"us-md": "227 240 301 410 443 667", "us-ma": "339 351 413 508 617 774 781 857 978",
		"us-mi": "231 248 269 313 517 586 616 679 734 810 906 947 989",
		"us-mt": "406", "us-nv": "702 725 775", "us-nh": "603", "us-or": "458 503 541 971",
		"us-pa": "215 223 267 272 412 445 484 570 582 610 717 724 814 835 878",
		"us-wa": "206 253 360 425 509 564",
	} {
		for _, code := range strings.Fields(codes) {
			if got := r.Match("+1" + code + "2345678"); got != id {
				t.Errorf("area code %s is in %s, want %s", code, got, id)
			}
		}
	}
}

// TestEveryPrefixIsOfItsRow: no prefix is hidden by another row's.
func TestEveryPrefixIsOfItsRow(t *testing.T) {
	r := shipped(t)
	for id, e := range r.rules {
		for _, prefix := range e.Prefixes {
			number := prefix + strings.Repeat("2", max(0, 12-len(prefix)))
			if got := r.Match(number); got != id {
				t.Errorf("%s of %s leads to %s", prefix, id, got)
			}
			if n, err := strconv.Atoi(prefix[1:]); prefix[:2] == "+1" && (err != nil || n < 1200 || n > 1999) {
				t.Errorf("%s of %s is no area code", prefix, id)
			}
		}
	}
}

// TestWhatNoRowKnowsIsStrict: an unknown number lets no more be kept than any
// row does, but for the places that refuse engines on this machine too.
func TestWhatNoRowKnowsIsStrict(t *testing.T) {
	r := shipped(t)
	unknown, _ := r.Rule(UnknownRule)
	for id, e := range r.rules {
		milder := e.Policy
		milder.Local = unknown.Policy.Local
		notMilder(t, unknown.Policy, milder)
		if explicit := id == "de" || id == "at"; !explicit && e.Policy.Local != unknown.Policy.Local {
			t.Errorf("%s is %s on this machine", id, e.Policy.Local)
		}
		if t.Failed() {
			t.Fatalf("next to %s", id)
		}
	}
}

func TestShippedOverlays(t *testing.T) {
	r := shipped(t)
	want := map[string][3]string{
		"minor":    {"opt_in{key,speech}", "after_notice", "never"},
		"pci":      {"after_notice", "after_notice", "after_notice"},
		"hipaa":    {"never", "after_notice", "opt_in{key,speech}"},
		"outbound": {"opt_in{key,speech}", "opt_out", "opt_in{key,speech}"},
	}
	if len(r.overlays) != len(want) {
		t.Errorf("%d overlays, want %d", len(r.overlays), len(want))
	}
	for name, v := range want {
		e, ok := r.Overlay(name)
		if policy := vector(t, v[0], v[1], v[2]); !ok || e.Policy != policy || e.Source == "" {
			t.Errorf("%s is %+v, %v; want %+v and a source", name, e, ok, policy)
		}
		d := decide(t, r, Case{Caller: "+12125550100", Callee: "+12125550101", Agent: NoticeMode, Overlays: []string{name}})
		if len(d.Reasons) != 4 || d.Reasons[3].Rule != name {
			t.Errorf("%s: decided because of %+v", name, d.Reasons)
		}
	}
}

// TestShippedFileSaysWhatItIsNot: whoever opens it reads that first.
func TestShippedFileSaysWhatItIsNot(t *testing.T) {
	data, err := os.ReadFile(shippedFile)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(data), "rules:")
	for _, words := range []string{"NOT LEGAL ADVICE", "HINT OF WHERE SOMEBODY IS, NEVER PROOF", "nobody's counsel has reviewed it"} {
		if !strings.Contains(head, words) {
			t.Errorf("its head does not say %q", words)
		}
	}
	if r := shipped(t); !strings.HasPrefix(r.ReviewedBy, "nobody") {
		t.Errorf("reviewed by %q", r.ReviewedBy)
	}
}

// TestPlacesOfTheIssue is the decisions that docs/consent.md and the issue name.
func TestPlacesOfTheIssue(t *testing.T) {
	r := shipped(t)
	for _, c := range []struct {
		name            string
		of              Case
		elsewhere, here Mode
	}{
		{"California, vendor or not", Case{Caller: "+14155550100", Callee: "+12125550100", Agent: NoticeMode}, OptInEither, OptOutMode},
		{"to Germany", Case{Caller: "+14155550100", Callee: "+4930555010", Agent: NoticeMode}, OptInEither, OptInEither},
		{"withheld", Case{Caller: "anonymous", Callee: "+12125550100", Agent: NoticeMode}, OptInDTMF, OptInDTMF},
		{"a page", Case{Web: true, Agent: OptOutMode}, OptInDTMF, OptInDTMF},
		{"nothing is kept, within New York", Case{Caller: "+12125550100", Callee: "+12125550101", Agent: NoRecord}, NoRecord, NoRecord},
		{"nothing is kept, in California", Case{Caller: "+14155550100", Callee: "+12125550101", Agent: NoRecord}, OptInEither, NoRecord},
		{"placed by the operator", Case{Caller: "+12125550100", Callee: "+12125550101", Agent: NoticeMode, Outbound: true}, OptInEither, OptInEither},
	} {
		d := decide(t, r, c.of)
		if got := [2]Mode{d.Policy.For(false).Mode(), d.Policy.For(true).Mode()}; got != [2]Mode{c.elsewhere, c.here} {
			t.Errorf("%s: asked as in %v, want %v", c.name, got, []Mode{c.elsewhere, c.here})
		}
	}
}
