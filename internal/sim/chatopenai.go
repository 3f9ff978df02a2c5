package sim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// openAIChat is chat completions. Source: OpenAI API reference, "Create chat
// completion" and "Streaming".
var openAIChat = chatKind{
	key: func(h http.Header) string { return strings.TrimPrefix(h.Get("Authorization"), "Bearer ") },
	parse: func(body []byte, _ http.Header) (req ChatRequest, err error) {
		if json.Unmarshal(body, &req) != nil {
			return req, errors.New("could not parse the JSON body of your request")
		}
		if req.Model == "" || len(req.Messages) == 0 {
			return req, errors.New("you must provide a model and messages")
		}
		return req, nil
	},
	refuse: chatError,
	wire: func(s *chatStream) chatWire {
		return &openAIWire{chatStream: s, id: newSID("chatcmpl-"), now: time.Now().Unix()}
	},
}

// chatCodes are the codes of errors by status; others have none.
var chatCodes = map[int]string{
	http.StatusNotFound: "unknown_url", http.StatusMethodNotAllowed: "method_not_supported", http.StatusUnauthorized: "invalid_api_key",
}

// chatError answers as the API's error object does.
func chatError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	kind := "invalid_request_error"
	if status >= 500 || status == http.StatusTooManyRequests {
		kind = "server_error"
	}
	var coded any
	if code := chatCodes[status]; code != "" {
		coded = code
	}
	io.WriteString(w, mustJSON(map[string]any{
		"error": map[string]any{"message": message, "type": kind, "param": nil, "code": coded},
	}))
}

// openAIWire writes "data: " and a chunk, to "data: [DONE]".
type openAIWire struct {
	*chatStream
	id  string
	now int64
}

func (s *openAIWire) begin(ChatReply) {
	s.delta(map[string]any{"role": "assistant", "content": "", "refusal": nil}, nil)
}

func (s *openAIWire) text(token string) { s.delta(map[string]any{"content": token}, nil) }

func (s *openAIWire) call(index int, call ChatToolCall, reply ChatReply) {
	for _, part := range toolCallParts(index, call, reply) {
		s.fragment(func() { s.delta(map[string]any{"tool_calls": []any{part}}, nil) })
	}
}

func (s *openAIWire) broken() (name, data string) {
	return "", `{"id":"` + s.id + `","choices":[{"delta":{"con`
}

func (s *openAIWire) failed() {
	s.event("", `{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}`)
}

func (s *openAIWire) unknown() {
	s.write(": comment\n\n")
	s.chunk([]any{map[string]any{"index": 0, "delta": map[string]any{"reasoning_content": "hm", "mood": 3}, "entropy": []int{1}, "finish_reason": nil}}, nil)
}

func (s *openAIWire) end(reply ChatReply) {
	finish := "stop"
	if len(reply.ToolCalls) > 0 && !reply.StopAfterTools {
		finish = "tool_calls"
	}
	s.delta(map[string]any{}, finish)
	if s.req.StreamOptions.IncludeUsage {
		s.chunk([]any{}, usageOf(s.req, reply))
	}
	if !reply.NoDone {
		s.event("", "[DONE]")
	}
}

func (s *openAIWire) delta(delta map[string]any, finish any) {
	s.chunk([]any{map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}}, nil)
}

// chunk sends one chunk. With include_usage every chunk has the key usage; the
// last one alone has a value, and no choices.
func (s *openAIWire) chunk(choices []any, usage any) {
	chunk := map[string]any{
		"id": s.id, "object": "chat.completion.chunk", "created": s.now, "model": s.req.Model,
		"system_fingerprint": nil, "choices": choices,
	}
	if s.req.StreamOptions.IncludeUsage {
		chunk["usage"] = usage
	}
	s.event("", mustJSON(chunk))
}

// toolCallParts splits a call as the API does, id and name in the first part,
// then the arguments in fragments; or as others do.
func toolCallParts(index int, call ChatToolCall, reply ChatReply) []any {
	function := func(name, arguments string) map[string]any {
		return map[string]any{"name": name, "arguments": arguments}
	}
	first := map[string]any{"index": index, "id": call.ID, "type": "function", "function": function(call.Name, "")}
	if reply.WholeToolCalls {
		first["function"] = function(call.Name, call.Arguments)
	}
	if reply.NoIndex {
		delete(first, "index")
	}
	if reply.NoID {
		delete(first, "id")
	}
	if reply.WholeToolCalls {
		return []any{first}
	}
	all := []any{first}
	for _, part := range parts(call.Arguments) {
		piece := map[string]any{"index": index, "function": map[string]any{"arguments": part}}
		if reply.NoIndex {
			delete(piece, "index")
		}
		all = append(all, piece)
	}
	return all
}

// writeCompletion answers a request that does not stream.
func writeCompletion(w http.ResponseWriter, req ChatRequest, reply ChatReply) {
	message := map[string]any{"role": "assistant", "content": strings.Join(reply.Tokens, ""), "refusal": nil}
	finish := "stop"
	if len(reply.ToolCalls) > 0 {
		calls := make([]any, len(reply.ToolCalls))
		for i, c := range reply.ToolCalls {
			calls[i] = map[string]any{"id": c.ID, "type": "function", "function": map[string]any{"name": c.Name, "arguments": c.Arguments}}
		}
		message["tool_calls"], finish = calls, "tool_calls"
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, mustJSON(map[string]any{
		"id": newSID("chatcmpl-"), "object": "chat.completion", "created": time.Now().Unix(), "model": req.Model,
		"choices": []any{map[string]any{"index": 0, "message": message, "logprobs": nil, "finish_reason": finish}},
		"usage":   usageOf(req, reply),
	}))
}

// usageOf counts a fragment or a word of the prompt as a token.
func usageOf(req ChatRequest, reply ChatReply) map[string]any {
	prompt, completion := promptTokens(req), len(reply.Tokens)
	usage := map[string]any{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
	if reply.Cached > 0 {
		usage["prompt_tokens_details"] = map[string]any{"cached_tokens": reply.Cached, "audio_tokens": 0}
	}
	return usage
}
