package configs

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Endpoints can be given by the environment, as YAML, and their secrets by files.
func TestWebhooks(t *testing.T) {
	one := "whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2-hunter2-hunter2-hunter2"))
	two := "whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter3-hunter3-hunter3-hunter3"))
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte(one+"\n"+two+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`[{name: crm, url: "https://crm.example.com/hunter2?a=b", secrets_file: %q, events: [call.finished]}, {name: own, url: http://10.0.0.1/, secrets: [%s]}]`, file, two)
	cfg, warnings, err := Load("", []string{"SIDETONE_WEBHOOKS_ENDPOINTS=" + text, "SIDETONE_WEBHOOKS_ALLOW_PRIVATE=true", "SIDETONE_SERVER_PUBLIC_URL=https://example.com", "SIDETONE_WEB_DEMO=false"})
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "webhooks.allow_private: ") {
		t.Fatalf("warnings %q, error %v", warnings, err)
	}
	want := []Webhook{
		{Name: "crm", URL: "https://crm.example.com/hunter2?a=b", Secrets: []Secret{Secret(one), Secret(two)}, SecretsFile: file, Events: []string{"call.finished"}},
		{Name: "own", URL: "http://10.0.0.1/", Secrets: []Secret{Secret(two)}},
	}
	if !reflect.DeepEqual(cfg.Webhooks.Endpoints, want) {
		t.Error("the endpoints are not those of the environment")
	}
	if printed := fmt.Sprintf("%+v", cfg); strings.Contains(printed, "hunter2") || strings.Contains(printed, one[10:]) {
		t.Errorf("secrets were printed: %s", printed)
	}
	for text, want := range map[string]string{
		"hunter2":                            "must be a list",
		"[hunter2]":                          "[0]: must be a mapping",
		"[{hunter: 2}]":                      "[0].hunter: no such key",
		"[{name: crm, secrets_file: /none}]": "webhooks.endpoints[0].secrets_file: ",
		"[{":                                 "not valid YAML",
	} {
		_, _, err := Load("", []string{"SIDETONE_WEBHOOKS_ENDPOINTS=" + text})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if cfg, _, err := Load("", []string{"SIDETONE_WEBHOOKS_ENDPOINTS="}); err != nil || len(cfg.Webhooks.Endpoints) > 0 {
		t.Errorf("no endpoints: %v", err)
	}
}
