package app_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/dialog/tts/flite"
	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
)

// spokenFile is a WAV file with words of the tone language.
func spokenFile(t *testing.T, words string) string {
	t.Helper()
	pcm := sim.SayTones(16000, words)
	wav := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: 16000}, uint32(2*len(pcm)))
	for _, x := range pcm {
		wav = append(wav, byte(x), byte(uint16(x)>>8))
	}
	path := filepath.Join(t.TempDir(), "said.wav")
	if err := os.WriteFile(path, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckProviders holds a vendor against the contract that keeps it, one that
// is in trouble, and one that hears other words.
func TestCheckProviders(t *testing.T) {
	const said = "alpha bravo charlie delta"
	for name, c := range map[string]struct {
		faults sim.RecogniserFaults
		words  string
		failed bool
	}{
		"keeps it":    {sim.RecogniserFaults{Duplicates: true, Unknown: true}, said, false},
		"other words": {sim.RecogniserFaults{}, "one two three four", true},
		"refuses":     {sim.RecogniserFaults{Status: 401, Echo: true}, said, true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &sim.Deepgram{Recogniser: sim.Recogniser{Key: vendorKey, Faults: c.faults}}
			server := httptest.NewServer(fake)
			t.Cleanup(server.Close)
			config := configure(t, "SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_DEEPGRAM_URL="+server.URL, "SIDETONE_SPEECH_DEEPGRAM_API_KEY="+vendorKey)
			var told []string
			all, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{File: spokenFile(t, said), Words: c.words, Fast: true},
				func(c app.ProviderCase) { told = append(told, c.Name) })
			if err != nil || len(all) != 1 || all[0].Part != "recognition" {
				t.Fatalf("%+v and %v, want the check of recognition", all, err)
			}
			p := all[0]
			if p.Failed() != c.failed {
				t.Errorf("failed %v, want %v: %+v", p.Failed(), c.failed, p.Cases)
			}
			if len(p.Cases) < 13 || len(told) != len(p.Cases) || !slices.Contains(told, "one final each finalize") {
				t.Errorf("%d cases, told of %q", len(p.Cases), told)
			}
			for _, done := range p.Cases {
				if strings.Contains(strings.Join(done.Faults, " "), vendorKey) {
					t.Errorf("the key is in a fault: %q", done.Faults)
				}
			}
		})
	}
}

// TestCheckProvidersOfVoices holds a vendor's voice against its contract: one that
// says the words, as the built-in recognition hears, and one that refuses.
func TestCheckProvidersOfVoices(t *testing.T) {
	voice, err := flite.New(t.Context(), flite.Options{ModelsDir: modelstest.Dir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { voice.Close() })
	var mu sync.Mutex
	kept := map[string][]int16{} // sentences are said often
	speak := func(text string, rate int) (pcm []int16) {
		mu.Lock()
		defer mu.Unlock()
		for sentence := range strings.SplitSeq(strings.Trim(text, ". "), ". ") {
			if kept[sentence] == nil {
				for chunk, err := range voice.Speak(t.Context(), sentence, rate) {
					if err != nil {
						t.Errorf("saying %q: %v", sentence, err)
					}
					kept[sentence] = append(kept[sentence], chunk...)
				}
			}
			pcm = append(pcm, kept[sentence]...)
		}
		return pcm
	}
	for name, c := range map[string]struct {
		faults sim.SynthesiserFaults
		fault  string // of one case
	}{
		"says the words": {sim.SynthesiserFaults{Unknown: true, Odd: true}, ""},
		"refuses":        {sim.SynthesiserFaults{Status: 402, Echo: true}, "auth, status 402"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: vendorKey, Faults: c.faults, Say: speak, Speed: 60, Latency: time.Millisecond}}
			server := httptest.NewServer(fake)
			t.Cleanup(server.Close)
			config := configure(t, "SIDETONE_SPEECH_TTS=openai", "SIDETONE_SPEECH_OPENAI_TTS_URL="+server.URL+"/v1", "SIDETONE_SPEECH_OPENAI_TTS_API_KEY="+vendorKey)
			all, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{}, func(app.ProviderCase) {})
			if err != nil || len(all) != 1 || all[0].Part != "voice" || all[0].Engine != "openai" || len(all[0].Cases) != 13 {
				t.Fatalf("%+v and %v, want 13 cases of a voice", all, err)
			}
			var faults []string
			for _, done := range all[0].Cases {
				faults = append(faults, done.Faults...)
			}
			if all[0].Failed() != (c.fault != "") || !strings.Contains(strings.Join(faults, "\n"), c.fault) || strings.Contains(strings.Join(faults, "\n"), vendorKey) {
				t.Errorf("the faults are %q, want %q", faults, c.fault)
			}
		})
	}
}

func TestCheckProvidersWithoutOne(t *testing.T) {
	if _, err := app.CheckProviders(t.Context(), configure(t), app.ProviderSpeech{}, nil); err == nil {
		t.Error("the built-in recognition was taken for a provider")
	}
}
