package main

import (
	"strings"
	"testing"

	"sidetone/internal/sim"
)

// TestChoices tells the answer to the question of consent from what is chosen
// later on.
func TestChoices(t *testing.T) {
	for _, tt := range []struct {
		given  string // kind=value ...
		answer sim.Choice
		steps  string // what is left of them
		wrong  string
	}{
		{"", sim.Agree, "", ""},
		{"choice=unrecorded", sim.Unrecorded, "", ""},
		{"line=Yes time=2s choice=unrecorded text=Eight", sim.Unrecorded, "line=Yes time=2s text=Eight", ""},
		{"choice=agree line=Yes choice=unrecorded choice=again choice=agree choice=delete", sim.Agree,
			"line=Yes choice=unrecorded choice=again answer=agree choice=delete", ""},
		{"choice=unrecorded choice=again choice=unrecorded choice=again", sim.Unrecorded, "choice=again answer=unrecorded choice=again", ""},
		{"choice=delete", "", "", "--choose delete: the question is answered"},
		{"choice=agree choice=again choice=delete", "", "", "--choose delete: the question is answered"},
		{"choice=agree choice=agree", "", "", "--choose agree: after the answer"},
		{"choice=agree choice=maybe", "", "", "--choose maybe: after the answer"},
	} {
		o := &tryOptions{}
		for _, s := range strings.Fields(tt.given) {
			kind, value, _ := strings.Cut(s, "=")
			o.steps = append(o.steps, tryStep{kind, value})
		}
		err := o.choices()
		var left []string
		for _, s := range o.steps {
			left = append(left, s.kind+"="+s.value)
		}
		switch {
		case tt.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%s: error %v, want %q", tt.given, err, tt.wrong)
			}
		case err != nil || o.web.answer != tt.answer || strings.Join(left, " ") != tt.steps:
			t.Errorf("%s: answer %s, steps %q, error %v", tt.given, o.web.answer, left, err)
		}
	}
}

// TestWebTakes counts the takes of calls, and those whose deletion was asked for.
func TestWebTakes(t *testing.T) {
	granted := sim.PageSettled{Outcome: "granted", Recording: true}
	withdrawn, paused := sim.PageSettled{Outcome: "withdrawn"}, sim.PageSettled{Outcome: "paused"}
	for _, tt := range []struct {
		name   string
		events []any // one a tick; a sim.Choice is the caller's
		want   takes
	}{
		{"refused", []any{sim.PageConsent{}, sim.PageSettled{Outcome: "refused"}}, takes{}},
		{"agreed", []any{sim.PageConsent{}, granted, granted}, takes{begun: 1}},
		{"paused", []any{sim.PageConsent{}, granted, paused, granted}, takes{begun: 1}},
		{"withdrawn in a pause", []any{sim.PageConsent{}, granted, paused, withdrawn, sim.PageSettled{Outcome: "withdrawn"}}, takes{begun: 1}},
		{"asked again", []any{sim.PageConsent{}, granted, sim.PageConsent{}, granted}, takes{begun: 2}},
		{"deleted", []any{sim.PageConsent{}, granted, sim.Delete, withdrawn}, takes{1, 1}},
		{"deleted and recorded anew", []any{sim.PageConsent{}, granted, sim.Delete, withdrawn, sim.Again, sim.PageConsent{}, granted}, takes{2, 1}},
		{"deleted at the end", []any{sim.PageConsent{}, granted, sim.Delete}, takes{1, 1}},
	} {
		var r sim.WebReport
		for _, e := range tt.events {
			r.Length++
			if choice, ok := e.(sim.Choice); ok {
				r.Chosen = append(r.Chosen, sim.WebChoice{At: r.Length, Choice: choice})
				continue
			}
			r.Messages = append(r.Messages, sim.PageMessage{At: r.Length, Event: e})
		}
		if got := webTakes(r); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestWhatIsLeft holds what the end of a try tells to fetch.
func TestWhatIsLeft(t *testing.T) {
	for _, tt := range []struct {
		takes takes
		want  []string
		not   string
	}{
		{takes{}, []string{"Nothing of this call was kept", "calls show C"}, "recordings"},
		{takes{begun: 1}, []string{"get C -o call.wav", "transcript C\n", "calls show C"}, "--take"},
		{takes{begun: 2}, []string{"get C -o call.wav", "get C --take t2 -o call-t2.wav", "transcript C --take t2", "calls show C"}, "t3"},
		{takes{2, 1}, []string{"get C --take t2 -o call-t2.wav", "calls show C"}, "get C -o"},
		{takes{1, 1}, []string{"deletion", "calls show C"}, "recordings"},
	} {
		text := tt.takes.text("C")
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%+v: %q is not in %s", tt.takes, want, text)
			}
		}
		if strings.Contains(text, tt.not) {
			t.Errorf("%+v: %q is in %s", tt.takes, tt.not, text)
		}
	}
	if text := (&takes{begun: 1}).text(""); text != "" {
		t.Errorf("a call without a name: %s", text)
	}
}
