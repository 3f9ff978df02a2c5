package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/internal/webhooks"
)

const toolSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// TestToolRunner checks what a tool is sent, and what of its answers the model is
// told.
func TestToolRunner(t *testing.T) {
	a := &App{config: configs.Default()}
	a.config.LLM.Tools = configs.LLMTools{Secrets: []configs.Secret{toolSecret}, AllowPrivate: true}
	if err := a.openTools(t.Context(), Options{Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
		err    error
	}{
		"an answer":     {200, "In Hamburg.", "In Hamburg.", nil},
		"nothing":       {204, "", "done", nil},
		"no such order": {404, "There is none.", "status 404: There is none.", nil},
		"not allowed":   {403, "In Hamburg.", "", errToolStatus},
		"broken":        {500, "In Hamburg.", "", errToolStatus},
		"too much":      {200, strings.Repeat("x", 101), "", errToolCut},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != `{"tool":"order_status","arguments":{"number":"12"}}` || r.Method != http.MethodPost ||
				!strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") || r.Header.Get("User-Agent") != "sidetone/v1" {
				t.Errorf("%s %q %v, %v", r.Method, body, r.Header, err)
			}
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		got, err := a.tools.Run(t.Context(), dialog.Tool{Name: "order_status", URL: s.URL, Method: http.MethodPost, MaxBytes: 100}, json.RawMessage(`{"number":"12"}`))
		s.Close()
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "Hamburg") {
			t.Errorf("%s: the error tells what the tool said: %v", name, err)
		}
	}
}

// TestToolsNeedASecretAndAnAddress checks which agents with tools can answer.
func TestToolsNeedASecretAndAnAddress(t *testing.T) {
	agent := func(address string) *dialog.Agent {
		return &dialog.Agent{LLM: &dialog.LLM{Tools: []dialog.Tool{{Name: "order", URL: address}}}}
	}
	for name, c := range map[string]struct {
		tools configs.LLMTools
		agent *dialog.Agent
		want  string
	}{
		"no tools":      {configs.LLMTools{}, &dialog.Agent{LLM: &dialog.LLM{}}, ""},
		"a script":      {configs.LLMTools{}, &dialog.Agent{}, ""},
		"no secret":     {configs.LLMTools{}, agent("https://shop.example.com"), "llm.tools.secrets is empty"},
		"https":         {configs.LLMTools{Secrets: []configs.Secret{toolSecret}}, agent("https://shop.example.com"), ""},
		"plain":         {configs.LLMTools{Secrets: []configs.Secret{toolSecret}}, agent("http://shop.example.com"), "llm.tools[0].url is not https"},
		"plain at ours": {configs.LLMTools{Secrets: []configs.Secret{toolSecret}, AllowPrivate: true}, agent("http://127.0.0.1:9"), ""},
	} {
		a := &App{config: configs.Default()}
		a.config.LLM.Tools = c.tools
		if err := a.openTools(t.Context(), Options{}); err != nil {
			t.Fatal(err)
		}
		err := a.askable(c.agent)
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, errCannotAnswer) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	a := &App{config: configs.Default()}
	a.config.LLM.Tools.Secrets = []configs.Secret{toolSecret}
	if err := a.openTools(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := a.tools.Run(t.Context(), dialog.Tool{Name: "order", URL: "https://127.0.0.1:9", Method: http.MethodPost, MaxBytes: 100}, json.RawMessage(`{}`))
	if !errors.Is(err, webhooks.ErrAddress) {
		t.Errorf("a tool on this machine: %v", err)
	}
}
