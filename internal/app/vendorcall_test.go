package app_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// toned is an agent that speaks the language of the fakes, and one word otherwise
// than it is written.
const toned = `
name: toned
description: Says three words.
language: en
voice: {pronounce: {Zulu: charlie}}
notice:
  mode: notice
  wait: 500ms
  parts:
    - {kind: ai, text: "Delta."}
    - {kind: recording, text: "India."}
    - {kind: choice, mode: opt_out, text: "Echo."}
    - {kind: choice, text: "Echo."}
script:
  greeting: "Alpha bravo zulu, Zulu."
  goodbye: "Goodbye."
  questions:
    - {key: one, kind: text, ask: "Kilo?"}
`

// TestVendorSpeaksInACall has a phone call whose agent speaks by ElevenLabs, by each
// of its interfaces: the caller hears its mu-law as it was made.
func TestVendorSpeaksInACall(t *testing.T) {
	for _, api := range []string{"http", "websocket"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			fake := &sim.ElevenLabs{Synthesiser: sim.Synthesiser{Key: vendorKey, Latency: 30 * time.Millisecond, Speed: 200}}
			server := httptest.NewServer(fake)
			t.Cleanup(server.Close)
			agents := t.TempDir()
			if err := os.WriteFile(filepath.Join(agents, "toned.yaml"), []byte(toned), 0o600); err != nil {
				t.Fatal(err)
			}
			g := start(t, configure(t, "SIDETONE_SPEECH_TTS=elevenlabs", "SIDETONE_SPEECH_ELEVENLABS_API="+api, "SIDETONE_SPEECH_ELEVENLABS_URL="+server.URL,
				"SIDETONE_SPEECH_ELEVENLABS_API_KEY="+vendorKey, "SIDETONE_AGENTS_DIR="+agents, "SIDETONE_AGENTS_DEFAULT=toned"))
			before := len(fake.Requests())
			c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			report, err := (sim.Script{Steps: []sim.Step{sim.Pause(6 * time.Second), sim.HangUp()}}).Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			heard, noise := sim.HearTones(8000, report.Heard)
			if want := "delta india echo alpha bravo charlie"; !strings.HasPrefix(heard, want) || !strings.Contains(heard, "kilo") || noise > 30 { // frames of the call do not begin with the words
				t.Errorf("the caller heard %q and %d blocks of noise, want %q and then kilo", heard, noise, want)
			}
			for _, r := range fake.Requests()[before:] {
				if r.Query["output_format"][0] != "ulaw_8000" {
					t.Errorf("a phone call asked for %s", r.Query["output_format"])
				}
			}
			if logs := g.logs.String(); strings.Contains(logs, vendorKey) || strings.Contains(logs, "bravo") {
				t.Error("the key or the words are in the log")
			}
		})
	}
}

// TestVendorsVoiceIsAskedFor: a voice elsewhere makes callers be asked as its vendor
// needs, since agents repeat what was said to them.
func TestVendorsVoiceIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		env   []string
		mode  consent.Mode
		where string
	}{
		"Aura":                   {[]string{"SIDETONE_SPEECH_TTS=deepgram", "SIDETONE_SPEECH_DEEPGRAM_API_KEY=" + vendorKey}, consent.OptInEither, "api.deepgram.com"},
		"Kokoro on this machine": {[]string{"SIDETONE_SPEECH_TTS=openai", "SIDETONE_SPEECH_OPENAI_TTS_URL=http://localhost:8880/v1"}, consent.OptOutMode, ""},
	} {
		e := explain(t, explaining(t, "  mode: notice\n", "", c.env...), app.ExplainQuery{From: inCalifornia, To: inNewYork})
		if e.Mode != c.mode || e.Local != (c.where == "") || len(e.Engines) < 2 || e.Engines[1].Part != "voice" || e.Engines[1].Where != c.where {
			t.Errorf("%s: asked as in %s, on this machine %v, by %+v; want %s, voice at %q", name, e.Mode, e.Local, e.Engines, c.mode, c.where)
		}
	}
}
