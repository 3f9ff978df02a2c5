package configs

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds the configuration file and the files of secrets, in bytes.
const maxFile = 1 << 20

// Load returns the configuration from the YAML file at path, or from none if
// path is empty, and from environ, which has the form of os.Environ. The error
// joins all faults that were found; the warnings are for the log. Paths in the
// file stay relative to the working directory.
func Load(path string, environ []string) (*Config, []string, error) {
	cfg := Default()
	if path != "" {
		text, err := readFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("configs: %w", err)
		}
		if err := decodeYAML(cfg, text); err != nil {
			return nil, nil, fmt.Errorf("configs: %s: %w", path, err)
		}
	}
	err := errors.Join(applyEnv(cfg, environ), cfg.readSecrets())
	cfg.fill()
	if err = errors.Join(err, cfg.Validate()); err != nil {
		return nil, nil, fmt.Errorf("configs: %w", err)
	}
	return cfg, cfg.warnings(), nil
}

// readSecrets fills each secret that is given as a file.
func (c *Config) readSecrets() error {
	var listed error
	for i := range c.Webhooks.Endpoints {
		e := &c.Webhooks.Endpoints[i]
		listed = errors.Join(listed, readSecrets(fmt.Sprintf("webhooks.endpoints[%d].secrets", i), &e.Secrets, e.SecretsFile))
	}
	for i := range c.LLM.Fallbacks {
		e := &c.LLM.Fallbacks[i]
		listed = errors.Join(listed, readSecret(fmt.Sprintf("llm.fallbacks[%d].api_key", i), &e.APIKey, e.APIKeyFile))
	}
	return errors.Join(listed,
		readSecret("database.url", &c.Database.URL, c.Database.URLFile),
		readSecret("server.admin_token", &c.Server.AdminToken, c.Server.AdminTokenFile),
		readSecret("telephony.twilio.api_key_secret", &c.Telephony.Twilio.APIKeySecret, c.Telephony.Twilio.APIKeySecretFile),
		readSecret("telephony.webrtc.turn_secret", &c.Telephony.WebRTC.TURNSecret, c.Telephony.WebRTC.TURNSecretFile),
		readSecret("speech.deepgram.api_key", &c.Speech.Deepgram.APIKey, c.Speech.Deepgram.APIKeyFile),
		readSecret("speech.openai.api_key", &c.Speech.OpenAI.APIKey, c.Speech.OpenAI.APIKeyFile),
		readSecret("speech.openai.tts.api_key", &c.Speech.OpenAI.TTS.APIKey, c.Speech.OpenAI.TTS.APIKeyFile),
		readSecret("speech.elevenlabs.api_key", &c.Speech.ElevenLabs.APIKey, c.Speech.ElevenLabs.APIKeyFile),
		readSecret("llm.api_key", &c.LLM.APIKey, c.LLM.APIKeyFile),
		readSecrets("llm.tools.secrets", &c.LLM.Tools.Secrets, c.LLM.Tools.SecretsFile),
		readSecret("storage.s3.secret_access_key", &c.Storage.S3.SecretAccessKey, c.Storage.S3.SecretAccessKeyFile),
		readSecrets("telephony.twilio.auth_tokens", &c.Telephony.Twilio.AuthTokens, c.Telephony.Twilio.AuthTokensFile),
	)
}

// readSecret reads a secret from the file named name, whose only line it is.
func readSecret(path string, secret *Secret, name string) error {
	var lines []Secret
	if *secret != "" {
		lines = []Secret{*secret}
	}
	if err := readSecrets(path, &lines, name); err != nil || name == "" {
		return err
	}
	if len(lines) != 1 {
		return fmt.Errorf("%s_file: must hold one line", path)
	}
	*secret = lines[0]
	return nil
}

// readSecrets reads the lines of the file named name that are not blank.
func readSecrets(path string, secrets *[]Secret, name string) error {
	if name == "" {
		return nil
	}
	if len(*secrets) > 0 {
		return fmt.Errorf("%s: set together with %s_file; set only one", path, path)
	}
	text, err := readFile(name)
	if err != nil {
		return fmt.Errorf("%s_file: %w", path, err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			*secrets = append(*secrets, Secret(line))
		}
	}
	if len(*secrets) == 0 {
		return fmt.Errorf("%s_file: is empty", path)
	}
	return nil
}

// fill gives a value to what follows from other keys.
func (c *Config) fill() {
	if c.Recorder.SpoolDir == "" {
		c.Recorder.SpoolDir = filepath.Join(c.DataDir, "spool")
	}
	if c.Erasures.Location == "" {
		c.Erasures.Location = filepath.Join(c.DataDir, "erasures")
	}
	for i := range c.LLM.Fallbacks {
		e := &c.LLM.Fallbacks[i]
		e.Engine = cmp.Or(e.Engine, LLMOpenAI)
	}
	if c.Keys.Dir == "" {
		c.Keys.Dir = filepath.Join(c.DataDir, "keys")
	}
	if _, port, err := net.SplitHostPort(c.Server.Listen); err == nil && port != "0" && c.Server.PublicURL == "" {
		scheme := "http"
		if c.Server.TLSCertFile != "" {
			scheme = "https"
		}
		c.Server.PublicURL = scheme + "://" + net.JoinHostPort("localhost", port)
	}
	c.Server.PublicURL = strings.TrimSuffix(c.Server.PublicURL, "/")
	c.Server.AdminURL = strings.TrimSuffix(c.Server.AdminURL, "/")
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxFile)
	}
	return os.ReadFile(name)
}
