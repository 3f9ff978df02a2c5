package dialog

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Kind is the kind of an answer.
type Kind string

// The kinds. An answer's value is a string, but for YesNo (bool) and Number
// (float64).
const (
	KindText   Kind = "text"   // any words, as they were said
	KindYesNo  Kind = "yes_no" // key 1 is yes, key 2 is no
	KindNumber Kind = "number" // a quantity
	KindDigits Kind = "digits" // a number that is a name, such as an order's: leading zeros count
	KindChoice Kind = "choice" // one of a list, also by its number
	KindEmail  Kind = "email"
	KindPhone  Kind = "phone"
)

// Kinds lists all kinds.
var Kinds = []Kind{KindText, KindYesNo, KindNumber, KindDigits, KindChoice, KindEmail, KindPhone}

// Goodbye is the label that a Next may name instead of a question: the end.
const Goodbye = "goodbye"

// Script is an interview that needs no language model: a greeting, questions in
// order, a goodbye.
type Script struct {
	Greeting  string     `yaml:"greeting"`
	Questions []Question `yaml:"questions"`
	Goodbye   string     `yaml:"goodbye"`
	Attempts  int        `yaml:"attempts"` // how often a question is asked before it is given up
	GiveUp    GiveUp     `yaml:"give_up"`
	Thanks    Wordings   `yaml:"thanks"` // said in turn when an answer was understood
}

// GiveUp says what happens to a question that was asked often enough.
type GiveUp string

// What may happen.
const (
	GiveUpSkip GiveUp = "skip" // go on without an answer
	GiveUpEnd  GiveUp = "end"  // say goodbye
)

// Question is one question of a script.
type Question struct {
	Key     string   `yaml:"key"`
	Kind    Kind     `yaml:"kind"`
	Ask     string   `yaml:"ask"`
	Reask   Wordings `yaml:"reask"` // other words, each used in turn
	When    *When    `yaml:"when"`  // ask only then
	Next    string   `yaml:"next"`  // the key of a later question, or goodbye; empty for the next one
	Confirm bool     `yaml:"confirm"`

	Sensitive bool `yaml:"sensitive"` // digits: keyed in while the recording is paused; nobody sees the answer
	Adult     int  `yaml:"adult"`     // number: the age below which the caller is a child; 0 when it is no question of age

	Optional bool   `yaml:"optional"` // the caller may skip it, or not know
	Attempts int    `yaml:"attempts"` // instead of the script's
	GiveUp   GiveUp `yaml:"give_up"`  // instead of the script's

	Choices   []Choice `yaml:"choices"`    // choice
	Min       *float64 `yaml:"min"`        // number
	Max       *float64 `yaml:"max"`        // number
	MinDigits int      `yaml:"min_digits"` // digits, phone
	MaxDigits int      `yaml:"max_digits"` // digits, phone
}

// Choice is one of the answers to a question of kind choice.
type Choice struct {
	Value string   `yaml:"value"` // what the answer holds
	Say   string   `yaml:"say"`   // how it is called; empty for the value
	Also  Wordings `yaml:"also"`  // other words for it
	Next  string   `yaml:"next"`  // instead of the question's
}

// Name returns what the choice is called when it is spoken.
func (c Choice) Name() string {
	if c.Say != "" {
		return c.Say
	}
	return c.Value
}

// When is a condition on an earlier answer.
type When struct {
	Key string   `yaml:"key"`
	Is  Wordings `yaml:"is"` // any of these: yes, no, a number, or a choice's value
}

// Wordings are texts; a single one may stand without a list.
type Wordings []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *Wordings) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = Wordings{node.Value}
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a text or a list of texts", node.Line)}}
	}
	for _, n := range node.Content {
		if n.Kind != yaml.ScalarNode {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a text", n.Line)}}
		}
		*w = append(*w, n.Value)
	}
	return nil
}
