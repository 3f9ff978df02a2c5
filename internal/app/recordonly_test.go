package app_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/seal"
)

// TestRecordOnly has a gateway with public halves alone: it records, what it has
// recorded opens with the key that lies elsewhere, and on the gateway one is told
// which key that is. It goes on over a rotation that is done elsewhere.
func TestRecordOnly(t *testing.T) {
	t.Parallel()
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	config, vault := configure(t), filepath.Join(t.TempDir(), "vault.agekey")
	epoch, err := app.InitKeys(t.Context(), config, app.KeyPlan{File: vault})
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, config)
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := sim.Script{Steps: []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.Say(sentences[0].Phone), sim.Pause(time.Second), sim.HangUp()},
		HangupAfter: time.Minute}.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := g.records(t)
	if _, err := r.Recording(t.Context(), report.CallSID, "t1", "", io.Discard); !errors.Is(err, seal.ErrNoIdentity) ||
		!strings.Contains(err.Error(), "epoch-1") || !strings.Contains(err.Error(), epoch.Recipients[0].Recipient) {
		t.Errorf("on the gateway: %v", err)
	}
	var wav, text bytes.Buffer
	info, err := r.Recording(t.Context(), report.CallSID, "t1", vault, &wav)
	if err != nil {
		t.Fatal(err)
	}
	left, _ := channels(wav.Bytes())
	if !contains(left, sentences[0].Phone) {
		t.Error("the sentence is not in the recording as it was said")
	}
	if err := r.Transcript(t.Context(), report.CallSID, "t1", vault, "text", &text); err != nil || text.Len() == 0 {
		t.Errorf("the transcript, sealed as it was said: %d bytes, %v", text.Len(), err)
	}
	holdsOnlySpoolKey(t, config.DataDir)

	next := filepath.Join(t.TempDir(), "next.agekey")
	admin, err := app.OpenKeyAdminIn(t.Context(), config, g.s3)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := admin.Rotate(t.Context(), app.Rotation{Plan: app.KeyPlan{File: next}, Identities: []string{vault}}); err != nil || w.Moved != 3 {
		t.Fatalf("%+v, %v", w, err)
	}
	var again bytes.Buffer
	if _, err := r.Recording(t.Context(), report.CallSID, "t1", vault, io.Discard); !errors.Is(err, seal.ErrNoIdentity) {
		t.Errorf("with the key of before: %v", err)
	}
	if _, err := r.Recording(t.Context(), report.CallSID, "t1", next, &again); err != nil || !bytes.Equal(again.Bytes(), wav.Bytes()) {
		t.Errorf("after the rotation: %d bytes, before %d; %v", again.Len(), wav.Len(), err)
	}
	if got := byHand(t, g, info.Call, next); !bytes.Equal(got, wav.Bytes()) {
		t.Errorf("age and a shell give %d bytes, not these %d", len(got), wav.Len())
	}
}

// byHand opens a recording after rotations with age and a shell, as
// docs/recordings.md says, in a folder with the objects and the key of epoch-2.
func byHand(t *testing.T, g *gateway, call, key string) []byte {
	t.Helper()
	dir := t.TempDir()
	fetch(t, g.s3, dir)
	manual, err := os.ReadFile("../../docs/recordings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, steps, found := strings.Cut(string(manual), "CALL=038G0PZF5HZP4RWDZYPGJ0QRAR TAKE=t1\n")
	steps, _, ended := strings.Cut(steps, "# 3. ")
	if !found || !ended {
		t.Fatal("docs/recordings.md has other steps")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `cp "$0" epoch-2.agekey; BUCKET=. KEYS=. TAKE=t1 CALL="$1"`+"\n"+steps, key, call)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wav, err := os.ReadFile(filepath.Join(dir, "call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	return wav
}

// holdsOnlySpoolKey looks for private halves in all files of a gateway.
func holdsOnlySpoolKey(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("AGE-SECRET-KEY-")) && path != filepath.Join(dir, "node", "spool.agekey") {
			t.Errorf("%s holds a private half", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
