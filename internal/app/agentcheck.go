package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/telephony"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/spoken"
)

// CheckAgents loads the agent files and the policy file and holds them against the
// configuration and each other. The warnings say what will happen that an author
// may not expect.
func CheckAgents(c *configs.Config) (warnings []string, err error) {
	files, err := dialog.LoadAgents(c.Agents.Dir)
	if err != nil {
		return nil, err
	}
	rules, err := loadRuleset(c)
	if err = errors.Join(err, named(c, files)); err != nil {
		return nil, err
	}
	if _, err := loadRetention(c, files); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := overlaid(rules, files[name]); err != nil {
			return nil, err
		}
		for _, w := range doubts(c, files[name]) {
			warnings = append(warnings, "agent "+name+": "+w)
		}
	}
	return warnings, nil
}

// named holds the agents that the configuration names against the files.
func named(c *configs.Config, files map[string]*dialog.Agent) error {
	for number, name := range c.Agents.Numbers {
		if files[name] == nil {
			return fmt.Errorf("agents.numbers: %s is given to agent %q, and there is no %s.yaml in %s", number, name, name, c.Agents.Dir)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := heardBy(c, files[name]); err != nil {
			return err
		}
	}
	if name := c.Agents.Default; files[name] == nil {
		return fmt.Errorf("agents.default: there is no %s.yaml in %s", name, c.Agents.Dir)
	}
	return nil
}

// overlaid holds an agent's overlays against the policy file.
func overlaid(rules *consent.Ruleset, file *dialog.Agent) error {
	for i, overlay := range file.Notice.Overlays {
		if _, ok := rules.Overlay(overlay); !ok {
			return fmt.Errorf("agent %s: notice.overlays[%d]: the policy file has no overlay %q", file.Name, i, overlay)
		}
	}
	return nil
}

// doubts says what may surprise the author of an agent.
func doubts(c *configs.Config, file *dialog.Agent) (w []string) {
	n := file.Notice
	_, unknown := spoken.New(moonshine.New(moonshine.Options{}), file.Language)
	if (n.Mode == consent.OptInSpeech || n.Mode == consent.OptInEither) && (unknown != nil || c.Speech.STT == configs.STTNone) {
		w = append(w, fmt.Sprintf("notice.mode: a spoken yes is not understood here in language %s; callers are asked for a key instead", file.Language))
	}
	for _, mode := range consent.Modes {
		if _, ok := sourcesOf(file, telephony.Phone, mode); !ok {
			w = append(w, fmt.Sprintf("notice.parts: there are no words in language %s to ask callers as %s; where the policy wants that, nothing is recorded", file.Language, mode))
		}
	}
	if n.OnRefusal == dialog.SayGoodbye {
		w = append(w, "notice.on_refusal: a caller who must agree or go may not agree freely")
	}
	if slices.Contains(n.Overlays, "pci") && !file.Pause && !asksInPause(file) {
		w = append(w, "notice.overlays: pci wants payment steps to be paused, and this agent can not pause: set pause, or a question that is sensitive")
	}
	if file.LLM != nil && len(file.LLM.Tools) > 0 && len(c.LLM.Tools.Secrets) == 0 {
		w = append(w, "llm.tools: llm.tools.secrets of the configuration is empty; without a secret to sign with this agent does not answer")
	}
	return w
}

// asksInPause reports whether a script has a question that is asked in a pause.
func asksInPause(file *dialog.Agent) bool {
	return file.Script != nil && slices.ContainsFunc(file.Script.Questions, func(q dialog.Question) bool { return q.Sensitive })
}
