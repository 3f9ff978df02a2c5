package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"sidetone/web/webtest"
)

// demoSite is a gateway that serves the demo page and a list of agents; an empty
// list is none.
func demoSite(t *testing.T, agents string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /", Handler(true))
	mux.HandleFunc("GET /demo/agents", func(w http.ResponseWriter, _ *http.Request) {
		if agents == "" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, agents)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestDemoShowsAgents(t *testing.T) {
	s := stranger{webtest.Start(t).Open(demoSite(t, `{"agents": [{"name": "interview", "description": "Five questions."}, {"name": "support", "description": "Takes notes."}]}`)+"/demo", webtest.Options{}), t}
	s.AwaitText("#description", "Five questions.", soon)
	s.Await("button", "Start call", soon)
	s.Screenshot("demo")
	s.accessible()
	s.Select("Agent", "support")
	s.AwaitText("#description", "Takes notes.", soon)
	s.AwaitText("#snippet", `agent="support"`, soon)
	var attributes [2]string
	s.Eval("['agent', 'token-url'].map((a) => document.querySelector('sidetone-call').getAttribute(a))", &attributes)
	if attributes != [2]string{"support", "/demo/token?agent=support"} {
		t.Errorf("the widget has %q", attributes)
	}
	s.flawless()
	s.Resize(390, 800)
	s.Screenshot("demo-phone")
	s.flawless()
}

func TestDemoSaysWhatIsWrong(t *testing.T) {
	b := webtest.Start(t)
	for agents, want := range map[string]string{
		`{"agents": []}`: "This gateway has no agents",
		``:               "could not be loaded",
	} {
		s := stranger{b.Open(demoSite(t, agents)+"/demo", webtest.Options{Dark: true}), t}
		s.AwaitText("#widget", want, soon)
		s.accessible()
	}
}
