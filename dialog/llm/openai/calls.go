package openai

import (
	"encoding/json"

	"github.com/openai/openai-go/v3"

	"sidetone/dialog/llm"
)

// maxArguments bounds the arguments of one call.
const maxArguments = 64 << 10

// calls puts tool calls together. OpenAI sends a call in pieces that share an
// index, with id and name in the first one only. Others send it whole, without
// an index or an id, or give every call the index 0.
type calls struct {
	open  bool
	index int64
	id    string
	name  string
	args  []byte
	count int
	usage llm.Tally // some tell it in each chunk
}

// content is what a chunk holds.
type content struct {
	text  string
	usage *llm.Usage
	whole []llm.Call // calls that are complete now
}

// read takes the next chunk. finish is why the answer ends with it, "" when it
// does not.
func (c *calls) read(chunk openai.ChatCompletionChunk) (content, string) {
	var out content
	if u := chunk.Usage; chunk.JSON.Usage.Valid() {
		cached := max(0, min(u.PromptTokensDetails.CachedTokens, u.PromptTokens))
		out.usage = c.usage.Since(llm.Usage{Input: u.PromptTokens - cached, Cached: cached, Output: u.CompletionTokens})
	}
	if len(chunk.Choices) == 0 { // the chunk that carries the usage
		return out, ""
	}
	choice := chunk.Choices[0]
	out.text = choice.Delta.Content
	for _, piece := range choice.Delta.ToolCalls {
		if c.begins(piece) {
			if call, ok := c.flush(); ok {
				out.whole = append(out.whole, call)
			}
			c.open, c.index, c.id, c.name = true, piece.Index, piece.ID, piece.Function.Name
			c.count++
		}
		if c.name == "" {
			c.name = piece.Function.Name
		}
		arguments := piece.Function.Arguments
		if raw := piece.Function.JSON.Arguments.Raw(); arguments == "" && len(raw) > 0 && raw[0] == '{' {
			arguments = raw // an object where a string of JSON belongs
		}
		if len(c.args)+len(arguments) <= maxArguments {
			c.args = append(c.args, arguments...)
		}
	}
	return out, choice.FinishReason
}

// begins reports whether a piece belongs to another call than the open one.
func (c *calls) begins(piece openai.ChatCompletionChunkChoiceDeltaToolCall) bool {
	switch {
	case !c.open:
		return true
	case piece.JSON.Index.Valid() && piece.Index != c.index:
		return true
	case piece.ID != "" && piece.ID != c.id:
		return true
	}
	return piece.ID == "" && piece.Function.Name != "" && json.Valid(c.args)
}

// flush returns the open call, which is complete.
func (c *calls) flush() (llm.Call, bool) {
	if !c.open {
		return llm.Call{}, false
	}
	call := llm.Call{ID: c.id, Name: c.name, Arguments: c.args}
	if call.ID == "" {
		call.ID = llm.CallID(c.count)
	}
	*c = calls{count: c.count, usage: c.usage}
	return call, true
}
