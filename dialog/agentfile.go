package dialog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrAgent says that an agent file can not be used; the wrapping errors say
// which, where in it and why. They never quote the file beyond the key or value
// at fault.
var ErrAgent = errors.New("dialog: unusable agent")

// LoadAgents parses every *.yaml file of a folder into an agent named like it.
// All that is wrong with all of them comes back in one error.
func LoadAgents(dir string) (map[string]*Agent, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("dialog: load agents: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: no agent file (*.yaml) in %s", ErrAgent, dir)
	}
	agents := make(map[string]*Agent, len(paths))
	var faults []error
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%w: %w", ErrAgent, err))
			continue
		}
		a, err := ParseAgent(strings.TrimSuffix(filepath.Base(path), ".yaml"), data)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
			continue
		}
		if err := a.findFiles(dir); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
		agents[a.Name] = a
	}
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		if err := agents[name].findOthers(agents); len(faults) == 0 && err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", filepath.Join(dir, name+".yaml"), err))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return agents, nil
}

// findFiles makes the paths of an agent's files relative to its folder absolute
// in it, and looks whether they are there.
func (a *Agent) findFiles(dir string) error {
	var faults faults
	for i := range a.Notice.Parts {
		p := &a.Notice.Parts[i]
		if p.File == "" {
			continue
		}
		if !filepath.IsAbs(p.File) {
			p.File = filepath.Join(dir, p.File)
		}
		if _, err := os.Stat(p.File); err != nil {
			faults.add(fmt.Sprintf("notice.parts[%d].file", i), "%v", err)
		}
	}
	return faults.err()
}

// findOthers looks whether the agents are there that callers may choose, or to whom
// the agent may hand them over.
func (a *Agent) findOthers(agents map[string]*Agent) error {
	var faults faults
	for i, name := range a.HandOver {
		if agents[name] == nil || name == a.Name {
			faults.add(fmt.Sprintf("hand_over[%d]", i), "there is no other agent %q", name)
		}
	}
	for i, l := range a.Notice.Languages {
		if l.Agent != "" && agents[l.Agent] == nil {
			faults.add(fmt.Sprintf("notice.languages[%d].agent", i), "there is no agent %q", l.Agent)
		}
	}
	return faults.err()
}

// ParseAgent parses the agent file that is called name (without its ending).
// Unknown keys are errors; absent ones have the defaults of DefaultSettings.
func ParseAgent(name string, data []byte) (*Agent, error) {
	a := defaultAgent()
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&a); err != nil {
		return nil, unreadable(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is something after the end of the agent", ErrAgent)
	}
	if a.Name == "" {
		a.Name = name
	}
	if base, _, _ := strings.Cut(a.Language, "-"); base != "en" && a.Filler == DefaultSettings("").Wait.Filler {
		a.Filler = "" // nobody is spoken to in English in between
	}
	if a.Name != name {
		return nil, fmt.Errorf("%w: name: %q does not match the file's name %q", ErrAgent, a.Name, name)
	}
	if err := a.validate(); err != nil {
		return nil, err
	}
	return &a, nil
}

var (
	unknownKey = regexp.MustCompile(`^(line \d+: )field (.*) not found in type .*$`)
	wrongType  = regexp.MustCompile(`^(line \d+: )cannot unmarshal (!!\w+)(?s: .*)? into ([^ ]+)$`)
)

// unreadable says in the file's terms what the YAML decoder said in Go's.
func unreadable(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file is empty", ErrAgent)
	}
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return fmt.Errorf("%w: %s", ErrAgent, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	joined := make([]error, len(typed.Errors))
	for i, text := range typed.Errors {
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			text = m[1] + "unknown key " + m[2]
		} else if m := wrongType.FindStringSubmatch(text); m != nil {
			text = m[1] + "found " + nameOfTag(m[2]) + ", want " + nameOfType(m[3])
		}
		joined[i] = fmt.Errorf("%w: %s", ErrAgent, text)
	}
	return errors.Join(joined...)
}

func nameOfTag(tag string) string {
	switch tag {
	case "!!seq":
		return "a list"
	case "!!map":
		return "keys"
	case "!!str":
		return "a text"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	}
	return "something else"
}

func nameOfType(t string) string {
	switch {
	case t == "time.Duration":
		return `a duration such as "1.5s"`
	case t == "bool":
		return "true or false"
	case t == "int", t == "float64":
		return "a number"
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case t == "string", t == "consent.Mode", t == "consent.PartKind", t == "dialog.Kind", t == "dialog.GiveUp", t == "dialog.OnRefusal":
		return "a text"
	}
	return "keys"
}
