package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/app"
)

// ageKey makes a key with stock age, and returns its file and its public half.
func ageKey(t *testing.T) (file, recipient string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key.txt")
	if out, err := exec.CommandContext(t.Context(), "age-keygen", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "age-keygen", "-y", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(out))
}

// unpack opens a bundle with stock age and tar, and returns its folder.
func unpack(t *testing.T, key string, bundle []byte) string {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "age -d -i '"+key+"' | tar x")
	c.Dir, c.Stdin = dir, bytes.NewReader(bundle)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// checks runs the commands of a bundle's own page.
func checks(t *testing.T, dir string) (string, error) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "README.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(page), "all at once:\n\n    ")
	script, _, ok := strings.Cut(script, "\n")
	if !ok {
		t.Fatal("the page does not say how all is checked")
	}
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// filesIn lists the files of a folder.
func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestExport hands out all calls of a caller: stock age and tar open it, the page in it
// says how it is checked, and what is not in it is named.
func TestExport(t *testing.T) {
	t.Parallel()
	clock := &calendar{}
	g := startKeeping(t, configure(t, "SIDETONE_RETENTION_SNIPPETS=10d"), bucket(t), clock)
	g.keeps(t, "sentences", "one", "two", "held", "other")
	g.belongs(t, erasedNumber, "one", "two", "held")
	x, ctx := g.erasing(t), t.Context()
	if _, err := x.Hold(ctx, "held", ""); err != nil {
		t.Fatal(err)
	}
	clock.set(11 * day)
	if _, err := x.Sweep(ctx, false); err != nil {
		t.Fatal(err)
	}
	key, recipient := ageKey(t)
	answer, sealed := g.operates(t, "POST", "/api/v1/exports", fmt.Sprintf(`{"caller": %q, "recipients": [%q]}`, erasedNumber, recipient))
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "no-store" || bytes.Contains(sealed, []byte("RIFF")) {
		t.Fatalf("%s, %d bytes", answer.Status, len(sealed))
	}
	dir := unpack(t, key, sealed)
	all := filesIn(t, dir)
	out, err := checks(t, dir)
	if err != nil || strings.Count(out, "Signature Verified Successfully") < 4 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"README.txt", "manifest.json", "node.pub.pem", "calls/one/t1/recording.wav", "calls/one/t1/transcript.json",
		"calls/two/t1/transcript.txt", "calls/held/t1/snippets/000001.wav", "calls/one/consent/README.txt"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is not in it: %v", want, all)
		}
	}
	for _, name := range all {
		if strings.Contains(name, "other") || strings.HasPrefix(name, "calls/one/t1/snippets") {
			t.Errorf("%s is in it", name)
		}
	}
	wav := must(os.ReadFile(filepath.Join(dir, "calls/one/t1/recording.wav")))
	if _, whole := g.operates(t, "GET", "/api/v1/calls/one/recording", ""); !bytes.Equal(wav, whole) {
		t.Errorf("%d bytes of audio are handed out, %d are heard", len(wav), len(whole))
	}
	if text := must(os.ReadFile(filepath.Join(dir, "calls/two/t1/transcript.txt"))); !bytes.Contains(text, []byte("I said <this>.")) {
		t.Errorf("the transcript is %s", text)
	}
	var m app.Exported
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "manifest.json"))), &m); err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Calls {
		want := []app.Absence{{Take: "t1", Class: "snippets", Why: "expired"}}
		if c.Call == "held" {
			want = []app.Absence{}
		}
		if !slices.Equal(c.Absent, want) {
			t.Errorf("of %s absent is %+v", c.Call, c.Absent)
		}
	}
	if whole := fmt.Sprint(m, out); len(m.Calls) != 3 || strings.Contains(whole, erasedNumber[1:]) {
		t.Errorf("%d calls; %s", len(m.Calls), whole)
	}
	g.checkTampered(t, dir)
	g.checkExportRefusals(t, recipient)
	g.checkExportByCommand(t, key, recipient)
}

// checkTampered changes a bundle in one way after the other: its page notices each.
func (g *gateway) checkTampered(t *testing.T, dir string) {
	t.Helper()
	for what, harm := range map[string]func(dir string) error{
		"a word": func(d string) error {
			return replace(filepath.Join(d, "calls/two/t1/transcript.txt"), "I said", "I sang")
		},
		"the state": func(d string) error {
			return replace(filepath.Join(d, "manifest.json"), `"consent": "granted"`, `"consent": "refused"`)
		},
		"one more":    func(d string) error { return os.WriteFile(filepath.Join(d, "calls/one/more"), nil, 0o600) },
		"one is gone": func(d string) error { return os.Remove(filepath.Join(d, "calls/one/t1/recording.wav")) },
		"its rows":    func(d string) error { return os.RemoveAll(filepath.Join(d, "calls/one/consent")) },
	} {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := errors.Join(os.CopyFS(copied, os.DirFS(dir)), harm(copied)); err != nil {
			t.Fatal(err)
		}
		if out, err := checks(t, copied); err == nil {
			t.Errorf("with %s changed the page says %s", what, out)
		}
	}
}

