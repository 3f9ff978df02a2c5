package scenario

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ErrFile says that a scenario's file can not be used; the wrapping errors name the
// file, the line and the key.
var ErrFile = errors.New("scenario: unusable file")

// Bounds of a file.
const (
	maxFile  = 256 << 10
	maxSteps = 200
	maxLimit = 10 * time.Minute
)

// Load reads the scenario at path.
func Load(path string) (*Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return Parse(path, data)
}

// Parse reads the text of the scenario at path. All that is wrong comes back in one
// error.
func Parse(path string, data []byte) (*Scenario, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%w: %s: more than %d bytes", ErrFile, path, maxFile)
	}
	s := &Scenario{
		File: path, Leg: Both, Limit: time.Minute, Patience: 900 * time.Millisecond,
		Caller: Caller{Voice: "slt"}, Web: Page{Consent: "agree", Codec: "opus"},
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		return nil, unreadable(path, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: there is something after the end of the scenario", ErrFile, path)
	}
	s.Name = cmp.Or(s.Name, strings.TrimSuffix(filepath.Base(path), ".yaml"))
	lines := stepLines(data)
	for i := range s.Steps {
		step := &s.Steps[i]
		step.Leg = cmp.Or(step.Leg, Both)
		if i < len(lines) {
			step.Line = lines[i]
		}
	}
	f := faults{path: path}
	s.check(&f)
	return s, errors.Join(f.errs...)
}

// stepLines are the lines of the file at which its steps begin.
func stepLines(data []byte) (lines []int) {
	var document yaml.Node
	if yaml.Unmarshal(data, &document) != nil || len(document.Content) == 0 {
		return nil
	}
	keys := document.Content[0].Content
	for i := 0; i+1 < len(keys); i += 2 {
		if keys[i].Value != "steps" {
			continue
		}
		for _, step := range keys[i+1].Content {
			lines = append(lines, step.Line)
		}
	}
	return lines
}

