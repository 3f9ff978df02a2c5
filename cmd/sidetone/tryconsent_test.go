package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shortAgent asks for consent in a few seconds.
const shortAgent = `
name: short
language: en
notice: {mode: notice, parts: [{kind: recording, text: This call is recorded.}]}
turn: {min_silence: 450ms}
script: {greeting: Hello., goodbye: Goodbye., questions: [{key: a, kind: text, ask: "What is new?"}, {key: b, kind: text, ask: "And then?"}]}
`

// newShortSite is a site of the short agent.
func newShortSite(t *testing.T) *site {
	t.Helper()
	agents := t.TempDir()
	if err := os.WriteFile(filepath.Join(agents, "short.yaml"), []byte(shortAgent), 0o600); err != nil {
		t.Fatal(err)
	}
	return newSite(t, "SIDETONE_AGENTS_DIR="+agents, "SIDETONE_AGENTS_DEFAULT=short")
}

// inOrder fails unless what was shown holds all of some texts, one after another.
func inOrder(t *testing.T, shown string, want ...string) {
	t.Helper()
	rest := shown
	for _, text := range want {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("%q does not follow in\n%s", text, shown)
			return
		}
		rest = after
	}
}

// TestTriedConsent tries consent as the documentation tells: on the page it is
// given, taken back, given anew and deleted; on the telephone it is given by key
// where nothing less will do, and then the operator has a say.
func TestTriedConsent(t *testing.T) {
	s := newShortSite(t)
	s.serve(t)
	var page, failed bytes.Buffer
	web := s.command(t.Context(), "try", "--web", "--choose", "agree", "--type", "A lot.",
		"--choose", "unrecorded", "--choose", "again", "--choose", "agree", "--choose", "delete", "--hangup-after", "30s")
	web.Stdout, web.Stderr = &page, &failed
	phone := s.command(t.Context(), "try", "--from", "+4930123456", "--dtmf", "1", "--hangup-after", "22s")
	var line bytes.Buffer
	phone.Stdout, phone.Stderr = &line, &failed
	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}
	if err := web.Start(); err != nil {
		t.Fatal(err)
	}
	call := ""
	s.await(t, "/api/v1/calls", func(_ int, body string) bool {
		var list struct {
			Calls []struct{ ID, Kind, Consent string }
		}
		if json.Unmarshal([]byte(body), &list) != nil {
			return false
		}
		for _, c := range list.Calls {
			if c.Kind == "phone" && c.Consent == "granted" {
				call = c.ID
			}
		}
		return call != ""
	})
	for _, command := range []string{"pause", "resume", "withdraw"} {
		if printed := s.run(t, "calls", command, call); !strings.Contains(printed, call) {
			t.Errorf("calls %s prints %q", command, printed)
		}
	}
	if err := phone.Wait(); err != nil {
		t.Fatalf("%v: %s", err, failed.String())
	}
	inOrder(t, line.String(), "carrier  key 1", "consent  granted", "consent  paused: nobody hears anything", "consent  resumed",
		"consent  withdrawn: nothing more is kept", "ended    caller/hung_up", "recordings get "+call+" -o call.wav", "calls show "+call)
	if err := web.Wait(); err != nil {
		t.Fatalf("%v: %s", err, failed.String())
	}
	inOrder(t, page.String(), "asked    This call is recorded.", "consent  granted: the call is kept; offered: unrecorded delete",
		"consent  withdrawn: nothing is kept; offered: delete again", "From now on nothing is recorded.", "asked    This call is recorded.",
		"consent  granted: the call is kept", "consent  withdrawn: nothing is kept", "has been destroyed here", "The deletion of what was kept was asked for")
	s.await(t, "/api/v1/calls", stored)
	proven(t, s, call)
}

// proven fails unless the rows of a call are those of the operator's commands,
// and the whole ledger is right.
func proven(t *testing.T, s *site, call string) {
	t.Helper()
	var detail struct {
		Consent string
		Proof   []struct{ Event string }
	}
	if err := json.Unmarshal([]byte(s.run(t, "calls", "show", call)), &detail); err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, row := range detail.Proof {
		events = append(events, row.Event)
	}
	if want := []string{"granted", "paused", "resumed", "withdrawn", "ended"}; !slices.Equal(events, want) || detail.Consent != "withdrawn" {
		t.Errorf("consent %s, rows %q, want %q", detail.Consent, events, want)
	}
	if printed := s.run(t, "ledger", "verify"); !strings.HasPrefix(printed, "right: ") {
		t.Errorf("ledger verify prints %q", printed)
	}
}
