// Package scenario plays scripted callers against an agent, on the phone or from a
// web page, and holds what they heard, and what the call came to, against what was
// expected.
//
// It refuses to ask the gateway what the caller heard: that is recognised out of the
// sound that came to the caller. Transcript, answers and times by stage are the
// gateway's own word, from its events. It knows no agent from within, and runs
// calls on real time only.
//
// A Gateway owns the reader of its events, and the goroutines of the gateway and the
// model that it started, if it did; Close waits for them. Play starts one a call, and
// waits for all.
package scenario

import "time"

// Leg is how the caller calls.
type Leg string

// The legs.
const (
	Phone Leg = "phone"
	Web   Leg = "web"
	Both  Leg = "both"
)

// Scenario is one file: a caller, what they do, and what must come of it.
type Scenario struct {
	File  string `yaml:"-"`
	Name  string `yaml:"name"` // the file's name without .yaml
	About string `yaml:"about"`

	Agent  string `yaml:"agent"`  // empty: the one that answers by default
	Agents string `yaml:"agents"` // folder of agents' files, from the file's: a gateway of its own answers with them
	Leg    Leg    `yaml:"leg"`

	Limit    time.Duration `yaml:"limit"`    // the caller hangs up then, and the scenario has failed
	Patience time.Duration `yaml:"patience"` // silence after which the agent has finished

	Caller Caller      `yaml:"caller"`
	Web    Page        `yaml:"web"`
	Model  *Model      `yaml:"model"`
	Steps  []Step      `yaml:"steps"`
	Expect Expectation `yaml:"expect"`
}

// Caller is who calls.
type Caller struct {
	Voice string  `yaml:"voice"`
	From  string  `yaml:"from"` // phone
	To    string  `yaml:"to"`   // phone
	Noise *Noise  `yaml:"noise"`
	Echo  float64 `yaml:"echo"` // phone: dB against what is played; 0 is none
}

// Noise is what sounds behind the caller all the time.
type Noise struct {
	Kind  Sound   `yaml:"kind"`
	Level float64 `yaml:"level"` // dBFS
}

// Page is the browser of a caller from a web page, and the network before it.
type Page struct {
	Consent string        `yaml:"consent"` // the answer to the question: agree or unrecorded
	Codec   string        `yaml:"codec"`
	Loss    float64       `yaml:"loss"` // percent, each way
	Jitter  time.Duration `yaml:"jitter"`
}

// Model is a language model that follows a script, in place of the configured one.
type Model struct {
	Name    string  `yaml:"name"` // as the agent's file asks for it: llm.model
	Replies []Reply `yaml:"replies"`
}

// Reply is what the model answers; the first that goes with the caller's last words
// counts.
type Reply struct {
	When       string        `yaml:"when"` // words in them; empty: any
	Say        string        `yaml:"say"`
	Tool       string        `yaml:"tool"` // that it calls
	With       string        `yaml:"with"` // its arguments, JSON
	FirstToken time.Duration `yaml:"first_token"`
}

// Step is one thing that the caller does: exactly one of the keys up to HangUp is
// there. What comes of it until the caller does the next thing is held against
// Expect.
type Step struct {
	Line int `yaml:"-"` // in the file

	Say       string        `yaml:"say"`
	Wav       string        `yaml:"wav"`
	Interrupt string        `yaml:"interrupt"` // says it while the agent speaks
	Hesitate  []string      `yaml:"hesitate"`  // says, is silent for so long, says on
	Press     string        `yaml:"press"`
	Type      string        `yaml:"type"`   // web
	Choose    string        `yaml:"choose"` // web
	Noise     Sound         `yaml:"noise"`
	Silent    time.Duration `yaml:"silent"`
	Wait      time.Duration `yaml:"wait"`
	WaitFor   string        `yaml:"wait_for"` // words that the agent says
	HangUp    bool          `yaml:"hang_up"`

	Leg   Leg           `yaml:"leg"`   // only there
	After time.Duration `yaml:"after"` // so long into what the agent says
	For   time.Duration `yaml:"for"`   // of a noise
	Level float64       `yaml:"level"` // of a noise, dBFS

	Expect Reaction `yaml:"expect"`
}

// Reaction is what must come of a step.
type Reaction struct {
	Heard          Phrases       `yaml:"heard"`
	NotHeard       Phrases       `yaml:"not_heard"`
	AnsweredWithin time.Duration `yaml:"answered_within"`
	SilenceWithin  time.Duration `yaml:"silence_within"`
}

// Expectation is what must come of the call.
type Expectation struct {
	Notice         Phrases        `yaml:"notice"` // of the question of consent: heard, or shown by the page
	Heard          Phrases        `yaml:"heard"`
	NotHeard       Phrases        `yaml:"not_heard"`
	AnsweredWithin time.Duration  `yaml:"answered_within"` // each turn
	QuietAtMost    time.Duration  `yaml:"quiet_at_most"`   // nobody is heard for so long
	Transcript     *Lines         `yaml:"transcript"`
	Answers        map[string]any `yaml:"answers"` // null: there is none
	Ended          string         `yaml:"ended"`   // outcome/reason
	Consent        string         `yaml:"consent"` // as the call's row has it
	Recording      string         `yaml:"recording"`
	Transfer       string         `yaml:"transfer"`  // the number or address; none
	Announced      string         `yaml:"announced"` // to who answered there, on the phone
	Events         []string       `yaml:"events"`    // in this order, others between them
}

// Lines are phrases of a transcript.
type Lines struct {
	Caller Phrases `yaml:"caller"`
	Agent  Phrases `yaml:"agent"`
	Not    Phrases `yaml:"not"` // of nobody
	Empty  bool    `yaml:"empty"`
}

// none is a transfer, or a recording, that there was not.
const none = "none"

// action names what a step does, and how.
func (s *Step) action() (kind, what string) {
	for _, a := range []struct {
		kind, what string
		on         bool
	}{
		{"say", s.Say, s.Say != ""}, {"wav", s.Wav, s.Wav != ""}, {"interrupt", s.Interrupt, s.Interrupt != ""},
		{"hesitate", join(s.Hesitate), len(s.Hesitate) > 0}, {"press", s.Press, s.Press != ""}, {"type", s.Type, s.Type != ""},
		{"choose", s.Choose, s.Choose != ""}, {"noise", string(s.Noise), s.Noise != ""}, {"silent", s.Silent.String(), s.Silent != 0},
		{"wait", s.Wait.String(), s.Wait != 0}, {"wait_for", s.WaitFor, s.WaitFor != ""}, {"hang_up", "", s.HangUp},
	} {
		if !a.on {
			continue
		}
		if kind != "" {
			return kind + " and " + a.kind, ""
		}
		kind, what = a.kind, a.what
	}
	return kind, what
}

// on reports whether the step is done on a leg.
func (s *Step) on(leg Leg) bool { return s.Leg == Both || s.Leg == leg }

// Legs are the legs on which a scenario is played.
func (s *Scenario) Legs() []Leg {
	if s.Leg == Both {
		return []Leg{Phone, Web}
	}
	return []Leg{s.Leg}
}
