package app_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/seal"
	"sidetone/store"
)

// TestSnippetsAreHeard lists and fetches the clips of a call, and parts of it that
// nobody has cut before, as operators and those with a link do.
func TestSnippetsAreHeard(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN="+adminToken))
	g.shelve(t, "c1", 25*time.Second)
	g.shelve(t, "c2", 3*time.Second)
	answer, body := g.operates(t, "GET", "/api/v1/calls/CAc1/snippets", "")
	var list app.Snippets
	if err := json.Unmarshal(body, &list); err != nil || answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %s", answer.Status, body)
	}
	want := app.SnippetInfo{ID: "000001", Kind: "turn", Side: "caller", From: 0.85, To: 2.15}
	if list.Call != "c1" || list.Take != "t1" || !slices.Equal(list.Snippets, []app.SnippetInfo{want}) {
		t.Errorf("listed are %+v", list)
	}
	if answer, body := g.operates(t, "GET", "/api/v1/calls/c1/transcript", ""); !strings.Contains(string(body), `"snippet": "000001"`) {
		t.Errorf("the transcript has no link: %s %s", answer.Status, body)
	}
	whole := func(target string, seconds, hz float64, headers map[string]string) []byte {
		t.Helper()
		answer, body := g.operates(t, "GET", target, "")
		for name, want := range headers {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", target, name, got, want)
			}
		}
		a, err := media.DecodeWAV(body)
		if err != nil || answer.StatusCode != 200 || answer.ContentLength != int64(len(body)) {
			t.Fatalf("%s: %s, %d bytes: %v", target, answer.Status, len(body), err)
		}
		if len(a.PCM) != int(seconds*8000) || media.ToneLevel(a.PCM, 8000, hz) < -15 {
			t.Errorf("%s: %d samples, %.0f dB of %.0f Hz", target, len(a.PCM), media.ToneLevel(a.PCM, 8000, hz), hz)
		}
		return body
	}
	snippet := whole("/api/v1/calls/c1/snippets/000001", 1.3, toneOf(0, 0), map[string]string{"Cache-Control": "no-store",
		"Content-Type": "audio/wav", "Content-Disposition": `inline; filename="c1-t1-000001.wav"`})
	whole("/api/v1/calls/c1/clip?from=9.5&to=11.25&channel=right", 1.75, toneOf(1, 0), map[string]string{"Cache-Control": "no-store",
		"Content-Type": "audio/wav", "Content-Disposition": `inline; filename="c1-t1-9500-11250.wav"`})
	whole("/api/v1/calls/c1/clip?from=24&to=30&channel=left", 1, toneOf(0, 0), nil)
	if answer, part := g.operates(t, "GET", "/api/v1/calls/c1/snippets/000001", "", "Range", "bytes=10-19"); answer.StatusCode != 206 || !bytes.Equal(part, snippet[10:20]) {
		t.Errorf("a part: %s", answer.Status)
	}
	for target, want := range map[string]int{
		"snippets/000002": 404, "snippets/..%2f..": 404, "snippets/000001?take=t2": 404, "snippets?take=t2": 404, "snippets?take=..%2f": 404,
		"clip": 400, "clip?from=1": 400, "clip?from=2&to=1": 400, "clip?from=-1&to=1": 400, "clip?from=NaN&to=NaN": 400, "clip?from=0&to=1e300": 400,
		"clip?from=0&to=1&channel=both": 400, "clip?from=30&to=31": 416, "clip?from=0&to=1&take=t2": 404,
	} {
		if answer, body := g.operates(t, "GET", "/api/v1/calls/c1/"+target, ""); answer.StatusCode != want {
			t.Errorf("%s: %s %s", target, answer.Status, body)
		}
	}
	link := g.link(t, "c1")
	linked := func(part string) int {
		answer, _ := g.ask(t, "GET", strings.Replace(link.Recording, "/recording?", part+"&", 1), "")
		return answer.StatusCode
	}
	for part, want := range map[string]int{"/snippets?": 200, "/snippets/000001?": 200, "/clip?from=1&to=2": 200, "/commands?": 403, "/recording/x?": 403} {
		if got := linked(part); got != want {
			t.Errorf("by link: %s: %d", part, got)
		}
	}
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := objects.List(t.Context(), "keys/")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if strings.Contains(key, "/c2/t1-"+string(seal.Snippets)) {
			if err := objects.Erase(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if answer, _ := g.operates(t, "GET", "/api/v1/calls/c2/snippets/000001", ""); answer.StatusCode != 410 {
		t.Errorf("its key is gone: %s", answer.Status)
	}
	if answer, _ := g.operates(t, "GET", "/api/v1/calls/c2/recording?channel=left", "", "Range", "bytes=44-99"); answer.StatusCode != 206 {
		t.Errorf("the recording went with it: %s", answer.Status)
	}
	records := g.records(t)
	rows := []string{`{"what":"transcript","take":"t1","by":"operator"}`, `{"what":"snippet","take":"t1","by":"operator"}`, `{"what":"clip","take":"t1","by":"operator"}`}
	if got := accesses(t, records, "c1"); len(got) != 5 || !slices.Equal(got[:3], rows) {
		t.Errorf("rows %q", got)
	}
	var out bytes.Buffer
	if s, err := records.Snippet(t.Context(), "c1", "t1", "", "000001", &out); err != nil || s != want || !bytes.Equal(out.Bytes(), snippet) {
		t.Errorf("by command: %+v, %d bytes: %v", s, out.Len(), err)
	}
	if got := accesses(t, records, "c1"); len(got) != 6 || got[5] != `{"what":"snippet","take":"t1","by":"cli"}` {
		t.Errorf("rows %q", got)
	}
}
