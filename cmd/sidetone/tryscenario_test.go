package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScenariosAreTried plays two scenarios that bring their agent, without any
// gateway: one that passes, and one that does not, which the exit code says.
func TestScenariosAreTried(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "agents"), 0o700); err != nil {
		t.Fatal(err)
	}
	right, wrong := filepath.Join(folder, "right.yaml"), filepath.Join(folder, "wrong.yaml")
	for file, text := range map[string]string{
		filepath.Join(folder, "agents", "short.yaml"): shortAgent,
		right: "agents: agents\nweb: {consent: unrecorded}\nsteps: [{say: A lot of things.}, {hang_up: true}]\nexpect: {heard: and then, consent: refused, ended: caller/hung_up}\n",
		wrong: "agents: agents\nagent: short\nweb: {consent: unrecorded}\nsteps: [{wait_for: what is new}, {hang_up: true}]\nexpect: {consent: granted}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := newSite(t).command(t.Context(), "try", "--web", "--json", "--parallel", "2",
		"--scenario", right, "--scenario", wrong)
	out, _ := cmd.Output()
	var reports []struct {
		Scenario, Leg, Consent string
		Passed                 bool
		Failures               []struct{ Expect, Want, Got string }
		Turns                  []struct {
			Reply  float64 `json:"reply_seconds"`
			Stages *struct{ Endpoint, Total float64 }
		}
	}
	if err := json.Unmarshal(out, &reports); err != nil || len(reports) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	good, bad := reports[0], reports[1]
	if !good.Passed || good.Scenario != "right" || good.Leg != "web" || len(good.Turns) != 2 || good.Turns[0].Reply <= 0 || good.Turns[0].Stages == nil || good.Turns[0].Stages.Endpoint < 0.4 {
		t.Errorf("right: %+v", good)
	}
	if bad.Passed || len(bad.Failures) != 1 || bad.Failures[0].Expect != "consent" || bad.Failures[0].Got != "refused" {
		t.Errorf("wrong: %+v", bad)
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestMistakesOfScenariosAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte("agent: interview\nsteps:\n  - shout: Hello.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--scenario", file}, file + ":3: unknown key shout"},
		{[]string{"--scenario", file, "--say", "Hello."}, "--say does not go with --scenario"},
		{[]string{"--running"}, "--scenario only"},
		{[]string{"--scenario", file, "--parallel", "0"}, "--parallel"},
		{[]string{"--scenario", filepath.Join("..", "..", "configs", "scenarios", "interview.yaml"), "--running"}, "make run"},
	} {
		cmd := newSite(t).command(t.Context(), append([]string{"try"}, tt.args...)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), tt.want) {
			t.Errorf("%v: exit code %d, want 1 and %q in %s", tt.args, cmd.ProcessState.ExitCode(), tt.want, out)
		}
	}
}
