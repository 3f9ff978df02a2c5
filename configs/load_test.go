package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestManualNamesEveryKeyWithItsDefault(t *testing.T) {
	text, err := os.ReadFile("sidetone.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manual Config // no defaults: all must come from the file
	if err := decodeYAML(&manual, text); err != nil {
		t.Fatal(err)
	}
	for i, s := range settings(&manual) {
		if want := settings(Default())[i]; !reflect.DeepEqual(s.value.Interface(), want.value.Interface()) {
			t.Errorf("%s: the manual says %v, the default is %v", s.path, s.value, want.value)
		}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	collect(document.Content[0], "", comments)
	for _, s := range settings(Default()) {
		comment, named := comments[s.path]
		if !named {
			t.Errorf("%s: not in the manual", s.path)
		} else if lines := strings.Split(comment, "\n"); len(lines[len(lines)-1]) < 10 {
			t.Errorf("%s: has no comment line", s.path)
		}
	}
}

// collect notes the comment above each key.
func collect(n *yaml.Node, path string, comments map[string]string) {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		at := join(path, n.Content[i].Value)
		comments[at] = n.Content[i].HeadComment
		collect(n.Content[i+1], at, comments)
	}
}

func TestLoadShippedFile(t *testing.T) {
	shipped, warnings, err := Load("sidetone.yaml", nil)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("warnings %q, error %v", warnings, err)
	}
	bare, _, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(shipped, bare) {
		t.Error("the shipped file is not the default")
	}
	if got := shipped.Server.PublicURL; got != "http://localhost:8080" {
		t.Errorf("public URL is %q", got)
	}
	if got := shipped.Recorder.SpoolDir; got != filepath.Join("data", "spool") {
		t.Errorf("spool is in %q", got)
	}
	if got := shipped.Keys.Dir; got != filepath.Join("data", "keys") {
		t.Errorf("keys are in %q", got)
	}
}

