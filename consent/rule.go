package consent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrRule says that a text is no rule; the wrapping error says what is.
var ErrRule = errors.New("consent: unknown rule")

// Level says how much must have happened before a valve may open. A greater
// level is stricter.
type Level uint8

// The levels, from mild to strict.
const (
	AfterNotice Level = iota // the message was played whole
	OptOut                   // the same, and the caller may refuse at any time
	OptIn                    // the caller has agreed, in one of the ways that the rule names
	Never                    // the valve stays shut
)

var levelNames = []string{"after_notice", "opt_out", "opt_in", "never"}

// Proofs is a set of ways to agree.
type Proofs uint8

// The ways to agree. On a screen the button is the key.
const (
	ByKey Proofs = 1 << iota
	BySpeech
	anyProof = ByKey | BySpeech
)

var proofNames = []string{"key", "speech"}

// Rule says what must have happened before a valve may open. The zero Rule is
// the mildest. Proofs is empty unless the level is OptIn.
type Rule struct {
	Level  Level
	Proofs Proofs
}

// Strictest returns the rule that both of two rules allow. Where two opt-in
// rules have no way to agree in common, that is Never.
func (r Rule) Strictest(s Rule) Rule {
	switch {
	case r.Level < s.Level:
		return s
	case r.Level > s.Level || r.Level != OptIn:
		return r
	case r.Proofs&s.Proofs == 0:
		return Rule{Level: Never}
	}
	return Rule{OptIn, r.Proofs & s.Proofs}
}

// String returns the rule as it stands in the policy file and in the ledger:
// after_notice, opt_out, opt_in{key,speech}, never.
func (r Rule) String() string {
	if r.Level != OptIn {
		return levelNames[r.Level]
	}
	var ways []string
	for i, name := range proofNames {
		if r.Proofs&(1<<i) != 0 {
			ways = append(ways, name)
		}
	}
	return levelNames[OptIn] + "{" + strings.Join(ways, ",") + "}"
}

// MarshalText implements encoding.TextMarshaler.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. An opt_in without ways
// takes any.
func (r *Rule) UnmarshalText(b []byte) error {
	name, rest, listed := strings.Cut(string(b), "{")
	level := slices.Index(levelNames, name)
	if level < 0 || listed && (Level(level) != OptIn || !strings.HasSuffix(rest, "}")) {
		return fmt.Errorf("%w %q: want after_notice, opt_out, opt_in{key,speech} or never", ErrRule, b)
	}
	*r = Rule{Level: Level(level)}
	if r.Level != OptIn {
		return nil
	}
	if !listed {
		r.Proofs = anyProof
		return nil
	}
	for _, way := range strings.Split(strings.TrimSuffix(rest, "}"), ",") {
		i := slices.Index(proofNames, strings.TrimSpace(way))
		if i < 0 {
			return fmt.Errorf("%w %q: ways to agree are key and speech", ErrRule, b)
		}
		r.Proofs |= 1 << i
	}
	return nil
}
