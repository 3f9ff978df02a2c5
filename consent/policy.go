package consent

import (
	"fmt"
	"strings"
)

// Rule says what must have happened before a valve may open. A greater rule is
// stricter.
type Rule uint8

// The rules, from mild to strict. The opt-in rules and their proofs join them
// between OptOut and Never.
const (
	AfterNotice Rule = iota // the message was played whole
	OptOut                  // the same, and the caller may refuse by key at any time
	Never                   // the valve stays shut
)

var ruleNames = []string{"after_notice", "opt_out", "never"}

// String returns the rule's name as it stands in agent files and the ledger.
func (r Rule) String() string { return ruleNames[r] }

// Policy is a rule for each purpose.
type Policy [purposes]Rule

// Mode is a named policy, as an agent file asks for it. It is a metric label.
type Mode string

// The named modes.
const (
	NoRecord    Mode = "no_record" // the agent says what it is; nothing is kept
	NoticeMode  Mode = "notice"    // going on after the message is agreement
	OptOutMode  Mode = "opt_out"   // the same, and key 9 refuses
	optOutDigit      = '9'
)

var modes = map[Mode]Policy{
	NoRecord:   {Converse: AfterNotice, Record: Never, Transcript: Never, Snippet: Never},
	NoticeMode: {Converse: AfterNotice, Record: AfterNotice, Transcript: AfterNotice, Snippet: AfterNotice},
	OptOutMode: {Converse: OptOut, Record: OptOut, Transcript: OptOut, Snippet: OptOut},
}

// ParseMode returns the policy of a named mode.
func ParseMode(name string) (Mode, Policy, error) {
	p, ok := modes[Mode(name)]
	if !ok {
		return "", Policy{}, fmt.Errorf("consent: unknown mode %q (want %s)", name,
			strings.Join([]string{string(NoRecord), string(NoticeMode), string(OptOutMode)}, ", "))
	}
	return Mode(name), p, nil
}

// keeps reports whether the policy may keep anything at all.
func (p Policy) keeps() bool {
	return p[Record] != Never || p[Transcript] != Never || p[Snippet] != Never
}

// Strictest returns the policy that takes the stricter rule for each purpose.
func (p Policy) Strictest(q Policy) Policy {
	for i := range p {
		p[i] = max(p[i], q[i])
	}
	return p
}
