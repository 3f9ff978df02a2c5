package app_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/media"
)

// shellOf returns the shell blocks of a page, in order.
func shellOf(t testing.TB, page string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		script.WriteString(block[1])
	}
	return script.String()
}

// TestThePageRecoversACall has the gateway's data directory gone: from the bucket and
// the operator's keys, age, openssl and the commands of the page alone recover a call
// and verify it. They fail where anything is not what was recorded.
func TestThePageRecoversACall(t *testing.T) {
	a := newArchive(t)
	a.record("038G0PZF5HZP4RWDZYPGJ0QRB0", media.Tone(8000, 440, 25*time.Second, -20))
	a.drain()
	a.close()
	r, err := app.OpenRecordsIn(t.Context(), a.config, a.s3)
	if err != nil {
		t.Fatal(err)
	}
	want := recording(t, r, "038G0PZF5HZP4RWDZYPGJ0QRB0")
	note, err := r.Correct(t.Context(), "038G0PZF5HZP4RWDZYPGJ0QRB0", app.CorrectionRequest{Text: "They said hallo."})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	a.certify()

	dir := t.TempDir()
	script := shellOf(t, "../../docs/recordings.md")
	script = regexp.MustCompile(`CALL=\S+`).ReplaceAllString(script, "CALL=038G0PZF5HZP4RWDZYPGJ0QRB0")
	bucket := filepath.Join(dir, "data", "s3", "buckets", "sidetone")
	fetch := func() {
		for _, key := range must(a.objects.List(t.Context(), "")) {
			path := filepath.Join(bucket, key)
			if err := os.WriteFile(filepath.Join(mkdir(t, filepath.Dir(path)), filepath.Base(path)), must(a.objects.Get(t.Context(), key)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fetch()
	if err := os.CopyFS(filepath.Join(dir, "data", "keys"), os.DirFS(a.config.Keys.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "data", "keys", "operator-sign.pem")), os.RemoveAll(a.config.DataDir)); err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) {
		c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	if err != nil || strings.Count(out, "Signature Verified Successfully") != 2 || strings.Count(out, ": OK\n") != 5 {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := must(os.ReadFile(filepath.Join(dir, "call.wav"))); !bytes.Equal(got, want) {
		t.Errorf("the page gives %d bytes, sidetone %d", len(got), len(want))
	}
	if text := must(os.ReadFile(filepath.Join(dir, "correction-"+note.ID+".json"))); !bytes.Contains(text, []byte(`"text":"They said hallo."`)) {
		t.Errorf("the correction is %s", text)
	}
	if notes := must(os.ReadFile(filepath.Join(dir, "notes.jsonl"))); !bytes.Contains(notes, []byte(`"text":"hello"`)) {
		t.Errorf("notes are %s", notes)
	}

	take := filepath.Join(bucket, "rec", "038G0PZF5HZP4RWDZYPGJ0QRB0", "t1")
	node := must(filepath.Glob(filepath.Join(bucket, "nodes", "*.json")))[0]
	_, stranger := keysOf(t)
	for what, harm := range map[string]func() error{
		"an outcome": func() error { return replace(filepath.Join(take, "manifest.json"), "completed", "withdrawn") },
		"a name":     func() error { return replace(node, `"name": "`, `"name": "other-`) },
		"swapped": func() error {
			return os.Rename(filepath.Join(take, "seg", "000001.age"), filepath.Join(take, "seg", "000002.age"))
		},
		"one more": func() error {
			return os.Link(filepath.Join(take, "seg", "000001.age"), filepath.Join(take, "seg", "000004.age"))
		},
		"words":           func() error { return os.Remove(filepath.Join(take, "meta.age")) },
		"another's word":  func() error { return os.WriteFile(node, certified(t, stranger, a.node, time.Unix(0, 0)), 0o600) },
		"no word for it":  func() error { return os.Remove(node) },
		"a later promise": func() error { return replace(node, `"not_before": "20`, `"not_before": "21`) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if out, err := run(); err == nil {
			t.Errorf("with %s changed the page says\n%s", what, out)
		}
		if err := os.RemoveAll(bucket); err != nil {
			t.Fatal(err)
		}
		fetch()
	}
}

// replace changes a file.
func replace(path, from, to string) error {
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte(from)) {
		return errors.Join(err, errors.New("there is nothing to change"))
	}
	return os.WriteFile(path, bytes.Replace(b, []byte(from), []byte(to), 1), 0o600)
}
