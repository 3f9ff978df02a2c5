// Package contract is what an endpoint of a language model must do for a call: the cases
// that `sidetone providers check`, and tests with a key, hold a vendor against.
//
// It refuses to judge what a model says, beyond that it says something and can use a
// tool. It starts no goroutine.
package contract

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"sidetone/dialog/llm"
)

// T is what takes note of a case's faults; *testing.T is one. Fatalf does not return.
type T interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// Subject is an endpoint, and what it may take.
type Subject struct {
	Chat  llm.Chat
	Model string        // instead of the chat's own, when set
	First time.Duration // longest wait for the first token of an answer; 0: any
	All   time.Duration // and for all of it; 0: any
}

// Case is one part of the contract.
type Case struct {
	Name string
	Hold func(context.Context, T, Subject)
}

// Cases are the contract. They cost some hundred tokens.
var Cases = []Case{
	{"answers in words, in time", func(ctx context.Context, t T, s Subject) { s.words(ctx, t) }},
	{"tells its usage", func(ctx context.Context, t T, s Subject) { s.usage(ctx, t) }},
	{"calls a tool, and takes its result", func(ctx context.Context, t T, s Subject) { s.tool(ctx, t) }},
}

// Answer is what came of a request.
type Answer struct {
	Text  string
	Calls []llm.Call
	Usage llm.Usage
	Began time.Duration // until the first text or call; 0 when there was none
	Took  time.Duration
	Err   error
	After bool // something came after an error
}

// Ask puts a request to a chat, and takes the answer until ctx ends.
func Ask(ctx context.Context, chat llm.Chat, r llm.Request) (a Answer) {
	began := time.Now()
	for d, err := range chat.Stream(ctx, r) {
		a.After = a.After || a.Err != nil
		a.Err = err
		a.Text += d.Text
		if d.Call != nil {
			a.Calls = append(a.Calls, *d.Call)
		}
		if d.Usage != nil {
			a.Usage.Input, a.Usage.Cached = a.Usage.Input+d.Usage.Input, a.Usage.Cached+d.Usage.Cached
			a.Usage.Written, a.Usage.Output = a.Usage.Written+d.Usage.Written, a.Usage.Output+d.Usage.Output
		}
		if a.Began == 0 && (d.Text != "" || d.Call != nil) {
			a.Began = time.Since(began)
		}
	}
	a.Took = time.Since(began)
	return a
}

// errLate is why an answer is given up.
var errLate = errors.New("it takes too long")

// ask puts a request, and checks when the answer came and that it came whole.
func (s Subject) ask(ctx context.Context, t T, messages []llm.Message, tools ...llm.Tool) Answer {
	t.Helper()
	if s.All > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.All, errLate)
		defer cancel()
	}
	a := Ask(ctx, s.Chat, llm.Request{Model: s.Model, Messages: messages, Tools: tools})
	if a.Err != nil {
		t.Fatalf("there is no answer: %v", a.Err)
	}
	if s.First > 0 && a.Began > s.First {
		t.Errorf("the first token came after %.1f s, and calls wait %v for it", a.Began.Seconds(), s.First)
	}
	return a
}

var greeting = []llm.Message{{Role: llm.System, Text: "Answer in one short sentence."}, {Role: llm.User, Text: "How are you?"}}

func (s Subject) words(ctx context.Context, t T) {
	if a := s.ask(ctx, t, greeting); strings.TrimSpace(a.Text) == "" {
		t.Errorf("the answer has no words, and %d calls of tools that it was not given", len(a.Calls))
	}
}

func (s Subject) usage(ctx context.Context, t T) {
	if u := s.ask(ctx, t, greeting).Usage; u.Input+u.Cached+u.Written == 0 || u.Output == 0 {
		t.Errorf("what an answer takes is not told: %+v", u)
	}
}

var lookUp = llm.Tool{Name: "look_up", Description: "Looks an order up.", Parameters: map[string]any{
	"type": "object", "properties": map[string]any{"number": map[string]any{"type": "string"}}, "required": []string{"number"}}}

func (s Subject) tool(ctx context.Context, t T) {
	messages := []llm.Message{{Role: llm.System, Text: "Use the tool."}, {Role: llm.User, Text: "Where is order 1234?"}}
	a := s.ask(ctx, t, messages, lookUp)
	var arguments struct{ Number string }
	if len(a.Calls) != 1 || a.Calls[0].Name != lookUp.Name || json.Unmarshal(a.Calls[0].Arguments, &arguments) != nil || arguments.Number != "1234" {
		t.Fatalf("asked for order 1234 it made %d calls, and none for that", len(a.Calls))
	}
	messages = append(messages, llm.Message{Role: llm.Assistant, Text: a.Text, Calls: a.Calls},
		llm.Message{Role: llm.Result, CallID: a.Calls[0].ID, Text: "It is in Hamburg."})
	if a = s.ask(ctx, t, messages, lookUp); strings.TrimSpace(a.Text) == "" {
		t.Errorf("the tool's result is answered without words")
	}
}
