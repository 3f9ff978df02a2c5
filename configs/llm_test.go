package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestFallbacks checks that endpoints come in their order, with keys of their own.
func TestFallbacks(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("k2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, warnings, err := Load("", []string{
		"SIDETONE_LLM_ENGINE=anthropic", "SIDETONE_LLM_BASE_URL=https://api.anthropic.com", "SIDETONE_LLM_MODEL=a", "SIDETONE_LLM_API_KEY=k1",
		"SIDETONE_LLM_PRICES_INPUT=3", "SIDETONE_LLM_PRICES_OUTPUT=0.5",
		"SIDETONE_LLM_FALLBACKS=[{name: local, base_url: 'http://vllm:8000/v1', api_key_file: " + key + ", model: b, prices: {output: 1}}]",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []LLMFallback{
		{Name: "main", Engine: LLMAnthropic, BaseURL: "https://api.anthropic.com", APIKey: "k1", Model: "a", Prices: Prices{Input: 3, Output: 0.5}},
		{Name: "local", Engine: LLMOpenAI, BaseURL: "http://vllm:8000/v1", APIKey: "k2", APIKeyFile: key, Model: "b", Prices: Prices{Output: 1}},
	}
	if got := cfg.LLM.Endpoints(); !reflect.DeepEqual(got, want) {
		t.Error("the endpoints are not those of the environment")
	}
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "llm.fallbacks[0].base_url: plain http") {
		t.Errorf("warnings %q", warnings)
	}
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, _, err = Load("", []string{"SIDETONE_LLM_TOOLS_SECRETS_FILE=" + secrets}); err != nil || len(cfg.LLM.Tools.Secrets) != 1 {
		t.Errorf("secrets of tools: %v", err)
	}
	if cfg, _, err = Load("", nil); err != nil || cfg.LLM.Endpoints() != nil {
		t.Errorf("without an endpoint there are %d, %v", len(cfg.LLM.Endpoints()), err)
	}
}
