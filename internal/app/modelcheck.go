package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/llm"
	"sidetone/dialog/llm/contract"
	"sidetone/transcribe/remote"
)

// checkModels checks the endpoints of language models, the first with the models that
// agents name.
func checkModels(ctx context.Context, c *configs.Config, files map[string]*dialog.Agent, told func(ProviderCase)) (all []ProviderCheck, err error) {
	asks := func(file *dialog.Agent) bool { return file.LLM != nil }
	for i, e := range c.LLM.Endpoints() {
		names := []string{e.Model}
		model := func(file *dialog.Agent) string {
			if i > 0 {
				return e.Model // an agent's own is one of the first endpoint's
			}
			return cmp.Or(file.LLM.Model, e.Model)
		}
		for _, agent := range servedBy(files, asks) {
			if name := model(files[agent]); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for _, name := range names {
			p, err := checkModel(ctx, c, e, name, told)
			if err != nil {
				return nil, err
			}
			p.Agents = servedBy(files, func(file *dialog.Agent) bool { return asks(file) && model(file) == name })
			all = append(all, p)
		}
	}
	return all, nil
}

// checkModel holds one model of an endpoint against the contract.
func checkModel(ctx context.Context, c *configs.Config, e configs.LLMFallback, model string, told func(ProviderCase)) (ProviderCheck, error) {
	p := ProviderCheck{Part: "language model", Engine: e.Name, Model: model, Host: hostOf(e.BaseURL)}
	e.Model = model
	chat, err := newChat(e)
	if err != nil {
		return p, err
	}
	e.APIKey = wrongKey
	wrong, err := newChat(e)
	if err != nil || !p.reached(ctx, e.BaseURL, told) {
		return p, err
	}
	p.hold(ctx, 0, wrongKeyCase, told, func(n *holding) {
		if remote.OnThisMachine(e.BaseURL) {
			return // a server on this machine may want none
		}
		a := contract.Ask(ctx, wrong, llm.Request{Messages: []llm.Message{{Role: llm.User, Text: "Hello."}}})
		if refused := (*llm.VendorError)(nil); !errors.As(a.Err, &refused) || refused.Status/100 != 4 {
			n.Errorf("a wrong key ended with %v, want a status of 400 to 499", a.Err)
		}
	})
	s := contract.Subject{Chat: chat, First: time.Duration(c.LLM.FirstToken), All: time.Duration(c.LLM.Timeout)}
	for _, held := range contract.Cases {
		p.hold(ctx, 0, held.Name, told, func(n *holding) { held.Hold(ctx, n, s) })
	}
	return p, nil
}
