package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sidetone/internal/models/modelstest"
)

// The tests of this package run the program itself, as its user would.

var (
	program string
	shared  string // the sound of messages and the compiled voice, of all sites
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sidetone-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program, shared = filepath.Join(dir, "sidetone"), filepath.Join(dir, "shared")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// site is a data directory and the settings of a gateway over it.
type site struct {
	env           []string
	admin, public string
}

func newSite(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{admin: freeAddress(t), public: freeAddress(t)}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(data, "messages"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cache", filepath.Join("messages", "rendered")} {
		of := filepath.Join(shared, name)
		if err := errors.Join(os.MkdirAll(of, 0o700), os.Symlink(of, filepath.Join(data, name))); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(),
		"SIDETONE_DATA_DIR="+data,
		"SIDETONE_CONSENT_JURISDICTIONS="+filepath.Join("..", "..", "configs", "consent", "jurisdictions.yaml"),
		"SIDETONE_SERVER_LISTEN="+s.public,
		"SIDETONE_SERVER_ADMIN_LISTEN="+s.admin,
		"SIDETONE_TELEPHONY_WEBRTC_LISTEN=127.0.0.1:0",
		"SIDETONE_AGENTS_DIR="+filepath.Join("..", "..", "configs", "agents"),
		"SIDETONE_SPEECH_MODELS_DIR="+modelstest.Dir(t),
		"SIDETONE_SPEECH_TTS=flite", "SIDETONE_SPEECH_VOICE=rms") // quick, and the same every time
	s.env = append(s.env, env...)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// command is a run of the program on the site.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, append(args, "--config", filepath.Join("..", "..", "configs", "sidetone.yaml"))...)
	cmd.Env = s.env
	return cmd
}

// run runs the program to its end and returns what it printed.
func (s *site) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := s.command(t.Context(), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sidetone %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// serve starts the gateway and waits until it is ready.
func (s *site) serve(t *testing.T) (cmd *exec.Cmd, printed func() string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	printed = func() string {
		data, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	cmd = s.command(context.Background(), "serve")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(printed())
		}
		out.Close()
	})
	s.await(t, "/readyz", func(status int, _ string) bool { return status == http.StatusOK })
	return cmd, printed
}

// await asks the operator's listener until the answer is as wanted.
func (s *site) await(t *testing.T, path string, want func(status int, body string) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		answer, err := http.Get("http://" + s.admin + path)
		if err != nil {
			continue
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(answer.Body)
		answer.Body.Close()
		if err == nil && want(answer.StatusCode, body.String()) {
			return
		}
	}
	t.Fatalf("%s never answered as wanted", path)
}

// exit waits for the end of the program and returns its exit code.
func exit(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// listed is what calls list --json prints of a call.
type listed struct {
	ID, Consent, Recording, Outcome, Reason string
}

func (s *site) calls(t *testing.T) (calls []listed) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.run(t, "calls", "list", "--json")), &calls); err != nil {
		t.Fatal(err)
	}
	return calls
}

// recorded asks until a call has a recording under way.
func recorded(status int, body string) bool {
	return status == http.StatusOK && strings.Contains(body, `"recording": "recording"`)
}

// stored asks until the recording of a call is stored, whole or not.
func stored(_ int, body string) bool {
	return strings.Contains(body, `"recording": "stored"`) || strings.Contains(body, `"recording": "incomplete"`)
}

// cutShort asks until as many recordings are stored of which the end is missing.
func cutShort(calls int) func(int, string) bool {
	return func(_ int, body string) bool { return strings.Count(body, `"recording": "incomplete"`) == calls }
}