var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (.*) not found in type .*$`)
	wrongType  = regexp.MustCompile(`^line (\d+): cannot unmarshal (!!\w+)(?s: .*)? into ([^ ]+)$`)
	otherLine  = regexp.MustCompile(`^(?:yaml: )?line (\d+): (?s)(.*)$`)
)

// unreadable says in the file's terms what the YAML decoder said in Go's.
func unreadable(path string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s: the file is empty", ErrFile, path)
	}
	texts := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		texts = typed.Errors
	}
	all := make([]error, len(texts))
	for i, text := range texts {
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("%s:%s: unknown key %s", path, m[1], m[2])
		} else if m := wrongType.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("%s:%s: want %s", path, m[1], nameOfType(m[3]))
		} else if m := otherLine.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("%s:%s: %s", path, m[1], m[2])
		} else {
			text = path + ": " + strings.TrimPrefix(text, "yaml: ")
		}
		all[i] = fmt.Errorf("%w: %s", ErrFile, text)
	}
	return errors.Join(all...)
}

// nameOfType says what a key wants that is of a type of Go's.
func nameOfType(t string) string {
	switch {
	case t == "time.Duration":
		return `a duration such as "1.5s"`
	case t == "string", strings.HasSuffix(t, "Leg"), strings.HasSuffix(t, "Sound"):
		return "a text"
	case t == "float64", t == "int":
		return "a number"
	case t == "bool":
		return "true or false"
	case strings.HasPrefix(t, "[]"):
		return "a list"
	}
	return "keys"
}

// faults are what is wrong with a file.
type faults struct {
	path string
	errs []error
}

// add notes what is wrong with a key; line 0 is that of the whole file.
func (f *faults) add(line int, key, format string, args ...any) {
	at := f.path
	if line > 0 {
		at = fmt.Sprintf("%s:%d", f.path, line)
	}
	f.errs = append(f.errs, fmt.Errorf("%w: %s: %s: %s", ErrFile, at, key, fmt.Sprintf(format, args...)))
}

func (s *Scenario) check(f *faults) {
	if !slices.Contains([]Leg{Phone, Web, Both}, s.Leg) {
		f.add(0, "leg", "%q is neither phone, web nor both", s.Leg)
	}
	within(f, 0, "limit", s.Limit, time.Second, maxLimit)
	within(f, 0, "patience", s.Patience, 200*time.Millisecond, 10*time.Second)
	if len(s.Steps) > maxSteps {
		f.add(0, "steps", "more than %d", maxSteps)
	}
	s.Caller.check(f)
	s.Web.check(f)
	s.Model.check(f, s.Agents)
	for i := range s.Steps {
		s.Steps[i].check(f, s.Leg)
	}
	s.Expect.check(f)
}

func (c *Caller) check(f *faults) {
	if c.Noise != nil {
		checkSound(f, 0, "caller.noise.kind", c.Noise.Kind)
		between(f, 0, "caller.noise.level", c.Noise.Level, -90, -6)
	}
	between(f, 0, "caller.echo", c.Echo, -90, 0)
}

func (p *Page) check(f *faults) {
	if p.Consent != "agree" && p.Consent != "unrecorded" {
		f.add(0, "web.consent", "%q is neither agree nor unrecorded", p.Consent)
	}
	if p.Codec != "opus" && p.Codec != "pcmu" {
		f.add(0, "web.codec", "%q is neither opus nor pcmu", p.Codec)
	}
	between(f, 0, "web.loss", p.Loss, 0, 100)
	within(f, 0, "web.jitter", p.Jitter, 0, 2*time.Second)
}

func (m *Model) check(f *faults, agents string) {
	switch {
	case m == nil:
		return
	case agents == "":
		f.add(0, "model", "goes with agents only: it is asked by a gateway of its own")
	case m.Name == "":
		f.add(0, "model.name", "a text is needed: what llm.model of the agent's file says")
	case len(m.Replies) == 0:
		f.add(0, "model.replies", "at least one is needed")
	}
	for i, r := range m.Replies {
		key := fmt.Sprintf("model.replies[%d]", i)
		if r.With != "" && !json.Valid([]byte(r.With)) {
			f.add(0, key+".with", "is not JSON")
		}
		if r.With != "" && r.Tool == "" {
			f.add(0, key+".with", "goes with tool only")
		}
		if r.Say == "" && r.Tool == "" {
			f.add(0, key, "say or tool is needed")
		}
		within(f, 0, key+".first_token", r.FirstToken, 0, time.Minute)
	}
}

func (s *Step) check(f *faults, leg Leg) {
	kind, _ := s.action()
	switch {
	case kind == "":
		f.add(s.Line, "steps", "the step does nothing")
	case strings.Contains(kind, " and "):
		f.add(s.Line, "steps", "the step does two things: %s", kind)
	case !slices.Contains([]Leg{Phone, Web, Both}, s.Leg):
		f.add(s.Line, "leg", "%q is neither phone, web nor both", s.Leg)
	case (kind == "type" || kind == "choose") && !(s.Leg == Web || leg == Web):
		f.add(s.Line, kind, "a phone has no page: say leg: web in the step")
	case kind == "choose" && !slices.Contains([]string{"unrecorded", "delete", "again", "agree"}, s.Choose):
		f.add(s.Line, kind, "%q is none of agree, unrecorded, delete and again", s.Choose)
	case kind == "press" && strings.Trim(s.Press, "0123456789*#ABCD") != "":
		f.add(s.Line, kind, "%q has a key that there is not", s.Press)
	case kind == "noise":
		checkSound(f, s.Line, "noise", s.Noise)
		within(f, s.Line, "for", s.For, 0, 30*time.Second)
		between(f, s.Line, "level", s.Level, -90, 0)
	case s.For != 0 || s.Level != 0:
		f.add(s.Line, "for, level", "go with noise only")
	case kind == "hesitate":
		if _, err := pauses(s.Hesitate); err != nil {
			f.add(s.Line, "hesitate", "%v", err)
		}
	}
	checkPhrases(f, s.Line, map[string]Phrases{"expect.heard": s.Expect.Heard, "expect.not_heard": s.Expect.NotHeard})
	if kind == "wait_for" {
		checkPhrases(f, s.Line, map[string]Phrases{kind: {s.WaitFor}})
	}
	if s.After != 0 && !slices.Contains([]string{"interrupt", "noise", "press", "hang_up", "type"}, kind) {
		f.add(s.Line, "after", "does not go with %s", kind)
	}
	within(f, s.Line, "after", s.After, 0, maxLimit)
	within(f, s.Line, "silent", s.Silent, 0, maxLimit)
	within(f, s.Line, "wait", s.Wait, 0, maxLimit)
	within(f, s.Line, "expect.answered_within", s.Expect.AnsweredWithin, 0, maxLimit)
	within(f, s.Line, "expect.silence_within", s.Expect.SilenceWithin, 0, maxLimit)
	if s.Expect.SilenceWithin != 0 && !slices.Contains([]string{"interrupt", "press", "type", "noise"}, kind) {
		f.add(s.Line, "expect.silence_within", "goes with what is done while the agent speaks, such as interrupt")
	}
}

// endings is the form of expect.ended.
var endings = regexp.MustCompile(`^[a-z_]+/[a-z_]+$`)

func (e *Expectation) check(f *faults) {
	checkPhrases(f, 0, map[string]Phrases{"expect.notice": e.Notice, "expect.heard": e.Heard, "expect.not_heard": e.NotHeard})
	within(f, 0, "expect.answered_within", e.AnsweredWithin, 0, maxLimit)
	within(f, 0, "expect.quiet_at_most", e.QuietAtMost, 0, maxLimit)
	if e.Ended != "" && !endings.MatchString(e.Ended) {
		f.add(0, "expect.ended", "%q is no outcome and reason such as completed/goodbye", e.Ended)
	}
	t := e.Transcript
	if t == nil {
		return
	}
	checkPhrases(f, 0, map[string]Phrases{"expect.transcript.caller": t.Caller, "expect.transcript.agent": t.Agent, "expect.transcript.not": t.Not})
	if t.Empty && len(t.Caller)+len(t.Agent) > 0 {
		f.add(0, "expect.transcript.empty", "does not go with caller and agent")
	}
}

// checkPhrases holds that phrases have words: what has none is everywhere.
func checkPhrases(f *faults, line int, all map[string]Phrases) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		for _, p := range all[key] {
			if len(wordsOf(p)) == 0 {
				f.add(line, key, "%q has no word", p)
			}
		}
	}
}

func checkSound(f *faults, line int, key string, s Sound) {
	if !slices.Contains(Sounds, s) {
		f.add(line, key, "%q is none of %v", s, Sounds)
	}
}

func within(f *faults, line int, key string, d, least, most time.Duration) {
	if d < least || d > most {
		f.add(line, key, "%v is not between %v and %v", d, least, most)
	}
}

func between(f *faults, line int, key string, v, least, most float64) {
	if !(v >= least && v <= most) {
		f.add(line, key, "%v is not between %v and %v", v, least, most)
	}
}

// pauses reads what a caller says who hesitates: text, and pauses such as "800ms"
// between.
func pauses(parts []string) ([]time.Duration, error) {
	if len(parts)%2 == 0 {
		return nil, errors.New("a text, a pause, a text and so on are needed")
	}
	var all []time.Duration
	for i, part := range parts {
		if i%2 == 0 {
			if strings.TrimSpace(part) == "" {
				return nil, errors.New("a text is empty")
			}
			continue
		}
		d, err := time.ParseDuration(part)
		if err != nil || d <= 0 || d > maxLimit {
			return nil, fmt.Errorf("%q is no pause such as 800ms", part)
		}
		all = append(all, d)
	}
	return all, nil
}

func join(parts []string) string { return strings.Join(parts, " ... ") }
