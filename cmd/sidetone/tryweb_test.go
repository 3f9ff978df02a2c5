package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABrowsersCall(t *testing.T) {
	s := newSite(t)
	s.serve(t)
	heard := filepath.Join(t.TempDir(), "heard.wav")
	shown := s.run(t, "try", "--web", "--loss", "1", "--jitter", "10ms", "--type", "Yes, I have used it.", "--dtmf", "8", "--hangup-after", "40s", "--save", heard)
	for _, want := range []string{"asked    Hello! I am an automated assistant", "consent  granted", "caller   Yes, I have used it.", "caller   8", "number from zero to ten",
		"price, quality", "ended    hung_up", "connected in", "recordings get"} {
		if !strings.Contains(shown, want) {
			t.Errorf("try --web does not show %q:\n%s", want, shown)
		}
	}
	if info, err := os.Stat(heard); err != nil || info.Size() < 16000*2*15 {
		t.Errorf("try --web saved no 15 s of what the caller heard: %v", err)
	}
	var out struct {
		Call, Ending string
		Messages     []struct {
			Type  string
			Event struct{ Outcome string }
		}
	}
	if err := json.Unmarshal([]byte(s.run(t, "try", "--web", "--tcp", "--codec", "pcmu", "--choose", "unrecorded", "--hangup-after", "2s", "--json")), &out); err != nil {
		t.Fatal(err)
	}
	settled := ""
	for _, m := range out.Messages {
		if m.Type == "consent_settled" {
			settled = m.Event.Outcome
		}
	}
	if out.Call == "" || out.Ending != "hung_up" || settled != "refused" {
		t.Errorf("%+v", out)
	}
}

func TestFlagsOfTheOtherCallerAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--loss", "5"}, {"--type", "words"}, {"--agent", "interview"}, {"--web", "--from", "+15005550006"}, {"--web", "--echo-db", "-20"},
		{"--web", "--choose", "maybe"}, {"--web", "--codec", "g729"}, {"--web", "--loss", "101"}, {"--web", "--tcp", "--jitter", "5ms"},
	} {
		cmd := newSite(t).command(t.Context(), append([]string{"try"}, args...)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), strings.TrimPrefix(args[len(args)-2], "--")) {
			t.Errorf("try %v exits with %d and prints %s", args, cmd.ProcessState.ExitCode(), out)
		}
	}
}
