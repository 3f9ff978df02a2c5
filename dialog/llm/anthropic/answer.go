package anthropic

import (
	"cmp"
	"encoding/json"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"sidetone/dialog/llm"
)

// maxArguments bounds the arguments of one call.
const maxArguments = 64 << 10

// answer puts the events of one message together. Events, blocks and deltas that
// it does not know are passed over, as the API's versioning policy asks for.
type answer struct {
	ended bool
	calls int
	usage llm.Tally

	open  bool // a call
	index int64
	id    string
	name  string
	args  []byte
	whole json.RawMessage // arguments that came with the beginning
}

// read takes the next event.
func (a *answer) read(e sdk.MessageStreamEventUnion) (d llm.Delta) {
	switch e.Type {
	case "message_start":
		u := e.Message.Usage
		d.Usage = a.usage.Since(llm.Usage{Input: u.InputTokens, Cached: u.CacheReadInputTokens, Written: u.CacheCreationInputTokens, Output: u.OutputTokens})
	case "content_block_start":
		switch b := e.ContentBlock; b.Type {
		case "text":
			d.Text = b.Text
		case "tool_use":
			a.calls++
			a.open, a.index, a.id, a.name, a.args = true, e.Index, cmp.Or(b.ID, llm.CallID(a.calls)), b.Name, nil
			a.whole = json.RawMessage(b.JSON.Input.Raw())
		}
	case "content_block_delta":
		switch e.Delta.Type {
		case "text_delta":
			d.Text = e.Delta.Text
		case "input_json_delta":
			if a.open && e.Index == a.index && len(a.args)+len(e.Delta.PartialJSON) <= maxArguments {
				a.args = append(a.args, e.Delta.PartialJSON...)
			}
		}
	case "content_block_stop":
		if a.open && e.Index == a.index {
			d.Call = a.call()
		}
	case "message_delta":
		d.Usage = a.usage.Since(a.told(e.Usage))
		reason := e.Delta.StopReason
		d.Truncated = reason == sdk.StopReasonMaxTokens || reason == sdk.StopReasonModelContextWindowExceeded
		a.ended = a.ended || reason != ""
	case "message_stop":
		a.ended = true
	}
	return d
}

// call returns the open call, which is complete.
func (a *answer) call() *llm.Call {
	arguments := json.RawMessage(a.args)
	if len(arguments) == 0 {
		arguments = a.whole
	}
	if len(arguments) == 0 || len(arguments) > maxArguments {
		arguments = json.RawMessage(`{}`)
	}
	a.open = false
	return &llm.Call{ID: a.id, Name: a.name, Arguments: arguments}
}

// told is what a message_delta says of the usage, which is of the whole message;
// what it does not say stays as it was.
func (a *answer) told(u sdk.MessageDeltaUsage) llm.Usage {
	now := a.usage.Told()
	if u.JSON.InputTokens.Valid() {
		now.Input = u.InputTokens
	}
	if u.JSON.CacheReadInputTokens.Valid() {
		now.Cached = u.CacheReadInputTokens
	}
	if u.JSON.CacheCreationInputTokens.Valid() {
		now.Written = u.CacheCreationInputTokens
	}
	if u.JSON.OutputTokens.Valid() {
		now.Output = u.OutputTokens
	}
	return now
}
