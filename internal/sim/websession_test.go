package sim

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

func wideTone(hz float64, d time.Duration) []int16 { return media.Tone(wideRate, hz, d, -12) }

// TestBrowserCall holds a whole session against the real server: tones both ways
// and keys, over each transport, codec and a bad network.
func TestBrowserCall(t *testing.T) {
	bad := Path{Loss: 0.05, Jitter: 30 * time.Millisecond, Reorder: 0.02, Duplicate: 0.01}
	tests := []struct {
		name string
		edit func(*BrowserOptions)
		// The share of the frames that must hold their tone: all but those that a
		// stalling machine sends late, and those lost.
		clear float64
	}{
		{"opus", func(*BrowserOptions) {}, 0.7},
		{"opus from 48 kHz, a fast clock", func(o *BrowserOptions) { o.Rate, o.SkewPPM = 48000, 500 }, 0.7},
		{"pcmu", func(o *BrowserOptions) { o.Codec = PCMU }, 0.7},
		{"tcp", func(o *BrowserOptions) { o.TCPOnly = true }, 0.7},
		{"relay", func(o *BrowserOptions) { o.Relay = &RelayOptions{} }, 0.7},
		{"bad network", func(o *BrowserOptions) { o.Relay = &RelayOptions{Up: bad, Down: bad, Seed: 3} }, 0.5},
		{"discontinuous", func(o *BrowserOptions) { o.DTX = true }, 0.7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts, agents := startWebGateway(t)
			tt.edit(&opts)
			call, agent := browse(t, opts, agents)
			agent.play(t, wideTone(440, 1500*time.Millisecond))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := call.WaitSpeech(ctx); err != nil {
				t.Fatal(err)
			}
			spoken := call.Say(media.Tone(call.Rate(), 1000, 1500*time.Millisecond, -12))
			if err := spoken.Wait(ctx); err != nil {
				t.Fatal(err)
			}
			if err := call.Press("4#2"); err != nil {
				t.Fatal(err)
			}
			agent.await(t, "all keys", func() bool { return len(agent.of(telephony.DTMF)) == 3 })
			report := leave(t, call, agent)
			checkSession(t, report, agent, spoken, tt.clear)
		})
	}
}

// checkSession checks what both sides of a session have heard.
func checkSession(t *testing.T, r WebReport, a *webAgent, spoken *Spoken, clear float64) {
	t.Helper()
	t.Logf("connected in %v, first audio %v; %+v; late %v; relay %+v", r.Connect, r.Pacing.FirstAudio, r.Playout, r.Pacing.Late.String(), r.Relay)
	if r.Ending != EndHungUp || r.Call == "" || r.Length == 0 {
		t.Errorf("the call %q ended as %s after %v", r.Call, r.Ending, r.Length.Duration())
	}
	if a.keys() != "4#2" {
		t.Errorf("keys %q, want 4#2", a.keys())
	}
	if len(r.Agent) == 0 {
		t.Fatal("the agent was not heard")
	}
	from, to := r.Agent[0].From.Sample(wideRate), r.Agent[len(r.Agent)-1].To.Sample(wideRate)
	// What is made up for packets that come late adds to it.
	if d := (r.Agent[len(r.Agent)-1].To - r.Agent[0].From).Duration() - 1500*time.Millisecond; d < -60*time.Millisecond || d > 500*time.Millisecond {
		t.Errorf("the agent was heard for 1.5 s and %v", d)
	}
	if share := clearFrames(r.Heard[from+wideFrame:to-2*wideFrame], 440, -12); share < clear {
		t.Errorf("%.0f %% of the agent's frames hold its tone", 100*share)
	}
	// The gateway's tick 0 is that of the first packet it got.
	first, last := loudest(a.heard)
	if d := float64(first)/wideRate - spoken.From.Seconds(); math.Abs(d) > 0.045 {
		t.Errorf("the gateway heard the caller at %.3f s, who spoke at %.3f s", float64(first)/wideRate, spoken.From.Seconds())
	}
	if share := clearFrames(a.heard[first+wideFrame:last-2*wideFrame], 1000, -12); share < clear {
		t.Errorf("%.0f %% of the caller's frames hold their tone", 100*share)
	}
}

// loudest returns where the first and the last sound of pcm are.
func loudest(pcm []int16) (first, last int) {
	first = len(pcm)
	for i, v := range pcm {
		if v > loudPeak || v < -loudPeak {
			first, last = min(first, i), i
		}
	}
	return first, last
}

