package consent

import (
	"fmt"
	"slices"
)

// Policy is a rule for each purpose. Local is the rule of conversing where all
// engines that hear the caller's audio or words run on this machine; Converse
// that of engines elsewhere. Local is never stricter than Converse.
type Policy struct {
	Converse   Rule `json:"converse" yaml:"converse"`
	Local      Rule `json:"local" yaml:"local"`
	Record     Rule `json:"record" yaml:"record"`
	Transcript Rule `json:"transcript" yaml:"transcript"`
	Snippet    Rule `json:"snippet" yaml:"snippet"`
}

// Strictest returns the policy that takes the stricter rule for each purpose.
func (p Policy) Strictest(q Policy) Policy {
	return Policy{p.Converse.Strictest(q.Converse), p.Local.Strictest(q.Local), p.Record.Strictest(q.Record),
		p.Transcript.Strictest(q.Transcript), p.Snippet.Strictest(q.Snippet)}
}

// For returns the policy of a call whose engines all run on this machine, or do
// not: its Converse is the rule that counts.
func (p Policy) For(local bool) Policy {
	if local {
		p.Converse = p.Local
	}
	return p
}

// ByKeyOnly returns the policy with a key in the place of every spoken answer.
func (p Policy) ByKeyOnly() Policy {
	for _, r := range []*Rule{&p.Converse, &p.Local, &p.Record, &p.Transcript, &p.Snippet} {
		if r.Level == OptIn {
			r.Proofs = ByKey
		}
	}
	return p
}

// rule returns the rule of a purpose.
func (p Policy) rule(of Purpose) Rule {
	return [purposes]Rule{p.Converse, p.Record, p.Transcript, p.Snippet}[of]
}

// keeps reports whether the policy may keep anything at all.
func (p Policy) keeps() bool {
	return p.Record.Level != Never || p.Transcript.Level != Never || p.Snippet.Level != Never
}

// Mode is a named policy: what an agent file asks for, and how callers are asked
// under an effective policy. It is a metric label.
type Mode string

// The named modes, from mild to strict.
const (
	NoticeMode  Mode = "notice"        // going on after the message is agreement
	OptOutMode  Mode = "opt_out"       // the same, and key 9 refuses
	OptInEither Mode = "opt_in_either" // key 1 or a spoken yes
	OptInSpeech Mode = "opt_in_speech" // a spoken yes
	OptInDTMF   Mode = "opt_in_dtmf"   // key 1
	NoRecord    Mode = "no_record"     // the agent says what it is; nothing is kept
)

// Modes lists all named modes, from mild to strict.
var Modes = []Mode{NoticeMode, OptOutMode, OptInEither, OptInSpeech, OptInDTMF, NoRecord}

// Policy returns the policy that the mode is a name of, and whether there is one.
//
// Engines on this machine may converse after the notice in every mode: nothing
// leaves it, and nothing is kept.
func (m Mode) Policy() (Policy, bool) {
	var rule, converse Rule
	switch m {
	case NoRecord:
		rule = Rule{Level: Never}
	case NoticeMode:
	case OptOutMode:
		rule = Rule{Level: OptOut}
	case OptInDTMF:
		rule = Rule{OptIn, ByKey}
	case OptInSpeech:
		rule = Rule{OptIn, BySpeech}
	case OptInEither:
		rule = Rule{OptIn, anyProof}
	default:
		return Policy{}, false
	}
	if rule.Level == OptIn {
		converse = rule
	}
	return Policy{Converse: converse, Record: rule, Transcript: rule, Snippet: rule}, true
}

// ParseMode returns the mode of that name and its policy.
func ParseMode(name string) (Mode, Policy, error) {
	p, ok := Mode(name).Policy()
	if !ok {
		return "", Policy{}, fmt.Errorf("consent: unknown mode %q (want one of %v)", name, Modes)
	}
	return Mode(name), p, nil
}

// Mode returns how a caller is asked under an effective policy (see For): by the
// strictest rule of what may be opened at all. Opt-in rules that name no way in
// common are asked by key.
func (p Policy) Mode() Mode {
	strictest, ways := AfterNotice, anyProof
	for of := range purposes {
		r := p.rule(of)
		if r.Level == Never {
			continue
		}
		strictest = max(strictest, r.Level)
		if r.Level == OptIn {
			ways &= r.Proofs
		}
	}
	switch {
	case strictest == OptIn:
		return [...]Mode{OptInDTMF, OptInDTMF, OptInSpeech, OptInEither}[ways]
	case !p.keeps():
		return NoRecord
	case strictest == OptOut:
		return OptOutMode
	}
	return NoticeMode
}

// optIn reports whether the mode opens nothing before a yes.
func (m Mode) optIn() bool { return slices.Contains([]Mode{OptInEither, OptInSpeech, OptInDTMF}, m) }

// spoken reports whether the mode takes a spoken answer.
func (m Mode) spoken() bool { return m == OptInEither || m == OptInSpeech }
