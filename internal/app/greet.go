package app

import (
	"fmt"
	"io"

	"sidetone/configs"
	"sidetone/dialog"
)

// Greet prints where the gateway is, who answers, and how to place a first
// call.
func (a *App) Greet(w io.Writer) {
	c := a.config
	fmt.Fprintf(w, "\nSidetone is up.\n")
	fmt.Fprintf(w, "  public    %s  (Twilio webhook: %s/twilio/voice)\n", a.PublicAddr(), a.PublicURL())
	fmt.Fprintf(w, "  media     %s  (sound of browsers, UDP and TCP)\n", a.MediaAddr())
	fmt.Fprintf(w, "  operator  http://%s  (metrics, health, API)\n", a.OperatorAddr())
	ready := a.agentFor("")
	if ready == nil {
		fmt.Fprintf(w, "  agent     %s can not answer; the log says why\n\n", c.Agents.Default)
		return
	}
	fmt.Fprintf(w, "  agent     %s: %s\n", ready.Name, ready.Description)
	if c.Web.Demo {
		fmt.Fprintf(w, "\nTalk to it in a browser:\n\n  %s/demo\n", a.PublicURL())
	}
	fmt.Fprintf(w, "\nPlace a first call by phone, from another terminal:\n\n  bin/sidetone try\n\n")
}

// CheckAgents loads the agent files and holds them against the configuration.
func CheckAgents(c *configs.Config) error {
	files, err := dialog.LoadAgents(c.Agents.Dir)
	if err != nil {
		return err
	}
	return named(c, files)
}

// named holds the agents that the configuration names against the files.
func named(c *configs.Config, files map[string]*dialog.Agent) error {
	for number, name := range c.Agents.Numbers {
		if files[name] == nil {
			return fmt.Errorf("agents.numbers: %s is given to agent %q, and there is no %s.yaml in %s", number, name, name, c.Agents.Dir)
		}
	}
	if name := c.Agents.Default; files[name] == nil {
		return fmt.Errorf("agents.default: there is no %s.yaml in %s", name, c.Agents.Dir)
	}
	return nil
}
