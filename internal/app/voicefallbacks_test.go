package app

import (
	"strings"
	"testing"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/internal/breaker"
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
	name, first, err := a.voiceOf(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ready := &agent{Agent: file, voice: first}
	if ready.voices, err = a.voicesOf(t.Context(), file, first); err != nil {
		t.Fatal(err)
	}
	if n := len(ready.speakers()); n != 2 || ready.speaker().Name() != "openai" {
		t.Fatalf("%d voices, and %s begins", n, ready.speaker().Name())
	}
	library := consent.NewLibrary(t.TempDir())
	err = a.spokenBy(t.Context(), file, name, first, func(r consent.Renderer) (err error) {
		ready.sorry, err = prepareSorry(t.Context(), library, file, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"Alpha bravo.": "alpha bravo", "Charlie.": "charlie"} {
		if heard, _ := sim.HearTones(ready.sorry[text].Rate, ready.sorry[text].PCM); heard != want {
			t.Errorf("prepared for %q: %q", text, heard)
		}
	}
	fake.Faults = sim.SynthesiserFaults{Status: 401}
	s, samples := ready.speaker(), 0
	for pcm, err := range s.Speak(t.Context(), "One day the cat was gone.", 8000) {
		if err != nil {
			t.Fatal(err)
		}
		samples += len(pcm)
	}
	if samples < 8000 || s.Name() != "flite" || !strings.Contains(logged.String(), "engine left out") {
		t.Errorf("%d samples by %s; logged %s", samples, s.Name(), logged)
	}
	if again, _ := a.voicesOf(t.Context(), file, first); again.Speakers()[1] == nil || a.voiceBreakers["openai"].State() != breaker.Open {
		t.Error("what is known of a voice is not shared")
	}
}

// TestOneVoiceOnThisMachine checks that nothing stands before a voice that is alone.
func TestOneVoiceOnThisMachine(t *testing.T) {
	a, _ := vendored(t, &sim.SpeechAPI{})
	built := &dialog.Agent{Language: "en", Voice: dialog.Voice{Name: "rms"}}
	_, speaker, err := a.voiceOf(t.Context(), built)
	if err != nil {
		t.Fatal(err)
	}
	voices, err := a.voicesOf(t.Context(), built, speaker)
	if err != nil || voices != nil {
		t.Errorf("%v, %v", voices, err)
	}
	if ready := (&agent{Agent: built, voice: speaker}); ready.speaker() != speaker || len(ready.speakers()) != 1 {
		t.Error("another one speaks")
	}
}
