package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/telephony"
)

// agent is an agent that is ready to answer: its file and its message.
type agent struct {
	*dialog.Agent
	policy  consent.Policy
	message consent.Message // for callers who only hear it
	onWeb   consent.Message // for callers who read it as well
	voice   dialog.Speaker
}

// messageFor returns the message for a kind of leg.
func (a *agent) messageFor(k telephony.Kind) consent.Message {
	if k == telephony.Web {
		return a.onWeb
	}
	return a.message
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
	heard, read := sources(file.Notice)
	ready := &agent{Agent: file, policy: policy, voice: voice}
	renderer := consent.Renderer{Voice: name, Speak: render(voice)}
	dir := filepath.Join(a.config.DataDir, "messages")
	if ready.message, err = consent.Prepare(ctx, dir, file.Language, heard, renderer); err != nil {
		return nil, err
	}
	if ready.onWeb, err = consent.Prepare(ctx, dir, file.Language, read, renderer); err != nil {
		return nil, err
	}
	ready.message.Wait = media.TicksIn(file.Notice.Wait)
	ready.onWeb.Wait = ready.message.Wait
	return ready, nil
}

// sources returns what the notice is made of, for callers who only hear it and
// for those who read it as well.
func sources(n dialog.Notice) (heard, read []consent.Source) {
	for _, p := range n.Parts {
		s := consent.Source{Kind: p.Kind, Text: p.Text, File: p.File}
		heard = append(heard, s)
		if p.Web != "" {
			s.Text, s.File = p.Web, ""
		}
		read = append(read, s)
	}
	return heard, read
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
