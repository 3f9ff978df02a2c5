package app_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// browser returns a browser for an agent of the gateway, whose tokens the
// operator's API mints.
func (g *gateway) browser(t testing.TB, o sim.BrowserOptions) *sim.Browser {
	t.Helper()
	o.BaseURL = g.PublicURL()
	o.Mint = func(ctx context.Context) (string, error) {
		return g.mint(ctx, app.TokenRequest{Agent: o.Agent, Origin: o.Origin})
	}
	return sim.NewBrowser(o)
}

// mint gets a session token from the operator's API.
func (g *gateway) mint(ctx context.Context, in app.TokenRequest) (string, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	status, text, err := g.post(ctx, "/api/v1/session-tokens", string(body))
	if err != nil {
		return "", err
	}
	var token app.Token
	if status != http.StatusCreated {
		return "", fmt.Errorf("status %d: %s", status, text)
	}
	return token.Token, json.Unmarshal([]byte(text), &token)
}

// post sends JSON to the operator's listener.
func (g *gateway) post(ctx context.Context, path, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.OperatorAddr().String()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// wide takes a recording of 16-bit samples apart.
func wide(wav []byte) (left, right []int16) {
	const header = 44
	for b := wav[header:]; len(b) >= 4; b = b[4:] {
		left = append(left, int16(binary.LittleEndian.Uint16(b)))
		right = append(right, int16(binary.LittleEndian.Uint16(b[2:])))
	}
	return left, right
}

// transcript fetches and decrypts a call's transcript.
func transcript(t testing.TB, r *app.Records, call string) transcribe.Transcript {
	t.Helper()
	var doc bytes.Buffer
	if err := r.Transcript(t.Context(), call, "t1", "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	var tr transcribe.Transcript
	if err := json.Unmarshal(doc.Bytes(), &tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// onsetOf is where sound begins within a stretch of a channel of 16 kHz, after at
// least 50 ms that are quieter than level (RMS), in seconds; -1 when there is none.
func onsetOf(pcm []int16, from, to, level float64) float64 {
	const window = 160
	quiet := 0
	if from <= 0 {
		from, quiet = 0, 10
	}
	for i := int(from * 16000); i+window <= min(len(pcm), int(to*16000)); i += window / 2 {
		sum := 0.0
		for _, v := range pcm[i : i+window] {
			sum += float64(v) * float64(v)
		}
		if loud := math.Sqrt(sum/window) > level; loud && quiet >= 10 {
			return float64(i) / 16000
		} else if loud {
			quiet = 0
			continue
		}
		quiet++
	}
	return -1
}

// TestVisitorsAreUnderstood places calls with real human speech from simulated
// browsers, over better and worse networks, and holds transcript, recording and
// what the visitor heard against each other.
func TestVisitorsAreUnderstood(t *testing.T) {
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	bad := func(loss float64) *sim.RelayOptions {
		path := sim.Path{Loss: loss, Jitter: 60 * time.Millisecond, Reorder: 0.05}
		return &sim.RelayOptions{Seed: 7, Up: path, Down: path}
	}
	g := start(t, configure(t))
	networks := []struct {
		name  string
		relay *sim.RelayOptions
		wrong int // words of 71 that may be; telephony/webrtc measures it closer
	}{{"perfect", nil, 7}, {"5 % loss", bad(0.05), 14}, {"20 % loss", bad(0.2), 71}}
	reports := make([]sim.WebReport, len(networks))
	var calls sync.WaitGroup
	errs := make([]error, len(networks))
	for i, network := range networks {
		browser := g.browser(t, sim.BrowserOptions{Agent: "sentences", Relay: network.relay})
		calls.Go(func() { reports[i], errs[i] = interviewed(t.Context(), browser, sentences) })
	}
	calls.Wait()
	for i, network := range networks {
		if r := reports[i]; errs[i] != nil || r.Ending != sim.EndCompleted || len(r.Faults) > 0 {
			t.Fatalf("%s: the call ended %q, error %v, faults %v", network.name, r.Ending, errs[i], r.Faults)
		}
	}
	r := g.records(t)
	for i, network := range networks {
		report := reports[i]
		tr := transcript(t, r, report.Call)
		wrong, words := 0, 0
		for n, s := range sentences {
			at := slices.IndexFunc(tr.Answers, func(a transcribe.Answer) bool { return a.Key == fmt.Sprintf("s%d", n+1) })
			got := ""
			if at >= 0 {
				got, _ = tr.Answers[at].Value.(string)
			}
			e, count := sim.WordErrors(s.Text, got)
			wrong, words = wrong+e, words+count
			t.Logf("%s: %d of %d words wrong: %q", network.name, e, count, got)
		}
		t.Logf("%s: word error rate %.1f %%; relay %+v", network.name, 100*float64(wrong)/float64(words), report.Relay)
		if wrong > network.wrong {
			t.Errorf("%s: %d of %d words are wrong, want at most %d", network.name, wrong, words, network.wrong)
		}
		left, right := wide(recording(t, r, report.Call))
		// The end is cut by what was on its way; or the leg waited until the last words
		// on the page were acknowledged.
		waited, lost := 0.08, 0.14+stalled
		if network.relay != nil {
			waited, lost = 2.6, 0.5+stalled
		}
		if short := report.Length.Seconds() - float64(len(left))/16000; short < -waited || short > lost {
			t.Errorf("%s: the recording is %.3f s shorter than the call", network.name, short)
		}
		if network.wrong < 71 {
			inPlace(t, report, sentences, left)
		}
		if i == 0 {
			t.Logf("the agent's channel is %.1f ms off what was heard", lagOf(report.Heard, right))
			timesMatch(t, tr, left, right)
		}
	}
}

// interviewed places a call in which the visitor agrees and says the sentences,
// each when the agent has spoken.
func interviewed(ctx context.Context, browser *sim.Browser, sentences []sim.Utterance) (sim.WebReport, error) {
	call, err := browser.Dial(ctx)
	if err != nil {
		return sim.WebReport{}, err
	}
	steps := []sim.Step{sim.Answer(sim.Agree)}
	for _, s := range sentences {
		steps = append(steps, sim.AfterAgent(patience), sim.Say(s.Wide))
	}
	return sim.Script{Steps: steps, HangupAfter: 3 * time.Minute}.RunWeb(ctx, call)
}

// inPlace fails unless each sentence lies in the recording where it was said, to
// 20 ms, so that nothing has been left out or put in between.
func inPlace(t *testing.T, report sim.WebReport, sentences []sim.Utterance, left []int16) {
	t.Helper()
	var begun []media.Tick
	for _, e := range report.Events {
		if e.Kind == sim.EventCallerSpeaks {
			begun = append(begun, e.At)
		}
	}
	for i, s := range sentences {
		said := begun[i].Seconds()
		kept := part(left, 16000, said, said+float64(len(s.Wide))/16000)
		if lag := alignment(s.Wide, kept); math.Abs(lag) > 20 {
			t.Errorf("sentence %d lies %.1f ms off in the recording", i+1, lag)
		}
	}
}

// alignment is by how many milliseconds b lags a, at most 30 either way: the lag
// of the greatest correlation.
func alignment(a, b []int16) (lag float64) {
	best := math.Inf(-1)
	for shift := -480; shift <= 480; shift++ {
		sum := 0.0
		for i := 480; i < min(len(a), len(b))-480; i++ {
			sum += float64(a[i]) * float64(b[i+shift])
		}
		if sum > best {
			best, lag = sum, float64(shift)/16
		}
	}
	return lag
}

// stalled is how long a busy machine may stand still, in seconds: between the first
// frame of a sentence, which is silent, and its first sound, for example.
const stalled = 0.25

// timesMatch holds the times of a transcript against the recording.
func timesMatch(t *testing.T, tr transcribe.Transcript, left, right []int16) {
	t.Helper()
	ended := map[transcribe.Speaker]float64{transcribe.Agent: -1, transcribe.Caller: -1}
	for _, turn := range tr.Turns {
		channel, level := right, 60.0
		before := ended[turn.Speaker]
		ended[turn.Speaker] = turn.To
		if turn.Speaker == transcribe.Caller {
			channel, level = left, 800 // breath and the room are heard as well
		}
		if turn.Typed || turn.Keyed || turn.From-before < 0.2 {
			continue // no sound of its own, or none that sets it apart
		}
		lead := 0.3
		if before < 0 && turn.Speaker == transcribe.Agent {
			lead = 0.1 // an announcement that was cut off is no turn, but may have sounded just before
		}
		// Speech begins between its first sound and its first loud one.
		first, loud := onsetOf(channel, turn.From-lead, turn.To, level), onsetOf(channel, turn.From-lead, turn.To, 3*level)
		t.Logf("%s begins at %.3f s in the transcript, at %.3f to %.3f s in the recording", turn.Speaker, turn.From, first, loud)
		if first < 0 || turn.From < first-stalled || turn.From > max(first, loud)+stalled {
			t.Errorf("%s %q begins at %.3f s in the transcript, at %.3f to %.3f s in the recording", turn.Speaker, turn.Text, turn.From, first, loud)
		}
	}
}

// lagOf is by how many milliseconds b lags a.
func lagOf(a, b []int16) float64 { return float64(offset(a, b)) / 16 }

func TestSessionTokens(t *testing.T) {
	g := start(t, configure(t))
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"agent":"sentences","origin":"https://www.example.com","metadata":{"crm":"4711"},"expires_in":60}`, 201, `"gateway": "` + g.PublicURL()},
		{`{"agent":"nobody"}`, 404, "no such agent"},
		{`{"agent":"sentences","expires_in":301}`, 400, "expires_in must be 1 to 300"},
		{`{"agent":"sentences","origin":"not an origin"}`, 400, "origin"},
		{`{"agent":"sentences","metadata":{"a":"` + strings.Repeat("x", 3000) + `"}}`, 400, "metadata"},
		{`{"agent":"sentences","colour":"red"}`, 400, "colour"},
		{`{"agent":`, 400, "not understood"},
		{`{"agent":"` + strings.Repeat("x", 9000) + `"}`, 400, "too large"},
	} {
		status, text, err := g.post(t.Context(), "/api/v1/session-tokens", test.body)
		if err != nil || status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%.60s: %d %s, error %v, want %d with %q", test.body, status, text, err, test.status, test.want)
		}
	}
}

// The demo's tokens are for its own page alone.
func TestDemoTokens(t *testing.T) {
	for _, demo := range []bool{true, false} {
		g := start(t, configure(t, fmt.Sprintf("SIDETONE_WEB_DEMO=%v", demo)))
		ask := func(origin string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.PublicURL()+"/demo/token?agent=sentences", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", origin)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			return answer.StatusCode
		}
		want := map[string]int{g.PublicURL(): 200, "https://elsewhere.example": 403, "": 403}
		if !demo {
			want = map[string]int{g.PublicURL(): 404}
		}
		for origin, status := range want {
			if got := ask(origin); got != status {
				t.Errorf("demo %v, origin %q: %d, want %d", demo, origin, got, status)
			}
		}
	}
}
