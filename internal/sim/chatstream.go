package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// chatKind is how an endpoint's API differs from others.
type chatKind struct {
	key    func(http.Header) string
	parse  func(body []byte, h http.Header) (ChatRequest, error)
	refuse func(w http.ResponseWriter, status int, message string)
	wire   func(*chatStream) chatWire
}

// chatKinds are the APIs by path.
var chatKinds = map[string]*chatKind{"/v1/chat/completions": &openAIChat, "/v1/messages": &anthropicChat}

// chatWire writes the events of one answer.
type chatWire interface {
	begin(ChatReply)
	text(token string)
	call(index int, call ChatToolCall, reply ChatReply) // in fragments
	broken() (name, data string)                        // an event that is not JSON
	failed()                                            // the API's own error event
	unknown()                                           // what is not documented
	end(ChatReply)
}

// chatStream sends one reply as server-sent events, each when its time has come
// and with the faults that are due.
type chatStream struct {
	w     http.ResponseWriter
	r     *http.Request
	req   ChatRequest
	reply ChatReply
	wire  chatWire
	sent  int // fragments
	alive bool
	over  bool // by a fault
}

// run streams the reply. It reports whether the client stayed to its end.
func (s *chatStream) run(reply ChatReply, wire chatWire) (stayed bool) {
	s.reply, s.wire = reply, wire
	if reply.Silent {
		<-s.r.Context().Done()
		return false
	}
	s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s.w.Header().Set("Cache-Control", "no-cache")
	s.wait(reply.FirstToken)
	if reply.Huge {
		s.write("data: " + `{"type":"content_block_delta","choices":[{"delta":{"content":"`)
		for range 100 {
			s.write(strings.Repeat("x", 1<<20))
		}
		s.write(`"}}]}` + "\n\n")
		return s.alive
	}
	wire.begin(reply)
	for {
		for _, token := range reply.Tokens {
			s.fragment(func() { wire.text(token) })
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
		wire.call(i, call, reply)
	}
	if !s.over {
		wire.end(reply)
	}
	return s.alive
}

// fragment sends one fragment when its time has come, with the faults that are
// due after it.
func (s *chatStream) fragment(send func()) {
	if s.sent > 0 {
		s.wait(s.reply.BetweenTokens)
	}
	if !s.alive || s.over {
		return
	}
	if s.reply.Unknown {
		s.wire.unknown()
	}
	send()
	s.sent++
	switch s.sent {
	case s.reply.GarbageAfter:
		s.event(s.wire.broken())
	case s.reply.ErrorAfter:
		s.wire.failed()
		s.over = true
	case s.reply.StallAfter:
		<-s.r.Context().Done()
		s.alive = false
	case s.reply.CutAfter:
		if s.reply.CutInEvent {
			_, data := s.wire.broken()
			s.write("data: " + data)
		}
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	}
}

// wait waits for d or until the client has gone.
func (s *chatStream) wait(d time.Duration) {
	s.alive = s.alive && sleepUntil(s.r.Context(), time.Now().Add(d))
}

// event sends one event; name may be empty.
func (s *chatStream) event(name, data string) {
	if name != "" {
		name = "event: " + name + "\n"
	}
	s.write(name + "data: " + data + "\n\n")
}

func (s *chatStream) write(text string) {
	if !s.alive || s.over {
		return
	}
	_, err := io.WriteString(s.w, text)
	if err == nil {
		err = http.NewResponseController(s.w).Flush()
	}
	s.alive = err == nil
}

// parts splits the arguments of a call into fragments.
func parts(arguments string) (out []string) {
	for rest := arguments; rest != ""; {
		n := min(5, len(rest))
		out, rest = append(out, rest[:n]), rest[n:]
	}
	return out
}

// promptTokens counts a word of the prompt as a token.
func promptTokens(req ChatRequest) (n int) {
	for _, m := range req.Messages {
		n += len(strings.Fields(string(m.Content)))
	}
	return n
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
