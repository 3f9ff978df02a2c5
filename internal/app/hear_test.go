package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
	"sidetone/web/webtest"
)

const adminToken = "the-token-of-the-operator"

// ask sends a request to the operator's listener; headers are names and values.
func (g *gateway) ask(t *testing.T, method, target, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = "http://" + g.OperatorAddr().String() + target
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, got
}

// operates is ask with the token.
func (g *gateway) operates(t *testing.T, method, target, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	return g.ask(t, method, target, body, append(headers, "Authorization", "Bearer "+adminToken)...)
}

// link makes a link to a call.
func (g *gateway) link(t *testing.T, id string) (link app.Link) {
	t.Helper()
	answer, body := g.operates(t, "POST", "/api/v1/calls/"+id+"/links", `{"expires_in": 600}`)
	if err := json.Unmarshal(body, &link); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s, %v", answer.Status, body, err)
	}
	return link
}

// accesses are the rows about who has read a call.
func accesses(t *testing.T, r *app.Records, id string) (rows []string) {
	t.Helper()
	d, err := r.Call(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Recorded {
		if p.Event == "accessed" {
			rows = append(rows, string(p.Body))
		}
	}
	return rows
}

// TestRecordingIsHeard fetches a recording, and parts of it, as players do.
func TestRecordingIsHeard(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN="+adminToken))
	g.shelve(t, "c1", 25*time.Second)
	answer, whole := g.operates(t, "GET", "/api/v1/calls/CAc1/recording", "")
	for name, want := range map[string]string{"Content-Type": "audio/wav", "Cache-Control": "no-store", "Accept-Ranges": "bytes",
		"Content-Disposition": `inline; filename="c1-t1.wav"`, "Content-Length": "800044"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(whole) != 44+25*8000*4 {
		t.Fatalf("%s, %d bytes", answer.Status, len(whole))
	}
	left, right := wide(append(make([]byte, 0), whole...))
	hasTones(t, "stereo", left, right)
	tag := answer.Header.Get("ETag")
	for _, test := range []struct {
		ranges, ifRange string
		status          int
		parts           []string // as Content-Range has them
	}{
		{"bytes=0-0", "", 206, []string{"0-0"}},
		{"bytes=320001-480000", tag, 206, []string{"320001-480000"}},
		{"bytes=800000-", "", 206, []string{"800000-800043"}},
		{"bytes=-50", "", 206, []string{"799994-800043"}},
		{"bytes=-99999999", "", 206, []string{"0-800043"}},
		{"bytes=700000-99999999", "", 206, []string{"700000-800043"}},
		{"bytes=0-9,100-199", "", 206, []string{"0-9", "100-199"}},
		{"bytes=0-99,50-149", "", 206, []string{"0-99", "50-149"}},
		{"bytes=400000-400009,5-6", "", 206, []string{"400000-400009", "5-6"}},
		{"bytes=800044-", "", 416, nil},
		{"bytes=99999999999999999999-", "", 416, nil},
		{"bytes=500-400", "", 416, nil},
		{"bytes=a-b", "", 416, nil},
		{"bytes=" + strings.Repeat("1-1,", 16) + "1-1", "", 416, nil},
		{"bytes=0-800043,0-800043", "", 200, nil}, // asks for more than there is
		{"bytes=0-9", `"of something else"`, 200, nil},
	} {
		answer, body := g.operates(t, "GET", "/api/v1/calls/c1/recording", "", "Range", test.ranges, "If-Range", test.ifRange)
		if answer.StatusCode != test.status {
			t.Errorf("%.60s: %s", test.ranges, answer.Status)
		}
		if test.status == 200 && !bytes.Equal(body, whole) {
			t.Errorf("%.60s: %d other bytes", test.ranges, len(body))
		}
		if got := answer.Header.Get("Content-Range"); test.status == 416 && got != "" && got != "bytes */800044" {
			t.Errorf("%.60s: Content-Range %q", test.ranges, got)
		}
		if got := parts(t, answer, body, whole); !slices.Equal(got, test.parts) {
			t.Errorf("%s: parts %q, want %q", test.ranges, got, test.parts)
		}
	}
	if answer, body := g.operates(t, "HEAD", "/api/v1/calls/c1/recording?channel=left", ""); answer.ContentLength != 400044 || len(body) > 0 {
		t.Errorf("HEAD: %d bytes", answer.ContentLength)
	}
	if answer, _ := g.operates(t, "GET", "/api/v1/calls/c1/recording", "", "If-None-Match", tag); answer.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %s", answer.Status)
	}
	_, left1 := g.operates(t, "GET", "/api/v1/calls/c1/recording?channel=left", "")
	_, right1 := g.operates(t, "GET", "/api/v1/calls/c1/recording?channel=agent", "")
	hasTones(t, "one channel", mono(t, left1), mono(t, right1))
	for target, want := range map[string]int{
		"c1/recording?channel=both": 400, "c1/recording?take=t2": 404, "c1/recording?take=../t1": 404, "c1/recording?take=%0d%0aX:%20y": 404,
		"c1/recording?take=" + strings.Repeat("9", 5000): 404, "nobody/recording": 404, "c1%2F..%2Fc1/recording": 404, "c1/transcript?format=pdf": 400,
		"%F0%9F%98%80/transcript": 404, "c1/transcript?take=t2": 404,
	} {
		if answer, body := g.operates(t, "GET", "/api/v1/calls/"+target, ""); answer.StatusCode != want {
			t.Errorf("%.60s: %s %s", target, answer.Status, body)
		}
	}
	for format, want := range map[string]string{"": `"text": "I said`, "json": `"speaker": "caller"`, "text": "I said <this>.", "vtt": "WEBVTT"} {
		answer, body := g.operates(t, "GET", "/api/v1/calls/c1/transcript?format="+format, "")
		if !strings.Contains(string(body), want) || answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("transcript as %q: %s %v %q", format, answer.Status, answer.Header, body)
		}
	}
	r := g.records(t)
	var wav bytes.Buffer
	if err := r.Play(t.Context(), "c1", "t1", "", 24500*time.Millisecond, &wav); err != nil || wav.Len() != 44+4000*4 {
		t.Errorf("played from 24.5 s: %d bytes, %v", wav.Len(), err)
	}
	want := []string{`{"what":"recording","take":"t1","by":"operator"}`, `{"what":"transcript","take":"t1","by":"operator"}`, `{"what":"recording","take":"t1","by":"cli"}`}
	if got := accesses(t, r, "c1"); !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	evidence, err := app.OpenEvidence(t.Context(), g.config, false)
	if err != nil {
		t.Fatal(err)
	}
	defer evidence.Close()
	if c, err := evidence.Verify(t.Context(), app.TrustOptions{}); err != nil || c.Rows < 3 {
		t.Errorf("the ledger: %+v, %v", c, err)
	}
}

