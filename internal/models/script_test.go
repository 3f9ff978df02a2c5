package models_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/internal/models/modelstest"
)

const script = "../../scripts/models.sh"

// fetch runs the script with a PATH of nothing but the tools it may use and,
// unless npm is empty, a program of that text as npm.
func fetch(t *testing.T, dir, npm string) (output string, err error) {
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
	if npm != "" {
		if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\n"+npm+"\n"), 0o755); err != nil {
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
