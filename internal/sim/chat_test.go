package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const chatBody = `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"how are you"}]}`

// startChat serves s in the bubble of t and returns a client for it.
func startChat(t *testing.T, s *ChatServer) *http.Client {
	ln := NewPipeListener()
	server := &http.Server{Handler: s}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(ln) }()
	t.Cleanup(func() { server.Close(); <-served })
	return &http.Client{Transport: &http.Transport{DialContext: ln.DialContext, DisableKeepAlives: true}}
}

// chatEvent is one server-sent event and when it came.
type chatEvent struct {
	data string
	at   time.Duration
}

// ask posts body and reads the events; err is what ended the stream, if not EOF.
func ask(t *testing.T, client *http.Client, body string) (events []chatEvent, resp *http.Response, err error) {
	t.Helper()
	began := time.Now()
	resp, err = client.Post("http://chat/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	scan := bufio.NewScanner(resp.Body)
	for scan.Scan() {
		if data, ok := strings.CutPrefix(scan.Text(), "data: "); ok {
			events = append(events, chatEvent{data, time.Since(began)})
		}
	}
	return events, resp, scan.Err()
}

// chunk is what a client reads of a chunk.
type chunk struct {
	Object  string
	Choices []struct {
		Delta struct {
			Role, Content string
			ToolCalls     []struct {
				Index    int
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		Finish *string `json:"finish_reason"`
	}
	Usage *struct {
		Total int `json:"total_tokens"`
	}
}

func parseChunks(t *testing.T, events []chatEvent) (chunks []chunk, done bool) {
	t.Helper()
	for _, e := range events {
		if e.data == "[DONE]" {
			return chunks, true
		}
		var c chunk
		if err := json.Unmarshal([]byte(e.data), &c); err != nil {
			t.Fatalf("%s: %v", e.data, err)
		}
		chunks = append(chunks, c)
	}
	return chunks, false
}

func TestChatStreamsText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewChatServer(ChatOptions{Reply: Replies(ChatReply{Text: "Fine, thank you.", FirstToken: time.Second, BetweenTokens: 100 * time.Millisecond})})
		events, resp, err := ask(t, startChat(t, s), chatBody)
		if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			t.Fatalf("%v, %v", resp.Header, err)
		}
		chunks, done := parseChunks(t, events)
		if len(chunks) != 6 || !done {
			t.Fatalf("%d chunks, done %v", len(chunks), done)
		}
		var text strings.Builder
		for _, c := range chunks[:5] {
			text.WriteString(c.Choices[0].Delta.Content)
			if c.Usage != nil || c.Object != "chat.completion.chunk" {
				t.Errorf("chunk %+v", c)
			}
		}
		if text.String() != "Fine, thank you." || chunks[0].Choices[0].Delta.Role != "assistant" {
			t.Errorf("text %q", text.String())
		}
		if f := chunks[4].Choices[0].Finish; f == nil || *f != "stop" {
			t.Errorf("finish_reason %v", f)
		}
		if len(chunks[5].Choices) != 0 || chunks[5].Usage == nil || chunks[5].Usage.Total != 6 {
			t.Errorf("the last chunk is %+v, want usage without choices", chunks[5])
		}
		if events[1].at != time.Second || events[3].at != 1200*time.Millisecond {
			t.Errorf("fragments came at %v and %v", events[1].at, events[3].at)
		}
		if got := s.Requests(); len(got) != 1 || got[0].Messages[0].Content != "how are you" {
			t.Errorf("requests %+v", got)
		}
	})
}

