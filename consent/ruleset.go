package consent

import (
	"errors"
	"fmt"
	"slices"
)

// The row of numbers that no other row knows, and the overlay of calls that the
// operator places. Every ruleset has both.
const (
	UnknownRule     = "unknown"
	OutboundOverlay = "outbound"
)

// ErrOverlay says that a case names an overlay which the ruleset lacks.
var ErrOverlay = errors.New("consent: unknown overlay")

// Entry is one row of the policy file: what holds for the numbers that begin
// with one of its prefixes, or for calls of one kind.
type Entry struct {
	ID         string   // of a rule, or the name of an overlay
	Name       string   // of the place, for people; overlays may have none
	Prefixes   []string // a plus and digits; overlays have none
	Policy     Policy
	WholeCall  bool // a caller who withdraws may have the call destroyed
	Source     string
	ReviewedBy string // empty: who reviewed the file
}

// Ruleset is the policy file: what places and kinds of calls ask for. It never
// changes, so any goroutine may use it. ParseRuleset makes one.
//
// A number is a hint of where somebody is, never proof: numbers travel, are
// forged and are withheld. What is not known to be mild is therefore strict.
type Ruleset struct {
	Version    string // the date of the data, such as 2026-11-22
	ReviewedBy string

	sum      string
	unknown  *Entry
	rules    map[string]*Entry // by ID, with unknown
	overlays map[string]*Entry // by name
	prefixes map[string]*Entry
	longest  int // length of the longest prefix
}

// SHA256 returns the hash of the policy file, in hexadecimal.
func (r *Ruleset) SHA256() string { return r.sum }

// Rule returns the row with an ID; its Prefixes are not for changing.
func (r *Ruleset) Rule(id string) (Entry, bool) { return row(r.rules, id) }

// Overlay returns the overlay of a name.
func (r *Ruleset) Overlay(name string) (Entry, bool) { return row(r.overlays, name) }

func row(of map[string]*Entry, name string) (Entry, bool) {
	if e := of[name]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Match returns the ID of the row that a number hints at, by its longest prefix;
// UnknownRule for a number that no row knows and for what is no number.
func (r *Ruleset) Match(number string) string { return r.match(number).ID }

func (r *Ruleset) match(number string) *Entry {
	if !isNumber(number) {
		return r.unknown
	}
	for n := min(len(number), r.longest); n > 1; n-- {
		if e := r.prefixes[number[:n]]; e != nil {
			return e
		}
	}
	return r.unknown
}

// withheld are words that carriers spell on the keypad in place of a number
// which may not be shown, in so far as they look like one: ANONYMOUS,
// RESTRICTED, UNAVAILABLE.
var withheld = []string{"+266696687", "+7378742833", "+86282452253"}

// isNumber reports whether a text is a telephone number as E.164 writes it, of 8
// to 15 digits; those of the North American plan have eleven.
func isNumber(s string) bool {
	if len(s) < 9 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return (s[1] != '1' || len(s) == 12) && !slices.Contains(withheld, s)
}

// Case is what is known of a call before it is answered.
type Case struct {
	// The numbers. What is no E.164 number is unknown, and so as strict.
	Caller, Callee string
	Web            bool     // from a web page: nobody knows where from, and nothing was dialled
	Agent          Mode     // what the agent's file asks for
	WholeCall      bool     // the agent lets callers who withdraw have the call destroyed
	Floor          Mode     // what the operator asks for everywhere; empty for nothing
	Overlays       []string // names, in any order
	Outbound       bool     // the operator places the call; adds OutboundOverlay
}

// Decide returns the strictest policy, purpose by purpose, of everything that
// has a say in a call, and lists each: caller, callee, agent, floor, and the
// overlays by name. Its errors are a mode and an overlay that do not exist.
func (r *Ruleset) Decide(c Case) (Decision, error) {
	d := Decision{WholeCall: c.WholeCall, Ruleset: r.sum, Reasons: make([]Reason, 0, 5+len(c.Overlays))}
	if c.Web {
		d.apply(FromCaller, r.unknown)
	} else {
		d.apply(FromCaller, r.match(c.Caller))
		d.apply(FromCallee, r.match(c.Callee))
	}
	if err := d.ask(FromAgent, c.Agent); err != nil {
		return Decision{}, err
	}
	if c.Floor != "" {
		if err := d.ask(FromFloor, c.Floor); err != nil {
			return Decision{}, err
		}
	}
	for _, name := range c.overlays() {
		e := r.overlays[name]
		if e == nil {
			return Decision{}, fmt.Errorf("%w %q", ErrOverlay, name)
		}
		d.apply(FromOverlay, e)
	}
	return d, nil
}

// overlays returns the overlays of a case, by name and each once.
func (c Case) overlays() []string {
	names := c.Overlays
	if c.Outbound {
		names = append(slices.Clip(names), OutboundOverlay)
	}
	if len(names) < 2 {
		return names
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// apply adds what a row asks for.
func (d *Decision) apply(from Origin, e *Entry) {
	d.add(Reason{from, e.ID, e.Policy})
	d.WholeCall = d.WholeCall || e.WholeCall
}

// ask adds what a mode asks for.
func (d *Decision) ask(from Origin, m Mode) error {
	mode, policy, err := ParseMode(string(m))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	d.add(Reason{from, string(mode), policy})
	return nil
}

func (d *Decision) add(reason Reason) {
	d.Policy = d.Policy.Strictest(reason.Policy)
	d.Reasons = append(d.Reasons, reason)
}
