package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidetone/consent/gatetest"
	"sidetone/dialog"
	"sidetone/dialog/llm"
)

// text, tool and stop are chunks as they are on the wire.
func text(s string) string {
	b, _ := json.Marshal(s)
	return chunk(`{"content":`+string(b)+`}`, "")
}

func tool(call string) string { return chunk(`{"tool_calls":[`+call+`]}`, "") }

func chunk(delta, finish string) string {
	reason := "null"
	if finish != "" {
		reason = `"` + finish + `"`
	}
	return `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + reason + `}]}` + "\n\n"
}

const (
	usage = `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}` + "\n\n"
	done  = "data: [DONE]\n\n"
)

func stop(finish string) string { return chunk(`{}`, finish) }

// serve starts an endpoint; the client and what it was asked come back.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(Options{BaseURL: server.URL + "/v1", APIKey: "k3y", Model: "m", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func streaming(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for piece := range strings.SplitAfterSeq(body, "\n\n") {
			io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
	}
}

type answer struct {
	text      string
	calls     []llm.Call
	usage     *llm.Usage
	truncated bool
	err       error
}

func ask(ctx context.Context, c *Client, r llm.Request) (a answer) {
	for delta, err := range c.Stream(ctx, r) {
		if err != nil {
			a.err = err
			return a
		}
		a.text += delta.Text
		a.truncated = a.truncated || delta.Truncated
		if delta.Call != nil {
			a.calls = append(a.calls, *delta.Call)
		}
		if delta.Usage != nil {
			a.usage = delta.Usage
		}
	}
	return a
}

var hello = llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "Hello"}}}

func TestStream(t *testing.T) {
	one := []string{`a {"key":"name","value":"Anna"}`}
	for name, c := range map[string]struct {
		body  string
		text  string
		calls []string // name and arguments
		err   error
	}{
		"text":               {text("Hel") + text("lo.") + stop("stop") + usage + done, "Hello.", nil, nil},
		"no [DONE]":          {text("Hello.") + stop("stop"), "Hello.", nil, nil},
		"finish with text":   {chunk(`{"content":"Hello."}`, "stop") + done, "Hello.", nil, nil},
		"nulls and unknowns": {": ping\n\n" + chunk(`{"role":"assistant","content":null,"reasoning_content":"hm","x":[1]}`, "") + text("Hi.") + stop("stop") + done, "Hi.", nil, nil},
		"CRLF":               {strings.ReplaceAll(text("Hi.")+stop("stop")+done, "\n", "\r\n"), "Hi.", nil, nil},
		"pieces": {
			tool(`{"index":0,"id":"c1","type":"function","function":{"name":"a","arguments":""}}`) +
				tool(`{"index":0,"function":{"arguments":"{\"key\":\"name\","}}`) +
				tool(`{"index":0,"function":{"arguments":"\"value\":\"Anna\"}"}}`) + stop("tool_calls") + usage + done,
			"", one, nil,
		},
		"whole, finished by stop": {tool(`{"index":0,"id":"c1","type":"function","function":{"name":"a","arguments":"{\"key\":\"name\",\"value\":\"Anna\"}"}}`) + stop("stop") + done, "", one, nil},
		"no index, no id":         {tool(`{"function":{"name":"a","arguments":"{}"}}`) + tool(`{"function":{"name":"b","arguments":"{}"}}`) + stop("stop") + done, "", []string{"a {}", "b {}"}, nil},
		"one index for all":       {tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"{}"}}`) + tool(`{"index":0,"id":"2","function":{"name":"b","arguments":"{}"}}`) + stop("tool_calls"), "", []string{"a {}", "b {}"}, nil},
		"two in a chunk":          {tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"{}"}},{"index":1,"id":"2","function":{"name":"b","arguments":"{}"}}`) + stop("tool_calls"), "", []string{"a {}", "b {}"}, nil},
		"id in every piece":       {tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"{"}}`) + tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"}"}}`) + stop("tool_calls"), "", []string{"a {}"}, nil},
		"arguments as an object":  {tool(`{"index":0,"id":"1","function":{"name":"a","arguments":{"key":"name","value":"Anna"}}}`) + stop("tool_calls"), "", one, nil},
		"text and tools":          {text("Bye.") + tool(`{"index":0,"id":"1","function":{"name":"end_call","arguments":"{}"}}`) + stop("tool_calls") + done, "Bye.", []string{"end_call {}"}, nil},
		"cut":                     {text("Hel"), "Hel", nil, llm.ErrCut},
		"cut in a call":           {text("Hi.") + tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"{\"ke"}}`), "Hi.", nil, llm.ErrCut},
		"cut in a chunk":          {text("Hi.") + `data: {"choices":[{"del`, "Hi.", nil, llm.ErrCut},
		"error in the stream":     {text("Hi.") + `data: {"error":{"message":"Hi. is what the caller said"}}` + "\n\n", "Hi.", nil, llm.ErrStream},
		"not JSON":                {"data: <html>\n\n", "", nil, llm.ErrStream},
		"other JSON":              {"data: [1,2]\n\n" + `data: {"choices":{"a":1}}` + "\n\n", "", nil, llm.ErrStream},
		"a web page":              {"<html><body>Hello</body></html>", "", nil, llm.ErrCut},
		"empty":                   {"", "", nil, llm.ErrCut},
		"a line without end":      {"data: " + strings.Repeat("x", 5<<20), "", nil, llm.ErrCut},
	} {
		t.Run(name, func(t *testing.T) {
			a := ask(t.Context(), serve(t, streaming(c.body)), hello)
			if a.text != c.text {
				t.Errorf("text %q, want %q", a.text, c.text)
			}
			var calls []string
			ids := map[string]bool{}
			for _, call := range a.calls {
				calls = append(calls, call.Name+" "+string(call.Arguments))
				ids[call.ID] = true
			}
			if fmt.Sprint(calls) != fmt.Sprint(c.calls) {
				t.Errorf("calls %q, want %q", calls, c.calls)
			}
			if len(ids) != len(calls) || ids[""] {
				t.Errorf("the calls have the ids %v", ids)
			}
			if !errors.Is(a.err, c.err) {
				t.Errorf("ended with %v, want %v", a.err, c.err)
			}
			if a.err != nil && strings.Contains(a.err.Error(), "Hi.") {
				t.Errorf("the error quotes the call: %v", a.err)
			}
			if strings.Contains(c.body, "usage") && (a.usage == nil || *a.usage != llm.Usage{Input: 11, Output: 7}) {
				t.Errorf("usage %v", a.usage)
			}
		})
	}
	if a := ask(t.Context(), serve(t, streaming(text("One. Tw")+stop("length")+done)), hello); !a.truncated || a.err != nil {
		t.Errorf("a truncated answer is %+v", a)
	}
}