func TestAFirstCall(t *testing.T) {
	s := newSite(t)
	cmd, printed := s.serve(t)
	for _, want := range []string{"public", "operator", "interview", "sidetone try"} {
		if !strings.Contains(printed(), want) {
			t.Errorf("serve does not print %q:\n%s", want, printed())
		}
	}
	heard := filepath.Join(t.TempDir(), "heard.wav")
	shown := s.run(t, "try", "--say", "Yes, I have used it.", "--dtmf", "8", "--hangup-after", "45s", "--save", heard)
	for _, want := range []string{"automated assistant", "consent  granted", "used_before = true", "rating = 8", "recordings get"} {
		if !strings.Contains(shown, want) {
			t.Errorf("try does not show %q:\n%s", want, shown)
		}
	}
	if info, err := os.Stat(heard); err != nil || info.Size() < 8000*2*20 {
		t.Errorf("try saved no 20 s of what the caller heard: %v", err)
	}
	s.await(t, "/api/v1/calls", stored)
	calls := s.calls(t)
	if len(calls) != 1 || calls[0].Consent != "granted" {
		t.Fatalf("calls list prints %v, want one call with consent", calls)
	}
	wav := filepath.Join(t.TempDir(), "call.wav")
	if printed := s.run(t, "recordings", "get", calls[0].ID, "-o", wav); !strings.Contains(printed, "complete") {
		t.Errorf("recordings get prints %q", printed)
	}
	var tr struct {
		Turns   []struct{ Speaker, Text string }
		Answers []struct {
			Key     string
			Value   any
			Snippet string
		}
	}
	if err := json.Unmarshal([]byte(s.run(t, "recordings", "transcript", calls[0].ID, "--json")), &tr); err != nil {
		t.Fatal(err)
	}
	if len(tr.Answers) != 2 || tr.Answers[0].Value != true || tr.Answers[1].Value != 8.0 {
		t.Errorf("the answers are %v", tr.Answers)
	}
	if vtt := s.run(t, "recordings", "transcript", calls[0].ID, "--format", "vtt"); !strings.HasPrefix(vtt, "WEBVTT\n\n") || !strings.Contains(vtt, "\n00:00:0") {
		t.Errorf("the WebVTT begins %q", vtt[:min(len(vtt), 40)])
	}
	if tr.Answers[0].Snippet == "" || tr.Answers[1].Snippet != "" {
		t.Errorf("the spoken answer has snippet %q, the one that was keyed in %q", tr.Answers[0].Snippet, tr.Answers[1].Snippet)
	}
	s.clipped(t, calls[0].ID, tr.Answers[0].Snippet)
	s.listened(t, calls[0].ID, wav)
	s.verified(t, calls[0].ID)
	cmd.Process.Signal(syscall.SIGTERM)
	if code := exit(t, cmd); code != 0 {
		t.Errorf("a clean stop exits with %d", code)
	}
	if got := s.calls(t); len(got) != 1 || !stored(0, `"recording": "`+got[0].Recording+`"`) {
		t.Errorf("after the stop, calls list prints %v", got)
	}
}

func TestSecondSignalSkipsTheDrain(t *testing.T) {
	s := newSite(t)
	cmd, _ := s.serve(t)
	caller := s.command(t.Context(), "try", "--hangup-after", "60s")
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(t, "/api/v1/calls", recorded)
	cmd.Process.Signal(syscall.SIGTERM)
	s.await(t, "/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	})
	cmd.Process.Signal(syscall.SIGTERM)
	if code := exit(t, cmd); code != 2 {
		t.Errorf("a hurried stop exits with %d, want 2", code)
	}
	caller.Wait()
	if got := s.calls(t); len(got) != 1 || got[0].Reason != "shutting_down" {
		t.Errorf("calls list prints %v, want one call that was cut", got)
	}
}

func TestKilledGatewayLosesNothing(t *testing.T) {
	s := newSite(t)
	cmd, _ := s.serve(t)
	caller := s.command(t.Context(), "try", "--hangup-after", "90s")
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(t, "/api/v1/calls", recorded)
	<-time.After(4 * time.Second)
	cmd.Process.Kill()
	cmd.Wait()
	caller.Process.Kill()
	caller.Wait()

	cmd, _ = s.serve(t)
	s.await(t, "/api/v1/calls", cutShort(1))
	calls := s.calls(t)
	var info struct {
		Seconds    float64
		Complete   bool
		Incomplete []string
	}
	wav := filepath.Join(t.TempDir(), "call.wav")
	if err := json.Unmarshal([]byte(s.run(t, "recordings", "get", calls[0].ID, "-o", wav, "--json")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Complete || len(info.Incomplete) != 1 || info.Incomplete[0] != "crashed" {
		t.Errorf("the manifest says complete %v %v, want crashed", info.Complete, info.Incomplete)
	}
	if calls[0].Reason != "crashed" {
		t.Errorf("the call ended for the reason %q, want crashed", calls[0].Reason)
	}
	if printed := s.run(t, "recordings", "verify", calls[0].ID); !strings.HasSuffix(printed, "right: it is what was recorded\n") {
		t.Errorf("recordings verify prints %q", printed)
	}
	if info.Seconds < 20 {
		t.Errorf("of some 22 s, %.1f s were recovered", info.Seconds)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if code := exit(t, cmd); code != 0 {
		t.Errorf("the stop exits with %d", code)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"unknown setting", []string{"SIDETONE_SERVER_LISTN=:1"}, []string{"serve"}, "SIDETONE_SERVER_LISTN"},
		{"bad value", []string{"SIDETONE_LIMITS_CALLS=many"}, []string{"config", "check"}, "SIDETONE_LIMITS_CALLS"},
		{"no such agent", []string{"SIDETONE_AGENTS_DEFAULT=nobody"}, []string{"config", "check"}, "agents.default"},
		{"open operator listener", []string{"SIDETONE_SERVER_ADMIN_LISTEN=0.0.0.0:8081"}, []string{"serve"}, "server.admin_token"},
		{"no gateway", nil, []string{"try", "--hangup-after", "1s"}, "make run"},
		{"no such call", nil, []string{"recordings", "get", "nobody"}, "nothing has been recorded"},
		{"unreadable wave", nil, []string{"try", "--wav", "process_test.go"}, "process_test.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.env...)
			cmd := s.command(t.Context(), c.args...)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), c.want) {
				t.Errorf("exit code %d, want 1 and %q in:\n%s", cmd.ProcessState.ExitCode(), c.want, out)
			}
		})
	}
}
