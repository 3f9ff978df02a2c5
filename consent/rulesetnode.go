package consent

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pairs calls f with each key of a mapping and its value, in order.
func (p *rulesetParser) pairs(n node, f func(key string, value node)) {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "must be a mapping of keys to values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], node{n.Content[i+1], n.Content[i].Value}
		if n.path != "" {
			value.path = n.path + "." + key.Value
		}
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			p.fault(node{key, n.path}, "has a key that is no plain word")
		case value.Kind == yaml.AliasNode:
			p.fault(value, writtenOut)
		case seen[key.Value]:
			p.fault(value, "is set twice")
		default:
			seen[key.Value] = true
			f(key.Value, value)
		}
	}
}

// writtenOut is said of aliases.
const writtenOut = "must be written out, so that each row can be read by itself"

// keys returns the values of a mapping that must have some keys and may have
// others, and no further ones.
func (p *rulesetParser) keys(n node, must, may []string) map[string]node {
	values := map[string]node{}
	p.pairs(n, func(key string, value node) {
		if slices.Contains(must, key) || slices.Contains(may, key) {
			values[key] = value
		} else {
			p.fault(value, "no such key")
		}
	})
	for _, key := range must {
		if _, ok := values[key]; !ok && n.Kind == yaml.MappingNode {
			p.fault(n, "%s is missing", key)
		}
	}
	return values
}

// list returns the items of a list.
func (p *rulesetParser) list(n node) (items []node) {
	if n.Kind != yaml.SequenceNode {
		p.fault(n, "must be a list")
		return nil
	}
	for i, item := range n.Content {
		at := node{item, fmt.Sprintf("%s[%d]", n.path, i)}
		if item.Kind == yaml.AliasNode {
			p.fault(at, writtenOut)
			continue
		}
		items = append(items, at)
	}
	return items
}

// text returns a value that must say something; "" where the key is absent.
func (p *rulesetParser) text(n node) string {
	if n.Node == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		p.fault(n, "must be a text")
		return ""
	}
	return n.Value
}

func (p *rulesetParser) truth(n node) bool {
	if n.Node != nil && (n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false") {
		p.fault(n, "must be true or false")
	}
	return n.Node != nil && n.Value == "true"
}

// level returns a rule.
func (p *rulesetParser) level(n node) (r Rule) {
	if n.Node == nil {
		return Rule{}
	}
	if n.Kind != yaml.ScalarNode {
		p.fault(n, "must be a rule, such as opt_in{key}; in braces it needs quotes around it")
	} else if err := r.UnmarshalText([]byte(n.Value)); err != nil {
		p.fault(n, "%s", strings.TrimPrefix(err.Error(), "consent: "))
	}
	return r
}
