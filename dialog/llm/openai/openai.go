// Package openai streams answers from any endpoint that speaks OpenAI's chat
// completions: OpenAI, vLLM, Ollama, llama.cpp, LocalAI and others, with the
// liberties that they take.
//
// It refuses to send a key anywhere but to the configured endpoint, to read
// OpenAI's environment variables, and to put what was said into an error. It
// starts no goroutine that outlives a stream.
package openai

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"sidetone/dialog/llm"
)

// Options says where the endpoint is.
type Options struct {
	BaseURL string       // such as http://localhost:11434/v1
	APIKey  string       // none when empty
	Model   string       // for requests that name none
	HTTP    *http.Client // http.DefaultClient when nil
}

// Client is a chat endpoint. It is safe for use by all calls at once.
type Client struct {
	model  string
	hosted bool // by OpenAI itself, which has given up max_tokens
	chat   openai.ChatCompletionService
}

var _ llm.Chat = (*Client)(nil)

// New returns a client. It fails for a BaseURL that is not absolute.
func New(o Options) (*Client, error) {
	u, err := llm.BaseURL(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(llm.HTTPClient(o.HTTP)),
		option.WithMaxRetries(0), // the replier knows how long the caller may wait
	}
	if o.APIKey != "" {
		options = append(options, option.WithAPIKey(o.APIKey))
	}
	return &Client{
		model:  o.Model,
		hosted: u.Hostname() == "api.openai.com",
		chat:   openai.NewChatCompletionService(options...),
	}, nil
}

// Stream implements llm.Chat.
func (c *Client) Stream(ctx context.Context, r llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		stream := c.chat.NewStreaming(ctx, c.params(r))
		defer stream.Close() // what it could report, Err has reported
		var calls calls
		ended := false
		for stream.Next() {
			delta, finish := calls.read(stream.Current())
			for _, call := range delta.whole {
				if !yield(llm.Delta{Call: &call}, nil) {
					return
				}
			}
			ended = ended || finish != ""
			d := llm.Delta{Text: delta.text, Usage: delta.usage, Truncated: finish == "length"}
			if d != (llm.Delta{}) && !yield(d, nil) {
				return
			}
		}
		if err := stream.Err(); err != nil && !(ended && errors.Is(err, io.ErrUnexpectedEOF)) {
			yield(llm.Delta{}, failure(ctx, err))
			return
		}
		if !ended {
			yield(llm.Delta{}, llm.ErrCut)
			return
		}
		if call, ok := calls.flush(); ok {
			yield(llm.Delta{Call: &call}, nil)
		}
	}
}

// params writes a request in OpenAI's terms.
func (c *Client) params(r llm.Request) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model:         cmp.Or(r.Model, c.model),
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	if r.Temperature != nil {
		p.Temperature = openai.Float(*r.Temperature)
	}
	switch {
	case r.MaxTokens > 0 && c.hosted:
		p.MaxCompletionTokens = openai.Int(int64(r.MaxTokens))
	case r.MaxTokens > 0:
		p.MaxTokens = openai.Int(int64(r.MaxTokens))
	}
	for _, m := range r.Messages {
		p.Messages = append(p.Messages, message(m))
	}
	for _, t := range r.Tools {
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: t.Name, Description: openai.String(t.Description), Parameters: t.Parameters,
		}))
	}
	return p
}

func message(m llm.Message) openai.ChatCompletionMessageParamUnion {
	switch m.Role {
	case llm.System:
		return openai.SystemMessage(m.Text)
	case llm.Assistant:
		answer := openai.ChatCompletionAssistantMessageParam{}
		if m.Text != "" || len(m.Calls) == 0 {
			answer.Content.OfString = param.NewOpt(m.Text)
		}
		for _, c := range m.Calls {
			answer.ToolCalls = append(answer.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
					ID: c.ID,
					Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{
						Name: c.Name, Arguments: string(c.Arguments),
					},
				},
			})
		}
		return openai.ChatCompletionMessageParamUnion{OfAssistant: &answer}
	case llm.Result:
		return openai.ToolMessage(m.Text, m.CallID)
	}
	return openai.UserMessage(m.Text)
}

// failure translates the SDK's errors.
func failure(ctx context.Context, err error) error {
	const op = "stream chat completion"
	var api *openai.Error
	if errors.As(err, &api) && context.Cause(ctx) == nil && api.Response != nil {
		return llm.Refusal(op, api.StatusCode, api.Response.Header)
	}
	return llm.Failure(ctx, op, err)
}