// checkExportRefusals asks for what is not handed out.
func (g *gateway) checkExportRefusals(t *testing.T, recipient string) {
	t.Helper()
	for body, want := range map[string]int{
		`{}`: 400, `{"call": "one"}`: 400, `{"call": "one", "recipients": ["age1nobody"]}`: 400, `{"call": "one", "passphrase": "correct horse battery"}`: 400,
		`{"caller": "anonymous", "recipients": ["` + recipient + `"]}`: 400, `{"call": "one", "caller": "+14155550199", "recipients": ["` + recipient + `"]}`: 400,
		`{"call": "nobody", "recipients": ["` + recipient + `"]}`: 404, `{"caller": "+14155550111", "recipients": ["` + recipient + `"]}`: 404,
	} {
		if answer, got := g.operates(t, "POST", "/api/v1/exports", body); answer.StatusCode != want {
			t.Errorf("%s: %s, %s", body, answer.Status, got)
		}
	}
}

// checkExportByCommand hands out calls as the command line does: one call, one that is
// erased, one whose caller has withdrawn; each reading has its row.
func (g *gateway) checkExportByCommand(t *testing.T, key, recipient string) {
	t.Helper()
	ctx := t.Context()
	if done, err := g.erasing(t).Erase(ctx, app.ErasureRequest{Call: "two"}); err != nil || states(done) != "two erased" {
		t.Fatalf("%+v, %v", done, err)
	}
	r := g.records(t)
	for call, want := range map[string][]app.Absence{"CAheld": {}, "two": {{Why: "erased"}}} {
		var sealed bytes.Buffer
		if _, err := r.Export(ctx, app.ExportRequest{Call: call, Recipients: []string{recipient}}, &sealed); err != nil {
			t.Fatal(err)
		}
		dir := unpack(t, key, sealed.Bytes())
		if out, err := checks(t, dir); err != nil {
			t.Errorf("%s: %v: %s", call, err, out)
		}
		var m app.Exported
		if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "manifest.json"))), &m); err != nil || len(m.Calls) != 1 || !slices.Equal(m.Calls[0].Absent, want) {
			t.Errorf("%s: %+v, %v", call, m, err)
		}
		if call != "two" {
			continue
		}
		for _, name := range filesIn(t, dir) {
			if strings.HasPrefix(name, "calls/") && !strings.HasPrefix(name, "calls/two/consent/") {
				t.Errorf("of an erased call %s is handed out", name)
			}
		}
	}
	want := []string{`{"what":"transcript","take":"t1","by":"export"}`, `{"what":"snippet","take":"t1","by":"export"}`, `{"what":"recording","take":"t1","by":"export"}`}
	if rows := accesses(t, r, "held"); !slices.Equal(rows, append(slices.Clone(want), want...)) {
		t.Errorf("rows of accesses: %q", rows)
	}
	if _, err := r.Export(ctx, app.ExportRequest{Call: "held", Passphrase: "short"}, &bytes.Buffer{}); err == nil {
		t.Error("a short passphrase does")
	}
	var sealed bytes.Buffer
	if _, err := r.Export(ctx, app.ExportRequest{Call: "held", Passphrase: "correct horse battery"}, &sealed); err != nil || !bytes.Contains(sealed.Bytes()[:200], []byte("-> scrypt ")) {
		t.Errorf("to a passphrase: %v, %.60s", err, sealed.Bytes())
	}
}

// TestExportFailsWhole: what can not be read is no bundle that lacks it.
func TestExportFailsWhole(t *testing.T) {
	a := newArchive(t)
	a.record("c1", make([]int16, 8000))
	a.drain()
	a.close()
	_, recipient := ageKey(t)
	_, stranger := ageKey(t)
	r, err := app.OpenRecordsIn(t.Context(), a.config, a.s3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	strange := filepath.Join(t.TempDir(), "none.agekey")
	if err := os.WriteFile(strange, []byte("# nobody's key "+stranger+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Export(t.Context(), app.ExportRequest{Call: "c1", Recipients: []string{recipient}, Identity: strange}, &bytes.Buffer{}); err == nil {
		t.Error("with a key that opens nothing there is a bundle")
	}
	if err := a.objects.Erase(t.Context(), "rec/c1/t1/seg/"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Export(t.Context(), app.ExportRequest{Call: "c1", Recipients: []string{recipient}}, &bytes.Buffer{}); err == nil {
		t.Error("without a segment there is a bundle")
	}
}