// parts takes an answer apart and holds each part against the whole.
func parts(t *testing.T, answer *http.Response, body, whole []byte) (list []string) {
	t.Helper()
	check := func(contentRange string, part []byte) {
		var from, to, size int
		if _, err := fmt.Sscanf(contentRange, "bytes %d-%d/%d", &from, &to, &size); err != nil || size != len(whole) || !bytes.Equal(part, whole[from:to+1]) {
			t.Errorf("%s is another part, %d bytes, %v", contentRange, len(part), err)
		}
		list = append(list, fmt.Sprintf("%d-%d", from, to))
	}
	if answer.StatusCode != http.StatusPartialContent {
		return nil
	}
	kind, params, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "multipart/byteranges" {
		check(answer.Header.Get("Content-Range"), body)
		return list
	}
	for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		check(p.Header.Get("Content-Range"), part)
	}
}

func mono(t *testing.T, wav []byte) []int16 {
	t.Helper()
	a, err := media.DecodeWAV(wav)
	if err != nil {
		t.Fatal(err)
	}
	return a.PCM
}

// hasTones fails unless both sides hold their tone and not the other's.
func hasTones(t *testing.T, name string, left, right []int16) {
	t.Helper()
	for track, pcm := range [][]int16{left, right} {
		own, other := toneOf(recorder.Track(track), 0), toneOf(recorder.Track(1-track), 0)
		if media.ToneLevel(pcm, 8000, own) < -11 || media.ToneLevel(pcm, 8000, other) > -40 {
			t.Errorf("%s: side %d holds %.1f dB of its tone and %.1f dB of the other's", name, track, media.ToneLevel(pcm, 8000, own), media.ToneLevel(pcm, 8000, other))
		}
	}
}

