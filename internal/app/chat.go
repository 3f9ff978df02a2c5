package app

import (
	"context"
	"fmt"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/dialog/llm/anthropic"
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
	chat, err := newChat(c)
	if err != nil {
		return fmt.Errorf("llm: %w", err)
	}
	a.chat, a.chatMetrics = chat, llm.NewMetrics(a.registry)
	return nil
}

// newChat returns the client of an endpoint.
func newChat(c configs.LLM) (llm.Chat, error) {
	if c.Engine == configs.LLMAnthropic {
		return anthropic.New(anthropic.Options{BaseURL: c.BaseURL, APIKey: c.APIKey.Reveal(), Model: c.Model})
	}
	return openai.New(openai.Options{BaseURL: c.BaseURL, APIKey: c.APIKey.Reveal(), Model: c.Model})
}
