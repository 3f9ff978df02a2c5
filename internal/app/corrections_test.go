package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/store"
)

// TestCorrections: a note is shown with the transcript and in exports, has a row without
// its words, and goes with the words.
func TestCorrections(t *testing.T) {
	clock := &calendar{}
	g := startKeeping(t, configure(t, "SIDETONE_RETENTION_TEXT=10d"), bucket(t), clock)
	g.keeps(t, "sentences", "one", "two")
	const words = "They said Ypsilon,\nnot this."
	answer, body := g.operates(t, "POST", "/api/v1/calls/CAone/corrections", fmt.Sprintf(`{"text": %q, "at": 1.0}`, words))
	var made app.Corrected
	if err := json.Unmarshal(body, &made); err != nil || answer.StatusCode != http.StatusCreated || made.Call != "one" || made.Take != "t1" {
		t.Fatalf("%s: %s, %v", answer.Status, body, err)
	}
	for format, want := range map[string]string{"text": "(correction of 00:00:01.000, ", "vtt": "NOTE correction, ", "json": `"at": 1,`} {
		status, text := g.get(t, "/api/v1/calls/one/transcript?format="+format)
		if status != http.StatusOK || !strings.Contains(text, want) || !strings.Contains(text, "Ypsilon") {
			t.Errorf("%s: %d, %s", format, status, text)
		}
	}
	if status, text := g.get(t, "/api/v1/calls/two/transcript?format=text"); status != http.StatusOK || strings.Contains(text, "correction") {
		t.Errorf("of another call: %d, %s", status, text)
	}
	key, recipient := ageKey(t)
	_, sealed := g.operates(t, "POST", "/api/v1/exports", fmt.Sprintf(`{"call": "one", "recipients": [%q]}`, recipient))
	dir := unpack(t, key, sealed)
	for _, name := range []string{"transcript.txt", "transcript.json"} {
		if text := must(os.ReadFile(filepath.Join(dir, "calls/one/t1", name))); !bytes.Contains(text, []byte("Ypsilon")) {
			t.Errorf("an export has %s", text)
		}
	}
	for body, want := range map[string]int{`{}`: 400, `{"text": " "}`: 400, `{"text": "x", "at": -1}`: 400, `{"text": "x", "take": "t2"}`: 409, `{"text": "x", "take": "../t1"}`: 409,
		`{"text": "x\u0000"}`: 400, `{"text": "` + strings.Repeat("x", 9<<10) + `"}`: 400, `{"words": "x"}`: 400} {
		if answer, got := g.operates(t, "POST", "/api/v1/calls/one/corrections", body); answer.StatusCode != want {
			t.Errorf("%.60s: %s, %s", body, answer.Status, got)
		}
	}
	has := func() (n int) {
		for _, key := range g.bucketHas(t) {
			if strings.Contains(key, made.ID) {
				n++
			}
		}
		return n
	}
	if n := has(); n != 2 {
		t.Errorf("there are %d objects of the note", n)
	}
	clock.set(11 * day)
	if r, err := g.erasing(t).Sweep(t.Context(), false); err != nil || swept(r) != "one/text expired, two/text expired" {
		t.Errorf("%s, %v", swept(r), err)
	}
	if n := has(); n != 0 {
		t.Errorf("%d objects of the note are there after its words", n)
	}
	if answer, got := g.operates(t, "POST", "/api/v1/calls/one/corrections", `{"text": "x"}`); answer.StatusCode != http.StatusGone {
		t.Errorf("after that: %s, %s", answer.Status, got)
	}
	if strings.Contains(g.logs.String(), "Ypsilon") {
		t.Error("the words are in the log")
	}
	for _, row := range g.detail(t, "one").Recorded {
		if row.Event == "corrected" && strings.Contains(string(row.Body), made.ID) && !strings.Contains(string(row.Body), "Ypsilon") {
			return
		}
	}
	t.Error("the note has no row")
}

