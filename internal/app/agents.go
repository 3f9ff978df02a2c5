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
}

// openAgents loads the agent files and prepares their messages. An agent whose
// message can not be made for lack of a voice does not answer; every other
// fault of a file is an error.
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
		if errors.Is(err, errNoVoice) {
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

// prepare makes the agent's message.
func (a *App) prepare(ctx context.Context, file *dialog.Agent, floor consent.Policy) (*agent, error) {
	_, policy, err := consent.ParseMode(string(file.Notice.Mode))
	if err != nil {
		return nil, err
	}
	var sources []consent.Source
	for _, p := range file.Notice.Parts {
		if p.File == "" && a.speech.Voice == nil {
			return nil, errNoVoice
		}
		sources = append(sources, consent.Source{Kind: p.Kind, Text: p.Text, File: p.File})
	}
	renderer := consent.Renderer{Voice: a.config.Speech.Voice, Speak: a.speech.render}
	message, err := consent.Prepare(ctx, filepath.Join(a.config.DataDir, "messages"), file.Language, sources, renderer)
	if err != nil {
		return nil, err
	}
	message.Wait = media.TicksIn(file.Notice.Wait)
	return &agent{Agent: file, policy: policy.Strictest(floor), message: message}, nil
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
