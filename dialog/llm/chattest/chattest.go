// Package chattest is what every llm.Chat must pass, against a fake that speaks
// the vendor's documented protocol over a connection in memory, in virtual time.
//
// It refuses to reach any network: it proves our reading of a vendor's pages, not
// the vendor. Its goroutines end with the test.
package chattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/dialog/llm"
	"sidetone/dialog/llm/contract"
	"sidetone/internal/sim"
)

// Subject is a chat under test.
type Subject struct {
	// Open makes the chat for an endpoint whose paths begin with base, such as
	// http://vendor/v1.
	Open func(base, key, model string, client *http.Client) (llm.Chat, error)
}

const (
	key    = "sk-the-key-that-nobody-may-see"
	words  = "what the caller said"
	reply  = "Fine, thank you. And how are you today?"
	tokens = 8 // of the reply, as the fake counts
)

// errLate is why a test ends a request.
var errLate = errors.New("chattest: too late")

// rig is a chat and the fake that it speaks to.
type rig struct {
	chat   llm.Chat
	server *sim.ChatServer
	read   atomic.Int64 // bytes that the client has read
}

// open serves the replies in turn.
func (s Subject) open(t *testing.T, replies ...sim.ChatReply) *rig {
	t.Helper()
	ln := sim.NewPipeListener()
	r := &rig{server: sim.NewChatServer(sim.ChatOptions{APIKey: key, Reply: sim.Replies(replies...)})}
	server := &http.Server{Handler: r.server}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(ln) }()
	t.Cleanup(func() { server.Close(); <-served })
	r.chat = s.client(t, func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := ln.DialContext(ctx, network, address)
		return counted{c, &r.read}, err
	})
	return r
}

// client makes the chat over connections that dial makes.
func (s Subject) client(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) llm.Chat {
	t.Helper()
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	chat, err := s.Open("http://vendor/v1", key, "model", &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return chat
}

// counted is a connection whose reading is counted.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// ask puts a question to the chat, and takes the answer until a time after which
// nobody wants it.
func ask(t *testing.T, chat llm.Chat, within time.Duration, r llm.Request) contract.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), within, errLate)
	defer cancel()
	a := contract.Ask(ctx, chat, r)
	if a.After {
		t.Error("something came after an error")
	}
	if a.Err != nil {
		for _, secret := range []string{key, words, "Fine"} {
			if text := fmt.Sprintf("%v %+v", a.Err, a.Err); strings.Contains(text, secret) {
				t.Errorf("the error tells %q: %s", secret, text)
			}
		}
	}
	return a
}

var question = llm.Request{Messages: []llm.Message{{Role: llm.System, Text: "You are a baker."}, {Role: llm.User, Text: words}}}

// Run holds a chat against the contract of llm.Chat.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		hold func(Subject, *testing.T)
	}{
		{"streams", Subject.streams}, {"calls tools", Subject.tools}, {"conversation", Subject.conversation}, {"whole conversation", Subject.results},
		{"quirks", Subject.quirks}, {"usage", Subject.usage}, {"goes away", Subject.leaves},
		{"no connection", Subject.unreachable}, {"statuses", Subject.statuses}, {"redirect", Subject.redirect},
		{"broken streams", Subject.broken}, {"silence", Subject.silence}, {"too much", Subject.flood},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.hold(s, t) })
		})
	}
}

func (s Subject) streams(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: reply, FirstToken: time.Second, BetweenTokens: 100 * time.Millisecond},
		sim.ChatReply{Text: reply, Unknown: true, NoDone: true})
	a := ask(t, r.chat, time.Minute, question)
	if a.Err != nil || a.Text != reply || len(a.Calls) > 0 {
		t.Errorf("%+v", a)
	}
	if a.Began != time.Second || a.Took != time.Second+(tokens-1)*100*time.Millisecond {
		t.Errorf("it came from %v to %v: not as it was made", a.Began, a.Took)
	}
	if a := ask(t, r.chat, time.Minute, question); a.Err != nil || a.Text != reply {
		t.Errorf("with unknown events: %+v", a)
	}
}

func (s Subject) tools(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: "Wait.", ToolCalls: []sim.ChatToolCall{
		{ID: "a", Name: "look", Arguments: `{"number":"12 34","deep":{"x":[1,2]}}`}, {ID: "b", Name: "end", Arguments: `{}`}, {ID: "c", Name: "none"},
	}})
	a := ask(t, r.chat, time.Minute, question)
	if a.Err != nil || a.Text != "Wait." || len(a.Calls) != 3 {
		t.Fatalf("%+v", a)
	}
	for i, want := range []llm.Call{{ID: "a", Name: "look", Arguments: json.RawMessage(`{"number":"12 34","deep":{"x":[1,2]}}`)}, {ID: "b", Name: "end", Arguments: json.RawMessage(`{}`)}} {
		if got := a.Calls[i]; got.ID != want.ID || got.Name != want.Name || string(got.Arguments) != string(want.Arguments) {
			t.Errorf("call %d is %s %s %s", i, got.ID, got.Name, got.Arguments)
		}
	}
}