func TestChatStreamsToolCalls(t *testing.T) {
	call := ChatToolCall{ID: "call_1", Name: "book", Arguments: `{"day":"Monday"}`}
	for _, whole := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := NewChatServer(ChatOptions{Reply: Replies(ChatReply{ToolCalls: []ChatToolCall{call, call}, WholeToolCalls: whole, NoDone: true})})
			events, _, err := ask(t, startChat(t, s), chatBody)
			if err != nil {
				t.Fatal(err)
			}
			chunks, done := parseChunks(t, events)
			if done {
				t.Error("[DONE] was sent")
			}
			var arguments [2]string
			parts := 0
			for _, c := range chunks {
				for _, choice := range c.Choices {
					for _, tc := range choice.Delta.ToolCalls {
						if (tc.ID == "call_1" && tc.Function.Name == "book") != (arguments[tc.Index] == "") {
							t.Errorf("id and name belong to the first part only: %+v", tc)
						}
						if tc.ID != "" && !whole {
							arguments[tc.Index] = " "
						}
						arguments[tc.Index] += tc.Function.Arguments
						parts++
					}
					if choice.Finish != nil && *choice.Finish != "tool_calls" {
						t.Errorf("finish_reason %s", *choice.Finish)
					}
				}
			}
			if strings.TrimSpace(arguments[0]) != call.Arguments || strings.TrimSpace(arguments[1]) != call.Arguments {
				t.Errorf("arguments %q", arguments)
			}
			if whole != (parts == 2) {
				t.Errorf("%d parts, whole %v", parts, whole)
			}
		})
	}
}

func TestChatFaults(t *testing.T) {
	text := []string{"One", " two", " three", " four"}
	tests := []struct {
		name  string
		reply ChatReply
		check func(events []chatEvent, resp *http.Response, err error) bool
	}{
		{"cut", ChatReply{Tokens: text, CutAfter: 2}, func(events []chatEvent, _ *http.Response, err error) bool {
			return err != nil && len(events) == 3
		}},
		{"garbage", ChatReply{Tokens: text, GarbageAfter: 1}, func(events []chatEvent, _ *http.Response, err error) bool {
			return err == nil && !json.Valid([]byte(events[2].data)) && json.Valid([]byte(events[3].data))
		}},
		{"429", ChatReply{Status: 429, RetryAfter: 7 * time.Second}, func(_ []chatEvent, resp *http.Response, _ error) bool {
			return resp.StatusCode == 429 && resp.Header.Get("Retry-After") == "7"
		}},
		{"500", ChatReply{Status: 500}, func(_ []chatEvent, resp *http.Response, _ error) bool {
			return resp.StatusCode == 500 && resp.Header.Get("Content-Type") == "application/json"
		}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			events, resp, err := ask(t, startChat(t, NewChatServer(ChatOptions{Reply: Replies(tt.reply)})), chatBody)
			if !tt.check(events, resp, err) {
				t.Errorf("%s: %s, %d events, %v", tt.name, resp.Status, len(events), err)
			}
		})
	}
}

func TestChatGoesOnUntilTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewChatServer(ChatOptions{Reply: Replies(ChatReply{Text: "on and", Endless: true, BetweenTokens: 10 * time.Millisecond})})
		client := startChat(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://chat/v1/chat/completions", strings.NewReader(chatBody))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the stream ended with %v", err)
		}
		synctest.Wait()
		if s.Abandoned() != 1 {
			t.Errorf("%d abandoned streams, want 1", s.Abandoned())
		}
	})
}

func TestChatRefuses(t *testing.T) {
	tests := []struct {
		name, method, path, key, body string
		status                        int
	}{
		{"another path", "POST", "/v1/models", "k", chatBody, 404},
		{"GET", "GET", "/v1/chat/completions", "k", "", 405},
		{"wrong key", "POST", "/v1/chat/completions", "x", chatBody, 401},
		{"not JSON", "POST", "/v1/chat/completions", "k", "{", 400},
		{"no messages", "POST", "/v1/chat/completions", "k", `{"model":"m"}`, 400},
		{"parts, not streamed", "POST", "/v1/chat/completions", "k", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`, 200},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := NewChatServer(ChatOptions{APIKey: "k", Reply: func(r ChatRequest) ChatReply { return ChatReply{Text: string(r.Messages[0].Content) + "!"} }})
			req, err := http.NewRequest(tt.method, "http://chat"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+tt.key)
			resp, err := startChat(t, s).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var got struct {
				Error   *struct{ Message string }
				Choices []struct{ Message struct{ Content string } }
			}
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || (got.Error == nil) != (tt.status == 200) {
				t.Errorf("%s: %s, %+v", tt.name, resp.Status, got)
			}
			if tt.status == 200 && got.Choices[0].Message.Content != "hi!" {
				t.Errorf("%s: %+v", tt.name, got)
			}
		})
	}
}
