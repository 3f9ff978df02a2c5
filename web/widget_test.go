package web

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/web/webtest"
)

// sitePolicy is what docs/widget.md asks of a page's policy, with everything else
// forbidden.
const sitePolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; media-src blob:; img-src data:; " +
	"base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// soon is more than anything takes that does not wait on purpose.
const soon = 20 * time.Second

// stranger is a page of another site with the widget and, instead of the
// network, a gateway within the page (testdata/gateway.js).
type stranger struct {
	*webtest.Page
	t *testing.T
}

// visit opens the page with the element's attributes, and a script that runs
// before the widget's.
func visit(t *testing.T, b *webtest.Browser, attributes, script string, o webtest.Options) stranger {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /widget.js", Handler(false))
	mux.HandleFunc("GET /gateway.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/gateway.js") })
	mux.HandleFunc("GET /before.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, script)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", sitePolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Site</title><link rel="icon" href="data:,">
<main><h1>Site</h1></main><sidetone-call %s></sidetone-call>
<script src="/gateway.js"></script><script src="/before.js"></script><script src="/widget.js" defer></script>`, attributes)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return stranger{b.In(t).Open(server.URL, o), t}
}

const inline = `agent="interview" token-url="/token" mode="inline"`

// tell lets the gateway send messages.
func (s stranger) tell(messages ...string) {
	s.t.Helper()
	for _, m := range messages {
		s.Eval("gateway.send("+m+")", nil)
	}
}

// got is what the gateway has received of a type.
func (s stranger) got(kind string) (messages []string) {
	s.t.Helper()
	s.Eval(fmt.Sprintf("gateway.received.filter((m) => m.type === %q).map((m) => JSON.stringify(m))", kind), &messages)
	return messages
}

// awaitGot waits until the gateway has received a message, and nothing else of
// its type before.
func (s stranger) awaitGot(kind string, want ...string) {
	s.t.Helper()
	s.AwaitEval(fmt.Sprintf("gateway.received.filter((m) => m.type === %q).length >= %d", kind, len(want)), soon)
	if got := s.got(kind); !slices.Equal(got, want) {
		s.t.Errorf("the gateway received %q, want %q", got, want)
	}
}

// request is what the page has asked of the network.
type request struct {
	Method, Path, Search, Body string
	Headers                    map[string]string
}

func (s stranger) requests(method string) (found []request) {
	s.t.Helper()
	var all []request
	s.Eval("gateway.requests", &all)
	for _, r := range all {
		if r.Method == method {
			found = append(found, r)
		}
	}
	return found
}

// flawless ends a test: no violation of accessibility as the page is now, no
// error ever.
func (s stranger) flawless() {
	s.t.Helper()
	s.accessible()
	for _, problem := range s.Problems() {
		s.t.Error(problem)
	}
}

func (s stranger) accessible() {
	s.t.Helper()
	for _, violation := range s.Axe() {
		s.t.Error(violation)
	}
}

// connect presses the button and waits for the data channel.
func (s stranger) connect() {
	s.t.Helper()
	s.Click("button", "Start call")
	s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
}

const (
	hello   = `{type: 'hello', v: 1, call: 'c', session: 's', agent: {name: 'interview', description: ''}, language: 'en', ask: [], may_hear: true}`
	asking  = `{type: 'consent', message: 'm1', language: 'en', parts: [{kind: 'ai', text: 'I am <b>not</b> a person.'}, {kind: 'recording', text: 'This call is recorded.'}], choices: ['agree', 'unrecorded']}`
	granted = `{type: 'consent_settled', outcome: 'granted', recording: true, transcript: true, choices: ['unrecorded', 'delete']}`
	refused = `{type: 'consent_settled', outcome: 'refused', recording: false, transcript: false, choices: ['again']}`
	hearing = `{type: 'state', state: 'listening'}`
)

// talk gets to the conversation, which is recorded.
func (s stranger) talk() {
	s.t.Helper()
	s.connect()
	s.tell(hello, `{type: 'state', state: 'announcing'}`, asking)
	s.Click("button", "Agree")
	s.tell(granted, hearing)
	s.Await("button", "Hang up", soon)
}

func TestWidgetPlacesACall(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, `
		globalThis.told = [];
		for (const name of ['sidetone-state', 'sidetone-end'])
			addEventListener(name, ({ detail }) => told.push(detail));`, webtest.Options{Width: 480, Height: 720})
	s.accessible()
	s.Screenshot("idle")
	s.connect()
	s.AwaitText(".heading", "Connecting", soon)
	s.accessible()
	s.Screenshot("connecting")

	var audio []json.RawMessage
	s.Eval("__webtest.constraints.map(({ audio }) => audio)", &audio)
	if want := `{"echoCancellation":true,"noiseSuppression":true,"autoGainControl":true,"channelCount":1}`; len(audio) != 1 || string(audio[0]) != want {
		t.Errorf("the microphone was asked for with %s", audio)
	}
	post := s.requests("POST")[1]
	if post.Path != "/webrtc/sessions" || post.Search != "?agent=interview" || post.Headers["Authorization"] != "Bearer secret" ||
		post.Headers["Content-Type"] != "application/sdp" {
		t.Errorf("the offer was sent as %+v", post)
	}
	for want, times := range map[string]int{"m=audio": 1, "m=application": 1, "a=sendrecv": 1, "a=candidate:": -1} {
		if n := strings.Count(post.Body, want); n != times && !(times < 0 && n > 0) {
			t.Errorf("%d times %s in the offer", n, want)
		}
	}

	s.tell(hello, `{type: 'state', state: 'announcing'}`, asking)
	s.Await("button", "Agree", soon)
	if words := s.Text(".words"); !strings.Contains(words, "I am <b>not</b> a person.") || !strings.Contains(words, "This call is recorded.") {
		t.Errorf("the question reads %q", words)
	}
	s.Eval("gateway.speak(true)", nil)
	s.AwaitEval("__webtest.heard().pcm.length > 200000", soon)
	s.accessible()
	s.Screenshot("consent")
	if said := s.got("choose"); len(said) > 0 {
		t.Errorf("chosen without the visitor: %q", said)
	}
	s.Click("button", "Agree")
	s.awaitGot("choose", `{"type":"choose","choice":"agree","message":"m1"}`)
	s.tell(granted, hearing)
	s.Await("button", "Hang up", soon)
	s.AwaitText(".state", "Listening", soon)
	s.AwaitText(".kept", "This call is recorded", soon)
	s.AwaitEval("gateway.received.filter((m) => m.type === 'stats').length >= 2", soon)
	for _, m := range s.got("stats") {
		var stats struct{ JitterBuffer, RTT *float64 }
		m = strings.NewReplacer("jitter_buffer_ms", "JitterBuffer", "rtt_ms", "RTT").Replace(m)
		if err := json.Unmarshal([]byte(m), &stats); err != nil || stats.JitterBuffer == nil || *stats.JitterBuffer <= 0 || stats.RTT == nil {
			t.Errorf("stats are %s: %v", m, err)
		}
	}
	if sound := s.Heard(); peak(sound.PCM) < 1000 {
		t.Errorf("the agent's voice was not heard; its peak is %d", peak(sound.PCM))
	}

	s.Click("button", "Hang up")
	s.AwaitText(".heading", "The call has ended", soon)
	s.awaitGot("bye", `{"type":"bye"}`)
	if focused := s.Focused(); focused != "The call has ended" {
		t.Errorf("the focus is on %q", focused)
	}
	s.tell(`{type: 'over', outcome: 'caller', reason: 'hung_up'}`)
	s.AwaitEval("__webtest.peers[0].connectionState === 'closed'", soon)

	var told []struct{ State, Outcome, Reason string }
	s.Eval("told", &told)
	var states []string
	for _, d := range told {
		states = append(states, d.State+d.Outcome)
	}
	if want := []string{"asking", "connecting", "consent", "talking", "talking", "ended", "caller"}; !slices.Equal(states, want) {
		t.Errorf("the page was told %q, want %q", states, want)
	}
	var stored int
	if s.Eval("localStorage.length + sessionStorage.length + document.cookie.length", &stored); stored > 0 {
		t.Error("something was left in the browser")
	}
	if gone := s.requests("DELETE"); len(gone) > 0 {
		t.Errorf("a session that was over was deleted: %v", gone)
	}
	s.flawless()
}

func peak(pcm []int16) (highest int) {
	for _, v := range pcm {
		highest = max(highest, int(math.Abs(float64(v))))
	}
	return highest
}

func TestWordsAreShownAsTheyComeAndGo(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.AwaitText(".conversation", "Your words", soon)
	s.tell(`{type: 'saying', turn: 1, clip: 1, text: 'What is <i>your</i> name?', played: 2, done: false}`,
		`{type: 'saying', turn: 1, clip: 2, text: 'Take your time.', played: 0, done: false}`)
	s.AwaitText(".agent .heard", "What is", soon)
	if rest := strings.TrimSpace(s.Text(".agent .rest")); rest != "<i>your</i> name? Take your time." {
		t.Errorf("not played yet: %q", rest)
	}
	s.tell(`{type: 'caption', id: 1, text: 'My nam', final: false, how: 'spoken', from: 1, to: 2}`)
	s.AwaitText(".visitor.open .heard", "My nam", soon)
	s.tell(`{type: 'said', turn: 1, text: 'What is <i>your</i>', interrupted: true, from: 0.5, to: 1}`,
		`{type: 'caption', id: 1, text: 'My name is Ada.', final: true, how: 'spoken', from: 1, to: 3}`,
		`{type: 'caption', id: 2, text: 'noise', final: false, how: 'spoken', from: 4, to: 5}`)
	s.AwaitText(".lines", "noise", soon)
	s.accessible()
	s.Screenshot("talking")
	s.tell(`{type: 'caption', id: 2, text: '', final: true, how: 'spoken', from: 4, to: 5}`, `{type: 'nonsense'}`, `'no object'`)
	s.AwaitEval("!document.querySelector('sidetone-call').shadowRoot.textContent.includes('noise')", soon)
	const want = "Assistant What is <i>your</i> — (interrupted) You My name is Ada."
	if got := strings.Join(strings.Fields(s.Text(".lines")), " "); got != want {
		t.Errorf("the conversation reads %q, want %q", got, want)
	}
	// Screen readers are told of whole turns, once.
	const told = "This call is recorded|Assistant: What is <i>your</i>|You: My name is Ada."
	var announced string
	s.Eval("[...document.querySelector('sidetone-call').shadowRoot.querySelectorAll('[aria-live=polite] p')].map((p) => p.textContent).join('|')", &announced)
	if announced != told {
		t.Errorf("announced %q, want %q", announced, told)
	}

	s.tell(`{type: 'over', outcome: 'policy', reason: 'duration_limit'}`)
	s.AwaitText(".ended", "longest time", soon)
	s.Click("button", "Copy")
	s.Await("button", "Copied", soon)
	var copied string
	if s.Eval("navigator.clipboard.readText()", &copied); copied != "[0:00] Assistant: What is <i>your</i> —\n[0:01] You: My name is Ada.\n" {
		t.Errorf("copied %q", copied)
	}
	s.flawless()
}

func TestVisitorsTypeAndPressKeys(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.Fill("textbox", "Message", "  Hello <there>  ")
	s.Press("Enter")
	s.awaitGot("text", `{"type":"text","text":"Hello <there>"}`)
	s.awaitGot("typing", `{"type":"typing"}`)
	s.Press("Enter") // an empty line is nothing
	s.Fill("textbox", "Message", "More")
	s.Click("button", "Send")
	s.awaitGot("text", `{"type":"text","text":"Hello <there>"}`, `{"type":"text","text":"More"}`)

	s.Click("button", "Mute")
	s.awaitGot("mute", `{"type":"mute","on":true}`)
	var sending bool
	if s.Eval("__webtest.peers[0].getSenders()[0].track.enabled", &sending); sending {
		t.Error("a muted microphone is on")
	}
	s.Click("button", "Unmute")
	s.awaitGot("mute", `{"type":"mute","on":true}`, `{"type":"mute","on":false}`)

	s.Click("button", "Keypad")
	if focused := s.Focused(); focused != "Key 1" {
		t.Errorf("the focus is on %q", focused)
	}
	s.accessible()
	s.Screenshot("keypad")
	// Chromium sends telephone events; where a browser can not, the channel does.
	s.Eval("globalThis.tones = ''; __webtest.peers[0].getSenders()[0].dtmf.addEventListener('tonechange', (e) => { tones += e.tone; })", nil)
	s.Click("button", "Key 5")
	s.Click("button", "Key Hash")
	s.Press("7")
	s.AwaitEval("tones === '5#7'", soon)
	s.Eval("Object.defineProperty(RTCRtpSender.prototype, 'dtmf', { value: null }); null", nil)
	s.Click("button", "Key Star")
	s.awaitGot("key", `{"type":"key","digit":"*"}`)
	s.Press("Escape")
	s.AwaitGone("button", "Key 1", soon)
	if focused := s.Focused(); focused != "Keypad" || !s.Visible("button", "Hang up") {
		t.Errorf("after Escape the focus is on %q", focused)
	}
	s.flawless()
}

func TestVisitorsChoose(t *testing.T) {
	b := webtest.Start(t)
	t.Run("and tell about themselves", func(t *testing.T) {
		s := visit(t, b, inline, "", webtest.Options{Width: 480, Height: 720})
		s.connect()
		s.tell(strings.Replace(hello, "ask: []", "ask: ['name', 'email']", 1), asking)
		s.Fill("textbox", "Your name", " Ada ")
		s.accessible()
		s.Click("button", "Continue without recording")
		s.awaitGot("choose", `{"type":"choose","choice":"unrecorded","message":"m1"}`)
		s.awaitGot("about", `{"type":"about","field":"name","text":"Ada"}`)
		s.tell(refused, hearing)
		s.AwaitText(".kept", "This call is not recorded", soon)
		if s.Visible("button", "Stop recording") {
			t.Error("what is not recorded can be stopped")
		}
		s.tell(`{type: 'over', outcome: 'completed', reason: 'goodbye'}`)
		s.AwaitText(".ended", "The call has ended", soon)
		if asked := s.requests("GET"); len(asked) > 0 {
			t.Errorf("asked for a recording that there is not: %v", asked)
		}
		s.flawless()
	})
	t.Run("only among what there is", func(t *testing.T) {
		s := visit(t, b, inline, "", webtest.Options{Width: 480, Height: 720})
		s.connect()
		s.tell(hello, strings.Replace(asking, ", 'unrecorded'", "", 1))
		s.Await("button", "Agree", soon)
		if s.Visible("button", "Continue without recording") {
			t.Error("a choice that there is not")
		}
		s.tell(strings.Replace(asking, "'agree', 'unrecorded'", "", 1))
		s.AwaitGone("button", "Agree", soon)
		s.AwaitText(".choices", "The conversation begins after these words.", soon)
		s.accessible()
		s.Click("button", "Leave")
		s.awaitGot("bye", `{"type":"bye"}`)
		s.AwaitText(".ended", "The call has ended", soon)
	})
}

func TestVisitorsHearTheirRecording(t *testing.T) {
	b := webtest.Start(t)
	const over = `{type: 'over', outcome: 'completed', reason: 'goodbye'}`
	t.Run("when it is stored", func(t *testing.T) {
		s := visit(t, b, inline, "", webtest.Options{Width: 480, Height: 720})
		s.talk()
		s.tell(over)
		s.AwaitText(".own", "being prepared", soon)
		s.Eval("gateway.recording = "+wav, nil)
		s.AwaitEval("document.querySelector('sidetone-call').shadowRoot.querySelector('audio')?.duration === 0.5", soon)
		if asked := s.requests("GET")[0]; asked.Path != "/webrtc/sessions/abc/recording" || asked.Headers["Authorization"] != "Bearer secret" {
			t.Errorf("the recording was asked for as %+v", asked)
		}
		s.Screenshot("ended")
		s.flawless()
	})
	t.Run("or that it was erased", func(t *testing.T) {
		s := visit(t, b, inline, "", webtest.Options{Width: 480, Height: 720})
		s.talk()
		s.Eval("gateway.recording = { status: 410 }", nil)
		s.tell(over)
		s.AwaitText(".own", "has been erased", soon)
		s.flawless()
	})
	t.Run("unless they may not", func(t *testing.T) {
		s := visit(t, b, inline, "", webtest.Options{Width: 480, Height: 720})
		s.connect()
		s.tell(strings.Replace(hello, "may_hear: true", "may_hear: false", 1), granted, over)
		s.AwaitText(".ended", "The call has ended", soon)
		if asked := s.requests("GET"); len(asked) > 0 {
			t.Errorf("asked for a recording that may not be heard: %v", asked)
		}
	})
}

// wav is an answer with half a second of silence.
const wav = `(() => {
	const b = new DataView(new ArrayBuffer(44 + 16000));
	[...'RIFF    WAVEfmt '].forEach((c, i) => b.setUint8(i, c.charCodeAt(0)));
	[...'data'].forEach((c, i) => b.setUint8(36 + i, c.charCodeAt(0)));
	for (const [at, v] of [[4, 36 + 16000], [16, 16], [24, 16000], [28, 32000], [40, 16000]]) b.setUint32(at, v, true);
	for (const [at, v] of [[20, 1], [22, 1], [32, 2], [34, 16]]) b.setUint16(at, v, true);
	return { status: 200, body: b.buffer, headers: { 'Content-Type': 'audio/wav' } };
})()`