// conversation holds what goes over the wire of a first question.
func (s Subject) conversation(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: reply})
	q := question
	q.Model, q.MaxTokens = "other", 99
	q.Tools = []llm.Tool{{Name: "look", Description: "Looks.", Parameters: map[string]any{
		"type": "object", "properties": map[string]any{"number": map[string]any{"type": "string"}}, "required": []string{"number"}, "additionalProperties": false,
	}}}
	if a := ask(t, r.chat, time.Minute, q); a.Err != nil {
		t.Fatal(a.Err)
	}
	got := r.server.Requests()[0]
	if got.Model != "other" || len(got.Tools) != 1 || len(got.Messages) != 2 || got.Messages[0].Role != "system" || got.Messages[1].Content != words {
		t.Errorf("sent %+v", got)
	}
	for _, part := range []string{`"look"`, `"Looks."`, `"additionalProperties":false`, `"required":["number"]`, `:99`} {
		if !strings.Contains(string(got.Body), part) {
			t.Errorf("%s is not in %s", part, got.Body)
		}
	}
	if strings.Contains(string(got.Body), key) {
		t.Error("the key is in the body")
	}
}

// results holds that calls and their results come back to the model.
func (s Subject) results(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: reply})
	q := question
	q.Messages = append(q.Messages[:2:2],
		llm.Message{Role: llm.Assistant, Calls: []llm.Call{{ID: "a", Name: "look", Arguments: json.RawMessage(`{"n":1}`)}, {ID: "b", Name: "end", Arguments: json.RawMessage(`not JSON`)}}},
		llm.Message{Role: llm.Result, CallID: "a", Text: "found"}, llm.Message{Role: llm.Result, CallID: "b", Text: "refused"},
		llm.Message{Role: llm.Assistant, Text: "I found it."}, llm.Message{Role: llm.User, Text: "Good."})
	if a := ask(t, r.chat, time.Minute, q); a.Err != nil {
		t.Fatal(a.Err)
	}
	var got []string
	for _, m := range r.server.Requests()[0].Messages {
		line := m.Role + " " + string(m.Content) + m.ToolCallID
		for _, c := range m.ToolCalls {
			line += c.ID + c.Function.Name
		}
		got = append(got, line)
	}
	want := []string{"system You are a baker.", "user " + words, "assistant alookbend", "tool founda", "tool refusedb", "assistant I found it.", "user Good."}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// quirks are those of servers that take liberties with a protocol.
func (s Subject) quirks(t *testing.T) {
	two := []sim.ChatToolCall{{ID: "a", Name: "look", Arguments: `{"n":1}`}, {ID: "b", Name: "end", Arguments: `{}`}}
	for name, quirk := range map[string]sim.ChatReply{
		"whole":          {WholeToolCalls: true},
		"no id":          {NoID: true, WholeToolCalls: true},
		"no index":       {NoIndex: true},
		"whole, neither": {WholeToolCalls: true, NoIndex: true, NoID: true},
		"stop":           {StopAfterTools: true},
		"no end":         {NoDone: true},
	} {
		quirk.ToolCalls = two
		a := ask(t, s.open(t, quirk).chat, time.Minute, question)
		if a.Err != nil || len(a.Calls) != 2 {
			t.Errorf("%s: %+v", name, a)
			continue
		}
		if a.Calls[0].ID == "" || a.Calls[0].ID == a.Calls[1].ID || string(a.Calls[0].Arguments) != `{"n":1}` || a.Calls[1].Name != "end" {
			t.Errorf("%s: calls %+v", name, a.Calls)
		}
	}
}

func (s Subject) usage(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: reply}, sim.ChatReply{Text: reply, Cached: 5})
	if a := ask(t, r.chat, time.Minute, question); a.Usage != (llm.Usage{Input: 8, Output: tokens}) {
		t.Errorf("used %+v", a.Usage)
	}
	if a := ask(t, r.chat, time.Minute, question); a.Usage != (llm.Usage{Input: 3, Cached: 5, Output: tokens}) {
		t.Errorf("with a cache: used %+v", a.Usage)
	}
}

// leaves holds that a reader who stops ends the request.
func (s Subject) leaves(t *testing.T) {
	r := s.open(t, sim.ChatReply{Text: reply, Endless: true, BetweenTokens: 10 * time.Millisecond})
	for range r.chat.Stream(t.Context(), question) {
		break
	}
	time.Sleep(time.Second)
	if n := r.server.Abandoned(); n != 1 {
		t.Errorf("%d requests were given up, want 1", n)
	}
}

