package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
	"sidetone/transcribe/moonshine"
	"sidetone/transcribe/vad"
	"sidetone/web/webtest"
)

// The tests of this package run whole gateways in real time on loopback, with
// the built-in engines and the built-in object store.

// builtin is the object store of all tests, in builtinDir: there is one a process.
var (
	builtin    *store.Builtin
	builtinDir string
)

func TestMain(m *testing.M) {
	if text := os.Getenv(callersEnv); text != "" {
		if err := beCallers(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "sidetone-s3-")
	if err == nil {
		builtin, err = store.StartBuiltin(context.Background(), store.BuiltinOptions{Dir: dir})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	rendered, compiled, builtinDir = filepath.Join(dir, "rendered"), filepath.Join(dir, "compiled"), dir
	code := webtest.Main(m)
	builtin.Close()
	os.RemoveAll(dir)
	os.Exit(code)
}

// rendered holds the sound of messages, and compiled the code of the voices, which
// all gateways of the tests share.
var rendered, compiled string

// shareRendered lets a data directory use the messages that others have rendered,
// and the voices that they have compiled.
func shareRendered(t testing.TB, data string) {
	t.Helper()
	messages := filepath.Join(data, "messages")
	err := errors.Join(os.MkdirAll(rendered, 0o700), os.MkdirAll(compiled, 0o700), os.MkdirAll(messages, 0o700),
		os.Symlink(rendered, filepath.Join(messages, "rendered")), os.Symlink(compiled, filepath.Join(data, "cache")))
	if err != nil {
		t.Fatal(err)
	}
}

// loaded are the networks of recognition and of voice activity detection, which stay
// in memory from gateway to gateway: to load them takes longer than many a test.
var loaded struct {
	sync.Once
	recognition *moonshine.Engine
	activity    *vad.Model
	err         error
}

// modelsDir is the models folder, of which the networks are in memory from then on.
func modelsDir(t testing.TB) string {
	t.Helper()
	dir := modelstest.Dir(t)
	loaded.Do(func() {
		loaded.recognition = moonshine.New(moonshine.Options{Dir: dir})
		loaded.err = loaded.recognition.Load()
		if loaded.err == nil {
			loaded.activity, loaded.err = vad.Load(dir)
		}
	})
	if loaded.err != nil {
		t.Fatal(loaded.err)
	}
	return dir
}

// gateway is a running gateway.
type gateway struct {
	*app.App
	config *configs.Config
	logs   *logs
	s3     store.S3Options
	stop   func() error
}

// logs keeps what was logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// configure loads a configuration for tests; env adds settings.
func configure(t testing.TB, env ...string) *configs.Config {
	t.Helper()
	data := t.TempDir()
	shareRendered(t, data)
	config, _, err := configs.Load("", append([]string{
		"SIDETONE_DATA_DIR=" + data,
		"SIDETONE_SERVER_LISTEN=127.0.0.1:0",
		"SIDETONE_SERVER_ADMIN_LISTEN=127.0.0.1:0",
		"SIDETONE_TELEPHONY_WEBRTC_LISTEN=127.0.0.1:0",
		"SIDETONE_AGENTS_DIR=testdata/agents",
		"SIDETONE_CONSENT_JURISDICTIONS=../../configs/consent/jurisdictions.yaml",
		"SIDETONE_AGENTS_DEFAULT=sentences",
		"SIDETONE_SPEECH_MODELS_DIR=" + modelsDir(t),
		"SIDETONE_SPEECH_TTS=flite", // quick, and the same every time
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// start runs a gateway until the test ends.
func start(t testing.TB, config *configs.Config) *gateway {
	t.Helper()
	return startWith(t, config, nil)
}

// startWith is start with engines; nil is the built-in ones.
func startWith(t testing.TB, config *configs.Config, speech *app.Speech) *gateway {
	t.Helper()
	return startOn(t, config, speech, bucket(t))
}

// startOn is startWith on an object store.
func startOn(t testing.TB, config *configs.Config, speech *app.Speech, objects store.S3Options) *gateway {
	t.Helper()
	g := &gateway{config: config, logs: &logs{}, s3: objects}
	if speech != nil { // whose voice goes by the name of a built-in one
		if err := os.Remove(filepath.Join(config.DataDir, "messages", "rendered")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	var err error
	g.App, err = app.New(t.Context(), config, app.Options{Version: "test", Commit: "test", Objects: g.s3, Speech: speech,
		Log: slog.New(slog.NewTextHandler(g.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	failed := g.Start()
	g.stop = sync.OnceValue(func() error { return g.Stop(context.Background()) })
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		select {
		case err := <-failed:
			t.Error(err)
		default:
		}
		if t.Failed() {
			t.Log(g.logs)
		}
	})
	return g
}

// bucket returns a bucket of the test's own.
func bucket(t testing.TB) store.S3Options {
	name := "test-" + strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, t.Name()))
	return builtin.S3(strings.Trim(name[:min(len(name), 60)], "-"))
}

// carrier returns a carrier that calls the gateway.
func (g *gateway) carrier(t testing.TB, o sim.CarrierOptions) *sim.Carrier {
	t.Helper()
	token, err := authToken(g)
	if err != nil {
		t.Fatal(err)
	}
	o.BaseURL, o.AuthToken = g.PublicURL(), token
	return sim.NewCarrier(o)
}

// get asks the operator's listener.
func (g *gateway) get(t testing.TB, path string) (int, string) {
	t.Helper()
	answer, err := http.Get("http://" + g.OperatorAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// records opens what the gateway's calls have left, once it has stopped.
func (g *gateway) records(t testing.TB) *app.Records {
	t.Helper()
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	r, err := app.OpenRecordsIn(t.Context(), g.config, g.s3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// recording fetches the newest call's recording, decrypted, as WAV.
func recording(t testing.TB, r *app.Records, call string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "call.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recording(t.Context(), call, "t1", "", f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// channels takes a recording of mu-law apart.
func channels(wav []byte) (left, right []int16) {
	const header = 58
	samples := media.AppendPCM(nil, wav[header:])
	for i := 0; i+1 < len(samples); i += 2 {
		left, right = append(left, samples[i]), append(right, samples[i+1])
	}
	return left, right
}

// patience is the pause after which the agent has finished.
const patience = 1200 * time.Millisecond

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// authToken is the token that signs what the carrier sends.
func authToken(g *gateway) (string, error) {
	tokens, err := app.AuthTokens(g.config)
	if err != nil {
		return "", err
	}
	return tokens[0], nil
}

// containsLine reports whether a line stands in a text.
func containsLine(text, line string) bool {
	return slices.Contains(strings.Split(text, "\n"), line)
}
