package sim

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxChatRequest bounds the body of a chat request.
const maxChatRequest = 4 << 20

// ChatOptions describe a ChatServer.
type ChatOptions struct {
	// APIKey, if set, is demanded as the bearer token.
	APIKey string
	// Reply decides what each request gets; see Replies.
	Reply func(ChatRequest) ChatReply
}

// ChatReply is one scripted answer, with the faults of real endpoints.
type ChatReply struct {
	// Tokens are the fragments of the text; Text is a way to write them as one.
	Tokens    []string
	Text      string
	ToolCalls []ChatToolCall

	FirstToken    time.Duration // wait before the answer begins, headers included
	BetweenTokens time.Duration // wait before each fragment but the first

	Status     int           // an error status such as 429 or 500 instead of a stream
	RetryAfter time.Duration // its Retry-After header, in seconds

	CutAfter       int  // after that many fragments the connection breaks
	GarbageAfter   int  // after that many fragments comes an event that is not JSON
	Endless        bool // the fragments are repeated until the client goes away
	WholeToolCalls bool // each tool call comes in one chunk, as some local servers send it
	NoDone         bool // the stream ends without [DONE]
}

// ChatToolCall is a call of a tool; Arguments is JSON text.
type ChatToolCall struct{ ID, Name, Arguments string }

// ChatRequest is what a client asked for.
type ChatRequest struct {
	Model         string            `json:"model"`
	Messages      []ChatMessage     `json:"messages"`
	Tools         []json.RawMessage `json:"tools"`
	Stream        bool              `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// ChatMessage is one message of a request.
type ChatMessage struct {
	Role       string      `json:"role"`
	Content    ChatContent `json:"content"`
	ToolCallID string      `json:"tool_call_id"`
	ToolCalls  []struct {
		ID       string `json:"id"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// ChatContent is the text of a message, which comes as a string, as a list of
// parts or as null.
type ChatContent string

// UnmarshalJSON implements json.Unmarshaler.
func (c *ChatContent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		*c += ChatContent(p.Text)
	}
	return nil
}

// Replies returns a reply function that gives each request the next reply; the
// last one is repeated.
func Replies(replies ...ChatReply) func(ChatRequest) ChatReply {
	var n atomic.Int64
	return func(ChatRequest) ChatReply {
		return replies[min(int(n.Add(1)), len(replies))-1]
	}
}

// ChatServer is an OpenAI-compatible chat endpoint: POST /v1/chat/completions,
// streamed or whole. It is an http.Handler; its goroutines are the server's.
type ChatServer struct {
	opts ChatOptions

	mu        sync.Mutex
	requests  []ChatRequest
	abandoned int
}

// NewChatServer returns a chat endpoint.
func NewChatServer(opts ChatOptions) *ChatServer { return &ChatServer{opts: opts} }

// Requests returns what was asked so far.
func (s *ChatServer) Requests() []ChatRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Abandoned returns how many streams their client went away from.
func (s *ChatServer) Abandoned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.abandoned
}

// ServeHTTP implements http.Handler.
func (s *ChatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/v1/chat/completions":
		chatError(w, http.StatusNotFound, "invalid_request_error", "unknown_url", "Unknown request URL: "+r.URL.Path)
		return
	case r.Method != http.MethodPost:
		chatError(w, http.StatusMethodNotAllowed, "invalid_request_error", "method_not_supported", "Not allowed to "+r.Method)
		return
	case s.opts.APIKey != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.opts.APIKey)) == 0:
		chatError(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided")
		return
	}
	var req ChatRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxChatRequest)).Decode(&req); err != nil {
		chatError(w, http.StatusBadRequest, "invalid_request_error", "", "We could not parse the JSON body of your request")
		return
	}
	if req.Model == "" || len(req.Messages) == 0 {
		chatError(w, http.StatusBadRequest, "invalid_request_error", "missing_required_parameter", "you must provide a model and messages")
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.mu.Unlock()

	reply := s.opts.Reply(req)
	if reply.Text != "" {
		reply.Tokens = append(slices.Clone(reply.Tokens), tokensOf(reply.Text)...)
	}
	switch {
	case reply.Status != 0:
		if reply.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(reply.RetryAfter/time.Second)))
		}
		chatError(w, reply.Status, "server_error", "", http.StatusText(reply.Status))
	case req.Stream:
		stream := newChatStream(w, r, req)
		if !stream.run(reply) {
			s.mu.Lock()
			s.abandoned++
			s.mu.Unlock()
		}
	default:
		writeCompletion(w, req, reply)
	}
}

// chatError answers as the API's error object does.
func chatError(w http.ResponseWriter, status int, kind, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	var coded any
	if code != "" {
		coded = code
	}
	json.NewEncoder(w).Encode(map[string]any{
		"error": map[string]any{"message": message, "type": kind, "param": nil, "code": coded},
	})
}
