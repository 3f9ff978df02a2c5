package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/media"
)

// TestPlayerIsChosen holds which program plays, and what is said without one.
func TestPlayerIsChosen(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := player(); !errors.Is(err, errNoPlayer) {
		t.Errorf("without a player: %v", err)
	}
	for _, name := range []string{"aplay", "ffplay"} { // the better one last
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if line, err := player(); err != nil || line[0] != path || !slices.Contains(line, "-") {
			t.Errorf("with %s: %q, %v", name, line, err)
		}
	}
}

// listened plays a recording with a player that writes down what it gets, finds
// its call by the caller's number, and holds what the ledger says of that. wav was
// fetched before, and so was the transcript, twice.
func (s *site) listened(t *testing.T, call, wav string) {
	t.Helper()
	dir := t.TempDir()
	heard := filepath.Join(dir, "heard.wav")
	if err := os.WriteFile(filepath.Join(dir, "ffplay"), []byte("#!/bin/sh\ncat > '"+heard+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	player := *s
	player.env = append(slices.Clone(s.env), "PATH="+dir+":"+os.Getenv("PATH"))
	player.run(t, "recordings", "play", call, "--from", "2.5")
	var lengths [2]float64
	for i, path := range []string{wav, heard} {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a, err := media.DecodeWAV(file)
		if err != nil {
			t.Fatal(err)
		}
		lengths[i] = float64(len(a.PCM)) / float64(a.Rate)
	}
	if lengths[0]-lengths[1] != 2.5 {
		t.Errorf("of %.3f s, %.3f s were played from second 2.5", lengths[0], lengths[1])
	}
	for caller, want := range map[string]bool{"+12125550123": true, "+12125550124": false} {
		if list := s.run(t, "calls", "list", "--caller", caller, "--consent", "granted", "--min", "5s", "--max", "10m"); strings.Contains(list, call) != want {
			t.Errorf("calls of %s: %s", caller, list)
		}
	}
	var detail struct {
		Recorded []struct {
			Event string
			Body  struct{ What, Take, By string }
		}
	}
	if err := json.Unmarshal([]byte(s.run(t, "calls", "show", call)), &detail); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range detail.Recorded {
		if r.Event == "accessed" {
			rows = append(rows, strings.TrimSpace(r.Body.What+" "+r.Body.Take)+" by "+r.Body.By)
		}
	}
	want := []string{"live by operator", "recording t1 by cli", "transcript t1 by cli", "transcript t1 by cli", "snippet t1 by cli", "recording t1 by cli"} // `try` shows live words
	if !slices.Equal(rows, want) {
		t.Errorf("accesses %q, want %q", rows, want)
	}
	if printed := s.run(t, "ledger", "verify"); !strings.HasPrefix(printed, "right: ") {
		t.Errorf("ledger verify prints %q", printed)
	}
}