func TestRefusals(t *testing.T) {
	for status, want := range map[int]llm.VendorError{
		401: {}, 404: {}, 400: {},
		429: {Retryable: true, RetryAfter: 20 * time.Second},
		500: {Retryable: true}, 503: {Retryable: true},
	} {
		asked := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if status == 429 {
				w.Header().Set("Retry-After", "20")
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			io.WriteString(w, `{"error":{"message":"you said Hello","type":"t","code":"c"}}`)
		})
		a := ask(t.Context(), c, hello)
		var got *llm.VendorError
		if !errors.As(a.err, &got) || got.Status != status || got.Retryable != want.Retryable || got.RetryAfter != want.RetryAfter {
			t.Errorf("%d gives %+v", status, a.err)
		}
		if asked != 1 || strings.Contains(a.err.Error(), "Hello") || strings.Contains(a.err.Error(), "k3y") {
			t.Errorf("%d: asked %d times, error %v", status, asked, a.err)
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Options{BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var got *llm.VendorError
	if a := ask(t.Context(), c, hello); !errors.As(a.err, &got) || !got.Retryable || got.Status != 0 {
		t.Errorf("nobody listens: %v", a.err)
	}
	for _, bad := range []string{"", "localhost:1", "/v1", "ftp://a/b", "http://", "http://a b"} {
		if _, err := New(Options{BaseURL: bad}); err == nil {
			t.Errorf("base URL %q is accepted", bad)
		}
	}
}

func TestCutConnection(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streaming(text("Hel"))(w, r)
		panic(http.ErrAbortHandler)
	})
	if a := ask(t.Context(), c, hello); a.text != "Hel" || !errors.Is(a.err, llm.ErrCut) {
		t.Errorf("%+v", a)
	}
}

func TestCancelledStream(t *testing.T) {
	ended := make(chan struct{}, 2)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streaming(text("One. "))(w, r)
		<-r.Context().Done()
		ended <- struct{}{}
	})
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	for delta, err := range c.Stream(ctx, hello) {
		if err != nil && !errors.Is(err, why) {
			t.Errorf("ended with %v", err)
		}
		if delta.Text != "" {
			cancel(why)
		}
	}
	<-ended
	for range c.Stream(t.Context(), hello) {
		break // the reader stops: so does the request
	}
	<-ended
}

