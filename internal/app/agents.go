package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// agent is an agent that is ready to answer: its file and its message.
type agent struct {
	*dialog.Agent
	policy  consent.Policy
	message consent.Message
	voice   dialog.Speaker
}

// errCannotAnswer says that an agent's file is right, and this gateway lacks
// what the agent needs.
var errCannotAnswer = errors.New("app: the agent can not answer")

// openAgents loads the agent files and makes them ready. An agent for which an
// engine is missing does not answer; every other fault is an error.
func (a *App) openAgents(ctx context.Context, _ Options) error {
	files, err := dialog.LoadAgents(a.config.Agents.Dir)
	if err != nil {
		return err
	}
	if err := named(a.config, files); err != nil {
		return err
	}
	floor := consent.Policy{}
	if a.config.Consent.Floor != "" {
		if _, floor, err = consent.ParseMode(string(a.config.Consent.Floor)); err != nil {
			return fmt.Errorf("consent.floor: %w", err)
		}
	}
	a.agents = map[string]*agent{}
	for name, file := range files {
		ready, err := a.prepare(ctx, file, floor)
		if errors.Is(err, errCannotAnswer) {
			a.log.Error("agent can not answer", "agent", name, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("agent %s: %w", name, err)
		}
		a.agents[name] = ready
	}
	return nil
}

// prepare makes an agent ready to answer.
func (a *App) prepare(ctx context.Context, file *dialog.Agent, floor consent.Policy) (*agent, error) {
	_, policy, err := consent.ParseMode(string(file.Notice.Mode))
	if err != nil {
		return nil, err
	}
	if policy.Strictest(floor) != policy {
		return nil, fmt.Errorf("notice.mode: %s is less than consent.floor asks for (%s)", file.Notice.Mode, a.config.Consent.Floor)
	}
	if file.LLM != nil && a.chat == nil {
		return nil, fmt.Errorf("%w: it needs a language model, and llm.base_url is empty", errCannotAnswer)
	}
	if err := a.understands(file.Language); err != nil {
		return nil, err
	}
	name, voice, err := a.voiceOf(ctx, file)
	if err != nil {
		return nil, err
	}
	var sources []consent.Source
	for _, p := range file.Notice.Parts {
		sources = append(sources, consent.Source{Kind: p.Kind, Text: p.Text, File: p.File})
	}
	renderer := consent.Renderer{Voice: name, Speak: render(voice)}
	message, err := consent.Prepare(ctx, filepath.Join(a.config.DataDir, "messages"), file.Language, sources, renderer)
	if err != nil {
		return nil, err
	}
	message.Wait = media.TicksIn(file.Notice.Wait)
	return &agent{Agent: file, policy: policy, message: message, voice: voice}, nil
}

// agentFor returns the agent that answers calls to a number; nil when it can
// not answer.
func (a *App) agentFor(number string) *agent {
	name, ok := a.config.Agents.Numbers[number]
	if !ok {
		name = a.config.Agents.Default
	}
	return a.agents[name]
}
