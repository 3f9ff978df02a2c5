package dialog

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Transfer is somebody to whom a model may hand a caller on. In a file a number
// may stand for it.
type Transfer struct {
	To       string `yaml:"to"`       // number, or SIP address
	Announce string `yaml:"announce"` // said to who answers, before the caller is connected; empty: nothing
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *Transfer) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		t.To = node.Value
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a number, or to and announce", node.Line)}}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := map[string]*string{"to": &t.To, "announce": &t.Announce}[key.Value]
		if field == nil {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: unknown key %s", key.Line, key.Value)}}
		}
		if value.Kind != yaml.ScalarNode {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s: want a text", value.Line, key.Value)}}
		}
		*field = value.Value
	}
	return nil
}

// validateTransfers looks at whom a model may hand callers on to. What is said to
// somebody follows from their number, so there is one for each.
func validateTransfers(f *faults, all map[string]Transfer) {
	announced := map[string]string{}
	for name, t := range all {
		path := "llm.transfers." + name
		if strings.TrimSpace(name) == "" || !transferTarget.MatchString(t.To) {
			f.add(path, "%q is no number such as +14155550100, nor a sip: address", t.To)
		}
		if other, ok := announced[t.To]; ok && other != t.Announce {
			f.add(path, "%s is announced in two ways", t.To)
		}
		announced[t.To] = t.Announce
		if len(t.Announce) > maxAnnouncement {
			f.add(path+".announce", "%d bytes, at most %d", len(t.Announce), maxAnnouncement)
		}
	}
}

// maxAnnouncement is half a minute of speech.
const maxAnnouncement = 500

// Announcements are what is said to those who answer, by their number.
func (l *LLM) Announcements() map[string]string {
	if l == nil {
		return nil
	}
	all := map[string]string{}
	for _, t := range l.Transfers {
		if t.Announce != "" {
			all[t.To] = t.Announce
		}
	}
	return all
}