func TestRequestOnTheWire(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "from-the-environment")
	t.Setenv("OPENAI_BASE_URL", "http://192.0.2.1/")
	t.Setenv("OPENAI_ORG_ID", "org")
	var body map[string]any
	var header http.Header
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		if r.URL.Path != "/v1/chat/completions" || r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		streaming(stop("stop")+done)(w, r)
	})
	temperature := 0.5
	a := ask(t.Context(), c, llm.Request{
		Temperature: &temperature, MaxTokens: 50,
		Messages: []llm.Message{
			{Role: llm.System, Text: "s"}, {Role: llm.User, Text: "u"},
			{Role: llm.Assistant, Calls: []llm.Call{{ID: "c1", Name: "f", Arguments: json.RawMessage(`{"a":1}`)}}},
			{Role: llm.Result, CallID: "c1", Text: "done"},
		},
		Tools: []llm.Tool{{Name: "f", Description: "d", Parameters: map[string]any{"type": "object"}}},
	})
	if a.err != nil {
		t.Fatal(a.err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(`{
		"model": "m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5, "max_tokens": 50,
		"messages": [
			{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
			{"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
			{"role": "tool", "tool_call_id": "c1", "content": "done"}],
		"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}]}`), &want); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(body)
	wanted, _ := json.Marshal(want)
	if string(got) != string(wanted) {
		t.Errorf("sent %s\nwant %s", got, wanted)
	}
	if header.Get("Authorization") != "Bearer k3y" || header.Get("OpenAI-Organization") != "" {
		t.Errorf("headers %v", header)
	}
	c.hosted = true
	if p := c.params(llm.Request{MaxTokens: 5}); p.MaxTokens.Valid() || p.MaxCompletionTokens.Value != 5 {
		t.Error("OpenAI is sent max_tokens")
	}
}

func alone(c *Client) *llm.Engines {
	return llm.NewEngines(llm.EnginesOptions{}, llm.Engine{Name: "test", Chat: c})
}

// A whole turn, from what the caller said to sentences, over a real socket.
func TestReplierOverHTTP(t *testing.T) {
	agent := &dialog.Agent{Language: "en", LLM: &dialog.LLM{
		Prompt: "You answer for a bakery.",
		Goals:  []dialog.Goal{{Key: "name", Kind: dialog.KindText, About: "the caller's name"}},
	}}
	body := text("Thank you, ") + text("Anna. Good") + text("bye!") +
		tool(`{"id":"1","function":{"name":"record_answer","arguments":"{\"key\":\"name\",\"value\":\"Anna\"}"}}`) +
		tool(`{"id":"2","function":{"name":"end_call","arguments":"{}"}}`) + stop("stop") + usage
	r := llm.New(llm.Options{Engines: alone(serve(t, streaming(body))), Agent: agent})
	said, ok := gatetest.Open().Heard(0, 960, "I am Anna.")
	if !ok {
		t.Fatal("the gate is shut")
	}
	var got []string
	for p, err := range r.Reply(t.Context(), dialog.Input{Kind: dialog.Said, Said: said}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case p.Sentence != "":
			got = append(got, p.Sentence)
		case p.Answer != nil:
			got = append(got, fmt.Sprintf("%s=%v from %q", p.Answer.Key, p.Answer.Value, p.Answer.Said))
		case p.End:
			got = append(got, "end")
		}
	}
	want := []string{"Thank you, Anna.", `name=Anna from "I am Anna."`, "Goodbye!", "end"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
	// An endpoint that keeps silent, and one that never ends.
	for name, c := range map[string]struct {
		first, total time.Duration
		handler      http.HandlerFunc
		want         error
	}{
		"silent": {100 * time.Millisecond, time.Minute, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // the server sees the client go only then
			<-r.Context().Done()
		}, llm.ErrFirstToken},
		"endless": {time.Minute, 2 * time.Second, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				streaming(text("and "))(w, r)
			}
		}, llm.ErrTooSlow},
	} {
		r := llm.New(llm.Options{Engines: alone(serve(t, c.handler)), Agent: agent, FirstToken: c.first, Total: c.total, Sentences: 1 << 30})
		var err error
		for _, err = range r.Reply(t.Context(), dialog.Input{Kind: dialog.Said, Said: said}) {
			if err != nil {
				break
			}
		}
		if !errors.Is(err, c.want) && !(name == "endless" && errors.Is(err, llm.ErrCut)) { // by its size
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(text("Hi.") + tool(`{"index":0,"id":"1","function":{"name":"a","arguments":"{}"}}`) + stop("stop") + usage + done)
	f.Add("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{},{\"index\":-1},{\"function\":{\"arguments\":[]}}]},\"finish_reason\":\"x\"}]}\n\n")
	f.Add("data: {}\n\ndata: null\n\nevent: error\ndata: 1\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		transport := roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		c, err := New(Options{BaseURL: "http://localhost/v1", HTTP: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t.Context(), c, hello)
		for _, call := range a.calls {
			if call.ID == "" {
				t.Errorf("a call without an id from %q", body)
			}
		}
		var vendor *llm.VendorError
		if a.err != nil && !errors.As(a.err, &vendor) && !errors.Is(a.err, llm.ErrCut) {
			t.Errorf("%q ends with %v", body, a.err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func BenchmarkStream(b *testing.B) {
	body := strings.Repeat(text("word "), 50) + stop("stop") + usage + done
	transport := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
	c, err := New(Options{BaseURL: "http://localhost/v1", HTTP: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if a := ask(b.Context(), c, hello); a.err != nil {
			b.Fatal(a.err)
		}
	}
}
