package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sidetone/web/webtest"
)

// TestVisitorWhoseGatewayDies kills the gateway with SIGKILL in the middle of a
// call from a browser: the page says so in a sentence, and the next start finds
// what was recorded.
func TestVisitorWhoseGatewayDies(t *testing.T) {
	s := newSite(t)
	gateway, _ := s.serve(t)
	p := webtest.Start(t).Open("http://"+s.public+"/demo", webtest.Options{})
	p.Click("button", "Start call")
	p.Await("button", "Agree", 20*time.Second)
	p.Click("button", "Agree")
	p.AwaitEval(`!!document.querySelector('sidetone-call').shadowRoot.querySelector('.line.agent:not(.open)')`, 20*time.Second)
	p.Fill("textbox", "Message", "Yes")
	p.Press("Enter")
	p.AwaitText(".line.agent:nth-child(3)", "How likely", 20*time.Second)
	p.AwaitEval(`!!document.querySelector('sidetone-call').shadowRoot.querySelector('.line.agent:nth-child(3):not(.open)')`, 20*time.Second) // it has been said
	s.await(t, "/api/v1/calls", func(_ int, body string) bool { return strings.Contains(body, `"recording": "recording"`) })
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	gateway.Wait()
	p.AwaitText(".failed .lead", "The connection broke off and could not be restored.", 20*time.Second)
	p.Screenshot("killed")
	for _, violation := range p.Axe() {
		t.Errorf("axe: %s", violation)
	}
	s.serve(t)
	s.await(t, "/api/v1/calls", cutShort(1))
	var list []struct{ ID, Kind, Outcome, Reason string }
	if err := json.Unmarshal([]byte(s.run(t, "calls", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Kind != "web" || list[0].Reason != "crashed" {
		t.Fatalf("calls %+v", list)
	}
	if text := s.run(t, "recordings", "transcript", list[0].ID); !strings.Contains(text, "Have you used our product before?") {
		t.Errorf("transcript %q", text)
	}
}
