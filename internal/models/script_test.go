package models_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
)

const script = "../../scripts/models.sh"

// fetch runs the script with a PATH of nothing but the tools it may use and,
// unless npm is empty, a program of that text as npm.
func fetch(t *testing.T, dir, npm string) (output string, err error) {
	t.Helper()
	return fetchBy(t, dir, map[string]string{"npm": npm})
}

// fetchBy is fetch with programs by their names; what is empty is not there.
func fetchBy(t *testing.T, dir string, programs map[string]string) (output string, err error) {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range strings.Fields("awk bash cat chmod cp cut dirname du mkdir mktemp mv rm sha256sum tail tar touch uname wc gzip") {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range programs {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, script, dir)
	cmd.Env = []string{"PATH=" + bin}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestScriptFetchesNothingTwice(t *testing.T) {
	out, err := fetch(t, modelstest.Dir(t), "exit 1")
	if err != nil || strings.Contains(out, "fetching") {
		t.Errorf("with all models there: %v\n%s", err, out)
	}
}

func TestScriptWithoutNPM(t *testing.T) {
	out, err := fetch(t, t.TempDir(), "")
	if err == nil || !strings.Contains(out, "npm is missing") || !strings.Contains(out, "apt-get install") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestScriptWhenTheRegistryFails(t *testing.T) {
	out, err := fetch(t, t.TempDir(), "echo npm error 404 >&2; exit 1")
	if err == nil || !strings.Contains(out, "npm error 404") || !strings.Contains(out, "could not fetch sherpa-onnx-linux-x64") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestScriptRefusesAWrongTarball also wants it to leave nothing behind, nor to
// touch a partial file that it could not replace.
func TestScriptRefusesAWrongTarball(t *testing.T) {
	dir := t.TempDir()
	partial := filepath.Join(dir, "onnxruntime", "libonnxruntime.so")
	if err := os.MkdirAll(filepath.Dir(partial), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(partial, []byte("half a fi"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := fetch(t, dir, "echo tampered >package-1.0.0.tgz; echo package-1.0.0.tgz")
	const wanted = "13291bcd825da5858ca27a35443e9a2c229a40616c0910086de2db12c5c9312c"
	if err == nil || !strings.Contains(out, "wrong SHA-256") || !strings.Contains(out, "wanted "+wanted) || !strings.Contains(out, ", got ") {
		t.Errorf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v is left behind (%v)", entries, err)
	}
}

// TestScriptWithoutTheNeuralVoice has all models but that, which cannot be had.
func TestScriptWithoutTheNeuralVoice(t *testing.T) {
	without := func(t *testing.T) string {
		dir := t.TempDir()
		for _, name := range files {
			if name == models.Joe || name == models.JoeConfig {
				continue
			}
			err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755), os.Symlink(filepath.Join(modelstest.Dir(t), name), filepath.Join(dir, name)))
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for name, c := range map[string]struct{ python, says string }{
		"no python":     {"", "pip is missing"},
		"no pip":        {"echo No module named pip >&2; exit 1", "pip is missing"},
		"not to be had": {`case "$*" in *version) exit 0 ;; esac; echo no matching distribution >&2; exit 1`, "no matching distribution"},
	} {
		out, err := fetchBy(t, without(t), map[string]string{"python3": c.python})
		if err != nil || !strings.Contains(out, c.says) || !strings.Contains(out, "the neural voice is left out, and flite speaks") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	tampered := `case "$*" in *version) exit 0 ;; esac; while [ "$1" != --dest ]; do shift; done; echo tampered >"$2/voice.whl"`
	dir := without(t)
	out, err := fetchBy(t, dir, map[string]string{"python3": tampered})
	if err == nil || !strings.Contains(out, "wrong SHA-256") {
		t.Errorf("a wrong wheel: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, models.Joe)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a wrong wheel was unpacked: %v", err)
	}
}
