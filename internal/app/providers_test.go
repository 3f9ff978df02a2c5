package app_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/app"
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
			p, err := app.CheckProviders(t.Context(), config, app.ProviderSpeech{File: spokenFile(t, said), Words: c.words, Fast: true},
				func(c app.ProviderCase) { told = append(told, c.Name) })
			if err != nil {
				t.Fatal(err)
			}
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

func TestCheckProvidersWithoutOne(t *testing.T) {
	if _, err := app.CheckProviders(t.Context(), configure(t), app.ProviderSpeech{}, nil); err == nil {
		t.Error("the built-in recognition was taken for a provider")
	}
}
