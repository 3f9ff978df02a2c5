package app

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
)

const vendorKey = "sk-the-key-of-a-vendor"

// vendored is a gateway whose voices are a fake's of OpenAI, and what it logs.
func vendored(t *testing.T, fake *sim.SpeechAPI) (*App, *strings.Builder) {
	t.Helper()
	fake.Key = vendorKey
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	config := configs.Default()
	config.DataDir, config.Speech.ModelsDir = t.TempDir(), t.TempDir()
	path := filepath.Join(config.Speech.ModelsDir, models.Flite) // and not the neural voice, which takes its time
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(filepath.Join(modelstest.Dir(t), models.Flite), path)); err != nil {
		t.Fatal(err)
	}
	config.Speech.TTS, config.Speech.OpenAI.TTS.URL, config.Speech.OpenAI.TTS.APIKey = configs.TTSOpenAI, server.URL+"/v1", vendorKey
	var logged strings.Builder
	reg := prometheus.NewRegistry()
	a := &App{log: newLog(&logged), registry: reg, config: config, voices: map[string]voice{}, ttsMetrics: tts.NewMetrics(reg), speech: &Speech{}}
	t.Cleanup(func() {
		for _, end := range a.ends {
			if err := end.do(t.Context()); err != nil {
				t.Errorf("%s: %v", end.name, err)
			}
		}
	})
	v, err := a.openVoice(t.Context(), a.defaultVoice())
	if err != nil {
		t.Fatal(err)
	}
	a.speech.Voice = v.Speaker
	return a, &logged
}

// notice is prepared with an agent's voice. It returns the words that are heard in
// it, of the language of the fakes.
func notice(t *testing.T, a *App, library *consent.Library, file *dialog.Agent) (heard string, seconds float64) {
	t.Helper()
	name, speaker, err := a.voiceOf(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var m consent.Message
	err = a.spokenBy(t.Context(), file, name, speaker, func(r consent.Renderer) (err error) {
		m, err = library.Prepare(t.Context(), "en", []consent.PartSource{{Kind: consent.PartAI, Text: "Alpha bravo charlie."}, {Kind: consent.PartWho, Text: "Delta."}}, nil, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parts {
		words, _ := sim.HearTones(p.Audio.Rate, p.Audio.PCM)
		heard += words + " "
		seconds += float64(len(p.Audio.PCM)) / float64(p.Audio.Rate)
	}
	return strings.TrimSpace(heard), seconds
}

// TestVendorSpeaks is the agent's voice, and that of its messages, which are asked
// for once.
func TestVendorSpeaks(t *testing.T) {
	fake := &sim.SpeechAPI{}
	a, logged := vendored(t, fake)
	dir := filepath.Join(a.config.DataDir, "messages")
	for range 2 {
		if heard, _ := notice(t, a, consent.NewLibrary(dir), &dialog.Agent{}); heard != "alpha bravo charlie delta" {
			t.Errorf("the message says %q", heard)
		}
	}
	other := &dialog.Agent{}
	other.Voice.Name = "nova"
	notice(t, a, consent.NewLibrary(dir), other)
	var asked []string
	for _, r := range fake.Requests() {
		asked = append(asked, r.Body["voice"].(string))
	}
	if got := strings.Join(asked, " "); got != "alloy alloy nova nova" {
		t.Errorf("the vendor was asked for the voices %s", got)
	}
	if logged.Len() > 0 {
		t.Errorf("logged %s", logged)
	}
	respelled := &dialog.Agent{Language: "en-US"}
	respelled.Voice.Pronounce = map[string]string{"Charlie": "echo", "5": "golf"}
	if heard, _ := notice(t, a, consent.NewLibrary(dir), respelled); heard != "alpha bravo charlie delta" {
		t.Errorf("what is written otherwise is respelled: %q", heard)
	}
	respelled.Voice.Pronounce = map[string]string{"charlie": "echo"}
	if heard, _ := notice(t, a, consent.NewLibrary(dir), respelled); heard != "alpha bravo echo delta" {
		t.Errorf("an agent with a dictionary says %q", heard)
	}
	built := &dialog.Agent{}
	built.Voice.Name = "rms"
	if name, speaker, err := a.voiceOf(t.Context(), built); err != nil || name != "rms" || speaker.Name() != "flite" {
		t.Errorf("the voice rms is %q of %v (%v)", name, speaker, err)
	}
}

// TestVendorIsAway starts without it: the messages are the built-in voice's, with
// one warning, and the vendor is not waited for again.
func TestVendorIsAway(t *testing.T) {
	for status, class := range map[int]string{401: "auth", 429: "rate", 500: "busy"} {
		fake := &sim.SpeechAPI{}
		fake.Faults = sim.SynthesiserFaults{Status: status, Echo: true}
		a, logged := vendored(t, fake)
		library := consent.NewLibrary(filepath.Join(a.config.DataDir, "messages"))
		for range 2 {
			if heard, seconds := notice(t, a, library, &dialog.Agent{}); heard != "" || seconds < 1 {
				t.Errorf("%d: %q is heard in %.1f s", status, heard, seconds)
			}
		}
		if n := len(fake.Requests()); n != 1 {
			t.Errorf("%d: the vendor was asked %d times", status, n)
		}
		if s := logged.String(); strings.Count(s, "built-in voice") != 1 || !strings.Contains(s, class) || strings.Contains(s, vendorKey) || strings.Contains(s, "Alpha") {
			t.Errorf("%d: logged %s", status, s)
		}
		// The conversation is still the vendor's, when it is back.
		_, speaker, err := a.voiceOf(t.Context(), &dialog.Agent{})
		if err != nil || speaker.Name() != "openai" {
			t.Errorf("%d: the agent speaks by %v (%v)", status, speaker, err)
		}
	}
}

// TestVendorIsAwayAndNothingElse is an agent that can not answer, and no fault of
// the configuration.
func TestVendorIsAwayAndNothingElse(t *testing.T) {
	fake := &sim.SpeechAPI{}
	fake.Faults = sim.SynthesiserFaults{Status: 500}
	a, _ := vendored(t, fake)
	a.config.Speech.ModelsDir = t.TempDir()
	err := a.spokenBy(t.Context(), &dialog.Agent{}, "v", a.speech.Voice, func(r consent.Renderer) error {
		_, err := r.Speak(context.Background(), "Alpha.")
		return err
	})
	if !errors.Is(err, errCannotAnswer) {
		t.Errorf("spokenBy: %v", err)
	}
}

// TestVendorsPlace is where words go.
func TestVendorsPlace(t *testing.T) {
	c := configs.Default()
	for _, v := range []struct {
		tts         configs.TTS
		voice, want string
	}{
		{configs.TTSPiper, "", ""}, {configs.TTSFlite, "slt", ""}, {configs.TTSOpenAI, "", "https://api.openai.com/v1"}, {configs.TTSOpenAI, "joe", ""},
		{configs.TTSElevenLabs, "an-id", "https://api.elevenlabs.io"}, {configs.TTSDeepgram, "", "https://api.deepgram.com"},
	} {
		c.Speech.TTS = v.tts
		if got := voiceURL(c, v.voice); got != v.want {
			t.Errorf("%s, voice %q: words go to %q, want %q", v.tts, v.voice, got, v.want)
		}
		file := &dialog.Agent{}
		file.Voice.Name = v.voice
		if local := localEngines(c, file); local != (v.want == "") {
			t.Errorf("%s, voice %q: local is %v", v.tts, v.voice, local)
		}
	}
}
