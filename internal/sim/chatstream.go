package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// chatStream writes one reply as server-sent events: "data: " and a chunk, to
// "data: [DONE]". Source: OpenAI API reference, "Streaming chat completions".
type chatStream struct {
	w     http.ResponseWriter
	r     *http.Request
	req   ChatRequest
	id    string
	now   int64
	sent  int // fragments
	alive bool
}

func newChatStream(w http.ResponseWriter, r *http.Request, req ChatRequest) *chatStream {
	return &chatStream{w: w, r: r, req: req, id: newSID("chatcmpl-"), now: time.Now().Unix(), alive: true}
}

// run streams the reply. It reports whether the client stayed to its end.
func (s *chatStream) run(reply ChatReply) (stayed bool) {
	s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s.w.Header().Set("Cache-Control", "no-cache")
	s.wait(reply.FirstToken)
	s.delta(map[string]any{"role": "assistant", "content": "", "refusal": nil}, nil)
	for {
		for _, token := range reply.Tokens {
			s.fragment(reply, map[string]any{"content": token})
		}
		if !reply.Endless || !s.alive {
			break
		}
		if len(reply.Tokens) == 0 {
			<-s.r.Context().Done()
			s.alive = false
			break
		}
	}
	for i, call := range reply.ToolCalls {
		for _, part := range toolCallParts(i, call, reply.WholeToolCalls) {
			s.fragment(reply, map[string]any{"tool_calls": []any{part}})
		}
	}
	finish := "stop"
	if len(reply.ToolCalls) > 0 {
		finish = "tool_calls"
	}
	s.delta(map[string]any{}, finish)
	if s.req.StreamOptions.IncludeUsage {
		s.chunk([]any{}, usageOf(s.req, reply))
	}
	if !reply.NoDone {
		s.event("[DONE]")
	}
	return s.alive
}

// fragment sends one fragment when its time has come, with the faults that are
// due after it.
func (s *chatStream) fragment(reply ChatReply, delta map[string]any) {
	if s.sent > 0 {
		s.wait(reply.BetweenTokens)
	}
	if !s.alive {
		return
	}
	s.delta(delta, nil)
	s.sent++
	if s.sent == reply.GarbageAfter {
		s.event(`{"id":"` + s.id + `","choices":[{"delta":{"con`)
	}
	if s.sent == reply.CutAfter {
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	}
}

// wait waits for d or until the client has gone.
func (s *chatStream) wait(d time.Duration) {
	s.alive = s.alive && sleepUntil(s.r.Context(), time.Now().Add(d))
}

func (s *chatStream) delta(delta map[string]any, finish any) {
	s.chunk([]any{map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}}, nil)
}

// chunk sends one chunk. With include_usage every chunk has the key usage; the
// last one alone has a value, and no choices.
func (s *chatStream) chunk(choices []any, usage any) {
	chunk := map[string]any{
		"id": s.id, "object": "chat.completion.chunk", "created": s.now, "model": s.req.Model,
		"system_fingerprint": nil, "choices": choices,
	}
	if s.req.StreamOptions.IncludeUsage {
		chunk["usage"] = usage
	}
	s.event(mustJSON(chunk))
}

func (s *chatStream) event(data string) {
	if !s.alive {
		return
	}
	_, err := io.WriteString(s.w, "data: "+data+"\n\n")
	if err == nil {
		err = http.NewResponseController(s.w).Flush()
	}
	s.alive = err == nil
}

// toolCallParts splits a call as the API does: id and name in the first part,
// then the arguments in fragments.
func toolCallParts(index int, call ChatToolCall, whole bool) []any {
	function := func(name, arguments string) map[string]any {
		return map[string]any{"name": name, "arguments": arguments}
	}
	first := map[string]any{"index": index, "id": call.ID, "type": "function", "function": function(call.Name, "")}
	if whole {
		first["function"] = function(call.Name, call.Arguments)
		return []any{first}
	}
	parts := []any{first}
	for rest := call.Arguments; rest != ""; {
		n := min(5, len(rest))
		parts = append(parts, map[string]any{"index": index, "function": map[string]any{"arguments": rest[:n]}})
		rest = rest[n:]
	}
	return parts
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
	prompt := 0
	for _, m := range req.Messages {
		prompt += len(strings.Fields(string(m.Content)))
	}
	completion := len(reply.Tokens)
	return map[string]any{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
}

// tokensOf splits text before each space, as tokenisers do.
func tokensOf(text string) (tokens []string) {
	for text != "" {
		n := strings.IndexByte(text[1:], ' ') + 1
		if n == 0 {
			n = len(text)
		}
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sim: internal error: " + err.Error())
	}
	return string(b)
}