// TestPage holds what the page shows and says against the real server.
func TestPage(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	told := make(chan string, 100)
	opts.OnMessage = func(m PageMessage) { told <- m.Type }
	call, agent := browse(t, opts, agents)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := call.Choose(Agree); !errors.Is(err, ErrNotAsked) {
		t.Errorf("Choose without a question: %v", err)
	}
	for _, s := range []telephony.Show{
		telephony.Question{Message: "sha256:1", Language: "en", Parts: []telephony.QuestionPart{{Kind: "recording", Text: "May we?"}},
			Choices: []telephony.Choice{telephony.Agree, telephony.Unrecorded}},
		telephony.State{State: telephony.Listening},
		telephony.Saying{Turn: 1, Clip: 2, Text: "Good morning", Played: 1},
		telephony.Said{Turn: 1, Text: "Good", Interrupted: true, From: 48000, To: 96000},
		telephony.Caption{ID: 3, Text: "Hello", Final: true, How: "spoken", From: 4800, To: 9600},
		telephony.Problem{Code: "say", Text: "Sorry"},
	} {
		if err := agent.Show(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := call.Answer(ctx, Unrecorded); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{call.Type("a line"), call.About("name", "Ada"), call.Mute(true), call.Mute(false)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	agent.await(t, "all that the page said", func() bool { return len(agent.of(telephony.Unmuted)) == 1 })
	want := []telephony.Event{
		{Kind: telephony.Chose, Choice: telephony.Unrecorded, Text: "sha256:1"}, {Kind: telephony.Typed, Text: "a line"},
		{Kind: telephony.Told, Field: "name", Text: "Ada"}, {Kind: telephony.Muted}, {Kind: telephony.Unmuted},
	}
	for i, e := range agent.of(telephony.Chose, telephony.Typed, telephony.Told, telephony.Muted, telephony.Unmuted) {
		if e.At = 0; e != want[i] {
			t.Errorf("event %d is %+v, want %+v", i, e, want[i])
		}
	}
	if _, err := call.WaitMessage(ctx, func(m PageMessage) bool { return m.Type == "problem" }); err != nil {
		t.Fatal(err)
	}
	if err := call.WaitUntil(ctx, media.TicksIn(1100*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	agent.await(t, "a report of the delay", func() bool { return agent.Delay() == "stats" })
	r := leave(t, call, agent)
	checkMessages(t, r)
	if len(told) != len(r.Messages) {
		t.Errorf("OnMessage was told of %d of %d messages", len(told), len(r.Messages))
	}
	if err := call.Type("too late"); !errors.Is(err, ErrEnded) {
		t.Errorf("typing after the end: %v", err)
	}
}

func checkMessages(t *testing.T, r WebReport) {
	t.Helper()
	events := make(map[string]any)
	for _, m := range r.Messages {
		events[m.Type] = m.Event
	}
	hello, _ := events["hello"].(PageHello)
	question, _ := events["consent"].(PageConsent)
	if hello.V != 1 || hello.Agent.Name != "support" || hello.Call != r.Call || len(question.Parts) != 1 || len(question.Choices) != 2 {
		t.Errorf("hello %+v, question %+v", hello, question)
	}
	for kind, want := range map[string]any{
		"state": PageState{"listening"}, "saying": PageSaying{1, 2, "Good morning", 1, false}, "said": PageSaid{1, "Good", true, 1, 2},
		"caption": PageCaption{3, "Hello", true, "spoken", 0.1, 0.2}, "problem": PageProblem{"say", "Sorry"},
	} {
		if events[kind] != want {
			t.Errorf("%s: %+v, want %+v", kind, events[kind], want)
		}
	}
}

// TestPageWithoutTheUsual does what a page seldom does.
func TestPageWithoutTheUsual(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	call, agent := browse(t, opts, agents)
	for _, err := range []error{call.Blackout(time.Second), call.Rebind(), call.Impair(Path{}, Path{})} {
		if !errors.Is(err, ErrNoRelay) {
			t.Errorf("without a relay: %v", err)
		}
	}
	if call.Press("12E") == nil {
		t.Error("a key was pressed that there is not")
	}
	call.track.hasKeys = false // a browser without telephone events
	if err := call.Press("3*"); err != nil {
		t.Fatal(err)
	}
	agent.await(t, "both keys", func() bool { return agent.keys() == "3*" })
	for _, text := range []bool{true, false} {
		if err := call.SendRaw([]byte("nonsense"), text); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	hello, err := call.WaitMessage(ctx, func(PageMessage) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	status, wav, err := call.Recording(ctx)
	if want := "of " + hello.Event.(PageHello).Session; err != nil || status != 202 || string(wav) != want {
		t.Errorf("recording: %d %q, %v", status, wav, err)
	}
	r := leave(t, call, agent)
	path := filepath.Join(t.TempDir(), "heard.wav")
	if err := r.SaveHeard(path); err != nil {
		t.Fatal(err)
	}
	if clip, err := readClip(path); err != nil || clip.Rate != wideRate || len(clip.PCM) != len(r.Heard) {
		t.Errorf("saved %v of %d Hz, %v", clip.Duration(), clip.Rate, err)
	}
}

// TestRestart changes the network in mid-sentence: both go on hearing each other
// in the same call.
func TestRestart(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	opts.Relay = &RelayOptions{}
	call, agent := browse(t, opts, agents)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	call.Say(wideTone(1000, 10*time.Second))
	if err := call.WaitUntil(ctx, media.TicksIn(500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	before := call.relay.backAddr()
	if err := errors.Join(call.Rebind(), call.RestartICE(ctx)); err != nil {
		t.Fatal(err)
	}
	if call.relay.backAddr() == before {
		t.Error("the relay kept its port")
	}
	agent.await(t, "the gateway's side of the restart", func() bool { return len(agent.of(telephony.Resumed)) == 1 })
	agent.mu.Lock()
	frames := agent.frames
	agent.mu.Unlock()
	agent.play(t, wideTone(440, 500*time.Millisecond))
	agent.await(t, "a second after the restart", func() bool { return agent.frames >= frames+50 })
	r := leave(t, call, agent)
	if len(r.Restarts) != 1 || r.Restarts[0].Err != nil || r.Restarts[0].Answered <= 0 || r.Restarts[0].Took < r.Restarts[0].Answered || r.Relay.Rebound != 1 {
		t.Errorf("restarts %+v, rebound %d times", r.Restarts, r.Relay.Rebound)
	}
	if len(agents) != 0 {
		t.Error("the restart made another call")
	}
	if n := len(r.Agent); n == 0 || r.Agent[n-1].To-r.Agent[0].From < media.TicksIn(400*time.Millisecond) {
		t.Errorf("after the restart the caller hears %v", r.Agent)
	}
	if tail := agent.heard[len(agent.heard)-wideRate/4:]; clearFrames(tail, 1000, -12) < 0.9 {
		t.Error("the gateway does not hear the caller after the restart")
	}
}

// TestBlackout loses everything for three seconds.
func TestBlackout(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	opts.Relay = &RelayOptions{}
	call, agent := browse(t, opts, agents)
	if err := call.Impair(Path{Delay: 5 * time.Millisecond}, Path{Jitter: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	call.Say(wideTone(1000, 10*time.Second))
	agent.await(t, "sound", func() bool { return agent.frames > 10 })
	if err := call.Blackout(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	agent.await(t, "the blackout", func() bool { return len(agent.of(telephony.Lost)) == 1 })
	agent.mu.Lock()
	frames := agent.frames
	agent.mu.Unlock()
	agent.await(t, "the end of the blackout", func() bool {
		return len(agent.of(telephony.Resumed)) == 1 && agent.frames > frames+20
	})
	r := leave(t, call, agent)
	// The gap has its true length, since the caller's clock went on.
	if d := longestSilence(agent.heard); d < 2800*time.Millisecond || d > 3200*time.Millisecond {
		t.Errorf("silence of %v was heard for a blackout of 3 s", d)
	}
	if r.Relay.Up.Darkened < 100 || r.Relay.Up.Lost != 0 {
		t.Errorf("relay %+v", r.Relay)
	}
}

// longestSilence returns how long pcm is silent at a stretch.
func longestSilence(pcm []int16) time.Duration {
	longest, since := 0, 0
	for i, v := range pcm {
		if v > loudPeak || v < -loudPeak {
			longest, since = max(longest, i-since), i
		}
	}
	return time.Duration(longest) * time.Second / wideRate
}

// TestCallEnds lets the gateway end calls, in order and not.
func TestCallEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		end    func(context.Context, *WebCall, *webAgent) error
		ending Ending
		err    error
	}{
		{"over", func(ctx context.Context, _ *WebCall, a *webAgent) error {
			return errors.Join(a.Show(telephony.Over{Outcome: "completed", Reason: "agent_done"}), a.End(ctx, telephony.Next{}))
		}, EndCompleted, nil},
		{"cut", func(ctx context.Context, _ *WebCall, a *webAgent) error { return a.End(ctx, telephony.Next{}) }, EndFailed, errCut},
		{"delete", func(ctx context.Context, c *WebCall, _ *webAgent) error { return c.Delete(ctx) }, EndHungUp, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts, agents := startWebGateway(t)
			call, agent := browse(t, opts, agents)
			agent.await(t, "a frame", func() bool { return agent.frames > 0 })
			if err := tt.end(t.Context(), call, agent); err != nil {
				t.Fatal(err)
			}
			report, err := call.Wait(t.Context())
			if report.Ending != tt.ending || !errors.Is(err, tt.err) {
				t.Errorf("%s, %v; want %s, %v", report.Ending, err, tt.ending, tt.err)
			}
			if tt.ending == EndCompleted && (report.Over == nil || report.Over.Reason != "agent_done") {
				t.Errorf("over: %+v", report.Over)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	opts, _ := startWebGateway(t)
	opts.Agent = "other"
	_, err := NewBrowser(opts).Dial(t.Context())
	refusal, ok := errors.AsType[*RefusalError](err)
	if !ok || refusal.Status/100 != 4 || refusal.Code == "" || refusal.Detail == "" {
		t.Errorf("a token for another agent: %v", err)
	}
	opts.Mint, opts.Token = nil, "forged"
	_, err = NewBrowser(opts).Dial(t.Context())
	if refusal, ok = errors.AsType[*RefusalError](err); !ok || refusal.Status != 401 {
		t.Errorf("a forged token: %v", err)
	}
	opts.BaseURL = "http://127.0.0.1:1"
	if _, err = NewBrowser(opts).Dial(t.Context()); err == nil {
		t.Error("a gateway that is not there answered")
	}
	opts.TCPOnly, opts.Relay = true, &RelayOptions{}
	if _, err = NewBrowser(opts).Dial(t.Context()); err == nil {
		t.Error("a relay took TCP")
	}
}

// TestScriptOnThePage plays one script in a browser.
func TestScriptOnThePage(t *testing.T) {
	t.Parallel()
	opts, agents := startWebGateway(t)
	call, agent := browse(t, opts, agents)
	if err := agent.Show(telephony.Question{Message: "m", Language: "en", Parts: []telephony.QuestionPart{{Kind: "a", Text: "b"}},
		Choices: []telephony.Choice{telephony.Agree}}); err != nil {
		t.Fatal(err)
	}
	script := Script{Steps: []Step{
		Answer(Agree), AfterAgent(200 * time.Millisecond), Say(wideTone(1000, 300*time.Millisecond)), Type("words"), Pause(100 * time.Millisecond),
		Press("7"), AfterAgent(200 * time.Millisecond), HangUp(),
	}}
	go func() {
		agent.await(t, "the choice", func() bool { return len(agent.of(telephony.Chose)) == 1 })
		agent.play(t, wideTone(440, 500*time.Millisecond))
		agent.await(t, "the key", func() bool { return agent.keys() == "7" })
		agent.play(t, wideTone(440, 300*time.Millisecond))
	}()
	r, err := script.RunWeb(t.Context(), call)
	if err != nil || r.Ending != EndHungUp {
		t.Fatalf("%s, %v", r.Ending, err)
	}
	<-agent.ended
	if got := agent.of(telephony.Chose, telephony.Typed, telephony.DTMF); len(got) != 3 || got[0].Choice != telephony.Agree || got[1].Text != "words" || got[2].Digit != '7' {
		t.Errorf("the agent got %+v", got)
	}
	// Each time the agent is waited for, the second time although it had spoken before the key.
	if len(r.Turns) != 1 || len(r.Agent) < 2 || r.Agent[len(r.Agent)-1].From < r.Turns[0].To || r.Turns[0].From < r.Agent[0].To+media.TicksIn(200*time.Millisecond) || r.Turns[0].Clear != -1 {
		t.Errorf("turns %+v, agent %+v", r.Turns, r.Agent)
	}
	phone := &Call{}
	if err := Type("words")(t.Context(), phone); !errors.Is(err, errNoPage) {
		t.Errorf("a phone typed: %v", err)
	}
}
