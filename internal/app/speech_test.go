package app_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
	"sidetone/transcribe"
)

// TestPeopleAreUnderstood places one call with real human speech: five people's
// sentences through mu-law. It holds transcript, answers, recording and
// offline recovery against what was said and heard.
func TestPeopleAreUnderstood(t *testing.T) {
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, configure(t))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps := []sim.Step{sim.AfterAgent(2500 * time.Millisecond)}
	for i, s := range sentences {
		if i > 0 {
			steps = append(steps, sim.AfterAgent(patience))
		}
		steps = append(steps, sim.Say(s.Phone))
	}
	report, err := sim.Script{Steps: steps, HangupAfter: 3 * time.Minute}.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if report.Ending != sim.EndCompleted {
		t.Errorf("the call ended %q, want the agent to end it", report.Ending)
	}
	if len(report.Faults) > 0 {
		t.Errorf("the carrier met faults: %v", report.Faults)
	}

	r := g.records(t)
	var doc bytes.Buffer
	if err := r.Transcript(t.Context(), report.CallSID, "t1", "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	var tr transcribe.Transcript
	if err := json.Unmarshal(doc.Bytes(), &tr); err != nil {
		t.Fatal(err)
	}
	wrong, words := 0, 0
	for i, s := range sentences {
		at := slices.IndexFunc(tr.Answers, func(a transcribe.Answer) bool { return a.Key == "s"+string(rune('1'+i)) })
		got := ""
		if at >= 0 {
			got, _ = tr.Answers[at].Value.(string)
		}
		e, n := sim.WordErrors(s.Text, got)
		t.Logf("%d of %d words wrong: said %q, understood %q", e, n, s.Text, got)
		wrong, words = wrong+e, words+n
	}
	t.Logf("word error rate through the mu-law call: %.1f %% (%d of %d)", 100*float64(wrong)/float64(words), wrong, words)
	if 10*wrong > words {
		t.Errorf("word error rate is %d of %d, want at most one in ten", wrong, words)
	}
	for i, turn := range report.Turns {
		t.Logf("reply %d: %.0f ms after the end of speech", i+1, (turn.Reply-turn.To).Seconds()*1000)
	}

	call := tr.Call
	wav := recording(t, r, call)
	left, right := channels(wav)
	if off := offset(report.Heard, right); off < -320 || off > 320 {
		t.Errorf("the agent's channel is %d samples off what the caller heard, want at most 320 (40 ms)", off)
	} else {
		t.Logf("the agent's channel is %d samples off what the caller heard", off)
	}
	for i, sentence := range sentences {
		if !contains(left, sentence.Phone) {
			t.Errorf("sentence %d is not in the recording as it was said", i+1)
		}
	}
	offline(t, g, call, wav)
}

// offline opens the recording with nothing but the bucket's objects, the
// operator's key and stock age, in a shell loop.
func offline(t *testing.T, g *gateway, call string, want []byte) {
	t.Helper()
	dir := t.TempDir()
	fetch(t, g.s3, dir)
	script := `set -eu
key=$(find keys -name "t1-audio.age")
age -d -i "$EPOCH" "$key" > call.key
for s in rec/` + call + `/t1/seg/*.age; do age -d -i call.key "$s"; done > call.wav`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "EPOCH="+filepath.Join(absolute(t, g.config.Keys.Dir), "epoch-1.agekey"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("age: %v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("age and a shell loop give %d bytes, recordings get %d, and they are not the same", len(got), len(want))
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// contains reports whether the middle of part, as mu-law leaves it, lies in
// whole, sample for sample.
func contains(whole, part []int16) bool {
	want := ulawed(part[len(part)/4 : len(part)*3/4])
	for i := 0; i+len(want) <= len(whole); i++ {
		if whole[i] == want[0] && slices.Equal(whole[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

// offset is by how many samples b lags a: the lag of the greatest correlation
// of their levels and then of their samples.
func offset(a, b []int16) int {
	n := min(len(a), len(b)) - 2000
	best, at := math.Inf(-1), 0
	for lag := -1600; lag <= 1600; lag++ {
		sum := 0.0
		for i := 2000; i < n; i += 7 {
			sum += float64(a[i]) * float64(b[i+lag])
		}
		if sum > best {
			best, at = sum, lag
		}
	}
	return at
}

// ulawed is what remains of samples after mu-law.
func ulawed(pcm []int16) []int16 { return media.AppendPCM(nil, media.AppendULaw(nil, pcm)) }

// fetch copies all objects of a bucket below dir.
func fetch(t *testing.T, s3 store.S3Options, dir string) {
	t.Helper()
	objects, err := store.OpenS3(t.Context(), s3)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := objects.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		body, err := objects.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