func (s Subject) unreachable(t *testing.T) {
	var vendor *llm.VendorError
	refused := s.client(t, func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") })
	if a := ask(t, refused, time.Minute, question); !errors.As(a.Err, &vendor) || !vendor.Retryable || vendor.Status != 0 || a.Took != 0 {
		t.Errorf("refused: %+v", a)
	}
	slow := s.client(t, func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
	if a := ask(t, slow, 2*time.Second, question); !errors.Is(a.Err, errLate) || a.Took != 2*time.Second {
		t.Errorf("slow to connect: %+v", a)
	}
	hangsUp := s.client(t, func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { io.ReadFull(theirs, make([]byte, 16)); theirs.Close() }()
		return ours, nil
	})
	if a := ask(t, hangsUp, time.Minute, question); !errors.As(a.Err, &vendor) || !vendor.Retryable {
		t.Errorf("hung up on: %+v", a)
	}
}

func (s Subject) statuses(t *testing.T) {
	for status, again := range map[int]bool{400: false, 401: false, 403: false, 404: false, 429: true, 500: true, 502: true, 529: true} {
		r := s.open(t, sim.ChatReply{Status: status, RetryAfter: 20 * time.Second, Echo: true})
		var vendor *llm.VendorError
		a := ask(t, r.chat, time.Minute, question)
		if !errors.As(a.Err, &vendor) || vendor.Status != status || vendor.Retryable != again || vendor.RetryAfter != 20*time.Second {
			t.Errorf("%d gives %+v", status, a.Err)
		}
		if n := len(r.server.Requests()); n != 1 || a.Took != 0 {
			t.Errorf("%d: asked %d times in %v: when to ask again is not the engine's to say", status, n, a.Took)
		}
	}
	var vendor *llm.VendorError
	other := Subject{Open: func(base, _, model string, client *http.Client) (llm.Chat, error) {
		return s.Open(base, key+"-wrong", model, client)
	}}
	if a := ask(t, other.open(t, sim.ChatReply{Text: reply}).chat, time.Minute, question); !errors.As(a.Err, &vendor) || vendor.Status != 401 || vendor.Retryable {
		t.Errorf("with another key: %+v", a.Err)
	}
}

// redirect holds that neither key nor words follow one.
func (s Subject) redirect(t *testing.T) {
	for _, status := range []int{301, 307, 308} {
		r := s.open(t, sim.ChatReply{Status: status, Location: "http://elsewhere/v1/steal"})
		var vendor *llm.VendorError
		a := ask(t, r.chat, time.Minute, question)
		if !errors.As(a.Err, &vendor) || vendor.Status != status || vendor.Retryable {
			t.Errorf("%d gives %+v", status, a.Err)
		}
		if n := len(r.server.Requests()); n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
	}
}

func (s Subject) broken(t *testing.T) {
	for name, c := range map[string]struct {
		reply sim.ChatReply
		want  error
		text  string
	}{
		"cut":               {sim.ChatReply{Text: reply, CutAfter: 3}, llm.ErrCut, "Fine, thank you."},
		"cut in an event":   {sim.ChatReply{Text: reply, CutAfter: 1, CutInEvent: true}, llm.ErrCut, "Fine,"},
		"cut in a call":     {sim.ChatReply{ToolCalls: []sim.ChatToolCall{{ID: "a", Name: "look", Arguments: `{"number":"12"}`}}, CutAfter: 3}, llm.ErrCut, ""},
		"garbage":           {sim.ChatReply{Text: reply, GarbageAfter: 2}, nil, "Fine, thank"},
		"reports its error": {sim.ChatReply{Text: reply, ErrorAfter: 2}, nil, "Fine, thank"},
		"no stream":         {sim.ChatReply{Status: 200, Echo: true}, nil, ""},
	} {
		a := ask(t, s.open(t, c.reply).chat, time.Minute, question)
		var vendor *llm.VendorError
		if c.want != nil && !errors.Is(a.Err, c.want) || c.want == nil && !errors.As(a.Err, &vendor) && !errors.Is(a.Err, llm.ErrCut) {
			t.Errorf("%s: ended with %v", name, a.Err)
		}
		if a.Text != c.text || len(a.Calls) > 0 {
			t.Errorf("%s: %q, %v", name, a.Text, a.Calls)
		}
	}
}

// silence holds that an endpoint that has gone without a word is left when the
// caller's patience ends, and not later.
func (s Subject) silence(t *testing.T) {
	for name, c := range map[string]struct {
		reply sim.ChatReply
		text  string
	}{
		"from the beginning": {sim.ChatReply{Silent: true}, ""},
		"in the middle":      {sim.ChatReply{Text: reply, StallAfter: 1}, "Fine,"},
	} {
		r := s.open(t, c.reply)
		a := ask(t, r.chat, 3*time.Second, question)
		if !errors.Is(a.Err, errLate) || a.Took != 3*time.Second || a.Text != c.text {
			t.Errorf("%s: %+v", name, a)
		}
		time.Sleep(time.Second)
		if r.server.Abandoned() != 1 {
			t.Errorf("%s: the request was not given up", name)
		}
	}
}

// flood holds that nothing an endpoint sends is too much for the gateway.
func (s Subject) flood(t *testing.T) {
	for name, bad := range map[string]sim.ChatReply{"100 MB": {Huge: true}, "without end": {Text: strings.Repeat("la ", 1000), Endless: true}} {
		r := s.open(t, bad)
		a := ask(t, r.chat, time.Hour, question)
		if a.Err == nil || a.Took == time.Hour {
			t.Errorf("%s: %v after %v", name, a.Err, a.Took)
		}
		if n := r.read.Load(); n > 8<<20 {
			t.Errorf("%s: %d bytes were read", name, n)
		}
	}
}
