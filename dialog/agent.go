package dialog

import (
	"strings"
	"time"

	"sidetone/consent"
)

// Agent is who answers a call: what it tells callers before anything else, how
// it takes turns, and what it asks or is told to do. It is one YAML file; the
// two that ship (configs/agents) describe every key.
type Agent struct {
	Name        string `yaml:"name"` // the file's name without its ending
	Description string `yaml:"description"`
	Language    string `yaml:"language"` // BCP 47
	Voice       Voice  `yaml:"voice"`

	// STT names the engines that hear callers, of those that the gateway has, in the
	// order in which they are asked; empty: all of them.
	STT      []string `yaml:"stt"`
	KeyTerms []string `yaml:"key_terms"` // words that callers are likely to say, beside the gateway's

	Notice    Notice   `yaml:"notice"`
	Web       Web      `yaml:"web"`
	Turn      Turn     `yaml:"turn"`
	Silence   Silence  `yaml:"silence"`
	Apology   string   `yaml:"apology"`       // said when a reply failed
	Farewell  string   `yaml:"farewell"`      // said when too many failed
	GiveUp    int      `yaml:"give_up_after"` // so many in a row are too many
	Truth     string   `yaml:"truth"`         // said to a caller who asks whether the agent is a machine
	Protected Wordings `yaml:"protected"`     // passages that are not interrupted, whoever says them
	Filler    string   `yaml:"filler"`        // said while a reply takes its time
	WayOut    string   `yaml:"way_out"`       // a number to connect the caller to after the farewell
	Pause     bool     `yaml:"pause"`         // the language model may pause the recording

	// Snippets says what of the recording becomes clips of their own.
	Snippets Snippets `yaml:"snippets"`

	// Retention says for how long what calls leave is kept, where that is shorter than
	// what the gateway says.
	Retention Retention `yaml:"retention"`

	// HandOver names the agents to which the language model may hand a call over.
	HandOver []string `yaml:"hand_over"`

	// Exactly one of these answers.
	Script *Script `yaml:"script"`
	LLM    *LLM    `yaml:"llm"`
}

// Voice chooses how the agent sounds.
type Voice struct {
	Name string `yaml:"name"` // a name that the configured engine knows; empty for its default
	// Pronounce is what is said for words that the voice says wrong. Transcripts keep
	// them as they are written.
	Pronounce map[string]string `yaml:"pronounce"`
}

// Snippets says of what there are clips beside the recording.
type Snippets string

// The values of Snippets.
const (
	TurnSnippets   Snippets = "turns"   // of each turn of both sides, and each answer
	AnswerSnippets Snippets = "answers" // of each answer
	NoSnippets     Snippets = "none"
)

// Retention is for how long each class of what a call leaves is kept, as text such as
// 90d; empty is as the gateway says. Whoever loads the agent reads and checks it.
type Retention struct {
	Audio    string `yaml:"audio"`
	Snippets string `yaml:"snippets"`
	Text     string `yaml:"text"`
}

// Any reports whether there are clips of anything.
func (s Snippets) Any() bool { return s.Cover(AnswerSnippets) }

// Cover reports whether there are clips of turns, or of answers.
func (s Snippets) Cover(of Snippets) bool {
	return s == TurnSnippets || s == AnswerSnippets && of == AnswerSnippets
}

// Web is what holds for callers from a web page.
type Web struct {
	Unrecorded bool     `yaml:"unrecorded"` // they may go on without a recording
	Hear       bool     `yaml:"hear"`       // they may fetch their own recording afterwards
	Ask        []string `yaml:"ask"`        // what they are asked for, if they like: name, email
}

// Turn is the turn-taking of an agent.
type Turn struct {
	ShortSilence  time.Duration `yaml:"short_silence"`
	MinSilence    time.Duration `yaml:"min_silence"`
	MaxSilence    time.Duration `yaml:"max_silence"`
	DigitsSilence time.Duration `yaml:"digits_silence"`
	BargeIn       bool          `yaml:"barge_in"`
	CommitAfter   time.Duration `yaml:"commit_after"`
	ResumeAfter   time.Duration `yaml:"resume_after"`
	KeyPause      time.Duration `yaml:"key_pause"`
	EarlyGuess    bool          `yaml:"early_guess"` // a language model begins before the silence that ends a turn is over
}

// Silence is what an agent does with a caller who says nothing.
type Silence struct {
	After     time.Duration `yaml:"after"`
	Reprompts int           `yaml:"reprompts"`
	Goodbye   string        `yaml:"goodbye"`
}

// LLM is an agent that a language model answers for.
type LLM struct {
	Prompt      string   `yaml:"prompt"`
	Greeting    string   `yaml:"greeting"` // said as it is; empty lets the model greet
	Goals       []Goal   `yaml:"goals"`
	Model       string   `yaml:"model"` // instead of the configured one
	Temperature *float64 `yaml:"temperature"`
	MaxTokens   int      `yaml:"max_tokens"` // of one reply; 0 for the engine's default

	Tools     []Tool              `yaml:"tools"`
	Transfers map[string]Transfer `yaml:"transfers"` // whom the model may connect a caller to, by name
}

// Goal is something that the model is to find out; it becomes an Answer.
type Goal struct {
	Key   string `yaml:"key"`
	Kind  Kind   `yaml:"kind"`
	About string `yaml:"about"` // told to the model
}

// Settings returns the machine's settings for this agent.
func (a *Agent) Settings() Settings {
	s := DefaultSettings(a.Language)
	s.EndOfTurn.Short = a.Turn.ShortSilence
	s.EndOfTurn.Min = a.Turn.MinSilence
	s.EndOfTurn.Max = a.Turn.MaxSilence
	s.EndOfTurn.Digits = a.Turn.DigitsSilence
	s.BargeIn = a.Turn.BargeIn
	s.Commit = a.Turn.CommitAfter
	s.Resume = a.Turn.ResumeAfter
	s.KeyPause = a.Turn.KeyPause
	s.Guess = a.LLM != nil && a.Turn.EarlyGuess
	s.SilenceAfter = a.Silence.After
	s.Reprompts = a.Silence.Reprompts
	s.Goodbye = a.Silence.Goodbye
	s.Apology = a.Apology
	s.Farewell = a.Farewell
	s.GiveUp = a.GiveUp
	s.Truth = a.Truth
	s.Protected = strings.Join(a.Protected, "\n")
	s.Wait.Filler = a.Filler
	s.WayOut = a.WayOut
	return s
}

// defaultAgent is what a file's keys are laid over.
func defaultAgent() Agent {
	s := DefaultSettings("en")
	return Agent{
		Language: s.Language,
		Notice:   Notice{Mode: consent.NoticeMode, Wait: 1500 * time.Millisecond, OnRefusal: GoOn},
		Web:      Web{Unrecorded: true},
		Snippets: AnswerSnippets,
		Turn: Turn{
			ShortSilence: s.EndOfTurn.Short, MinSilence: s.EndOfTurn.Min, MaxSilence: s.EndOfTurn.Max, DigitsSilence: s.EndOfTurn.Digits,
			BargeIn: s.BargeIn, CommitAfter: s.Commit, ResumeAfter: s.Resume, KeyPause: s.KeyPause, EarlyGuess: true,
		},
		Silence:  Silence{After: s.SilenceAfter, Reprompts: s.Reprompts, Goodbye: s.Goodbye},
		Apology:  s.Apology,
		Farewell: s.Farewell,
		GiveUp:   s.GiveUp,
		Truth:    s.Truth,
		Filler:   s.Wait.Filler,
	}
}
