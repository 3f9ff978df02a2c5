package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/internal/webhooks"
)

// toolRunner asks the tools of agents' files.
type toolRunner struct{ asker *webhooks.Asker }

var _ llm.Runner = (*toolRunner)(nil)

// openTools makes what asks the tools of agents' files, where there is a secret to
// sign with.
func (a *App) openTools(_ context.Context, o Options) error {
	c := a.config.LLM.Tools
	if len(c.Secrets) == 0 {
		return nil
	}
	asker, err := webhooks.NewAsker(webhooks.AskerOptions{Secrets: revealed(c.Secrets), AllowPrivate: c.AllowPrivate, Agent: "sidetone/" + o.Version})
	if err != nil {
		return err
	}
	a.tools = &toolRunner{asker}
	return nil
}

func revealed(secrets []configs.Secret) (texts []string) {
	for _, s := range secrets {
		texts = append(texts, s.Reveal())
	}
	return texts
}

// toolQuestion is the body of a question.
type toolQuestion struct {
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
}

// Why a tool has said nothing.
var (
	errToolStatus = errors.New("app: a tool answered with an error")
	errToolCut    = errors.New("app: a tool answered more than its max_bytes")
)

// Run implements llm.Runner. A status that says what the arguments are worth, 400 to
// 422, is an answer.
func (r *toolRunner) Run(ctx context.Context, tool dialog.Tool, arguments json.RawMessage) (string, error) {
	body, err := json.Marshal(toolQuestion{tool.Name, arguments})
	if err != nil {
		return "", fmt.Errorf("app: tool: %w", err)
	}
	answer, err := r.asker.Ask(ctx, webhooks.Question{Method: tool.Method, URL: tool.URL, Body: body, MaxBytes: tool.MaxBytes})
	switch {
	case err != nil:
		return "", err
	case answer.Cut:
		return "", errToolCut
	case answer.Status == http.StatusBadRequest, answer.Status == http.StatusNotFound, answer.Status == http.StatusConflict, answer.Status == http.StatusUnprocessableEntity:
		return fmt.Sprintf("status %d: %s", answer.Status, answer.Body), nil
	case answer.Status >= 300:
		return "", fmt.Errorf("%w: %d", errToolStatus, answer.Status)
	case len(answer.Body) == 0:
		return "done", nil
	}
	return string(answer.Body), nil
}

// askable says why the tools of an agent can not be asked.
func (a *App) askable(file *dialog.Agent) error {
	if file.LLM == nil || len(file.LLM.Tools) == 0 {
		return nil
	}
	if a.tools == nil {
		return fmt.Errorf("%w: it has tools, and llm.tools.secrets is empty", errCannotAnswer)
	}
	for i, t := range file.LLM.Tools {
		if !a.tools.asker.Allowed(t.URL) {
			return fmt.Errorf("%w: llm.tools[%d].url is not https, and llm.tools.allow_private is not set", errCannotAnswer, i)
		}
	}
	return nil
}
