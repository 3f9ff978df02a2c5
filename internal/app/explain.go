package app

import (
	"cmp"
	"fmt"
	"net/url"
	"os"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/telephony"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/remote"
	"sidetone/transcribe/spoken"
)

// loadRuleset reads the policy file.
func loadRuleset(c *configs.Config) (*consent.Ruleset, error) {
	data, err := os.ReadFile(c.Consent.Jurisdictions)
	if err != nil {
		return nil, fmt.Errorf("consent.jurisdictions: %w", err)
	}
	rules, err := consent.ParseRuleset(data)
	if err != nil {
		return nil, fmt.Errorf("consent.jurisdictions: %s: %w", c.Consent.Jurisdictions, err)
	}
	return rules, nil
}

// ExplainQuery is a call that might come.
type ExplainQuery struct {
	From, To string // numbers; what is no number is as strict as an unknown one
	Agent    string // its name; empty for the one that answers calls to To
	Web      bool   // from a web page: the numbers do not matter
	Outbound bool   // the operator places it
}

// Explanation is what would hold for a call, and every rule behind it. It holds
// no number.
type Explanation struct {
	Agent     string              `json:"agent"`
	Channel   telephony.Kind      `json:"channel"`
	Direction telephony.Direction `json:"direction"`
	Mode      consent.Mode        `json:"mode"`             // how the caller is asked
	Choice    string              `json:"choice,omitempty"` // in which words; empty where nothing is asked
	Policy    consent.Policy      `json:"policy"`           // the strictest of all rules, purpose by purpose
	WholeCall bool                `json:"whole_call"`       // a caller who withdraws may have the call destroyed
	Local     bool                `json:"local"`            // all engines run on this machine: Policy.Local counts, and not Converse
	Engines   []ExplainedEngine   `json:"engines"`
	Rules     []ExplainedRule     `json:"rules"`
	File      ExplainedFile       `json:"policy_file"`
}

// ExplainedEngine is something that hears callers or reads their words.
type ExplainedEngine struct {
	Part  string `json:"part"`  // recognition, voice or agent
	Name  string `json:"name"`  // of the engine or the model
	Where string `json:"where"` // a host; empty for this machine
}

// ExplainedRule is one rule behind a decision, with what it rests on.
type ExplainedRule struct {
	consent.Reason
	Name       string `json:"name"`
	Basis      string `json:"basis"`
	ReviewedBy string `json:"reviewed_by,omitempty"` // of rows of the policy file
}

// ExplainedFile is the policy file that decided.
type ExplainedFile struct {
	Path       string `json:"path"`
	Version    string `json:"version"`
	SHA256     string `json:"sha256"`
	ReviewedBy string `json:"reviewed_by"`
}

// Explain decides about a call as the gateway would that runs with this
// configuration and has its models. It needs no gateway that runs.
func Explain(c *configs.Config, q ExplainQuery) (Explanation, error) {
	rules, err := loadRuleset(c)
	if err != nil {
		return Explanation{}, err
	}
	ready, err := explainedAgent(c, q)
	if err != nil {
		return Explanation{}, err
	}
	info := telephony.Info{Kind: telephony.Phone, Direction: telephony.Inbound, From: q.From, To: q.To}
	if q.Web {
		info.Kind = telephony.Web
	}
	if q.Outbound {
		info.Direction = telephony.Outbound
	}
	d, err := rules.Decide(ready.question(info, consent.Mode(c.Consent.Floor)))
	if err != nil {
		return Explanation{}, fmt.Errorf("agent %s: %w", ready.Name, err)
	}
	local := localEngines(c, ready.Agent)
	adapt(&d, ready, local)
	e := Explanation{
		Agent: ready.Name, Channel: info.Kind, Direction: info.Direction, Mode: d.Policy.For(local).Mode(),
		Policy: d.Policy, WholeCall: d.WholeCall, Local: local, Engines: enginesOf(c, ready.Agent),
		File: ExplainedFile{c.Consent.Jurisdictions, rules.Version, rules.SHA256(), rules.ReviewedBy},
	}
	if words, ok := choiceOf(ready.Agent, info.Kind, e.Mode); ok && e.Mode != consent.NoRecord {
		e.Choice = words.Text
	}
	for _, reason := range d.Reasons {
		e.Rules = append(e.Rules, explained(rules, ready.Agent, reason))
	}
	return e, nil
}

