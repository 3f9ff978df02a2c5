package app

import (
	"context"
	"fmt"
	"time"

	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/dialog/llm/openai"
	"sidetone/dialog/script"
)

// replier makes who answers in a call.
func (a *App) replier(ready *agent) (dialog.Replier, error) {
	if ready.Script != nil {
		return script.New(ready.Script), nil
	}
	return llm.New(llm.Options{Chat: a.chat, Agent: ready.Agent, Transfers: ready.LLM.Transfers, Total: time.Duration(a.config.LLM.Timeout), Metrics: a.chatMetrics}), nil
}

// openChat opens the language model's endpoint, where one is configured.
func (a *App) openChat(context.Context, Options) error {
	c := a.config.LLM
	if c.BaseURL == "" {
		return nil
	}
	client, err := openai.New(openai.Options{BaseURL: c.BaseURL, APIKey: string(c.APIKey), Model: c.Model})
	if err != nil {
		return fmt.Errorf("llm: %w", err)
	}
	a.chat, a.chatMetrics = client, llm.NewMetrics(a.registry)
	return nil
}
