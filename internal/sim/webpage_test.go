package sim

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParsePage(t *testing.T) {
	good := map[string]any{
		`{"type":"state","state":"thinking","more":1}`:                                                      PageState{"thinking"},
		`{"type":"consent_settled","outcome":"granted","recording":true,"choices":["unrecorded","delete"]}`: PageSettled{"granted", true, false, []Choice{Unrecorded, Delete}},
		`{"type":"consent_settled","outcome":"paused","choices":[]}`:                                        PageSettled{Outcome: "paused", Choices: []Choice{}},
		`{"type":"consent_settled","outcome":"undecided","choices":["again"]}`:                              PageSettled{Outcome: "undecided", Choices: []Choice{Again}},
		`{"type":"said","turn":3,"text":"Yes","from":1.5,"to":2}`:                                           PageSaid{3, "Yes", false, 1.5, 2},
		`{"type":"saying","turn":3,"clip":1,"text":"Yes","played":0}`:                                       PageSaying{3, 1, "Yes", 0, false},
		`{"type":"caption","id":1,"text":"","final":true,"how":"keyed"}`:                                    PageCaption{ID: 1, Final: true, How: "keyed"},
		`{"type":"over","outcome":"caller","reason":"hung_up"}`:                                             PageOver{"caller", "hung_up"},
		`{"type":"problem","code":"say","text":"Sorry"}`:                                                    PageProblem{"say", "Sorry"},
		`{"type":"hello","v":1,"call":"a","session":"b","may_hear":true}`:                                   PageHello{V: 1, Call: "a", Session: "b", MayHear: true},
		`{"type":"weather","text":"unknown types are ignored, not a breach"}`:                               nil,
		`{"type":"consent","message":"m","parts":[{"kind":"a","text":"b"}],"choices":["agree"]}`: PageConsent{Message: "m",
			Parts: []struct {
				Kind string `json:"kind"`
				Text string `json:"text"`
			}{{"a", "b"}}, Choices: []Choice{Agree}},
	}
	for data, want := range good {
		if kind, got, err := parsePage([]byte(data)); err != nil || !reflect.DeepEqual(got, want) || kind == "" {
			t.Errorf("%s: %s %+v, %v", data, kind, got, err)
		}
	}
	for _, data := range []string{
		``, `[]`, `{}`, `{"type":1}`, `{"type":"state"}`, `{"type":"state","state":"asleep"}`, `{"type":"hello","v":2,"call":"a","session":"b"}`,
		`{"type":"hello","v":1,"call":"","session":"b"}`, `{"type":"consent","message":"m","choices":["agree"]}`, `{"type":"consent_settled","outcome":"maybe","choices":[]}`,
		`{"type":"consent_settled","outcome":"granted","recording":true}`, `{"type":"consent_settled","outcome":"granted","choices":null}`,
		`{"type":"consent_settled","outcome":"withdrawn","recording":true,"choices":[]}`, `{"type":"consent_settled","outcome":"paused","transcript":true,"choices":[]}`,
		`{"type":"consent_settled","outcome":"granted","choices":["agree"]}`, `{"type":"consent_settled","outcome":"granted","choices":["again","again"]}`,
		`{"type":"consent","message":"m","parts":[{"kind":"a","text":"b"}]}`, `{"type":"consent","message":"m","parts":[{"kind":"a","text":"b"}],"choices":["again"]}`,
		`{"type":"caption","how":"sung"}`, `{"type":"caption","how":"typed","from":2,"to":1}`, `{"type":"saying","text":""}`,
		`{"type":"saying","text":"a","played":-1}`, `{"type":"said","from":2,"to":1}`, `{"type":"problem"}`, `{"type":"hush"}`, `{"type":"hush","before":-1}`, `{"type":"over","outcome":"a"}`,
		`{"type":"said","text":"` + strings.Repeat("a", maxPageMessage) + `"}`,
	} {
		if _, got, err := parsePage([]byte(data)); !errors.Is(err, errPage) || got != nil {
			t.Errorf("%.60s: %+v, %v", data, got, err)
		}
	}
}

// TestPageFaults checks what the line says of a gateway that breaks the order.
func TestPageFaults(t *testing.T) {
	l := &webLine{log: &journal{}}
	l.message([]byte(`{"type":"state","state":"thinking"}`))
	l.message([]byte(`{"type":"over","outcome":"a","reason":"b"}`))
	l.message([]byte(`{"type":"state","state":"thinking"}`))
	l.message([]byte(`nonsense`))
	var got []string
	for _, f := range l.faults {
		got = append(got, f.Detail)
	}
	if len(got) != 3 || got[0] != "the first message is state" || got[1] != "state after over" || !strings.Contains(got[2], "malformed") {
		t.Errorf("faults %q", got)
	}
	if len(l.page.messages) != 3 || l.page.over.Reason != "b" {
		t.Errorf("%+v", l.page)
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`{"type":"caption","id":1,"text":"Hello","final":true,"how":"spoken","from":1,"to":2}`))
	f.Add([]byte(`{"type":"consent","message":"m","parts":[{"kind":"a","text":"b"}],"choices":["agree"]}`))
	f.Add([]byte(`{"type":"consent_settled","outcome":"withdrawn","recording":false,"transcript":false,"choices":["delete","again"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, event, err := parsePage(data)
		if err != nil && event != nil || err == nil && kind == "" {
			t.Errorf("%q %v %v", kind, event, err)
		}
	})
}
