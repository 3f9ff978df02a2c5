package sim

import (
	"testing"
	"time"

	"sidetone/media"
)

// The recordings are part of `make test`'s set-up, so these tests demand them.

func TestLibriVox(t *testing.T) {
	all, err := LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for _, u := range all {
		_, n := WordErrors(u.Text, "")
		words += n
		checkUtterance(t, u)
	}
	if len(all) != 5 || words != 71 {
		t.Errorf("%d sentences of %d words, want 5 of 71", len(all), words)
	}
	if want := "he was not an ill disposed young man"; all[1].Text != want {
		t.Errorf("the second is %q, want %q", all[1].Text, want)
	}
}

func TestPrompts(t *testing.T) {
	all, err := Prompts("vm-goodbye", "pls-hold-while-try")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		checkUtterance(t, u)
	}
	if e, _ := WordErrors("goodbye", all[0].Text); e != 0 {
		t.Errorf("vm-goodbye says %q", all[0].Text)
	}
	if _, err := Prompts("no-such-prompt"); err == nil {
		t.Error("an unknown prompt is no error")
	}
}

func checkUtterance(t *testing.T, u Utterance) {
	t.Helper()
	length := time.Duration(len(u.Phone)) * time.Second / sampleRate
	if length < 300*time.Millisecond || length > 10*time.Second || u.Text == "" {
		t.Errorf("%s: %v of %q", u.Name, length, u.Text)
	}
	if d := len(u.Wide) - 2*len(u.Phone); d < -1 || d > 1 {
		t.Errorf("%s: %d samples at 16 kHz, %d at 8 kHz", u.Name, len(u.Wide), len(u.Phone))
	}
	if l := media.RMS(u.Phone); l < -45 || l > -3 {
		t.Errorf("%s: %.1f dBFS is no speech", u.Name, l)
	}
}
