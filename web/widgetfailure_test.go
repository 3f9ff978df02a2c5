package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sidetone/web/webtest"
)

// gaveUp is more than the time after which a lost gateway is given up.
const gaveUp = 40 * time.Second

func TestFailuresHaveASentence(t *testing.T) {
	b := webtest.Start(t)
	for _, test := range []struct {
		name, attributes, script string
		microphone               webtest.Microphone
		want                     string
		again, typing            bool // what is offered
	}{
		{"no WebRTC", inline, `delete globalThis.RTCPeerConnection`, "", "This browser cannot place calls", false, false},
		{"no HTTPS", inline, `Object.defineProperty(globalThis, 'isSecureContext', { value: false })`, "", "secure address (https)", false, false},
		{"denied", inline, "", webtest.Denied, "The microphone is blocked for this page", true, true},
		{"missing", inline, "", webtest.Missing, "No microphone was found", true, true},
		{"in use", inline, `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotReadableError'))`, "", "used by another program", true, true},
		{"no token", `mode="inline" agent="interview"`, "", "", "could not get permission", false, false},
		{"token refused", inline, `gateway.refusal = { status: 401, code: 'expired' }`, "", "could not get permission", true, false},
		{"used token", `mode="inline" token="used"`, `gateway.refusal = { status: 409, code: 'used' }`, "", "could not get permission", false, false},
		{"busy", inline, `gateway.refusal = { status: 503, code: 'busy' }`, "", "All lines are busy", true, false},
		{"no agent", inline, `gateway.refusal = { status: 404, code: 'no_agent' }`, "", "did not take the call", true, false},
		{"no gateway", inline, `gateway.unreachable = true`, "", "The service does not answer", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := visit(t, b, test.attributes, test.script, webtest.Options{Width: 480, Height: 720, Microphone: test.microphone})
			s.Click("button", "Start call")
			s.AwaitText(".lead", test.want, soon)
			if focused := s.Focused(); focused != "The call could not be placed" {
				t.Errorf("the focus is on %q", focused)
			}
			if again, typing := s.Visible("button", "Try again"), s.Visible("button", "Type instead"); again != test.again || typing != test.typing {
				t.Errorf("again %v, typing %v; want %v, %v", again, typing, test.again, test.typing)
			}
			s.Screenshot("failed-" + strings.ReplaceAll(test.name, " ", "-"))
			s.flawless()
			s.Close()
		})
	}
}

func TestVisitorsTypeWithoutAMicrophone(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720, Microphone: webtest.Missing})
	s.Click("button", "Start call")
	s.Click("button", "Type instead")
	s.AwaitEval("gateway.label === 'sidetone.v1'", soon)
	if offer := s.requests("POST")[1].Body; !strings.Contains(offer, "a=sendrecv") {
		t.Error("the offer of someone who types is not sendrecv")
	}
	s.tell(hello, asking)
	s.Click("button", "Agree")
	s.tell(granted, hearing)
	s.Fill("textbox", "Message", "Hello")
	s.Press("Enter")
	s.awaitGot("text", `{"type":"text","text":"Hello"}`)
	// Silence is sent all the time, like a microphone's.
	s.AwaitEval(`__webtest.peers[0].getStats().then((r) => [...r.values()].some((v) => v.type === 'outbound-rtp' && v.packetsSent > 50))`, soon)
	s.accessible()
	s.Screenshot("typing")

	s.Click("button", "Use the microphone") // there is still none
	s.Await("button", "Use the microphone", soon)
	s.Eval("__webtestMicrophone = ''", nil)
	s.Click("button", "Use the microphone")
	s.Await("button", "Mute", soon)
	s.flawless()
}

// The microphone is unplugged in mid-call: the call goes on with another.
func TestMicrophoneIsReplaced(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	const unplug = "__webtest.peers[0].getSenders()[0].track.dispatchEvent(new Event('ended'))"
	s.Eval("globalThis.first = __webtest.peers[0].getSenders()[0].track; "+unplug, nil)
	// Until the other is there, silence stands in; it is the one that stays.
	s.AwaitEval(`(async () => {
		const [sender] = __webtest.peers[0].getSenders(), { track } = sender;
		await new Promise((done) => setTimeout(done, 500));
		return track !== first && track === sender.track && __webtest.constraints.length === 2;
	})()`, soon)
	s.Await("button", "Mute", soon)
	s.Eval("__webtestMicrophone = 'missing'; "+unplug, nil)
	s.Await("button", "Use the microphone", soon)
	if !s.Visible("button", "Hang up") {
		t.Error("the call is over")
	}
	s.flawless()
}

func TestConnectionIsRestored(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.Eval("dispatchEvent(new Event('online'))", nil)
	s.AwaitEval("gateway.restarts === 1 && __webtest.peers[0].signalingState === 'stable'", soon)
	patch := s.requests("PATCH")[0]
	if patch.Path != "/webrtc/sessions/abc" || patch.Headers["If-Match"] != `"*"` || patch.Headers["Authorization"] != "Bearer secret" ||
		patch.Headers["Content-Type"] != "application/trickle-ice-sdpfrag" || !strings.Contains(patch.Body, "a=candidate:") {
		t.Errorf("a restart was asked for as %+v", patch)
	}
	var connected bool
	if s.Eval("__webtest.peers[0].connectionState === 'connected'", &connected); !connected {
		t.Error("the connection did not survive")
	}
	s.tell(`{type: 'caption', id: 1, text: 'Still here', final: true, how: 'spoken', from: 1, to: 2}`)
	s.AwaitText(".lines", "Still here", soon)

	// The gateway closes without a word, and then knows nothing of the session.
	s.Eval("gateway.hangUp()", nil)
	s.AwaitText(".failed", "The call was cut off", soon)
	s.AwaitText(".failed", "Still here", soon)
	if restarts := len(s.requests("PATCH")); restarts != 2 {
		t.Errorf("%d restarts were asked for", restarts)
	}
	s.Screenshot("cut-off")
	s.flawless()
}

