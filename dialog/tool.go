package dialog

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Tool is something outside that a language model may ask, over HTTP. Where is
// fixed in the agent's file; the model chooses the arguments alone, within
// Parameters.
type Tool struct {
	Name        string        `yaml:"name"`
	Description string        `yaml:"description"` // told to the model
	URL         string        `yaml:"url"`
	Method      string        `yaml:"method"`     // POST, PUT or PATCH; POST when empty
	Timeout     time.Duration `yaml:"timeout"`    // of all of it; 5 s when 0
	MaxBytes    int           `yaml:"max_bytes"`  // of the answer that the model is told; 8192 when 0
	Parameters  Schema        `yaml:"parameters"` // empty: none
}

// BuiltInTools are the names of the tools that there are without an agent's file.
var BuiltInTools = []string{"end_call", "transfer", "record_answer", "caller_is_minor", "hand_over", "pause_recording", "resume_recording"}

var toolName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// validate checks a tool and gives its defaults.
func (t *Tool) validate(f *faults, at string) {
	switch {
	case !toolName.MatchString(t.Name):
		f.add(at+".name", "%q is no name: use a to z, 0 to 9 and _", t.Name)
	case slices.Contains(BuiltInTools, t.Name):
		f.add(at+".name", "%q is built in", t.Name)
	}
	if strings.TrimSpace(t.Description) == "" {
		f.add(at+".description", "a text is needed")
	}
	if u, err := url.Parse(t.URL); err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		f.add(at+".url", "want an https URL without user and fragment")
	}
	if t.Method == "" {
		t.Method = "POST"
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH"}, t.Method) {
		f.add(at+".method", "%q is none of POST, PUT and PATCH", t.Method)
	}
	if t.Timeout == 0 {
		t.Timeout = 5 * time.Second
	}
	between(f, at+".timeout", t.Timeout, 100*time.Millisecond, 30*time.Second)
	if t.MaxBytes == 0 {
		t.MaxBytes = 8 << 10
	}
	if t.MaxBytes < 64 || t.MaxBytes > 64<<10 {
		f.add(at+".max_bytes", "%d is not between 64 and 65536", t.MaxBytes)
	}
	schema, err := t.Parameters.parse()
	if err != nil {
		f.add(at+".parameters", "%v", err)
	}
	t.Parameters = schema
}

// validateTools checks the tools of a language model.
func validateTools(f *faults, tools []Tool) {
	seen := map[string]bool{}
	for i := range tools {
		at := fmt.Sprintf("llm.tools[%d]", i)
		tools[i].validate(f, at)
		if seen[tools[i].Name] {
			f.add(at+".name", "%q is used twice", tools[i].Name)
		}
		seen[tools[i].Name] = true
	}
}
