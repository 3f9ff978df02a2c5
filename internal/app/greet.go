package app

import (
	"fmt"
	"io"
)

// Greet prints where the gateway is, who answers, and how to place a first
// call.
func (a *App) Greet(w io.Writer) {
	c := a.config
	fmt.Fprintf(w, "\nSidetone is up.\n")
	fmt.Fprintf(w, "  public    %s  (Twilio webhook: %s/twilio/voice)\n", a.PublicAddr(), a.PublicURL())
	fmt.Fprintf(w, "  media     %s  (sound of browsers, UDP and TCP)\n", a.MediaAddr())
	fmt.Fprintf(w, "  operator  http://%s  (metrics, health, API)\n", a.OperatorAddr())
	fmt.Fprintf(w, "  objects   %s\n", a.storage.greeting())
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
