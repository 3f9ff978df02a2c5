package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sidetone/dialog"
)

// The tools.
const (
	endCall      = "end_call"
	transferCall = "transfer"
	recordAnswer = "record_answer"
	callerMinor  = "caller_is_minor"
	handOver     = "hand_over"
	pauseTool    = "pause_recording"
	resumeTool   = "resume_recording"
)

// tools returns what the model may call with this agent.
func (r *Replier) tools() []Tool {
	object := func(properties map[string]any) map[string]any {
		required := slices.Sorted(maps.Keys(properties))
		return map[string]any{"type": "object", "properties": properties, "required": required}
	}
	tools := []Tool{{
		Name:        endCall,
		Description: "Ends the call after what you say in this answer. Say goodbye in the same answer.",
		Parameters:  object(map[string]any{}),
	}, {
		Name:        callerMinor,
		Description: "Says that the caller is a child. It ends the conversation at once.",
		Parameters:  object(map[string]any{}),
	}}
	if r.o.Agent.Pause {
		tools = append(tools, Tool{
			Name: pauseTool,
			Description: "Pauses the recording after what you say in this answer, so that the caller can enter a secret on the keypad, " +
				"ended by the hash key. Ask for it in the same answer. Nobody sees what is entered, nor do you; the recording goes on by itself.",
			Parameters: object(map[string]any{}),
		}, Tool{
			Name:        resumeTool,
			Description: "Resumes a recording that is paused, after what you say in this answer.",
			Parameters:  object(map[string]any{}),
		})
	}
	if len(r.o.Transfers) > 0 {
		tools = append(tools, Tool{
			Name:        transferCall,
			Description: "Connects the caller to somebody else after what you say in this answer.",
			Parameters: object(map[string]any{
				"to": map[string]any{"type": "string", "enum": slices.Sorted(maps.Keys(r.o.Transfers))},
			}),
		})
	}
	if len(r.o.Agent.HandOver) > 0 {
		tools = append(tools, Tool{
			Name: handOver,
			Description: "Hands the caller over to another agent, for another language or purpose, after what you say in this answer. " +
				"That agent tells the caller about the recording anew.",
			Parameters: object(map[string]any{
				"to": map[string]any{"type": "string", "enum": r.o.Agent.HandOver},
			}),
		})
	}
	if goals := r.o.Agent.LLM.Goals; len(goals) > 0 {
		keys := make([]string, len(goals))
		for i, g := range goals {
			keys[i] = g.Key
		}
		tools = append(tools, Tool{
			Name:        recordAnswer,
			Description: "Records an answer of the caller's. Call it again to correct one.",
			Parameters: object(map[string]any{
				"key":   map[string]any{"type": "string", "enum": keys},
				"value": map[string]any{"type": "string", "description": "yes or no for the kind yes_no, digits for a number"},
			}),
		})
	}
	if r.o.Runner != nil {
		for _, t := range r.o.Agent.LLM.Tools {
			tools = append(tools, Tool{Name: t.Name, Description: t.Description, Parameters: t.Parameters})
		}
	}
	return tools
}

// Why a call was refused; the model is told.
var (
	errArguments = errors.New("the arguments are not a JSON object as described")
	errUnknown   = errors.New("there is no such tool")
	errKey       = errors.New("there is no such key")
	errValue     = errors.New("the value does not fit the kind")
	errTarget    = errors.New("there is nobody of that name")
	errTried     = errors.New("that agent can not go on with this call")
	errTooMany   = errors.New("too many tools at once")
	errNobody    = errors.New("the caller has said nothing that could be recorded")
)

// call does what the model asked for and returns the result that it is told, the
// n-th of the answer.
func (r *Replier) call(t *turn, c Call, n int) string {
	var err error
	switch c.Name {
	case endCall:
		t.end = true
	case transferCall:
		err = r.connect(t, c.Arguments)
	case recordAnswer:
		err = r.record(t, c.Arguments)
	case callerMinor:
		t.hand(dialog.Part{Minor: true})
		t.minor, t.left = true, 0
	case handOver:
		err = r.handOver(t, c.Arguments)
	case pauseTool, resumeTool:
		err = r.pause(t, c.Name == pauseTool)
	default:
		err = r.ask(t, c, n)
	}
	r.o.Engines.metrics.called(r.label(c.Name), err)
	if err != nil {
		return "refused: " + err.Error()
	}
	return "done"
}

