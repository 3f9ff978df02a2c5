package sim

import (
	"crypto/subtle"
	"encoding/json"
	"io"
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
	// APIKey, if set, is demanded: as the bearer token, or as x-api-key of the
	// Messages API.
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
	Location   string        // of a redirect
	Echo       bool          // the error repeats the key and the words of the request

	Silent       bool // the request is taken, and nothing ever comes
	CutAfter     int  // after that many fragments the connection breaks
	CutInEvent   bool // and half of the next one was sent
	StallAfter   int  // after that many fragments nothing comes any more
	GarbageAfter int  // after that many fragments comes an event that is not JSON
	ErrorAfter   int  // after that many fragments comes the API's own error event
	Endless      bool // the fragments are repeated until the client goes away
	Huge         bool // one event of 100 MB
	Unknown      bool // events and fields that are not documented

	Cached int // of the prompt's tokens came from a cache

	WholeToolCalls bool // each tool call comes in one chunk, as some local servers send it
	NoIndex, NoID  bool // of tool calls, as with other local servers
	StopAfterTools bool // the reason for the end is stop, in spite of the calls
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

	Path string          `json:"-"`
	Body json.RawMessage `json:"-"` // as it came
}

// ChatMessage is one message of a request.
type ChatMessage struct {
	Role       string      `json:"role"`
	Content    ChatContent `json:"content"`
	ToolCallID string      `json:"tool_call_id"`
	ToolCalls  []chatCall  `json:"tool_calls"`
}

// chatCall is a call that an earlier answer made.
type chatCall struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
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

// ChatServer is a chat endpoint of two kinds, as some local servers are: OpenAI's
// POST /v1/chat/completions, streamed or whole, and the stream of Anthropic's POST
// /v1/messages. It is an http.Handler; its goroutines are the server's.
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
	kind, ok := chatKinds[r.URL.Path]
	switch {
	case !ok:
		openAIChat.refuse(w, http.StatusNotFound, "Unknown request URL: "+r.URL.Path)
		return
	case r.Method != http.MethodPost:
		kind.refuse(w, http.StatusMethodNotAllowed, "Not allowed to "+r.Method)
		return
	case s.opts.APIKey != "" && subtle.ConstantTimeCompare([]byte(kind.key(r.Header)), []byte(s.opts.APIKey)) == 0:
		kind.refuse(w, http.StatusUnauthorized, "Incorrect API key provided: "+kind.key(r.Header))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxChatRequest))
	if err != nil {
		kind.refuse(w, http.StatusRequestEntityTooLarge, "The request is too large")
		return
	}
	req, err := kind.parse(body, r.Header)
	if err != nil {
		kind.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	req.Path, req.Body = r.URL.Path, body
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
		if reply.Location != "" {
			w.Header().Set("Location", reply.Location)
		}
		text := http.StatusText(reply.Status)
		if reply.Echo {
			text += ": " + kind.key(r.Header) + " said " + string(body)
		}
		kind.refuse(w, reply.Status, text)
	case req.Stream:
		stream := chatStream{w: w, r: r, req: req, alive: true}
		if !stream.run(reply, kind.wire(&stream)) {
			s.mu.Lock()
			s.abandoned++
			s.mu.Unlock()
		}
	default:
		writeCompletion(w, req, reply)
	}
}