// TestCorrectionsByCommand: without a private key, over a rotation of keys, and when
// somebody harms them.
func TestCorrectionsByCommand(t *testing.T) {
	a := newArchive(t)
	for _, id := range []string{"c1", "c2"} {
		a.record(id, media.Tone(8000, 440, media.FrameDuration*50, -10))
	}
	a.drain()
	a.certify()
	a.close()
	ctx := t.Context()
	private := filepath.Join(a.config.Keys.Dir, "epoch-1.agekey")
	vault := filepath.Join(t.TempDir(), "vault.agekey")
	if err := os.Rename(private, vault); err != nil {
		t.Fatal(err)
	}
	r, err := app.OpenRecordsIn(ctx, a.config, a.s3)
	if err != nil {
		t.Fatal(err)
	}
	var notes []app.Corrected
	for _, text := range []string{"First.", "Second."} {
		n, err := r.Correct(ctx, "c1", app.CorrectionRequest{Text: text})
		if err != nil {
			t.Fatal("record-only:", err)
		}
		notes = append(notes, n)
	}
	if err := os.Rename(vault, private); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		t.Helper()
		var text bytes.Buffer
		if err := r.Transcript(ctx, "c1", "t1", "", "text", &text); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	if text := read(); !strings.Contains(text, "First.)\n") || !strings.Contains(text, "Second.)\n") {
		t.Errorf("the transcript is %s", text)
	}
	k, err := app.OpenKeyAdminIn(ctx, a.config, a.s3)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := k.Rotate(ctx, app.Rotation{}); err != nil || len(w.Left) > 0 || w.Moved != 8 {
		t.Fatalf("%+v, %v", w, err)
	}
	if text := read(); !strings.Contains(text, "First.)\n") {
		t.Errorf("after a rotation the transcript is %s", text)
	}
	if got := kinds(t, a.verifier(app.VerifyOptions{}), "c1"); len(got) > 0 {
		t.Errorf("notes are faults: %v", got)
	}
	object := "rec/c1/t1/corrections/" + notes[0].ID + ".age"
	other := must(a.objects.Get(ctx, "rec/c1/t1/corrections/"+notes[1].ID+".age"))
	for _, step := range []struct {
		harm func() error
		want []string
	}{
		{func() error { return a.objects.Delete(ctx, object) }, []string{"missing"}},
		{func() error { return a.objects.Put(ctx, object, other, sha256.Sum256(other)) }, []string{"content"}},
		{func() error { return a.objects.Erase(ctx, "keys/epoch-2/c1/t1-text-"+notes[0].ID) }, []string{"content", "key"}},
		{func() error { return a.objects.Put(ctx, "rec/c1/t1/corrections/more.age", other, sha256.Sum256(other)) }, []string{"content", "key", "unlisted"}},
	} {
		if err := step.harm(); err != nil {
			t.Fatal(err)
		}
		if got := kinds(t, a.verifier(app.VerifyOptions{}), "c1"); !slices.Equal(got, step.want) {
			t.Errorf("found %q, wanted %q", got, step.want)
		}
	}
	if text := read(); !strings.Contains(text, "can not be read") || !strings.Contains(text, "Second.)\n") || strings.Contains(text, "First.") {
		t.Errorf("a note that was swapped: %s", text)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	a.eraseWithNotes("c1")
}

// eraseWithNotes erases a call: its notes go, and there are no new ones.
func (a *archive) eraseWithNotes(call string) {
	a.t.Helper()
	ctx := a.t.Context()
	x, err := app.OpenErasingIn(ctx, a.config, a.s3, quiet)
	if err != nil {
		a.t.Fatal(err)
	}
	if done, err := x.Erase(ctx, app.ErasureRequest{Call: call}); err != nil || states(done) != call+" erased" {
		a.t.Errorf("%+v, %v", done, err)
	}
	if err := x.Close(); err != nil {
		a.t.Error(err)
	}
	all, err := a.objects.List(ctx, "")
	if err != nil {
		a.t.Fatal(err)
	}
	if left := slices.DeleteFunc(all, func(key string) bool { return !strings.Contains(key, "/"+call+"/") }); len(left) > 0 {
		a.t.Errorf("there is %v", left)
	}
	r, err := app.OpenRecordsIn(ctx, a.config, a.s3)
	if err != nil {
		a.t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Correct(ctx, call, app.CorrectionRequest{Text: "x"}); err == nil {
		a.t.Error("an erased call is corrected")
	}
	if c, err := r.Call(ctx, call); err != nil || c.Recording != store.ErasedState {
		a.t.Errorf("%+v, %v", c, err)
	}
}
