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

// replier makes who answers in a call. What it takes for that is logged by turn,
// and summed up in the call's row.
func (a *App) replier(ready *agent, call string) (dialog.Replier, error) {
	if ready.Script != nil {
		return script.New(ready.Script), nil
	}
	c := a.config.LLM
	o := llm.Options{
		Engines: a.models, Agent: ready.Agent, Transfers: ready.LLM.Transfers,
		FirstToken: time.Duration(c.FirstToken), Takeover: time.Duration(c.Takeover), Total: time.Duration(c.Timeout),
		Spent: func(s llm.Spending) {
			a.bills.add(call, s)
			a.log.Debug("tokens", "call", call, "turn", s.Turn, "engine", s.Engine, "input", s.Input, "cached", s.Cached,
				"written", s.Written, "output", s.Output, "cost", s.Cost, "dropped", s.Dropped)
		},
	}
	if a.tools != nil {
		o.Runner = a.tools
	}
	return llm.New(o), nil
}

// openChat opens the language models' endpoints, where any is configured.
func (a *App) openChat(context.Context, Options) error {
	var engines []llm.Engine
	for _, e := range a.config.LLM.Endpoints() {
		chat, err := newChat(e)
		if err != nil {
			return fmt.Errorf("llm: %s: %w", e.Name, err)
		}
		engines = append(engines, llm.Engine{Name: e.Name, Chat: chat, Prices: llm.Prices(e.Prices)})
	}
	if len(engines) > 0 {
		a.models = llm.NewEngines(llm.EnginesOptions{Metrics: llm.NewMetrics(a.registry), Breakers: a.breakers, Log: a.log}, engines[0], engines[1:]...)
	}
	return nil
}

// newChat returns the client of an endpoint.
func newChat(e configs.LLMFallback) (llm.Chat, error) {
	if e.Engine == configs.LLMAnthropic {
		return anthropic.New(anthropic.Options{BaseURL: e.BaseURL, APIKey: e.APIKey.Reveal(), Model: e.Model})
	}
	return openai.New(openai.Options{BaseURL: e.BaseURL, APIKey: e.APIKey.Reveal(), Model: e.Model})
}
