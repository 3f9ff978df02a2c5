package anthropic

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"sidetone/dialog/llm"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering returns a client whose every request gets a stream, and what was
// sent last.
func answering(t testing.TB, base, stream string) (*Client, *http.Request, map[string]any) {
	t.Helper()
	sent, body := &http.Request{}, map[string]any{}
	c, err := New(Options{BaseURL: base, APIKey: "k3y", Model: "m", HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		*sent = *r
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(stream)), Request: r}, nil
	})}})
	if err != nil {
		t.Fatal(err)
	}
	return c, sent, body
}

// event is one event on the wire.
func event(data string) string {
	var e struct{ Type string }
	_ = json.Unmarshal([]byte(data), &e) // an event without a type has an empty name
	return "event: " + e.Type + "\ndata: " + data + "\n\n"
}

const (
	start  = `{"type":"message_start","message":{"id":"x","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":200,"output_tokens":2}}}`
	block  = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	hello  = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello."}}`
	stop   = `{"type":"content_block_stop","index":0}`
	finish = `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}`
	over   = `{"type":"message_stop"}`
)

var greet = llm.Request{Messages: []llm.Message{{Role: llm.System, Text: "s"}, {Role: llm.User, Text: "u"}}}

// got puts an answer together.
type got struct {
	text      string
	calls     []string
	usage     llm.Usage
	truncated bool
	err       error
}

func ask(ctx context.Context, c *Client, r llm.Request) (a got) {
	for d, err := range c.Stream(ctx, r) {
		a.err = err
		a.text += d.Text
		a.truncated = a.truncated || d.Truncated
		if d.Call != nil {
			a.calls = append(a.calls, d.Call.ID+" "+d.Call.Name+" "+string(d.Call.Arguments))
		}
		if d.Usage != nil {
			a.usage.Input, a.usage.Cached = a.usage.Input+d.Usage.Input, a.usage.Cached+d.Usage.Cached
			a.usage.Written, a.usage.Output = a.usage.Written+d.Usage.Written, a.usage.Output+d.Usage.Output
		}
	}
	return a
}

func TestStream(t *testing.T) {
	call := func(begin string) string {
		return event(`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use"` + begin + `}}`)
	}
	piece := func(s string) string {
		b, _ := json.Marshal(s)
		return event(`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":` + string(b) + `}}`)
	}
	ends := event(`{"type":"content_block_stop","index":1}`) + event(finish) + event(over)
	for name, c := range map[string]struct {
		stream, text, calls string
		truncated           bool
		err                 error
	}{
		"text":                     {event(start) + event(block) + event(hello) + event(stop) + event(finish) + event(over), "Hello.", "", false, nil},
		"no message_stop":          {event(block) + event(hello) + event(finish), "Hello.", "", false, nil},
		"text in the beginning":    {event(strings.Replace(block, `"text":""`, `"text":"Hi. "`, 1)) + event(hello) + event(over), "Hi. Hello.", "", false, nil},
		"CRLF":                     {strings.ReplaceAll(event(block)+event(hello)+event(over), "\n", "\r\n"), "Hello.", "", false, nil},
		"too long":                 {event(block) + event(hello) + event(strings.Replace(finish, "end_turn", "max_tokens", 1)) + event(over), "Hello.", "", true, nil},
		"no words":                 {event(start) + event(strings.Replace(finish, "end_turn", "refusal", 1)) + event(over), "", "", false, nil},
		"a call in pieces":         {call(`,"id":"t1","name":"f","input":{}`) + piece("") + piece(`{"a":`) + piece(`1}`) + ends, "", `t1 f {"a":1}`, false, nil},
		"a call that is whole":     {call(`,"id":"t1","name":"f","input":{"a":1}`) + ends, "", `t1 f {"a":1}`, false, nil},
		"a call without arguments": {call(`,"id":"t1","name":"f","input":{}`) + ends, "", `t1 f {}`, false, nil},
		"a call without an id":     {call(`,"name":"f"`) + ends, "", `call_1 f {}`, false, nil},
		"a piece of nothing":       {piece(`{"a":1}`) + ends, "", "", false, nil},
		"cut in a call":            {call(`,"id":"t1","name":"f","input":{}`) + piece(`{"a":`), "", "", false, llm.ErrCut},
		"a server's own tool":      {event(`{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`) + piece(`{"q":1}`) + ends, "", "", false, nil},
		"cut":                      {event(start) + event(block) + event(hello), "Hello.", "", false, llm.ErrCut},
		"empty":                    {"", "", "", false, llm.ErrCut},
		"overloaded":               {event(block) + event(hello) + event(`{"type":"error","error":{"type":"overloaded_error","message":"Hello."}}`), "Hello.", "", false, &llm.VendorError{Status: 529, Retryable: true}},
		"an error of no kind":      {event(`{"type":"error","error":"Hello."}`), "", "", false, &llm.VendorError{Status: 500, Retryable: true}},
		"not allowed":              {event(`{"type":"error","error":{"type":"permission_error","message":"Hello."}}`), "", "", false, &llm.VendorError{Status: 403}},
	} {
		client, _, _ := answering(t, "http://vendor", c.stream)
		a := ask(t.Context(), client, greet)
		if a.text != c.text || strings.Join(a.calls, "|") != c.calls || a.truncated != c.truncated {
			t.Errorf("%s: %+v", name, a)
		}
		var vendor, want *llm.VendorError
		switch {
		case errors.As(c.err, &want):
			if !errors.As(a.err, &vendor) || vendor.Status != want.Status || vendor.Retryable != want.Retryable || strings.Contains(a.err.Error(), "Hello") {
				t.Errorf("%s: ended with %v, want %v", name, a.err, c.err)
			}
		case !errors.Is(a.err, c.err):
			t.Errorf("%s: ended with %v, want %v", name, a.err, c.err)
		}
		if strings.HasPrefix(c.stream, event(start)) && name == "text" && a.usage != (llm.Usage{Input: 10, Cached: 200, Written: 30, Output: 9}) {
			t.Errorf("%s: used %+v", name, a.usage)
		}
		if name == "cut" && a.usage != (llm.Usage{Input: 10, Cached: 200, Written: 30, Output: 2}) {
			t.Errorf("%s: used %+v, want what was read before", name, a.usage)
		}
	}
}

