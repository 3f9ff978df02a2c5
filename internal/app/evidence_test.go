package app_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/store"
)

// TestExportHoldsWhatWasTold holds the bundle against messages and rows as the
// gateway writes them: the commands of its page show that the words and sounds
// belong to the rows.
func TestExportHoldsWhatWasTold(t *testing.T) {
	config := &configs.Config{DataDir: t.TempDir()}
	speak := func(_ context.Context, text string) (media.Audio, error) {
		return media.Audio{Rate: 16000, PCM: media.Tone(16000, float64(300+len(text)), 300*time.Millisecond, -10)}, nil
	}
	message, err := consent.NewLibrary(filepath.Join(config.DataDir, "messages")).Prepare(t.Context(), "en",
		[]consent.PartSource{{Kind: consent.PartAI, Text: "I am a <machine> & \"no person\"."}, {Kind: consent.PartRecording, Text: isRecorded}},
		map[consent.Prompt]string{consent.PromptWithdrawn: "Nothing more is kept."}, consent.Renderer{Voice: "tones", Speak: speak})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(consent.Row{Event: string(consent.Granted), Message: consent.MessageRow{ID: message.ID, Language: "en", Parts: []consent.PartRow{
		{Kind: consent.PartAI, SHA256: message.Parts[0].SHA256, To: 1, Confirmed: true}, {Kind: consent.PartRecording, SHA256: message.Parts[1].SHA256, To: 2}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(config.DataDir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	ledger, err := store.OpenLedger(t.Context(), filepath.Join(config.DataDir, "db", "ledger.db"), store.LedgerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Append(t.Context(), "c1", "granted", body); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	evidence, err := app.OpenEvidence(t.Context(), config, true)
	if err != nil {
		t.Fatal(err)
	}
	defer evidence.Close()
	dir := filepath.Join(t.TempDir(), "proof")
	if err := evidence.Export(t.Context(), "c1", dir); err != nil {
		t.Fatal(err)
	}

	look := func() (string, error) {
		c := exec.CommandContext(t.Context(), "bash", "-c", `set -o pipefail; sed -n 's/^  [$] //p' README.txt | bash -euo pipefail`)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := look(); err != nil || out != "Signature Verified Successfully\n" {
		t.Errorf("error %v, the commands say\n%s", err, out)
	}
	words := filepath.Join(dir, "messages", message.ID+".json")
	text, err := os.ReadFile(words)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range message.Parts {
		sound, err := os.ReadFile(filepath.Join(dir, "messages", p.SHA256+".wav"))
		if err != nil {
			t.Fatal(err)
		}
		if audio, err := media.DecodeWAV(sound); err != nil || media.ToneLevel(audio.PCM, audio.Rate, float64(300+len(p.Text))) < -12 {
			t.Errorf("part %s has another sound, error %v", p.Kind, err)
		}
	}
	if err := os.WriteFile(words, []byte(strings.Replace(string(text), isRecorded, "This call is private.", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := look(); err == nil || !strings.Contains(out, message.ID) {
		t.Errorf("with other words: error %v, the commands say\n%s", err, out)
	}
}