// ask notes a call of a tool of the agent's file.
func (r *Replier) ask(t *turn, c Call, n int) error {
	tool, ok := r.tool(c.Name)
	if !ok {
		return errUnknown
	}
	arguments, err := tool.Parameters.Accept(c.Arguments)
	if err != nil {
		return err
	}
	if len(t.lookups) >= maxLookups {
		return errTooMany
	}
	t.lookups = append(t.lookups, lookup{tool, arguments, n})
	return nil
}

// pause pauses or resumes the recording.
func (r *Replier) pause(t *turn, on bool) error {
	if !r.o.Agent.Pause {
		return errUnknown
	}
	t.pause = t.pause || on
	t.hand(dialog.Part{Pause: on, Resume: !on})
	return nil
}

// handOver hands the caller over to another agent.
func (r *Replier) handOver(t *turn, arguments json.RawMessage) error {
	var a struct{ To string }
	switch {
	case json.Unmarshal(arguments, &a) != nil:
		return errArguments
	case !slices.Contains(r.o.Agent.HandOver, a.To):
		return errTarget
	case r.offered[a.To]:
		return errTried
	}
	r.offered[a.To], t.pause = true, true
	t.hand(dialog.Part{HandOver: a.To})
	return nil
}

func (r *Replier) connect(t *turn, arguments json.RawMessage) error {
	var a struct{ To string }
	if json.Unmarshal(arguments, &a) != nil {
		return errArguments
	}
	target, ok := r.o.Transfers[a.To]
	if !ok {
		return errTarget
	}
	t.end, t.transfer = true, target.To
	return nil
}

func (r *Replier) record(t *turn, arguments json.RawMessage) error {
	if t.in.Kind != dialog.Said && t.in.Kind != dialog.Keyed {
		return errNobody
	}
	var a struct {
		Key   string
		Value json.RawMessage
	}
	if json.Unmarshal(arguments, &a) != nil {
		return errArguments
	}
	goals := r.o.Agent.LLM.Goals
	i := slices.IndexFunc(goals, func(g dialog.Goal) bool { return g.Key == a.Key })
	if i < 0 {
		return errKey
	}
	v, err := value(goals[i].Kind, a.Value)
	if err != nil {
		return err
	}
	r.recorded[a.Key] = true
	t.hand(dialog.Part{Answer: &dialog.Answer{Key: a.Key, Kind: string(goals[i].Kind), Value: v, Said: t.in.Said}})
	return nil
}

// maxValue bounds an answer in bytes.
const maxValue = 4000

// value reads what the model gave, in whichever JSON type, as the kind of the
// goal: bool for yes_no, float64 for number, else a string; nil for null, which
// is a goal that the caller will not answer.
func value(kind dialog.Kind, raw json.RawMessage) (any, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || len(raw) > maxValue {
		return nil, errValue
	}
	if string(raw) == "null" {
		return nil, nil
	}
	text := string(raw) // of a number or a boolean
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, errArguments
		}
	} else if raw[0] == '{' || raw[0] == '[' {
		return nil, errValue
	}
	text = strings.TrimSpace(text)
	switch kind {
	case dialog.KindYesNo:
		switch strings.ToLower(text) {
		case "yes", "true":
			return true, nil
		case "no", "false":
			return false, nil
		}
		return nil, errValue
	case dialog.KindNumber:
		n, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		if err != nil || n != n || n-n != 0 { // neither NaN nor infinite
			return nil, errValue
		}
		return n, nil
	case dialog.KindDigits:
		text = strings.Map(func(r rune) rune {
			if r == ' ' || r == '-' {
				return -1
			}
			return r
		}, text)
		if strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
			return nil, errValue
		}
	}
	if text == "" || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errValue
	}
	return text, nil
}

// label is what a tool is called in metrics: those of agents' files have one name.
func (r *Replier) label(name string) string {
	if slices.Contains(dialog.BuiltInTools, name) {
		return name
	}
	if _, ok := r.tool(name); ok {
		return "http"
	}
	return "unknown"
}
