package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/seal"
	"sidetone/store"
)

// RetentionRule is for how long each class of what a call leaves is kept, from the end
// of the call on; 0 is for ever.
type RetentionRule struct {
	Agent    string           `json:"agent"` // empty: whoever has no rule of their own
	Audio    configs.Duration `json:"audio"`
	Snippets configs.Duration `json:"snippets"`
	Text     configs.Duration `json:"text"`
}

// of returns for how long a class is kept.
func (r RetentionRule) of(c seal.Class) time.Duration {
	switch c {
	case seal.Audio:
		return time.Duration(r.Audio)
	case seal.Snippets:
		return time.Duration(r.Snippets)
	default:
		return time.Duration(r.Text)
	}
}

// retention is the rules: that of the workspace, and those of agents, each the stricter
// of the agent's own and the workspace's.
type retention struct {
	workspace RetentionRule
	agents    map[string]RetentionRule
}

// loadRetention reads the rules from the configuration and the agents' files.
func loadRetention(c *configs.Config, files map[string]*dialog.Agent) (retention, error) {
	r := retention{workspace: RetentionRule{Audio: c.Retention.Audio, Snippets: c.Retention.Snippets, Text: c.Retention.Text},
		agents: map[string]RetentionRule{}}
	var faults []error
	for name, file := range files {
		own := RetentionRule{Agent: name}
		for _, class := range []struct {
			name, text string
			of         configs.Duration
			to         *configs.Duration
		}{
			{"audio", file.Retention.Audio, r.workspace.Audio, &own.Audio},
			{"snippets", file.Retention.Snippets, r.workspace.Snippets, &own.Snippets},
			{"text", file.Retention.Text, r.workspace.Text, &own.Text},
		} {
			*class.to = class.of
			if class.text == "" {
				continue
			}
			kept, err := configs.ParseDuration(class.text)
			if err != nil || kept != 0 && kept < configs.MinRetention {
				faults = append(faults, fmt.Errorf("agent %s: retention.%s: must be a duration such as 90d or 1y, of at least 1h, or 0", name, class.name))
				continue
			}
			*class.to = stricter(kept, class.of)
		}
		r.agents[name] = own
	}
	return r, errors.Join(faults...)
}

// stricter returns the shorter of two times, of which 0 is for ever.
func stricter(a, b configs.Duration) configs.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// rule returns the rule for calls of an agent.
func (r retention) rule(agent string) RetentionRule {
	if own, ok := r.agents[agent]; ok {
		return own
	}
	return r.workspace
}

// list returns all rules: that of the workspace first, then by agent.
func (r retention) list() []RetentionRule {
	all := []RetentionRule{r.workspace}
	for _, name := range slices.Sorted(maps.Keys(r.agents)) {
		all = append(all, r.agents[name])
	}
	return all
}

// any reports whether anything is kept for less than ever.
func (r retention) any() bool {
	return slices.ContainsFunc(r.list(), func(one RetentionRule) bool { return one.Audio > 0 || one.Snippets > 0 || one.Text > 0 })
}

// due selects the calls of which something is past its time at a moment: by class, and
// by how long it is kept.
func (r retention) due(now time.Time) (all []store.Due) {
	named := slices.Sorted(maps.Keys(r.agents))
	for _, class := range seal.Classes {
		kept := map[time.Duration][]string{}
		for _, name := range named {
			if d := r.agents[name].of(class); d > 0 {
				kept[d] = append(kept[d], name)
			}
		}
		for d, names := range kept {
			all = append(all, store.Due{Class: string(class), Agents: names, Before: now.Add(-d)})
		}
		if d := r.workspace.of(class); d > 0 {
			all = append(all, store.Due{Class: string(class), Agents: named, Except: true, Before: now.Add(-d)})
		}
	}
	return all
}

// readRetention reads the agents' files, and the rules.
func readRetention(c *configs.Config) (retention, error) {
	files, err := dialog.LoadAgents(c.Agents.Dir)
	if err != nil {
		return retention{}, err
	}
	return loadRetention(c, files)
}

// RetentionRules returns for how long what calls leave is kept: by the configuration
// first, then by agent.
func RetentionRules(c *configs.Config) ([]RetentionRule, error) {
	r, err := readRetention(c)
	return r.list(), err
}

// openRetention reads the rules, before jobs begin that follow them.
func (a *App) openRetention(context.Context, Options) (err error) {
	a.sweeps = newSweeps(a.registry)
	a.retention, err = readRetention(a.config)
	return err
}

// whyExpired says why nobody gets a class of a call any more.
func whyExpired(c seal.Class) string {
	return fmt.Sprintf("the retention of its %s is over: nothing of that is left", c)
}
