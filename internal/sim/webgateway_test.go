package sim

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/telephony"
	"sidetone/telephony/webrtc"
)

// patience bounds what takes a second on an idle machine.
const patience = 20 * time.Second

// onceOnly is a webrtc.Once.
type onceOnly struct{ used sync.Map }

func (o *onceOnly) Use(_ context.Context, nonce string, _ time.Time) (bool, error) {
	_, again := o.used.LoadOrStore(nonce, true)
	return !again, nil
}

// webAgent is the gateway's side of a browser call: the real leg, with a test in
// the place of the call.
type webAgent struct {
	*webrtc.Leg
	ended chan struct{} // closed when the leg has run and all was heard

	mu     sync.Mutex
	heard  []int16 // sample 0 is tick 0
	frames int
	events []telephony.Event
	change chan struct{} // closed and replaced when something was heard
}

func (a *webAgent) serve(ctx context.Context) {
	defer close(a.ended)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { _ = a.Run(ctx) }) // how it ended is for the far end to tell
	recv, events := a.Recv(), a.Events()
	for recv != nil || events != nil {
		select {
		case f, ok := <-recv:
			if !ok {
				recv = nil
				continue
			}
			a.hear(func() {
				at := f.At.Sample(wideRate)
				a.heard = append(a.heard, make([]int16, max(0, at+int64(len(f.PCM))-int64(len(a.heard))))...)
				copy(a.heard[at:], f.PCM)
				a.frames++
			})
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			a.hear(func() { a.events = append(a.events, e) })
		}
	}
}

func (a *webAgent) hear(what func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what()
	close(a.change)
	a.change = make(chan struct{})
}

// await waits until met holds of what the agent has heard.
func (a *webAgent) await(t *testing.T, what string, met func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		a.mu.Lock()
		ok, change := met(), a.change
		a.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-a.ended:
			t.Fatalf("the leg ended before %s", what)
		case <-timeout:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// of returns the events of a kind so far.
func (a *webAgent) of(kinds ...telephony.EventKind) (found []telephony.Event) {
	for _, e := range a.events {
		if slices.Contains(kinds, e.Kind) {
			found = append(found, e)
		}
	}
	return found
}

func (a *webAgent) keys() (digits string) {
	for _, e := range a.of(telephony.DTMF) {
		digits += string(rune(e.Digit))
	}
	return digits
}

// play sends audio; the leg paces it.
func (a *webAgent) play(t *testing.T, pcm []int16) {
	t.Helper()
	for len(pcm) > 0 {
		frame := make([]int16, wideFrame)
		pcm = pcm[copy(frame, pcm):]
		if err := a.Send(media.Frame{PCM: frame}); err != nil {
			t.Errorf("Send: %v", err)
			return
		}
	}
}

// startWebGateway starts the real server of browser calls on loopback. Each call
// comes out of agents.
func startWebGateway(t testing.TB) (opts BrowserOptions, agents chan *webAgent) {
	t.Helper()
	agents = make(chan *webAgent, 200)
	server, err := webrtc.New(webrtc.Options{
		Listen: "127.0.0.1:0", PrivatePeers: true, Opus: webrtc.Opus{Bitrate: 32000, Complexity: 3},
		Secret: []byte("thirty-two bytes that nobody has"), Once: &onceOnly{},
		Admit: func(_ context.Context, in webrtc.Incoming) (webrtc.Admission, error) {
			if in.Agent == "closed" {
				return webrtc.Admission{Refusal: webrtc.Refusal{Status: 503, Code: "closed", Detail: "come back later", RetryAfter: 7 * time.Second}}, nil
			}
			var hello webrtc.Hello
			hello.Agent.Name, hello.Language = in.Agent, "en"
			return webrtc.Admission{Accepted: true, CallID: "call-" + in.Session, Hello: hello}, nil
		},
		Serve: func(ctx context.Context, l *webrtc.Leg) {
			a := &webAgent{Leg: l, ended: make(chan struct{}), change: make(chan struct{})}
			agents <- a
			a.serve(ctx)
		},
		Recording: func(w http.ResponseWriter, _ *http.Request, session string) *webrtc.Refusal {
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte("of " + session))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server.Routes(mux)
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		web.Close()
	})
	return BrowserOptions{
		BaseURL: web.URL, Agent: "support",
		Mint: func(context.Context) (string, error) {
			token, _, err := server.Mint(webrtc.Grant{Agent: "support"})
			return token, err
		},
	}, agents
}

// browse places a call and returns both of its sides.
func browse(t *testing.T, opts BrowserOptions, agents chan *webAgent) (*WebCall, *webAgent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	call, err := NewBrowser(opts).Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { call.Hangup(); <-call.Done() })
	select {
	case a := <-agents:
		return call, a
	case <-ctx.Done():
		t.Fatal("no leg was served")
		return nil, nil
	}
}

// leave hangs up and returns the report.
func leave(t *testing.T, call *WebCall, a *webAgent) WebReport {
	t.Helper()
	call.Hangup()
	select {
	case <-a.ended:
	case <-time.After(patience):
		t.Fatal("the leg did not end")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	report, err := call.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Faults {
		t.Errorf("fault at %.2f s: %s", f.At.Seconds(), f.Detail)
	}
	return report
}

// clearFrames returns the share of the 20 ms frames of pcm in which the tone of
// hz lies within 4 dB of dBFS and above all else.
func clearFrames(pcm []int16, hz, dBFS float64) float64 {
	good, all := 0, 0
	for ; len(pcm) >= wideFrame; pcm = pcm[wideFrame:] {
		frame := pcm[:wideFrame]
		level := media.ToneLevel(frame, wideRate, hz)
		if level > dBFS-4 && level < dBFS+4 && media.RMS(frame) < level+2 {
			good++
		}
		all++
	}
	return float64(good) / float64(max(1, all))
}
