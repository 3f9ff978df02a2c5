package dialog

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const withTools = `
notice:
  parts:
    - {kind: recording, text: This call is recorded.}
llm:
  prompt: Hello.
  tools:
`

const orderTool = `    - name: order_status
      description: Says where an order is.
      url: https://shop.example.com/tools/order
      parameters:
        type: object
        required: [number]
        additionalProperties: false
        properties:
          number: {type: string, pattern: "^[0-9]{4,8}$", description: The order's number.}
          parts: {type: array, maxItems: 2, items: {type: integer, minimum: 1, maximum: 9}}
          size: {enum: [S, M, 3]}
          note: {type: string, maxLength: 5}
          to: {type: object, required: [city], properties: {city: {type: string}}}
`

func TestTool(t *testing.T) {
	a, err := ParseAgent("test", []byte(withTools+orderTool+`    - {name: plain, description: Does it., url: "https://shop.example.com", method: PUT, timeout: 20s, max_bytes: 100}`))
	if err != nil {
		t.Fatal(err)
	}
	order, plain := a.LLM.Tools[0], a.LLM.Tools[1]
	if order.Method != "POST" || order.Timeout != 5*time.Second || order.MaxBytes != 8192 || plain.Method != "PUT" || plain.Timeout != 20*time.Second || plain.MaxBytes != 100 {
		t.Errorf("%+v, %+v", order, plain)
	}
	for arguments, want := range map[string]string{
		`{"number":"1234"}`:                         "",
		`{"number":"1234","parts":[1,9],"size":3}`:  "",
		`{"number":"1234","to":{"city":"x","y":1}}`: "",
		`{"number":"1234","note":"äöüäö"}`:          "",
		`{"number":"12"}`:                           "number: does not match pattern",
		`{"number":1234}`:                           "number: want type string",
		`{}`:                                        "number: is required",
		`{"number":"1234","x":1}`:                   "has a property that there is not",
		`{"number":"1234","parts":[1,2,3]}`:         "parts: is above maxItems",
		`{"number":"1234","parts":[1,10]}`:          "parts: [1]: is above maximum",
		`{"number":"1234","parts":[1.5]}`:           "parts: [0]: want type integer",
		`{"number":"1234","size":"L"}`:              "size: is none of enum",
		`{"number":"1234","note":"secret"}`:         "note: is above maxLength",
		`{"number":"1234","to":{}}`:                 "to: city: is required",
		`[]`:                                        "want a JSON object",
		`null`:                                      "want a JSON object",
		`{"number":"12`:                             "want a JSON object",
		``:                                          "want a JSON object",
	} {
		_, err := order.Parameters.Accept(json.RawMessage(arguments))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", arguments, err, want)
		}
	}
	if got, err := order.Parameters.Accept(json.RawMessage(` {"number":"9999","number":"1234"}`)); string(got) != `{"number":"1234"}` {
		t.Errorf("sent %s, %v", got, err)
	}
	if _, err := plain.Parameters.Accept(json.RawMessage(`{"a":1}`)); err == nil {
		t.Error("a tool without parameters takes some")
	}
}

func TestToolFaults(t *testing.T) {
	tool := func(old, new string) string { return withTools + strings.Replace(orderTool, old, new, 1) }
	for name, c := range map[string]struct{ file, want string }{
		"name":       {tool("order_status", "Order"), `llm.tools[0].name: "Order" is no name`},
		"built in":   {tool("order_status", "transfer"), `llm.tools[0].name: "transfer" is built in`},
		"twice":      {withTools + orderTool + orderTool, `llm.tools[1].name: "order_status" is used twice`},
		"no words":   {tool("Says where an order is.", `""`), "llm.tools[0].description: a text is needed"},
		"url":        {tool("https://shop.example.com/tools/order", "shop"), "llm.tools[0].url: want an https URL"},
		"user":       {tool("https://shop", "https://secret@shop"), "llm.tools[0].url: want an https URL"},
		"method":     {tool("url:", "method: GET\n      url:"), `llm.tools[0].method: "GET" is none of`},
		"timeout":    {tool("url:", "timeout: 1m\n      url:"), "llm.tools[0].timeout: 1m0s is not between"},
		"size":       {tool("url:", "max_bytes: 1000000\n      url:"), "llm.tools[0].max_bytes: 1000000 is not between"},
		"no object":  {tool("type: object", "type: string"), "llm.tools[0].parameters: type: must be object"},
		"no type":    {tool("{type: integer,", "{type: whole,"), "llm.tools[0].parameters: properties: parts: items: type: is none of"},
		"no keyword": {tool("maxLength: 5", "longest: 5"), "note: longest: there is no such keyword here"},
		"no pattern": {tool("^[0-9]{4,8}$", "(?!secret)"), "number: pattern: is no pattern of RE2"},
		"no number":  {tool("maxLength: 5", "maxLength: five"), "note: maxLength: want a number"},
		"no names":   {tool("[number]", "number"), "required: want a list of names"},
		"no schema":  {tool("{type: string, maxLength: 5}", "text"), "properties: note: want a schema"},
		"too deep": {tool("{type: string, maxLength: 5}", strings.Repeat("{type: array, items: ", 8)+"{type: string}"+strings.Repeat("}", 8)),
			"is nested too deep"},
	} {
		_, err := ParseAgent("test", []byte(c.file))
		if !errors.Is(err, ErrAgent) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzAccept holds that what is accepted is accepted as it is sent, and that
// nothing makes it panic.
func FuzzAccept(f *testing.F) {
	a, err := ParseAgent("test", []byte(withTools+orderTool))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"number":"1234","parts":[1],"size":3,"to":{"city":""}}`)
	f.Add(`{"number":[null,{"a":1e999}]}`)
	f.Fuzz(func(t *testing.T, arguments string) {
		schema := a.LLM.Tools[0].Parameters
		sent, err := schema.Accept(json.RawMessage(arguments))
		if err != nil {
			return
		}
		again, err := schema.Accept(sent)
		if err != nil || string(again) != string(sent) {
			t.Errorf("%q is sent as %s, which is %s, %v", arguments, sent, again, err)
		}
	})
}
