package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/flite"
	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
)

// speaking is a gateway of which only the voices are wanted, with the models
// named, and what it logs.
func speaking(t *testing.T, files ...string) (*App, *strings.Builder) {
	t.Helper()
	config := configs.Default()
	config.DataDir, config.Speech.ModelsDir = t.TempDir(), t.TempDir()
	for _, name := range files {
		path := filepath.Join(config.Speech.ModelsDir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(filepath.Join(modelstest.Dir(t), name), path)); err != nil {
			t.Fatal(err)
		}
	}
	var logged strings.Builder
	reg := prometheus.NewRegistry()
	a := &App{log: newLog(&logged), registry: reg, config: config, voices: map[string]voice{}, ttsMetrics: tts.NewMetrics(reg)}
	t.Cleanup(func() {
		for _, end := range a.ends {
			if err := end.do(t.Context()); err != nil {
				t.Errorf("%s: %v", end.name, err)
			}
		}
	})
	voice, err := a.openVoice(t.Context(), a.defaultVoice())
	if err != nil {
		t.Fatal(err)
	}
	a.speech = &Speech{Voice: voice.Speaker}
	return a, &logged
}

var neural = []string{models.Runtime, models.Joe, models.JoeConfig, models.Flite}

func TestVoicesOfAgents(t *testing.T) {
	a, logged := speaking(t, neural...)
	for voice, want := range map[string][2]string{"": {"joe", "piper"}, "joe": {"joe", "piper"}, "kal": {"kal", "flite"}} {
		file := &dialog.Agent{}
		file.Voice.Name = voice
		name, speaker, err := a.voiceOf(t.Context(), file)
		if err != nil || name != want[0] || speaker.Name() != want[1] {
			t.Errorf("the voice %q is %q (%v), want %q; %v", voice, name, speaker, want, err)
		}
	}
	file := &dialog.Agent{}
	file.Voice.Name = "hal"
	if _, _, err := a.voiceOf(t.Context(), file); !errors.Is(err, flite.ErrUnknownVoice) || !strings.Contains(err.Error(), "voice.name") {
		t.Errorf("an unknown voice: %v", err)
	}
	if logged.Len() > 0 {
		t.Errorf("logged %s", logged)
	}
}

// Messages are kept by the name of the voice, which must be that of who speaks.
func TestNeuralVoiceThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		path  string
		says  string
	}{
		"not fetched":  {files: []string{models.Flite}, path: os.Getenv("PATH"), says: "make models"},
		"no espeak-ng": {files: neural, says: "espeak-ng"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			a, logged := speaking(t, c.files...)
			for _, voice := range []string{"", "joe", "joe"} {
				file := &dialog.Agent{}
				file.Voice.Name = voice
				spoken, speaker, err := a.voiceOf(t.Context(), file)
				if err != nil || spoken != "rms" || speaker.Name() != "flite" {
					t.Errorf("the voice %q is %q; %v", voice, spoken, err)
				}
			}
			if text := logged.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, c.says) || !strings.Contains(text, "instead=rms") {
				t.Errorf("logged %q", text)
			}
		})
	}
}

func TestNeuralVoiceThatWasTamperedWith(t *testing.T) {
	a, _ := speaking(t, models.Flite)
	path := filepath.Join(a.config.Speech.ModelsDir, models.JoeConfig)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	delete(a.voices, "joe") // as if it started again
	if _, err := a.openVoice(t.Context(), "joe"); !errors.Is(err, models.ErrTampered) {
		t.Errorf("got %v", err)
	}
}
