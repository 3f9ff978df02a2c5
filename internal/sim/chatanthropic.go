package sim

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// anthropicChat is the Messages API. Source: Anthropic's API reference, "Create a
// Message", "Streaming messages" and "Errors".
var anthropicChat = chatKind{
	key:    func(h http.Header) string { return h.Get("X-Api-Key") },
	parse:  parseMessages,
	refuse: messagesError,
	wire:   func(s *chatStream) chatWire { return &anthropicWire{chatStream: s, open: -1} },
}

// anthropicKinds are the types of errors by status.
var anthropicKinds = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
	405: "invalid_request_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}

func messagesError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", newSID("req_"))
	w.WriteHeader(status)
	io.WriteString(w, mustJSON(map[string]any{"type": "error", "request_id": w.Header().Get("Request-Id"),
		"error": map[string]any{"type": cmp.Or(anthropicKinds[status], "api_error"), "message": message}}))
}

// messageBlock is a block of a request's message.
type messageBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   ChatContent     `json:"content"`
}

// parseMessages reads a request as the API does, which refuses what it can not
// answer, and writes it as a chat request.
func parseMessages(body []byte, h http.Header) (req ChatRequest, err error) {
	var in struct {
		Model     string            `json:"model"`
		MaxTokens int               `json:"max_tokens"`
		Stream    bool              `json:"stream"`
		System    ChatContent       `json:"system"`
		Tools     []json.RawMessage `json:"tools"`
		Messages  []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	switch {
	case h.Get("Anthropic-Version") == "":
		return req, errors.New("anthropic-version: header is required")
	case json.Unmarshal(body, &in) != nil:
		return req, errors.New("request body: not valid JSON")
	case in.Model == "" || in.MaxTokens < 1 || len(in.Messages) == 0:
		return req, errors.New("model, max_tokens and messages: Field required")
	case !in.Stream:
		return req, errors.New("this endpoint streams only")
	case in.Messages[0].Role != "user":
		return req, errors.New("messages: first message must use the user role")
	}
	req = ChatRequest{Model: in.Model, Stream: true, Tools: in.Tools}
	if in.System != "" {
		req.Messages = append(req.Messages, ChatMessage{Role: "system", Content: in.System})
	}
	called := map[string]bool{} // in the message before
	for _, m := range in.Messages {
		blocks, err := blocksOf(m.Content)
		if err != nil {
			return req, err
		}
		out, uses := ChatMessage{Role: m.Role}, map[string]bool{}
		for _, b := range blocks {
			switch {
			case b.Type == "text" && b.Text == "":
				return req, errors.New("messages: text content blocks must be non-empty")
			case b.Type == "text":
				out.Content += ChatContent(b.Text)
			case b.Type == "tool_use" && (b.ID == "" || len(b.Input) == 0 || b.Input[0] != '{'):
				return req, errors.New("messages: tool_use.input: Input should be a valid dictionary")
			case b.Type == "tool_use":
				uses[b.ID] = true
				out.ToolCalls = append(out.ToolCalls, toolCall(b.ID, b.Name, string(b.Input)))
			case b.Type == "tool_result" && !called[b.ToolUseID]:
				return req, errors.New("messages: unexpected tool_use_id found in tool_result blocks")
			case b.Type == "tool_result":
				delete(called, b.ToolUseID)
				req.Messages = append(req.Messages, ChatMessage{Role: "tool", ToolCallID: b.ToolUseID, Content: b.Content})
			}
		}
		if len(called) > 0 {
			return req, errors.New("messages: tool_use ids were found without tool_result blocks immediately after")
		}
		called = uses
		if out.Content != "" || len(out.ToolCalls) > 0 {
			req.Messages = append(req.Messages, out)
		}
	}
	return req, nil
}

// blocksOf reads the content of a message, which is a text or a list of blocks.
func blocksOf(content json.RawMessage) (blocks []messageBlock, err error) {
	if len(content) > 0 && content[0] == '"' {
		var text string
		if err := json.Unmarshal(content, &text); err != nil {
			return nil, err
		}
		return []messageBlock{{Type: "text", Text: text}}, nil
	}
	return blocks, json.Unmarshal(content, &blocks)
}

// anthropicWire writes named events, from message_start to message_stop.
type anthropicWire struct {
	*chatStream
	open  int // the index of the open block; -1: none has begun
	kind  string
	began bool
}

func (s *anthropicWire) begin(reply ChatReply) {
	input := promptTokens(s.req)
	s.event("message_start", mustJSON(map[string]any{"type": "message_start", "message": map[string]any{
		"id": newSID("msg_"), "type": "message", "role": "assistant", "model": s.req.Model, "content": []any{},
		"stop_reason": nil, "stop_sequence": nil,
		"usage": map[string]any{"input_tokens": max(0, input-reply.Cached), "cache_creation_input_tokens": 0,
			"cache_read_input_tokens": reply.Cached, "output_tokens": 1, "service_tier": "standard"},
	}}))
}

// block begins a block, and ends the one before it.
func (s *anthropicWire) block(kind string, begin map[string]any) {
	s.stop()
	s.open, s.kind, s.began = s.open+1, kind, true
	s.event("content_block_start", mustJSON(map[string]any{"type": "content_block_start", "index": s.open, "content_block": begin}))
	if s.open == 0 {
		s.event("ping", `{"type": "ping"}`)
	}
}

func (s *anthropicWire) stop() {
	if s.began {
		s.event("content_block_stop", mustJSON(map[string]any{"type": "content_block_stop", "index": s.open}))
	}
	s.began = false
}

func (s *anthropicWire) delta(delta map[string]any) {
	s.event("content_block_delta", mustJSON(map[string]any{"type": "content_block_delta", "index": s.open, "delta": delta}))
}

func (s *anthropicWire) text(token string) {
	if !s.began || s.kind != "text" {
		s.block("text", map[string]any{"type": "text", "text": ""})
	}
	s.delta(map[string]any{"type": "text_delta", "text": token})
}

func (s *anthropicWire) call(index int, call ChatToolCall, _ ChatReply) {
	s.block("tool_use", map[string]any{"type": "tool_use", "id": cmp.Or(call.ID, newSID("toolu_")), "name": call.Name, "input": map[string]any{}})
	for _, part := range append([]string{""}, parts(call.Arguments)...) {
		s.fragment(func() { s.delta(map[string]any{"type": "input_json_delta", "partial_json": part}) })
	}
	s.stop()
}

func (s *anthropicWire) broken() (name, data string) {
	return "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_del`
}

func (s *anthropicWire) failed() {
	s.event("error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":null}`)
}

// unknown sends what later versions of the API may: an event, and a block with
// deltas of a new type.
func (s *anthropicWire) unknown() {
	s.event("mood", `{"type":"mood","index":0,"delta":{"type":"mood_delta","text":"[happy]"}}`)
	if s.sent > 0 {
		return
	}
	s.block("thinking", map[string]any{"type": "thinking", "thinking": "", "signature": "", "depth": 3})
	s.delta(map[string]any{"type": "thinking_delta", "thinking": "Hm."})
	s.delta(map[string]any{"type": "mood_delta", "text": "[happy]"})
	s.delta(map[string]any{"type": "signature_delta", "signature": "c2ln"})
	s.stop()
}

func (s *anthropicWire) end(reply ChatReply) {
	s.stop()
	reason := "end_turn"
	if len(reply.ToolCalls) > 0 && !reply.StopAfterTools {
		reason = "tool_use"
	}
	s.event("message_delta", mustJSON(map[string]any{"type": "message_delta",
		"delta": map[string]any{"stop_reason": reason, "stop_sequence": nil},
		"usage": map[string]any{"output_tokens": max(1, len(reply.Tokens))}}))
	if !reply.NoDone {
		s.event("message_stop", `{"type":"message_stop"}`)
	}
}

// toolCall is a call in a request.
func toolCall(id, name, arguments string) (c chatCall) {
	c.ID, c.Function.Name, c.Function.Arguments = id, name, strings.TrimSpace(arguments)
	return c
}