// TestLinkIsForOneCall uses a link as somebody would who has nothing else.
func TestLinkIsForOneCall(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN="+adminToken, "SIDETONE_SERVER_LINK_LIFE=10m"))
	g.shelve(t, "c1", 3*time.Second)
	g.shelve(t, "c2", 3*time.Second)
	for body, want := range map[string]int{`{"expires_in": 601}`: 400, `{"expires_in": -1}`: 400, `{"expires_in": 9999999999999}`: 400, `{"call": "c2"}`: 400, ``: 201} {
		if answer, text := g.operates(t, "POST", "/api/v1/calls/c1/links", body); answer.StatusCode != want {
			t.Errorf("%s: %s %s", body, answer.Status, text)
		}
	}
	if answer, _ := g.operates(t, "POST", "/api/v1/calls/nobody/links", ""); answer.StatusCode != 404 {
		t.Errorf("a link to no call: %s", answer.Status)
	}
	link := g.link(t, "CAc1")
	if answer, body := g.ask(t, "GET", link.Recording, "", "Range", "bytes=44-99"); answer.StatusCode != 206 || len(body) != 56 {
		t.Errorf("recording: %s %s", answer.Status, body)
	}
	answer, body := g.ask(t, "GET", link.Transcript+"&format=text", "")
	if answer.StatusCode != 200 || !strings.Contains(string(body), "I said") {
		t.Errorf("transcript: %s %s", answer.Status, body)
	}
	if _, at, linked := strings.Cut(string(body), "[snippet "); !linked {
		t.Errorf("the line has no snippet: %s", body)
	} else if answer, wav := g.ask(t, "GET", strings.TrimSuffix(at, "]\n"), ""); answer.StatusCode != 200 || !strings.HasPrefix(string(wav), "RIFF") {
		t.Errorf("the snippet of the line: %s %.40q", answer.Status, wav)
	}
	if answer, _ := g.ask(t, "GET", strings.Replace(link.Recording, "/c1/", "/c2/", 1), ""); answer.StatusCode != 403 {
		t.Errorf("another call: %s", answer.Status)
	}
	if answer, _ := g.ask(t, "GET", "/api/v1/calls/c1/recording", ""); answer.StatusCode != 401 {
		t.Errorf("without the link: %s", answer.Status)
	}
	if answer, body := g.operates(t, "DELETE", "/api/v1/calls/CAc1/links", ""); answer.StatusCode != 200 || !strings.Contains(string(body), `"revoked_at"`) {
		t.Errorf("taking back: %s %s", answer.Status, body)
	}
	for _, u := range []string{link.Recording, link.Transcript} {
		if answer, body := g.ask(t, "GET", u, ""); answer.StatusCode != 410 || !strings.Contains(string(body), "taken back") {
			t.Errorf("taken back: %s %s", answer.Status, body)
		}
	}
	if answer, _ := g.operates(t, "DELETE", "/api/v1/calls/nobody/links", ""); answer.StatusCode != 404 {
		t.Errorf("taking back links to no call: %s", answer.Status)
	}
	r := g.records(t)
	want := []string{`{"what":"recording","take":"t1","by":"link","link":"` + link.Number + `"}`, `{"what":"transcript","take":"t1","by":"link","link":"` + link.Number + `"}`,
		`{"what":"snippet","take":"t1","by":"link","link":"` + link.Number + `"}`}
	if got := accesses(t, r, "c1"); !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	if got := accesses(t, r, "c2"); len(got) > 0 {
		t.Errorf("rows of the other call: %q", got)
	}
	if code := regexp.MustCompile(`link=([^&]+)`).FindStringSubmatch(link.Recording)[1]; strings.Contains(g.logs.String(), code[len(code)-32:]) {
		t.Error("the link is in the log")
	}
}