func TestRequestOnTheWire(t *testing.T) {
	for name, value := range map[string]string{
		"ANTHROPIC_API_KEY": "from-the-environment", "ANTHROPIC_AUTH_TOKEN": "from-the-environment", "ANTHROPIC_BASE_URL": "http://192.0.2.1/",
		"ANTHROPIC_CUSTOM_HEADERS": "X-Other: from-the-environment", "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
	} {
		t.Setenv(name, value)
	}
	hot := 1.7
	for base, want := range map[string]string{
		"https://vendor": "https://vendor/v1/messages", "https://vendor/v1/": "https://vendor/v1/messages", "https://vendor/proxy/v1": "https://vendor/proxy/v1/messages",
	} {
		c, sent, body := answering(t, base, event(finish))
		a := ask(t.Context(), c, llm.Request{Temperature: &hot, Messages: greet.Messages, Tools: []llm.Tool{
			{Name: "f", Description: "d", Parameters: map[string]any{"type": "object", "properties": map[string]any{}}}, {Name: "g", Parameters: map[string]any{"type": "object"}},
		}})
		if a.err != nil {
			t.Fatal(a.err)
		}
		if sent.URL.String() != want || sent.Header.Get("X-Api-Key") != "k3y" || sent.Header.Get("Authorization") != "" || sent.Header.Get("Anthropic-Version") != "2023-06-01" ||
			sent.Header.Get("X-Other") != "" || sent.Header.Get("Traceparent") != "" {
			t.Errorf("%s: sent to %s with %v", base, sent.URL, sent.Header)
		}
		got, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		const all = `{"max_tokens":1024,"messages":[{"content":[{"text":"u","type":"text"}],"role":"user"}],"model":"m","stream":true,` +
			`"system":[{"cache_control":{"type":"ephemeral"},"text":"s","type":"text"}],"temperature":1,` +
			`"tools":[{"description":"d","input_schema":{"properties":{},"type":"object"},"name":"f"},{"cache_control":{"type":"ephemeral"},"description":"","input_schema":{"type":"object"},"name":"g"}]}`
		if string(got) != all {
			t.Errorf("sent %s\nwant %s", got, all)
		}
	}
	for _, bad := range []string{"", "localhost:1", "/v1", "ftp://a/b", "http://", "http://a b"} {
		if _, err := New(Options{BaseURL: bad}); err == nil {
			t.Errorf("base URL %q is accepted", bad)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(event(start) + event(block) + event(hello) + event(stop) + event(finish) + event(over))
	f.Add(event(`{"type":"content_block_start","index":-1,"content_block":{"type":"tool_use","input":[]}}`) + event(`{"type":"content_block_stop","index":-1}`))
	f.Add("event: error\ndata: 1\n\nevent: x\ndata: null\n\ndata: [1]\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		c, _, _ := answering(t, "http://vendor", stream)
		a := ask(t.Context(), c, greet)
		for _, call := range a.calls {
			if strings.HasPrefix(call, " ") {
				t.Errorf("a call without an id from %q", stream)
			}
		}
		var vendor *llm.VendorError
		if a.err != nil && !errors.As(a.err, &vendor) && !errors.Is(a.err, llm.ErrCut) {
			t.Errorf("%q ends with %v", stream, a.err)
		}
	})
}

func BenchmarkStream(b *testing.B) {
	stream := event(start) + event(block) + strings.Repeat(event(hello), 50) + event(stop) + event(finish) + event(over)
	c, _, _ := answering(b, "http://vendor", stream)
	b.ReportAllocs()
	for b.Loop() {
		if a := ask(b.Context(), c, greet); a.err != nil {
			b.Fatal(a.err)
		}
	}
}