// explainedAgent returns the agent of a query, with what the gateway would know
// of its words and without their sound.
func explainedAgent(c *configs.Config, q ExplainQuery) (*agent, error) {
	files, err := dialog.LoadAgents(c.Agents.Dir)
	if err != nil {
		return nil, err
	}
	name := q.Agent
	if name == "" {
		name = c.Agents.Numbers[q.To]
	}
	if name == "" {
		name = c.Agents.Default
	}
	file := files[name]
	if file == nil {
		return nil, fmt.Errorf("there is no agent %q in %s", name, c.Agents.Dir)
	}
	if file.LLM != nil && c.LLM.BaseURL == "" {
		return nil, fmt.Errorf("agent %s: %w: it needs a language model, and llm.base_url is empty", name, errCannotAnswer)
	}
	ready := &agent{Agent: file, messages: map[telephony.Kind]map[consent.Mode]consent.Message{}}
	for _, kind := range []telephony.Kind{telephony.Phone, telephony.Web} {
		ready.messages[kind] = map[consent.Mode]consent.Message{}
		for _, mode := range consent.Modes {
			if _, ok := sourcesOf(file, kind, mode); ok {
				ready.messages[kind][mode] = consent.Message{}
			}
		}
	}
	if c.Speech.STT != configs.STTNone {
		ready.matcher, _ = spoken.New(moonshine.New(moonshine.Options{Dir: c.Speech.ModelsDir}), file.Language)
	}
	return ready, nil
}

// enginesOf returns what hears an agent's callers or reads their words.
func enginesOf(c *configs.Config, file *dialog.Agent) (engines []ExplainedEngine) {
	for _, name := range recognisers(c, file) {
		engine := ExplainedEngine{Part: "recognition", Name: string(name)}
		if u, err := url.Parse(vendorURL(c, name)); err == nil {
			engine.Where = u.Host
		}
		engines = append(engines, engine)
	}
	for i, address := range voiceURLs(c, file) {
		if address == "" {
			continue
		}
		voice := ExplainedEngine{Part: "voice", Name: string(append([]configs.TTS{c.Speech.TTS}, c.Speech.TTSFallbacks...)[i])}
		if u, err := url.Parse(address); err == nil && !remote.OnThisMachine(address) {
			voice.Where = u.Host
		}
		engines = append(engines, voice)
	}
	if file.LLM == nil {
		return append(engines, ExplainedEngine{Part: "agent", Name: "script"})
	}
	endpoints := c.LLM.Endpoints()
	if len(endpoints) == 0 {
		return append(engines, ExplainedEngine{Part: "agent", Name: file.LLM.Model})
	}
	endpoints[0].Model = cmp.Or(file.LLM.Model, endpoints[0].Model)
	for _, e := range endpoints {
		model := ExplainedEngine{Part: "agent", Name: e.Model}
		if u, err := url.Parse(e.BaseURL); err == nil && !remote.OnThisMachine(e.BaseURL) {
			model.Where = u.Host
		}
		engines = append(engines, model)
	}
	return engines
}

// explained adds to a reason what it rests on.
func explained(rules *consent.Ruleset, file *dialog.Agent, reason consent.Reason) ExplainedRule {
	e := ExplainedRule{Reason: reason}
	row, ok := rules.Rule(reason.Rule)
	switch reason.Source {
	case consent.FromOverlay:
		row, ok = rules.Overlay(reason.Rule)
	case consent.FromAgent:
		e.Name, e.Basis = file.Name, "notice.mode of the agent's file"
	case consent.FromFloor:
		e.Name, e.Basis = "every agent", "consent.floor of the configuration"
	case consent.FromSpeech:
		e.Name, e.Basis = file.Language, "nothing on this machine tells a spoken yes from a no in this language"
	case consent.FromWords:
		e.Name, e.Basis = file.Language, "neither the agent nor the gateway has words for the question in this language"
	}
	if !ok || e.Basis != "" {
		return e
	}
	e.Name, e.Basis, e.ReviewedBy = row.Name, row.Source, row.ReviewedBy
	if e.ReviewedBy == "" {
		e.ReviewedBy = rules.ReviewedBy
	}
	return e
}
