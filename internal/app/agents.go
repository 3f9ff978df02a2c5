package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/media"
	"sidetone/telephony"
	"sidetone/transcribe"
	"sidetone/transcribe/spoken"
)

// agent is an agent that is ready to answer: its file, and what it says before
// anything else to callers of each kind, by how they are asked.
type agent struct {
	*dialog.Agent
	messages map[telephony.Kind]map[consent.Mode]consent.Message
	matcher  *spoken.Matcher          // nil: no spoken answer is understood in its language
	engine   transcribe.Engine        // hears; nil: the caller can only press keys
	voice    dialog.Speaker           // says the messages, and the rest where there are no voices
	voices   *tts.Voices              // of calls, that take over from each other; nil: voice, by itself
	own      tts.Prepared             // sentences that it says of its own accord
	language []consent.LanguageOption // what callers choose from; nil where there is no choice
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
	a.agents = map[string]*agent{}
	library := consent.NewLibrary(messagesDir(a.config))
	for name, file := range files {
		if err := overlaid(a.policy.rules, file); err != nil {
			return err
		}
		ready, err := a.prepare(ctx, file, library)
		if errors.Is(err, errCannotAnswer) {
			a.log.Error("agent can not answer", "agent", name, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("agent %s: %w", name, err)
		}
		a.agents[name] = ready
	}
	return a.openLanguages(ctx, library)
}

// prepare makes an agent ready to answer.
func (a *App) prepare(ctx context.Context, file *dialog.Agent, library *consent.Library) (*agent, error) {
	if file.LLM != nil && a.models == nil {
		return nil, fmt.Errorf("%w: it needs a language model, and llm.base_url is empty", errCannotAnswer)
	}
	if err := a.askable(file); err != nil {
		return nil, err
	}
	engine, err := a.engineOf(file)
	if err != nil {
		return nil, err
	}
	name, voice, err := a.voiceOf(ctx, file)
	if err != nil {
		return nil, err
	}
	ready := &agent{Agent: file, engine: engine, voice: voice, matcher: a.matcher(file.Language)}
	if ready.voices, err = a.voicesOf(ctx, file, voice); err != nil {
		return nil, err
	}
	err = a.spokenBy(ctx, file, name, voice, func(r consent.Renderer) (err error) {
		if ready.messages, err = prepareMessages(ctx, library, file, r); err == nil && ready.voices != nil {
			ready.own.Borrowed = r.Voice != name
			ready.own.Sentences, err = prepareOwn(ctx, library, file, r)
		}
		return err
	})
	return ready, err
}

// messagesDir is where what callers were told is kept.
func messagesDir(c *configs.Config) string { return filepath.Join(c.DataDir, "messages") }

// prepareMessages makes an agent's messages for callers of each kind, by how they
// are asked.
func prepareMessages(ctx context.Context, library *consent.Library, file *dialog.Agent, r consent.Renderer) (map[telephony.Kind]map[consent.Mode]consent.Message, error) {
	all := map[telephony.Kind]map[consent.Mode]consent.Message{}
	for _, kind := range []telephony.Kind{telephony.Phone, telephony.Web} {
		all[kind] = map[consent.Mode]consent.Message{}
		for _, mode := range consent.Modes {
			sources, ok := sourcesOf(file, kind, mode)
			if !ok {
				continue
			}
			m, err := library.Prepare(ctx, file.Language, sources, promptsOf(file, mode), r)
			if err != nil {
				return nil, err
			}
			m.Wait = media.TicksIn(file.Notice.Wait)
			all[kind][mode] = m
		}
	}
	return all, nil
}

// openLanguages prepares the choice of a language where an agent's callers have
// one. A choice whose agent can not answer is left out.
func (a *App) openLanguages(ctx context.Context, library *consent.Library) error {
	for name, ready := range a.agents {
		var sources []consent.PartSource
		var options []consent.LanguageOption
		for i, l := range ready.Notice.Languages {
			if l.Agent == "" {
				ready.Notice.Languages[i].Agent = name
			}
			other := a.agents[ready.Notice.Languages[i].Agent]
			if other == nil {
				return fmt.Errorf("agent %s: notice.languages[%d].agent: there is no agent %q that can answer", name, i, l.Agent)
			}
			sources = append(sources[:0], consent.PartSource{Kind: consent.PartChoice, Text: l.Text})
			voice, speaker, err := a.voiceOf(ctx, other.Agent)
			if err != nil {
				return err
			}
			var m consent.Message
			err = a.spokenBy(ctx, other.Agent, voice, speaker, func(r consent.Renderer) (err error) {
				m, err = library.Prepare(ctx, other.Language, sources, nil, r)
				return err
			})
			if err != nil {
				return fmt.Errorf("agent %s: notice.languages[%d]: %w", name, i, err)
			}
			options = append(options, consent.LanguageOption{Key: l.Key[0], Part: m.Parts[0]})
		}
		ready.language = options
	}
	return nil
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
