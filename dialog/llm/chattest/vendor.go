package chattest

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"sidetone/dialog/llm"
)

// Vendor asks the real vendor what can be asked of it: words, a call of a tool, and
// a refusal. It does so where PREFIX_URL, PREFIX_KEY and PREFIX_MODEL are set in the
// environment, and costs a few tokens; elsewhere it asks nobody.
func Vendor(t *testing.T, prefix string, s Subject) {
	base, secret, model := os.Getenv(prefix+"_URL"), os.Getenv(prefix+"_KEY"), os.Getenv(prefix+"_MODEL")
	if base == "" {
		return
	}
	chat, err := s.Open(base, secret, model, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	a := ask(t, chat, time.Minute, llm.Request{Messages: []llm.Message{{Role: llm.System, Text: "Answer in one short sentence."}, {Role: llm.User, Text: "How are you?"}}})
	if a.err != nil || a.text == "" || a.usage.Input+a.usage.Written == 0 || a.usage.Output == 0 {
		t.Errorf("words: %+v", a)
	}
	t.Logf("first token after %v, all after %v, %+v", a.began, a.took, a.usage)
	question := llm.Request{
		Messages: []llm.Message{{Role: llm.System, Text: "Use the tool."}, {Role: llm.User, Text: "Where is order 1234?"}},
		Tools: []llm.Tool{{Name: "look_up", Description: "Looks an order up.", Parameters: map[string]any{
			"type": "object", "properties": map[string]any{"number": map[string]any{"type": "string"}}, "required": []string{"number"}}}},
	}
	a = ask(t, chat, time.Minute, question)
	var arguments struct{ Number string }
	if a.err != nil || len(a.calls) != 1 || json.Unmarshal(a.calls[0].Arguments, &arguments) != nil || arguments.Number != "1234" {
		t.Fatalf("a tool: %+v", a)
	}
	question.Messages = append(question.Messages, llm.Message{Role: llm.Assistant, Calls: a.calls}, llm.Message{Role: llm.Result, CallID: a.calls[0].ID, Text: "It is in Hamburg."})
	if a = ask(t, chat, time.Minute, question); a.err != nil || a.text == "" {
		t.Errorf("its result: %+v", a)
	}
	if chat, err = s.Open(base, secret+"-wrong", model, http.DefaultClient); err != nil {
		t.Fatal(err)
	}
	var vendor *llm.VendorError
	if a := ask(t, chat, time.Minute, question); secret != "" && (!errors.As(a.err, &vendor) || vendor.Status/100 != 4) {
		t.Errorf("with another key: %+v", a)
	}
}
