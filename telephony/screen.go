package telephony

import "sidetone/media"

// Screen is a leg whose far end can read and type beside the call, such as a
// browser's. What it does beyond sound comes as the events Typed, Chose, Told,
// Muted and Unmuted.
type Screen interface {
	Leg
	// Show puts something on the far end's screen, in order. It never blocks; what
	// does not fit a bounded queue ends the leg with Stalled.
	Show(Show) error
	// Delay reports how it is known when the far end plays what is sent: "stats"
	// once the far end has reported its own delay, else "estimate".
	Delay() string
}

// Choice is the answer to the question of consent.
type Choice string

// The choices. To leave is to hang up.
const (
	Agree      Choice = "agree"      // all that was asked for
	Unrecorded Choice = "unrecorded" // go on, but keep nothing; later on, keep nothing more
	Delete     Choice = "delete"     // later on: keep nothing more, and destroy what was kept
	Again      Choice = "again"      // later on: put the question again
)

// Show is something for the far end's screen.
type Show interface{ show() }

// The things that can be shown. The JSON form is that of the data channel
// (docs/web-events.md), without its type.
type (
	// Question asks for consent: the words of the message that is being played.
	Question struct {
		Message  string         `json:"message"` // the message's content address
		Language string         `json:"language"`
		Parts    []QuestionPart `json:"parts"`
		Choices  []Choice       `json:"choices"`
	}
	// Settled says how the question of consent ended, and whether the call is kept
	// from here on. It is shown again after a withdrawal, a pause and its end.
	Settled struct {
		Outcome    string `json:"outcome"` // as consent.Outcome, or "withdrawn" or "paused"
		Recording  bool   `json:"recording"`
		Transcript bool   `json:"transcript"`
		// Choices are what the caller may choose now.
		Choices []Choice `json:"choices"`
	}
	// Caption is what the caller said, typed or pressed: so far, or finally. A
	// caption with the same ID replaces the earlier one; an empty final removes it.
	Caption struct {
		ID    int        `json:"id"`
		Text  string     `json:"text"`
		Final bool       `json:"final"`
		How   string     `json:"how"` // spoken, typed, keyed
		From  media.Tick `json:"-"`
		To    media.Tick `json:"-"`
		FromS float64    `json:"from"` // seconds on the call's clock; set by the leg
		ToS   float64    `json:"to"`
	}
	// Saying is a sentence of the agent's and how many of its words have been
	// played. It is shown when the sentence is queued and as it is played.
	Saying struct {
		Turn   uint32 `json:"turn"`
		Clip   uint32 `json:"clip"`
		Text   string `json:"text"`
		Played int    `json:"played"` // words, split at spaces
		Done   bool   `json:"done"`
	}
	// Said is an agent's turn as it was played in the end; it replaces its Sayings.
	Said struct {
		Turn        uint32     `json:"turn"`
		Text        string     `json:"text"`
		Interrupted bool       `json:"interrupted"`
		From        media.Tick `json:"-"`
		To          media.Tick `json:"-"`
		FromS       float64    `json:"from"`
		ToS         float64    `json:"to"`
	}
	// State says what the agent does.
	State struct {
		State AgentState `json:"state"`
	}
	// Problem is something that went wrong and does not end the call.
	Problem struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	// Over is the last thing shown: how the call ended.
	Over struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	}
)

// QuestionPart is one part of the message.
type QuestionPart struct {
	Kind string `json:"kind"` // as consent.PartKind
	Text string `json:"text"`
}

// AgentState is what the agent does.
type AgentState string

// The states of the agent.
const (
	Announcing AgentState = "announcing" // it tells what it is and asks for consent
	Listening  AgentState = "listening"
	Thinking   AgentState = "thinking"
	Speaking   AgentState = "speaking"
)

func (Question) show() {}
func (Settled) show()  {}
func (Caption) show()  {}
func (Saying) show()   {}
func (Said) show()     {}
func (State) show()    {}
func (Problem) show()  {}
func (Over) show()     {}
