package app_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
)

func TestOperatorSeesHealthAndMetrics(t *testing.T) {
	g := start(t, configure(t))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (sim.Script{HangupAfter: 2 * time.Second}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/api/v1/calls": 200, "/api/v1/calls/" + c.SID(): 200,
		"/api/v1/calls/nobody": 404, "/api/v1/calls?limit=x": 400, "/nothing": 404} {
		if status, body := g.get(t, path); status != want {
			t.Errorf("%s answers %d, want %d: %s", path, status, want, body)
		}
	}
	_, scrape := g.get(t, "/metrics")
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(scrape)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	if strings.Contains(scrape, c.SID()) || strings.Contains(scrape, "+1500555") {
		t.Error("a call's id or number is in the metrics")
	}
	if strings.Contains(g.logs.String(), "+1500555") {
		t.Error("a number is in the log")
	}
}

func TestOperatorListenerKeepsStrangersOut(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN=a-long-token"))
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/livez", "", 200}, {"/readyz", "", 200}, {"/metrics", "", 401}, {"/metrics", "wrong", 401}, {"/metrics", "a-long-token", 200},
		{"/api/v1/calls", "", 401}, {"/api/v1/events", "", 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.OperatorAddr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s with token %q answers %d, want %d", c.path, c.token, answer.StatusCode, c.want)
		}
	}

	open := start(t, configure(t))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+open.OperatorAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example.org"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a rebound name gets %d", answer.StatusCode)
	}
}

func TestCallsBeyondTheLimitAreRefused(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_LIMITS_CALLS=1"))
	first, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := second.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Documents) != 1 || len(report.Documents[0].Said) != 1 || report.Documents[0].Said[0] != g.config.Limits.OverflowText {
		t.Errorf("the second caller got %v, want to be told that all lines are busy", report.Documents)
	}
	first.Hangup()
	if _, err := first.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestModels(t *testing.T) {
	whole := modelstest.Dir(t)
	t.Run("missing", func(t *testing.T) {
		g := start(t, configure(t, "SIDETONE_SPEECH_MODELS_DIR="+t.TempDir()))
		if status, body := g.get(t, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "agent can not answer") {
			t.Errorf("/readyz answers %d %q, want to say that the agent can not answer", status, body)
		}
		if !strings.Contains(g.logs.String(), "make models") {
			t.Error("the log does not name the command that fetches the models")
		}
		c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		report, err := c.Wait(t.Context())
		if err != nil || len(report.Streams) != 0 {
			t.Errorf("a call without a voice: %v with %d streams, want to be refused", err, len(report.Streams))
		}
	})
	for _, name := range []string{models.Encoder, models.Silero, models.Flite} {
		t.Run("tampered "+filepath.Base(name), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, filepath.FromSlash(name))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			config := configure(t, "SIDETONE_SPEECH_MODELS_DIR="+dir)
			_, err = app.New(t.Context(), config, app.Options{Objects: bucket(t), Log: quiet})
			if !errors.Is(err, models.ErrTampered) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("a tampered %s: %v", name, err)
			}
		})
	}
}

func TestAgentFaultsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       []string
	}{
		{"unknown key", "name: sentences\nlanguage: en\nnotise: {}\n", []string{"sentences.yaml", "notise"}},
		{"no answerer", "name: sentences\nlanguage: en\nnotice: {mode: notice, parts: [{kind: ai, text: Hello.}]}\n", []string{"sentences.yaml", "script"}},
		{"unreadable MP3", "name: sentences\nlanguage: en\nnotice: {mode: notice, parts: [{kind: ai, text: Hello., file: notice.mp3}, {kind: recording, text: Recorded.}]}\nscript: {greeting: Hello., goodbye: Bye., questions: [{key: a, kind: text, ask: What}]}\n",
			[]string{"sentences", "part 1 (ai)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"sentences.yaml": c.yaml, "notice.mp3": "this is no MP3"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := app.New(t.Context(), configure(t, "SIDETONE_AGENTS_DIR="+dir), app.Options{Objects: bucket(t), Log: quiet})
			if err == nil {
				t.Fatal("the gateway started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %q: %v", want, err)
				}
			}
		})
	}
}

// TestStoreThatRefuses records a call while the object store refuses
// everything: the call is unharmed, and what it left is stored by the next
// gateway over the same data.
func TestStoreThatRefuses(t *testing.T) {
	t.Parallel()
	config := configure(t, "SIDETONE_SERVER_DRAIN_UPLOAD=100ms")
	refused := bucket(t)
	good := refused
	refused.CreateBucket, refused.Sync = false, nil
	refused.Transport = refusing{}
	g := &gateway{config: config, logs: &logs{}, s3: refused}
	var err error
	g.App, err = app.New(t.Context(), config, app.Options{Objects: refused, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := media.Tone(8000, 1000, time.Second, -10)
	if _, err := (sim.Script{Steps: []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.Say(said), sim.HangUp()}}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(t.Context()); !errors.Is(err, app.ErrUnclean) {
		t.Errorf("a gateway that leaves uploads behind stops with %v, want to say so", err)
	}

	again := &gateway{config: config, logs: &logs{}, s3: good}
	if again.App, err = app.New(t.Context(), config, app.Options{Objects: good, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	again.Start()
	config.Server.DrainUpload *= 300
	again.stop = func() error { return again.Stop(t.Context()) }
	left, _ := channels(recording(t, again.records(t), c.SID()))
	if media.ToneLevel(left[len(left)-8000:], 8000, 1000) < -30 {
		t.Error("the caller's last second is not in the recording")
	}
}

// refusing is an object store that refuses everything.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}
