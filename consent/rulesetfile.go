package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ErrRuleset says that a policy file can not be used; the wrapping errors say
// where in it and why.
var ErrRuleset = errors.New("consent: unusable policy file")

// maxRuleset bounds a policy file, in bytes.
const maxRuleset = 1 << 20

// ParseRuleset reads a policy file, which configs/consent/jurisdictions.yaml
// shows and describes. Nothing is taken for granted: a row without one of its
// rules is an error, and so is a key that does not exist. All that is wrong
// comes back in one error, each with its line and path.
func ParseRuleset(data []byte) (*Ruleset, error) {
	if len(data) > maxRuleset {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrRuleset, maxRuleset)
	}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := documents.Decode(&document); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it is empty", ErrRuleset)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrRuleset, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := documents.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is something after its end", ErrRuleset)
	}
	sum := sha256.Sum256(data)
	p := rulesetParser{Ruleset: Ruleset{sum: hex.EncodeToString(sum[:]),
		rules: map[string]*Entry{}, overlays: map[string]*Entry{}, prefixes: map[string]*Entry{}}}
	p.file(document.Content[0])
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return &p.Ruleset, nil
}

// rulesetParser fills a Ruleset from YAML nodes and collects every fault. The
// yaml package can fill structs by itself, but its errors have no paths, and it
// takes rules that are left out for the mildest ones.
type rulesetParser struct {
	Ruleset
	faults []error
}

// node is a place in the file.
type node struct {
	*yaml.Node
	path string
}

func (p *rulesetParser) fault(n node, format string, args ...any) {
	path := n.path
	if path == "" {
		path = "(file)"
	}
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, fmt.Errorf("%w: line %d: %.60s: %s", ErrRuleset, n.Line, path, fmt.Sprintf(format, args...)))
	}
}

// maxFaults bounds what is said about a file that is something else.
const maxFaults = 100

// file reads the whole of it.
func (p *rulesetParser) file(document *yaml.Node) {
	top := node{document, ""}
	keys := p.keys(top, []string{"version", "reviewed_by", "rules", UnknownRule, "overlays"}, nil)
	p.Version = p.text(keys["version"])
	if _, err := time.Parse(time.DateOnly, p.Version); err != nil && p.Version != "" {
		p.fault(keys["version"], "must be a date such as 2026-11-22")
	}
	p.ReviewedBy = p.text(keys["reviewed_by"])
	if n, ok := keys["rules"]; ok {
		rules := p.list(n)
		if len(rules) == 0 {
			p.fault(n, "must have at least one rule")
		}
		for _, rule := range rules {
			p.rule(rule)
		}
	}
	if n, ok := keys[UnknownRule]; ok {
		p.unknown = p.row(n, UnknownRule, nil, []string{"name", "prefixes"})
		p.rules[UnknownRule] = p.unknown
	}
	p.kinds(keys["overlays"])
}

// rule reads one of the rules.
func (p *rulesetParser) rule(n node) {
	e := p.row(n, "", []string{"id", "name", "prefixes"}, nil)
	switch {
	case e.ID == "": // that has been said
	case !rowName.MatchString(e.ID):
		p.fault(n, "id %.40q must be of small letters, digits and -", e.ID)
	case e.ID == UnknownRule || p.rules[e.ID] != nil:
		p.fault(n, "id %q is taken", e.ID)
	default:
		p.rules[e.ID] = e
	}
}

// kinds reads the overlays.
func (p *rulesetParser) kinds(n node) {
	if n.Node == nil {
		return
	}
	p.pairs(n, func(name string, value node) {
		if !rowName.MatchString(name) {
			p.fault(value, "its name must be of small letters, digits and -")
		}
		p.overlays[name] = p.row(value, name, nil, []string{"name"})
	})
	if p.overlays[OutboundOverlay] == nil {
		p.fault(n, "%s is missing, which holds for every call that the operator places", OutboundOverlay)
	}
}

// rowName is the form of a rule's ID and of an overlay's name: they stand in the
// ledger.
var rowName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// row reads what rules, unknown and overlays have in common, and the further
// keys that it must have or may have. The id is that of a row without one.
func (p *rulesetParser) row(n node, id string, must, may []string) *Entry {
	must = append([]string{"converse", "local", "record", "transcript", "snippet", "whole_call", "source"}, must...)
	keys := p.keys(n, must, append([]string{"reviewed_by"}, may...))
	e := &Entry{ID: id, Name: p.text(keys["name"]), Source: p.text(keys["source"]),
		ReviewedBy: p.text(keys["reviewed_by"]), WholeCall: p.truth(keys["whole_call"])}
	if id == "" {
		e.ID = p.text(keys["id"])
	}
	e.Policy = Policy{Converse: p.level(keys["converse"]), Local: p.level(keys["local"]), Record: p.level(keys["record"]),
		Transcript: p.level(keys["transcript"]), Snippet: p.level(keys["snippet"])}
	if local, ok := keys["local"]; ok && e.Policy.Local.Strictest(e.Policy.Converse) != e.Policy.Converse {
		p.fault(local, "%s is stricter than converse, which is %s", e.Policy.Local, e.Policy.Converse)
	}
	if list, ok := keys["prefixes"]; ok {
		for _, item := range p.list(list) {
			p.claim(item, e)
		}
		if len(list.Content) == 0 {
			p.fault(list, "must have at least one prefix")
		}
	}
	return e
}

// areaPrefix is the form of a prefix.
var areaPrefix = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

// claim gives a row a prefix, which no other row may have.
func (p *rulesetParser) claim(n node, e *Entry) {
	prefix := p.text(n)
	other := p.prefixes[prefix]
	switch {
	case prefix == "": // that has been said
	case !areaPrefix.MatchString(prefix):
		p.fault(n, "%.20q must be a plus and digits, such as +1415", prefix)
	case other != nil:
		p.fault(n, "%s is a prefix of %s already", prefix, other.ID)
	default:
		e.Prefixes = append(e.Prefixes, prefix)
		p.prefixes[prefix] = e
		p.longest = max(p.longest, len(prefix))
	}
}
