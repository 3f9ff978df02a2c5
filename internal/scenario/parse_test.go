package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const shipped = "../../configs/scenarios"

// scenarios are those that ship.
func scenarios(t testing.TB) (all []*Scenario) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shipped, "*.yaml"))
	if err != nil || len(files) != 10 {
		t.Fatalf("%d scenarios ship, want 10 (%v)", len(files), err)
	}
	for _, file := range files {
		s, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestScenariosThatShipArePlayedOnBothLegs(t *testing.T) {
	for _, s := range scenarios(t) {
		if len(s.Legs()) != 2 || s.About == "" || s.Agents == "" || len(s.Expect.Notice) == 0 || s.Expect.Ended == "" || s.Expect.Consent == "" {
			t.Errorf("%s: %+v", s.File, s)
		}
	}
}

func TestAFileIsRead(t *testing.T) {
	s, err := Parse("a/greeting.yaml", []byte(`
agent: support
agents: ../agents
limit: 20s
caller: {from: "+4930123456", noise: {kind: street, level: -40}}
steps:
  - say: Hello.
    expect:
      heard: [one, two]
      answered_within: 1.5s

  - press: "9"
    leg: phone
expect: {heard: three, answers: {rating: 7, wish: null}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "greeting" || s.Leg != Both || s.Limit != 20*time.Second || s.Caller.Voice != "slt" || s.Patience == 0 || s.Folder() != "agents" || s.Web.Consent != "agree" {
		t.Errorf("%+v", s)
	}
	if len(s.Steps) != 2 || s.Steps[0].Line != 7 || s.Steps[1].Line != 12 || s.Steps[0].Expect.AnsweredWithin != 1500*time.Millisecond || len(s.Steps[0].Expect.Heard) != 2 {
		t.Errorf("%+v", s.Steps)
	}
	if !s.Steps[0].on(Phone) || !s.Steps[0].on(Web) || !s.Steps[1].on(Phone) || s.Steps[1].on(Web) {
		t.Error("a step is done on the wrong leg")
	}
	if value, there := s.Expect.Answers["wish"]; !there || value != nil || s.Expect.Heard[0] != "three" {
		t.Errorf("%+v", s.Expect)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "s.yaml: the file is empty"},
		{"agent: a\nagnet: b\n", "s.yaml:2: unknown key agnet"},
		{"steps:\n  - say: Hello.\n    expect: {herd: x}\n", "s.yaml:3: unknown key herd"},
		{"model: {name: a, replies: [{then: x}]}\n", "s.yaml:1: unknown key then"},
		{"limit: soon\n", `s.yaml:1: want a duration such as "1.5s"`},
		{"steps: 3\n", "s.yaml:1: want a list"},
		{"caller: [1]\n", "s.yaml:1: want keys"},
		{"agent: a\nagent: b\n", "s.yaml:2:"},
		{"agent: [\n", "s.yaml:"},
		{"agent: a\n---\nagent: b\n", "after the end"},
		{"leg: fax\n", `leg: "fax" is neither`},
		{"limit: 11m\n", "limit: 11m0s is not between"},
		{"patience: 1ms\n", "patience:"},
		{"caller: {noise: {kind: dog, level: -40}}\n", `caller.noise.kind: "dog" is none of`},
		{"caller: {noise: {kind: hum, level: 3}}\n", "caller.noise.level: 3 is not between"},
		{"caller: {echo: 3}\n", "caller.echo"},
		{"caller: {echo: .nan}\n", "caller.echo"},
		{"web: {consent: maybe}\n", "web.consent"},
		{"web: {codec: mp3}\n", "web.codec"},
		{"web: {loss: 101}\n", "web.loss"},
		{"steps:\n  - {}\n", "s.yaml:2: steps: the step does nothing"},
		{"steps:\n  - {say: a, press: '1'}\n", "s.yaml:2: steps: the step does two things: say and press"},
		{"steps:\n  - wait: 1s\n  - type: a\n", "s.yaml:3: type: a phone has no page"},
		{"steps:\n  - {choose: maybe, leg: web}\n", "choose"},
		{"steps:\n  - press: 12x\n", "s.yaml:2: press"},
		{"steps:\n  - noise: bark\n", "s.yaml:2: noise"},
		{"steps:\n  - {say: a, level: -10}\n", "for, level: go with noise only"},
		{"steps:\n  - {say: a, after: 1s}\n", "after: does not go with say"},
		{"steps:\n  - hesitate: [a, 1s]\n", "s.yaml:2: hesitate"},
		{"steps:\n  - hesitate: [a, b, c]\n", `hesitate: "b" is no pause`},
		{"steps:\n  - {say: a, expect: {silence_within: 1s}}\n", "expect.silence_within"},
		{"steps:\n  - {say: a, expect: {heard: '...'}}\n", `expect.heard: "..." has no word`},
		{"steps:\n  - wait_for: '!'\n", "wait_for"},
		{"expect: {ended: nicely}\n", "expect.ended"},
		{"expect: {transcript: {empty: true, caller: a}}\n", "expect.transcript.empty"},
		{"model: {name: a, replies: [{say: a}]}\n", "model: goes with agents only"},
		{"agents: x\nmodel: {replies: [{say: a}]}\n", "model.name"},
		{"agents: x\nmodel: {name: a, replies: [{say: a, with: '{}'}]}\n", "model.replies[0].with"},
		{"agents: x\nmodel: {name: a, replies: [{tool: a, with: '{'}]}\n", "model.replies[0].with: is not JSON"},
		{"agents: x\nmodel: {name: a, replies: [{when: a}]}\n", "model.replies[0]: say or tool"},
		{"about: " + strings.Repeat("x", maxFile), "more than"},
	} {
		_, err := Parse("s.yaml", []byte(tt.text))
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "s.yaml") {
			t.Errorf("%.60q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := Load("nowhere.yaml"); !errors.Is(err, ErrFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that there is not: %v", err)
	}
}

// TestKeysAreDocumented holds the page of scenarios against the file's keys.
func TestKeysAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys func(reflect.Type)
	keys = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
				if !strings.Contains(string(page), "`"+key+"`") {
					t.Errorf("docs/scenarios.md does not name %s", key)
				}
				keys(of.Field(i).Type)
			}
		}
	}
	keys(reflect.TypeFor[Scenario]())
	for _, s := range Sounds {
		if !strings.Contains(string(page), "`"+string(s)+"`") {
			t.Errorf("docs/scenarios.md does not name the sound %s", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range scenarios(f) {
		text, err := os.ReadFile(s.File)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("steps: [{hesitate: [a, 1s, b]}, {noise: hum, after: 1s}]\nexpect: {answers: {a: [1]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.yaml", text)
		if err != nil {
			if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), "fuzz.yaml") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		for i := range s.Steps {
			if kind, _ := s.Steps[i].action(); kind == "" || strings.Contains(kind, " ") {
				t.Fatalf("step %d does %q", i+1, kind)
			}
		}
	})
}