// Each file holds one mistake, and on its first lines what is said about it.
// Its values are hunter2 where they might be a secret, which is never repeated.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, _, err := Load(file, nil)
			if err == nil {
				t.Fatalf("was taken: %+v", cfg)
			}
			for line := range strings.Lines(string(text)) {
				want, found := strings.CutPrefix(strings.TrimSpace(line), "# want: ")
				if found && !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%v\nwanted %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("the error repeats a value:\n%v", err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	cfg, _, err := Load("sidetone.yaml", []string{
		"PATH=/bin",
		"SIDETONE_TEST_ANYTHING=1",
		"SIDETONE_MODELS_DIR=elsewhere",
		"SIDETONE_SERVER_LISTEN=127.0.0.1:9000",
		"SIDETONE_SERVER_ADMIN_LISTEN=127.0.0.1:9001",
		"SIDETONE_SERVER_PUBLIC_URL=https://example.com/",
		"SIDETONE_SERVER_TRUSTED_PROXIES=",
		"SIDETONE_DATA_DIR=/tmp/x=y",
		"SIDETONE_TELEPHONY_TWILIO_AUTH_TOKENS=a, b",
		"SIDETONE_TELEPHONY_TWILIO_INSECURE_SKIP_SIGNATURE=true",
		"SIDETONE_AGENTS_NUMBERS=+15550100=support,+15550101=interview",
		"SIDETONE_SPEECH_STT=none",
		"SIDETONE_LIMITS_CALL_DURATION=1h30m",
		"SIDETONE_RECORDER_SPOOL_MAX_BYTES=512MiB",
		"SIDETONE_LIMITS_CALLS=7",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.DataDir = "/tmp/x=y"
	want.Server.Listen = "127.0.0.1:9000"
	want.Server.AdminListen = "127.0.0.1:9001"
	want.Server.PublicURL = "https://example.com"
	want.Telephony.Twilio.AuthTokens = []Secret{"a", "b"}
	want.Telephony.Twilio.InsecureSkipSignature = true
	want.Agents.Numbers = map[string]string{"+15550100": "support", "+15550101": "interview"}
	want.Speech.STT = STTNone
	want.Limits.CallDuration = Duration(90 * time.Minute)
	want.Limits.Calls = 7
	want.Recorder.SpoolMaxBytes = 512 << 20
	want.Recorder.SpoolDir = "/tmp/x=y/spool"
	want.Keys.Dir = "/tmp/x=y/keys"
	want.Erasures.Location = "/tmp/x=y/erasures"
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	for _, test := range []struct{ pair, want string }{
		{"SIDETONE_SERVER_LISTN=:1", "SIDETONE_SERVER_LISTN: no such setting; did you mean SIDETONE_SERVER_LISTEN?"},
		{"SIDETONE_XYZ=hunter2", "SIDETONE_XYZ: no such setting"},
		{"SIDETONE_TESTS=hunter2", "SIDETONE_TESTS: no such setting"},
		{"SIDETONE_SERVER=hunter2", "SIDETONE_SERVER: no such setting"},
		{"SIDETONE_LIMITS_CALLS=hunter2", "SIDETONE_LIMITS_CALLS: must be a whole number"},
		{"SIDETONE_LIMITS_CALLS=", "SIDETONE_LIMITS_CALLS: must be a whole number"},
		{"SIDETONE_SERVER_DRAIN=hunter2", "SIDETONE_SERVER_DRAIN: must be a duration"},
		{"SIDETONE_STORAGE_S3_PATH_STYLE=hunter2", "SIDETONE_STORAGE_S3_PATH_STYLE: must be true or false"},
		{"SIDETONE_AGENTS_NUMBERS=hunter2", "SIDETONE_AGENTS_NUMBERS: must be a list of key=value, separated by commas"},
		{"SIDETONE_LOG_FORMAT=hunter2", `log.format: must be one of "text" "json"`},
	} {
		_, _, err := Load("", []string{test.pair})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v, wanted %q", test.pair, err, test.want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the value: %v", test.pair, err)
		}
	}
}

// Two keys must not share a variable, nor take one that is set aside.
func TestEnvironmentNames(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range settings(Default()) {
		if other, taken := seen[s.env()]; taken || isNoSetting(s.env()) {
			t.Errorf("%s and %s share the variable %s", s.path, other, s.env())
		}
		seen[s.env()] = s.path
	}
	for _, name := range []string{
		"SIDETONE_SERVER_LISTEN", "SIDETONE_SERVER_ADMIN_LISTEN", "SIDETONE_SERVER_PUBLIC_URL",
		"SIDETONE_DATA_DIR", "SIDETONE_TELEPHONY_TWILIO_AUTH_TOKENS", "SIDETONE_SPEECH_MODELS_DIR",
	} {
		if seen[name] == "" {
			t.Errorf("%s, on which others rely, is gone", name)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two, none := file("one", "hunter2-alone\n"), file("two", "hunter2-first\r\n\nhunter2-second\n"), file("none", " \n")
	large := file("large", strings.Repeat("hunter2\n", maxFile/8+1))
	twins := []string{
		"SIDETONE_SERVER_ADMIN_TOKEN", "SIDETONE_TELEPHONY_TWILIO_API_KEY_SECRET", "SIDETONE_LLM_API_KEY",
		"SIDETONE_STORAGE_S3_SECRET_ACCESS_KEY", "SIDETONE_TELEPHONY_TWILIO_AUTH_TOKENS", "SIDETONE_TELEPHONY_WEBRTC_TURN_SECRET", "SIDETONE_DATABASE_URL",
		"SIDETONE_SPEECH_DEEPGRAM_API_KEY", "SIDETONE_SPEECH_OPENAI_API_KEY", "SIDETONE_SPEECH_OPENAI_TTS_API_KEY", "SIDETONE_SPEECH_ELEVENLABS_API_KEY",
	}
	companions := []string{
		"SIDETONE_TELEPHONY_TWILIO_API_KEY_SID=SK1", "SIDETONE_STORAGE_S3_ACCESS_KEY_ID=a",
		"SIDETONE_STORAGE_S3_ENDPOINT=https://example.com", "SIDETONE_TELEPHONY_WEBRTC_TURN_URLS=turn:example.com",
	}
	t.Run("one line each", func(t *testing.T) {
		environ := slices.Clone(companions)
		for _, twin := range twins {
			environ = append(environ, twin+"_FILE="+one)
		}
		cfg, _, err := Load("", environ)
		if err != nil {
			t.Fatal(err)
		}
		var got []Secret
		for _, s := range settings(cfg) {
			switch v := s.value.Interface().(type) {
			case Secret:
				got = append(got, v)
			case []Secret:
				got = append(got, v...)
			}
		}
		if len(got) != len(twins) {
			t.Errorf("%d secrets have a file, %d are settings", len(twins), len(got))
		}
		for _, secret := range got {
			if secret.Reveal() != "hunter2-alone" {
				t.Error("a secret was not read from its file")
			}
		}
	})
	t.Run("several auth tokens", func(t *testing.T) {
		cfg, _, err := Load("", []string{"SIDETONE_TELEPHONY_TWILIO_AUTH_TOKENS_FILE=" + two})
		if err != nil || !slices.Equal(cfg.Telephony.Twilio.AuthTokens, []Secret{"hunter2-first", "hunter2-second"}) {
			t.Errorf("error %v", err)
		}
	})
	for _, twin := range twins {
		for _, test := range []struct{ what, file, want string }{
			{"both", one, "set only one"},
			{"no file", filepath.Join(dir, "absent"), "no such file"},
			{"empty", none, "is empty"},
			{"large", large, "larger than"},
		} {
			environ := append(slices.Clone(companions), twin+"_FILE="+test.file)
			if test.what == "both" {
				environ = append(environ, twin+"=hunter2-again")
			}
			_, _, err := Load("", environ)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s, %s: error is %v", twin, test.what, err)
			}
		}
	}
	if _, _, err := Load("", []string{"SIDETONE_LLM_API_KEY_FILE=" + two}); err == nil ||
		!strings.Contains(err.Error(), "llm.api_key_file: must hold one line") {
		t.Errorf("two lines for one secret: error is %v", err)
	}
}

func TestLoadNoFile(t *testing.T) {
	if _, _, err := Load(filepath.Join(t.TempDir(), "absent.yaml"), nil); err == nil {
		t.Error("a missing file was taken")
	}
}

func TestNothingWrittenIsTheDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sidetone.yaml")
	if err := os.WriteFile(path, []byte("server:\n  listen:\nlimits:\nagents: {numbers: }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want, _, _ := Load("", nil); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		environ []string
		want    string
	}{
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=http://example.com"}, "server.public_url: plain http"},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=http://127.0.0.1:8080"}, ""},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=http://[::1]:8080"}, ""},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=https://example.com", "SIDETONE_WEB_DEMO=false"}, ""},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=https://example.com"}, "web.demo: anyone who reaches https://example.com/demo"},
		{[]string{"SIDETONE_STORAGE_S3_ENDPOINT=http://minio:9000"}, "storage.s3.endpoint: plain http"},
		{[]string{"SIDETONE_LLM_BASE_URL=http://vllm:8000/v1", "SIDETONE_LLM_MODEL=m"}, "llm.base_url: plain http"},
		{[]string{"SIDETONE_TELEPHONY_TWILIO_INSECURE_SKIP_SIGNATURE=true"}, "telephony.twilio.insecure_skip_signature: anyone"},
		{[]string{"SIDETONE_SERVER_ADMIN_TOKEN=short"}, "server.admin_token: shorter"},
	} {
		_, warnings, err := Load("", test.environ)
		got := strings.Join(warnings, "\n")
		if err != nil || test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
			t.Errorf("%q: warnings %q, error %v, wanted %q", test.environ, warnings, err, test.want)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		One  Secret            `json:"one" yaml:"one"`
		Many []Secret          `json:"many" yaml:"many"`
		Map  map[string]Secret `json:"map" yaml:"map"`
	}
	h := holder{"hunter2", []Secret{"hunter2"}, map[string]Secret{"k": "hunter2"}}
	var out bytes.Buffer
	for _, verb := range strings.Split("v +v #v s q x X d t T U e g c b o", " ") {
		fmt.Fprintf(&out, "%"+verb+"\n", h.One)
		fmt.Fprintf(&out, "%"+verb+"\n", h)
		fmt.Fprintf(&out, "%"+verb+"\n", &h)
	}
	fmt.Fprintln(&out, h.One, h, h.One.String())
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %v", h.One))
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "one", h.One, "all", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "one", h.One, "all", h)
	if err := json.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(out.String(), form) {
			t.Errorf("a secret was printed as %s:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "<secret>") {
		t.Error("a secret leaves no trace")
	}
	if got := fmt.Sprint(Secret("")); got != "" {
		t.Errorf("no secret prints as %q", got)
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range append(files, "sidetone.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg := Default()
		if decodeYAML(cfg, text) != nil {
			return
		}
		cfg.fill()
		if cfg.Validate() != nil {
			return
		}
		cfg.warnings()
		// What is taken can be written and read back.
		again, err := yaml.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeYAML(Default(), again); err != nil {
			t.Fatalf("%v in\n%s", err, again)
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("SIDETONE_AGENTS_NUMBERS", "a=b,c=d")
	f.Add("SIDETONE_RECORDER_SPOOL_MAX_BYTES", "10GiB")
	f.Add("SIDETONE_SERVER_DRAIN", "1h")
	f.Fuzz(func(t *testing.T, name, text string) {
		Load("", []string{name + "=" + text})
	})
}

func TestValuesReadBackAsWritten(t *testing.T) {
	for _, d := range []time.Duration{0, time.Millisecond, 90 * time.Second, 5 * time.Minute, time.Hour, 90 * time.Minute, -time.Second, 10*time.Hour + time.Second} {
		if got, err := ParseDuration(Duration(d).String()); err != nil || got != Duration(d) {
			t.Errorf("%v was written as %q and read as %v, error %v", d, Duration(d), time.Duration(got), err)
		}
	}
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "1y": 365 * 24 * time.Hour, "1y6d12h": (371*24 + 12) * time.Hour, "0": 0, "0d": 0, "2d30m": 48*time.Hour + 30*time.Minute} {
		if got, err := ParseDuration(text); err != nil || got != Duration(want) {
			t.Errorf("%s is read as %v, error %v", text, time.Duration(got), err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "1d1y", "1d-1h", "300y", "292y99999999d", "9 d", "1dd", "99999999999999999999d", "1y2562047h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, time.Duration(got))
		}
	}
	for _, b := range []ByteSize{0, 1, 1023, 1024, 1536, 10 << 30, 1 << 40, 1<<63 - 1} {
		if got, err := parseByteSize(b.String()); err != nil || got != b {
			t.Errorf("%d was written as %q and read as %d, error %v", int64(b), b, int64(got), err)
		}
	}
}

func TestPrivatePeers(t *testing.T) {
	for _, test := range []struct {
		environ []string
		want    bool
	}{
		{nil, true},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=https://example.com"}, false},
		{[]string{"SIDETONE_SERVER_PUBLIC_URL=https://example.com", "SIDETONE_TELEPHONY_WEBRTC_PEERS=any"}, true},
		{[]string{"SIDETONE_TELEPHONY_WEBRTC_PEERS=public"}, false},
	} {
		c, _, err := Load("", test.environ)
		if err != nil || c.PrivatePeers() != test.want {
			t.Errorf("%q: error %v, want %v", test.environ, err, test.want)
		}
	}
}
