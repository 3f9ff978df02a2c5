// Package anthropic streams answers from Anthropic's Messages API, or from a
// server that speaks it, such as Ollama.
//
// It refuses to send a key anywhere but to the configured endpoint, to read
// Anthropic's environment variables and profiles, to trace, and to put what was
// said into an error. It starts no goroutine that outlives a stream.
package anthropic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/shared"

	"sidetone/dialog/llm"
)

// defaultTokens is the longest answer where the agent sets none: the API wants a
// number, and what is spoken is short.
const defaultTokens = 1024

// Options says where the endpoint is.
type Options struct {
	BaseURL string       // such as https://api.anthropic.com
	APIKey  string       // none when empty
	Model   string       // for requests that name none
	HTTP    *http.Client // http.DefaultClient when nil
}

// Client is a chat endpoint. It is safe for use by all calls at once.
type Client struct {
	model    string
	messages sdk.MessageService
}

var _ llm.Chat = (*Client)(nil)

// New returns a client. It fails for a BaseURL that is not absolute. A BaseURL
// may end in /v1.
func New(o Options) (*Client, error) {
	u, err := llm.BaseURL(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("anthropic: %w", err)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	options := []option.RequestOption{
		option.WithBaseURL(u.String()),
		option.WithHTTPClient(llm.HTTPClient(o.HTTP)),
		option.WithMaxRetries(0), // the replier knows how long the caller may wait
		option.WithoutOpenTelemetry(),
	}
	if o.APIKey != "" {
		options = append(options, option.WithAPIKey(o.APIKey))
	}
	return &Client{model: o.Model, messages: sdk.NewMessageService(options...)}, nil
}

// Stream implements llm.Chat.
func (c *Client) Stream(ctx context.Context, r llm.Request) iter.Seq2[llm.Delta, error] {
	return func(yield func(llm.Delta, error) bool) {
		stream := c.messages.NewStreaming(ctx, c.params(r))
		defer stream.Close() // what it could report, Err has reported
		var a answer
		for stream.Next() {
			d := a.read(stream.Current())
			if d != (llm.Delta{}) && !yield(d, nil) {
				return
			}
		}
		switch err := stream.Err(); {
		case err != nil && !a.ended:
			yield(llm.Delta{}, failure(ctx, err))
		case !a.ended:
			yield(llm.Delta{}, llm.ErrCut)
		}
	}
}

// params writes a request in Anthropic's terms. The tools and the prompt, which
// are the same in every turn of a call, are marked to be cached.
func (c *Client) params(r llm.Request) sdk.MessageNewParams {
	p := sdk.MessageNewParams{
		Model:     cmp.Or(r.Model, c.model),
		MaxTokens: int64(cmp.Or(r.MaxTokens, defaultTokens)),
	}
	if r.Temperature != nil {
		p.Temperature = sdk.Float(min(*r.Temperature, 1)) // OpenAI's go to 2
	}
	for _, m := range r.Messages {
		if m.Role == llm.System {
			p.System = append(p.System, sdk.TextBlockParam{Text: m.Text})
			continue
		}
		role, blocks := content(m)
		if last := len(p.Messages) - 1; last >= 0 && p.Messages[last].Role == role {
			p.Messages[last].Content = append(p.Messages[last].Content, blocks...)
		} else if len(blocks) > 0 {
			p.Messages = append(p.Messages, sdk.MessageParam{Role: role, Content: blocks})
		}
	}
	for _, t := range r.Tools {
		p.Tools = append(p.Tools, sdk.ToolUnionParam{OfTool: &sdk.ToolParam{
			Name: t.Name, Description: sdk.String(t.Description), InputSchema: schema(t.Parameters),
		}})
	}
	if n := len(p.System); n > 0 {
		p.System[n-1].CacheControl = sdk.NewCacheControlEphemeralParam()
	}
	if n := len(p.Tools); n > 0 {
		p.Tools[n-1].OfTool.CacheControl = sdk.NewCacheControlEphemeralParam()
	}
	return p
}

// content writes a message as blocks; a text must not be empty.
func content(m llm.Message) (role sdk.MessageParamRole, blocks []sdk.ContentBlockParamUnion) {
	if m.Role == llm.Result {
		return sdk.MessageParamRoleUser, append(blocks, sdk.NewToolResultBlock(m.CallID, cmp.Or(m.Text, "done"), false))
	}
	if strings.TrimSpace(m.Text) != "" {
		blocks = append(blocks, sdk.NewTextBlock(m.Text))
	}
	if m.Role != llm.Assistant {
		return sdk.MessageParamRoleUser, blocks
	}
	for _, c := range m.Calls {
		arguments := c.Arguments
		if !json.Valid(arguments) || arguments[0] != '{' {
			arguments = json.RawMessage(`{}`) // the model's own fault, which the endpoint would refuse
		}
		blocks = append(blocks, sdk.NewToolUseBlock(c.ID, arguments, c.Name))
	}
	return sdk.MessageParamRoleAssistant, blocks
}

// schema writes a JSON schema of an object.
func schema(parameters map[string]any) sdk.ToolInputSchemaParam {
	s := sdk.ToolInputSchemaParam{ExtraFields: map[string]any{}}
	for key, value := range parameters {
		switch key {
		case "type": // always object
		case "properties":
			s.Properties = value
		default:
			s.ExtraFields[key] = value
		}
	}
	return s
}

// statuses are the HTTP statuses of errors that come within a stream.
var statuses = map[shared.ErrorType]int{
	shared.ErrorTypeInvalidRequestError: http.StatusBadRequest,
	shared.ErrorTypeAuthenticationError: http.StatusUnauthorized,
	shared.ErrorTypeBillingError:        http.StatusPaymentRequired,
	shared.ErrorTypePermissionError:     http.StatusForbidden,
	shared.ErrorTypeNotFoundError:       http.StatusNotFound,
	shared.ErrorTypeRateLimitError:      http.StatusTooManyRequests,
	shared.ErrorTypeAPIError:            http.StatusInternalServerError,
	shared.ErrorTypeTimeoutError:        http.StatusGatewayTimeout,
	shared.ErrorTypeOverloadedError:     529,
}

// failure translates the SDK's errors.
func failure(ctx context.Context, err error) error {
	const op = "stream message"
	var api *sdk.Error
	if errors.As(err, &api) && context.Cause(ctx) == nil && api.Response != nil {
		status := api.StatusCode
		if status < 300 {
			status = cmp.Or(statuses[api.Type()], http.StatusInternalServerError)
		}
		return llm.Refusal(op, status, api.Response.Header)
	}
	return llm.Failure(ctx, op, err)
}
