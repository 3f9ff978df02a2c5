package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"sidetone/media"
)

// The events of the data channel, from the page's side (docs/web-events.md).
// They are read here anew, so that the two sides check each other.

// pageLabel is the label of the data channel.
const pageLabel = "sidetone.v1"

// maxPageMessage is the longest message, both ways.
const maxPageMessage = 8 << 10

// errPage is what is wrong with a message of the gateway.
var errPage = errors.New("sim: malformed event")

// The messages of the gateway. PageMessage.Event holds one of them.
type (
	// PageHello is the first message.
	PageHello struct {
		V       int    `json:"v"`
		Call    string `json:"call"`
		Session string `json:"session"`
		Agent   struct {
			Name        string `json:"name"`
			Description string `json:"description"`
		} `json:"agent"`
		Language string   `json:"language"`
		Ask      []string `json:"ask"`
		MayHear  bool     `json:"may_hear"`
	}
	// PageConsent is the question of consent; without Choices it only tells.
	PageConsent struct {
		Message  string `json:"message"`
		Language string `json:"language"`
		Parts    []struct {
			Kind string `json:"kind"`
			Text string `json:"text"`
		} `json:"parts"`
		Choices []Choice `json:"choices"`
	}
	// PageSettled says how the question ended, or what has changed since, and what
	// may be chosen now.
	PageSettled struct {
		Outcome    string   `json:"outcome"`
		Recording  bool     `json:"recording"`
		Transcript bool     `json:"transcript"`
		Choices    []Choice `json:"choices"`
	}
	// PageState is what the agent does.
	PageState struct {
		State string `json:"state"`
	}
	// PageCaption is the visitor's words.
	PageCaption struct {
		ID    int     `json:"id"`
		Text  string  `json:"text"`
		Final bool    `json:"final"`
		How   string  `json:"how"`
		From  float64 `json:"from"` // seconds on the call's clock
		To    float64 `json:"to"`
	}
	// PageSaying is a sentence of the agent's, as far as it has been played.
	PageSaying struct {
		Turn   uint32 `json:"turn"`
		Clip   uint32 `json:"clip"`
		Text   string `json:"text"`
		Played int    `json:"played"` // words
		Done   bool   `json:"done"`
	}
	// PageSaid is a turn of the agent's as it was played.
	PageSaid struct {
		Turn        uint32  `json:"turn"`
		Text        string  `json:"text"`
		Interrupted bool    `json:"interrupted"`
		From        float64 `json:"from"`
		To          float64 `json:"to"`
	}
	// PageProblem is something that went wrong.
	PageProblem struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	// PageHush says that what comes before an RTP timestamp is not to be heard.
	PageHush struct {
		Before *uint32 `json:"before"`
	}
	// PageOver is the last message.
	PageOver struct {
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	}
)

// PageMessage is one message of the gateway, and when it came on the caller's
// clock.
type PageMessage struct {
	At    media.Tick
	Type  string
	Event any // one of the Page structs, by value; nil for an unknown type
}

// parsePage reads a message. It is stricter than a page need be: what breaks the
// documented schema is an error.
func parsePage(data []byte) (kind string, event any, err error) {
	var head struct {
		Type string `json:"type"`
	}
	if len(data) > maxPageMessage {
		return "", nil, fmt.Errorf("%w: %d bytes", errPage, len(data))
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return "", nil, fmt.Errorf("%w: %w", errPage, err)
	}
	switch head.Type {
	case "":
		return "", nil, fmt.Errorf("%w: no type", errPage)
	case "hello":
		event, err = pageEvent(data, func(e PageHello) bool { return e.V == 1 && e.Call != "" && e.Session != "" })
	case "consent":
		event, err = pageEvent(data, func(e PageConsent) bool {
			return e.Message != "" && len(e.Parts) > 0 && among(e.Choices, questionChoices)
		})
	case "consent_settled":
		event, err = pageEvent(data, func(e PageSettled) bool {
			kept := e.Recording || e.Transcript
			return slices.Contains(settledOutcomes, e.Outcome) && among(e.Choices, laterChoices) && (!kept || e.Outcome == "granted")
		})
	case "state":
		event, err = pageEvent(data, func(e PageState) bool { return slices.Contains(agentStates, e.State) })
	case "caption":
		event, err = pageEvent(data, func(e PageCaption) bool {
			return slices.Contains([]string{"spoken", "typed", "keyed"}, e.How) && e.From <= e.To
		})
	case "saying":
		event, err = pageEvent(data, func(e PageSaying) bool { return e.Text != "" && e.Played >= 0 })
	case "said":
		event, err = pageEvent(data, func(e PageSaid) bool { return e.From <= e.To })
	case "problem":
		event, err = pageEvent(data, func(e PageProblem) bool { return e.Code != "" })
	case "hush":
		event, err = pageEvent(data, func(e PageHush) bool { return e.Before != nil })
	case "over":
		event, err = pageEvent(data, func(e PageOver) bool { return e.Outcome != "" && e.Reason != "" })
	}
	return head.Type, event, err
}

// The closed sets of the schema.
var (
	settledOutcomes = []string{"granted", "refused", "undecided", "not_asked", "unrecordable", "abandoned", "ledger_failed", "withdrawn", "paused"}
	agentStates     = []string{"announcing", "listening", "thinking", "speaking"}
	questionChoices = []Choice{Agree, Unrecorded}
	laterChoices    = []Choice{Unrecorded, Delete, Again}
)

// among reports whether choices are a list, empty or not, of known ones, none of
// them twice.
func among(choices, known []Choice) bool {
	for i, c := range choices {
		if !slices.Contains(known, c) || slices.Contains(choices[:i], c) {
			return false
		}
	}
	return choices != nil
}

// pageEvent reads data as a T that must be good.
func pageEvent[T any](data []byte, good func(T) bool) (any, error) {
	var e T
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", errPage, err)
	}
	if !good(e) {
		return nil, fmt.Errorf("%w: %s", errPage, data)
	}
	return e, nil
}

// The messages of the page.
type (
	pageChoose struct {
		Type    string `json:"type"`
		Choice  Choice `json:"choice"`
		Message string `json:"message"`
	}
	pageText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	pageKey struct {
		Type  string `json:"type"`
		Digit string `json:"digit"`
	}
	pageAbout struct {
		Type  string `json:"type"`
		Field string `json:"field"`
		Text  string `json:"text"`
	}
	pageMute struct {
		Type string `json:"type"`
		On   bool   `json:"on"`
	}
	pageStats struct {
		Type         string  `json:"type"`
		JitterBuffer float64 `json:"jitter_buffer_ms"`
		RTT          float64 `json:"rtt_ms"`
	}
	pageHushed struct {
		Type   string `json:"type"`
		Before uint32 `json:"before"`
	}
	pageBye struct {
		Type string `json:"type"`
	}
)
