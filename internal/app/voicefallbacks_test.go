package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/breaker"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
)

// TestSpareVoice has a vendor's voice that fails: in calls a built-in one takes over,
// and what is said when no voice is left has been rendered before.
func TestSpareVoice(t *testing.T) {
	fake := &sim.SpeechAPI{}
	a, logged := vendored(t, fake)
	a.config.Speech.TTSFallbacks = []configs.TTS{configs.TTSFlite}
	a.breakers = breaker.NewMetrics(a.registry)
	file := &dialog.Agent{Language: "en", Apology: "Alpha bravo.", Farewell: "Charlie."}
	ready := voiced(t, a, file)
	if n := len(ready.speakers()); n != 2 || ready.speaker().Name() != "openai" {
		t.Fatalf("%d voices, and %s begins", n, ready.speaker().Name())
	}
	for text, want := range map[string]string{"Alpha bravo.": "alpha bravo", "Charlie.": "charlie"} {
		if heard, _ := sim.HearTones(ready.own.Sentences[text].Rate, ready.own.Sentences[text].PCM); heard != want {
			t.Errorf("prepared for %q: %q", text, heard)
		}
	}
	fake.Faults = sim.SynthesiserFaults{Status: 401}
	s := ready.speaker()
	samples, err := samplesOf(t, s, "One day the cat was gone.")
	if err != nil {
		t.Fatal(err)
	}
	if samples < 8000 || s.Name() != "flite" || !strings.Contains(logged.String(), "engine left out") {
		t.Errorf("%d samples by %s; logged %s", samples, s.Name(), logged)
	}
	if again, _ := a.voicesOf(t.Context(), file, ready.voice); again.Speakers()[1] == nil || a.voiceBreakers["openai"].State() != breaker.Open {
		t.Error("what is known of a voice is not shared")
	}
}

// TestTakeoverIsConfigured has a voice that takes its time: who speaks is the
// configuration's to say.
func TestTakeoverIsConfigured(t *testing.T) {
	for takeover, want := range map[time.Duration]string{250 * time.Millisecond: "flite", 10 * time.Second: "openai"} {
		fake := &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Latency: time.Second}}
		a, _ := vendored(t, fake)
		a.config.Speech.TTSFallbacks = []configs.TTS{configs.TTSFlite}
		a.config.Speech.TTSTakeover, a.config.Speech.FirstAudio = configs.Duration(takeover), configs.Duration(10*time.Second)
		s := voiced(t, a, &dialog.Agent{Language: "en", Apology: "Alpha.", Farewell: "Bravo."}).speaker()
		if _, err := samplesOf(t, s, "Charlie delta."); err != nil || s.Name() != want {
			t.Errorf("tts_takeover of %v: %s speaks, %v; want %s", takeover, s.Name(), err, want)
		}
		a.config.Speech.STTTakeover = configs.Duration(takeover)
		if err := a.openRecognition(); err != nil || a.recognition.options.Answer != takeover {
			t.Errorf("stt_takeover of %v: a turn waits %v, %v", takeover, a.recognition.options.Answer, err)
		}
	}
}

// voiced is an agent with its voices, and what was rendered for when there is none.
func voiced(t *testing.T, a *App, file *dialog.Agent) *agent {
	t.Helper()
	name, first, err := a.voiceOf(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ready := &agent{Agent: file, voice: first}
	if ready.voices, err = a.voicesOf(t.Context(), file, first); err != nil {
		t.Fatal(err)
	}
	library := consent.NewLibrary(t.TempDir())
	err = a.spokenBy(t.Context(), file, name, first, func(r consent.Renderer) (err error) {
		ready.own.Borrowed = r.Voice != name
		ready.own.Sentences, err = prepareOwn(t.Context(), library, file, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// TestBuiltInVoiceCrashes has the built-in voice, which is alone, crash whenever it is
// asked: callers are told by what was rendered at the start, and it is left out.
func TestBuiltInVoiceCrashes(t *testing.T) {
	a, logged := vendored(t, &sim.SpeechAPI{})
	a.config.Speech.TTS, a.config.Speech.ModelsDir = configs.TTSPiper, modelstest.Dir(t)
	a.breakers = breaker.NewMetrics(a.registry)
	crash := speller(t)
	file := &dialog.Agent{Language: "en", Apology: "I am sorry.", Farewell: "Goodbye."}
	ready := voiced(t, a, file)
	if err := crash(); err != nil {
		t.Fatal(err)
	}
	s := ready.speaker()
	for range breaker.Tolerated {
		if n, err := samplesOf(t, s, "One day the cat was gone."); n > 0 || err == nil {
			t.Fatalf("a voice that is dead says %d samples, %v", n, err)
		}
		for _, text := range []string{file.Apology, file.Farewell} {
			if n, err := samplesOf(t, s, text); n != (len(ready.own.Sentences[text].PCM)+1)/2 || n < 2000 || err != nil {
				t.Errorf("of %q %d samples are heard, %v", text, n, err)
			}
		}
	}
	want := `
		# HELP sidetone_engine_breaker_state Whether an engine is asked: 0 it is, 1 it is tried again, 2 it is left out.
		# TYPE sidetone_engine_breaker_state gauge
		sidetone_engine_breaker_state{engine="piper",kind="tts"} 2
	`
	if err := testutil.GatherAndCompare(a.registry, strings.NewReader(want), "sidetone_engine_breaker_state"); err != nil {
		t.Error(err)
	}
	if text := logged.String(); strings.Count(text, "engine left out") != 1 || strings.Contains(text, "cat") {
		t.Errorf("logged %s", text)
	}
}

// speller has espeak-ng work until crash is called, and then end as soon as it is
// started.
func speller(t *testing.T) (crash func() error) {
	t.Helper()
	program, err := exec.LookPath("espeak-ng")
	if err != nil {
		t.Fatalf("this test needs espeak-ng: run `scripts/install.sh test` (%v)", err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\n[ -e " + dir + "/dead ] && exit 1\necho $$ > " + dir + "/pid\nexec " + program + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "espeak-ng"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() error {
		if err := os.WriteFile(filepath.Join(dir, "dead"), nil, 0o600); err != nil {
			return err
		}
		pid, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		if err != nil {
			return err
		}
		return syscall.Kill(n, syscall.SIGKILL)
	}
}

// samplesOf is how many samples a voice says of a text, at 8 kHz.
func samplesOf(t *testing.T, s dialog.Speaker, text string) (samples int, err error) {
	t.Helper()
	for pcm, err := range s.Speak(t.Context(), text, 8000) {
		if err != nil {
			return samples, err
		}
		samples += len(pcm)
	}
	return samples, nil
}