// TestErasedIsGone holds that nothing is served of a take whose key is gone, to
// whoever was listening to it a moment before.
func TestErasedIsGone(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN="+adminToken))
	g.shelve(t, "c1", 12*time.Second)
	g.shelve(t, "c2", 3*time.Second)
	hear := func(id, part string) int {
		answer, _ := g.operates(t, "GET", "/api/v1/calls/"+id+"/"+part, "", "Range", "bytes=44-99")
		return answer.StatusCode
	}
	for _, id := range []string{"c1", "c2"} {
		if hear(id, "recording") != 206 {
			t.Fatalf("%s can not be heard", id)
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
		if strings.Contains(key, "/c1/t1-"+string(seal.Audio)) {
			if err := objects.Erase(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status := hear("c1", "recording"); status != 410 {
		t.Errorf("without its key: %d", status)
	}
	if status := hear("c1", "transcript"); status != 200 {
		t.Errorf("the transcript has a key of its own: %d", status)
	}
	db, err := store.OpenDB(t.Context(), filepath.Join(g.config.DataDir, "db", "sidetone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, state := range []string{"held", "destroyed"} {
		if err := db.SetRecording(t.Context(), "c2", state, 1); err != nil {
			t.Fatal(err)
		}
		if status := hear("c2", "recording"); status != 410 {
			t.Errorf("%s: %d", state, status)
		}
		if status := hear("c2", "transcript"); status != 410 {
			t.Errorf("%s: transcript %d", state, status)
		}
	}
}

// TestFollowersDoNotHoldUpTheEnd stops a gateway while somebody follows its events.
func TestFollowersDoNotHoldUpTheEnd(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_DRAIN_UPLOAD=10s"))
	answer, err := http.Get("http://" + g.OperatorAddr().String() + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := g.stop(); err != nil {
		t.Errorf("the stop: %v", err) // after the ten seconds, if anybody is waited for
	}
}

// TestBrowserJumps plays an hour in Chromium by a link, jumps to three places, and
// listens to what is played there.
func TestBrowserJumps(t *testing.T) {
	g := start(t, configure(t, "SIDETONE_SERVER_ADMIN_TOKEN="+adminToken))
	g.shelve(t, "c1", time.Hour)
	page := webtest.Start(t).Open(g.link(t, "c1").Recording, webtest.Options{})
	page.AwaitEval(`document.querySelector('video, audio')?.duration === 3600`, 10*time.Second)
	page.Eval(`(async () => {
		const player = document.querySelector('video, audio');
		const context = new AudioContext();
		const source = context.createMediaElementSource(player), split = new ChannelSplitterNode(context);
		source.connect(split);
		globalThis.ears = [0, 1].map((side) => {
			const ear = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
			split.connect(ear, side);
			return ear;
		});
		globalThis.pitch = (ear) => {
			const bins = new Float32Array(ear.frequencyBinCount);
			ear.getFloatFrequencyData(bins);
			const best = bins.reduce((b, v, i) => (v > bins[b] ? i : b), 0);
			return bins[best] < -40 ? 0 : (best * context.sampleRate) / ear.fftSize;
		};
		await context.resume();
		await player.play();
	})()`, nil)
	report := ""
	for _, minute := range []int{47, 3, 59} {
		before := g.fetched(t)
		page.Eval(fmt.Sprintf(`(() => { document.querySelector('video, audio').currentTime = %d })()`, minute*60+2), nil)
		page.AwaitEval(fmt.Sprintf(`document.querySelector('video, audio').currentTime > %d`, minute*60+2), 10*time.Second)
		first := g.fetched(t) - before
		page.AwaitEval(fmt.Sprintf(`[%f, %f].every((want, side) => Math.abs(pitch(ears[side]) - want) < 4)`,
			toneOf(recorder.Caller, minute), toneOf(recorder.Agent, minute)), 10*time.Second)
		report += fmt.Sprintf(" minute %d: %d B fetched until it plays;", minute, first)
	}
	t.Log(report)
	if got := accesses(t, g.records(t), "c1"); len(got) != 1 {
		t.Errorf("rows %q, want one", got)
	}
}

// fetched is how many bytes of segments the gateway has fetched to play recordings.
func (g *gateway) fetched(t *testing.T) int {
	t.Helper()
	_, text := g.operates(t, "GET", "/metrics", "")
	found := regexp.MustCompile(`(?m)^sidetone_recording_read_bytes_total\{stage="fetched"\} (\S+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("no metric of what was fetched")
	}
	var n float64
	if _, err := fmt.Sscan(string(found[1]), &n); err != nil {
		t.Fatal(err)
	}
	return int(n)
}