// Nothing answers any more.
func TestLostGatewayIsGivenUp(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, "", webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.tell(`{type: 'saying', turn: 1, clip: 1, text: 'One two three four', played: 2, done: false}`)
	s.AwaitText(".lines", "One two", soon)
	s.Eval("gateway.unreachable = true; gateway.hangUp()", nil)
	s.AwaitText(".notice", "Trying to restore it", soon)
	s.AwaitText(".state", "Connecting", soon)
	s.accessible()
	s.Screenshot("restoring")
	s.AwaitText(".failed", "could not be restored", gaveUp)
	if words := s.Text(".conversation"); !strings.Contains(words, "One two") || strings.Contains(words, "three") {
		t.Errorf("what was heard reads %q", words)
	}
	if tries := len(s.requests("PATCH")); tries < 5 {
		t.Errorf("it was tried %d times", tries)
	}
	s.flawless()
}

func TestSilencedSoundCanBeTurnedOn(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, `
		const play = HTMLMediaElement.prototype.play;
		HTMLMediaElement.prototype.play = function () {
			return globalThis.allowed ? play.call(this) : Promise.reject(new DOMException('', 'NotAllowedError'));
		};`, webtest.Options{Width: 480, Height: 720})
	s.talk()
	s.Await("button", "Turn the sound on", soon)
	s.accessible()
	s.Eval("globalThis.allowed = true", nil)
	s.Click("button", "Turn the sound on")
	s.AwaitGone("button", "Turn the sound on", soon)
	s.flawless()
}

func TestLeavingEndsTheCall(t *testing.T) {
	b := webtest.Start(t)
	for name, leave := range map[string]string{
		"the page goes":     "dispatchEvent(new Event('pagehide'))",
		"the element goes":  "document.querySelector('sidetone-call').remove()",
		"the page hangs up": "document.querySelector('sidetone-call').hangUp()",
	} {
		t.Run(name, func(t *testing.T) {
			s := visit(t, b, inline, "", webtest.Options{})
			s.talk()
			s.Eval("document.body.append(document.querySelector('sidetone-call'))", nil) // a move is no end
			s.Eval("globalThis.peer = __webtest.peers[0]; "+leave, nil)
			s.AwaitEval("gateway.received.some((m) => m.type === 'bye') && gateway.requests.some((r) => r.method === 'DELETE')", soon)
			s.AwaitEval("peer.connectionState === 'closed' && peer.getSenders()[0].track.readyState === 'ended'", soon)
			s.awaitGot("bye", `{"type":"bye"}`)
			s.Close()
		})
	}
}

func TestCancellingAsksNothingMore(t *testing.T) {
	s := visit(t, webtest.Start(t), inline, `
		const ask = navigator.mediaDevices.getUserMedia;
		navigator.mediaDevices.getUserMedia = async (c) => {
			await new Promise((resolve) => { globalThis.answer = resolve; });
			return (globalThis.stream = await ask(c));
		};`, webtest.Options{Width: 480, Height: 720})
	s.Click("button", "Start call")
	s.AwaitText(".heading", "May we use your microphone?", soon)
	s.accessible()
	s.Screenshot("asking")
	s.Click("button", "Cancel")
	s.Await("button", "Start call", soon)
	s.Eval("answer()", nil)
	s.AwaitEval("stream.getTracks().every((track) => track.readyState === 'ended')", soon)
	if sent := s.requests("POST"); len(sent) > 0 {
		t.Errorf("a call that was cancelled was placed: %v", sent)
	}
	s.flawless()
}

func TestTURNServersAreUsed(t *testing.T) {
	s := visit(t, webtest.Start(t), inline,
		`gateway.turn = '<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="1:u"; credential="c"; credential-type="password"'`,
		webtest.Options{})
	s.connect()
	var servers string
	s.Eval("JSON.stringify(__webtest.peers[0].getConfiguration().iceServers)", &servers)
	for _, want := range []string{`"turn:127.0.0.1:9?transport=udp"`, `"username":"1:u"`, `"credential":"c"`} {
		if !strings.Contains(servers, want) {
			t.Errorf("the servers are %s, without %s", servers, want)
		}
	}
	if asked := s.requests("OPTIONS"); len(asked) != 1 || asked[0].Headers["Authorization"] != "Bearer secret" {
		t.Errorf("asked for TURN servers as %+v", asked)
	}
	s.flawless()
}

func TestCallsEndWithTheirReason(t *testing.T) {
	b := webtest.Start(t)
	for reason, want := range map[string]string{
		"completed/goodbye":     "",
		"caller/no_speech":      "Nothing was heard from you",
		"caller/no_consent":     "The question about the recording",
		"policy/duration_limit": "longest time",
		"policy/shutting_down":  "being restarted",
		"carrier/dropped":       "The connection was lost",
		"vendor/reply_lost":     "Something went wrong on our side",
		"internal/panicked":     "Something went wrong on our side",
	} {
		t.Run(reason, func(t *testing.T) {
			s := visit(t, b, inline, "", webtest.Options{})
			s.talk()
			outcome, code, _ := strings.Cut(reason, "/")
			s.tell(fmt.Sprintf(`{type: 'over', outcome: %q, reason: %q}`, outcome, code))
			s.AwaitText(".summary", "The call has ended", soon)
			if text := s.Text(".summary .hint"); !strings.Contains(text, want) || !strings.Contains(text, "It lasted 0:0") || want == "" && len(text) > 20 {
				t.Errorf("it reads %q", text)
			}
			s.Close()
		})
	}
}
