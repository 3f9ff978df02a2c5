package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/store"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/moonshine"
	"sidetone/web/webtest"
)

// site is somebody's web site that shows the widget, under a strict policy, and
// gets its tokens from the operator's API as its backend would.
type site struct {
	*httptest.Server
	gateway *gateway
}

// embed starts a site and a gateway that lets it in.
func embed(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", s.page)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	s.gateway = start(t, configure(t, append(env, "SIDETONE_WEB_ORIGINS="+s.URL)...))
	return s
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	gateway, mode := s.gateway.PublicURL(), html.EscapeString(r.URL.Query().Get("mode"))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'self'; "+
		"img-src 'self'; script-src "+gateway+"; connect-src 'self' "+gateway+"; media-src blob:; require-trusted-types-for 'script'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>A shop</title>
<main><h1>A shop</h1><sidetone-call agent="visitor" token-url="/token" mode="%s"></sidetone-call></main>
<script src="%s/widget.js" defer></script></html>`, mode, gateway)
}

func (s *site) token(w http.ResponseWriter, r *http.Request) {
	token, err := s.gateway.mint(r.Context(), app.TokenRequest{Agent: "visitor", Origin: s.URL})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

// visitor is a person at a page with the widget.
type visitor struct {
	*webtest.Page
	t *testing.T
}

func (s *site) visit(t *testing.T, b *webtest.Browser, o webtest.Options) visitor {
	t.Helper()
	return visitor{b.Open(s.URL+"/page?mode=inline", o), t}
}

// look takes a screenshot of a state and checks it for accessibility.
func (v visitor) look(name string) {
	v.t.Helper()
	v.Screenshot(name)
	for _, violation := range v.Axe() {
		v.t.Errorf("%s: axe: %s", name, violation)
	}
}

// begin places the call, up to the question of consent.
func (v visitor) begin() {
	v.t.Helper()
	v.Click("button", "Start call")
	v.Await("button", "Agree", 20*time.Second)
}

// lines is an expression for the conversation's lines of one side.
func lines(who string) string {
	return `[...document.querySelector('sidetone-call').shadowRoot.querySelectorAll('.line.` + who + `')]`
}

// awaitLine waits until one side's words hold some text.
func (v visitor) awaitLine(who, text string, within time.Duration) {
	v.t.Helper()
	v.AwaitEval(lines(who)+`.some(l => l.querySelector('.bubble').innerText.includes(`+quoted(text)+`))`, within)
}

// awaitTurn waits until the agent has said some text to its end.
func (v visitor) awaitTurn(text string, within time.Duration) {
	v.t.Helper()
	v.AwaitEval(lines("agent")+`.some(l => !l.classList.contains('open') && l.innerText.includes(`+quoted(text)+`))`, within)
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

// ear recognises what was recorded.
type ear struct {
	t      *testing.T
	engine transcribe.Engine
}

func newEar(t *testing.T) ear {
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(t)})
	t.Cleanup(func() { engine.Close() })
	return ear{t, engine}
}

// words returns what is said in a clip of a rate.
func (e ear) words(pcm []int16, rate int) string {
	e.t.Helper()
	clip, err := media.Audio{Rate: rate, PCM: pcm}.At(16000)
	if err != nil {
		e.t.Fatal(err)
	}
	session, err := e.engine.Open(transcribe.Options{Rate: 16000, Language: "en"})
	if err != nil {
		e.t.Fatal(err)
	}
	d := enginetest.Drive(e.t, session, 16000, 0)
	d.Start()
	d.Say(clip.PCM)
	d.Session.Finalize(d.At)
	return d.Final().Text
}

// same fails unless a text has at most one word in four wrong.
func (e ear) same(what, want, got string) {
	e.t.Helper()
	wrong, of := sim.WordErrors(want, got)
	e.t.Logf("%s: %d of %d words wrong: %q", what, wrong, of, got)
	if 4*wrong > of {
		e.t.Errorf("%s is %q, want %q", what, got, want)
	}
}

// part cuts from a to b seconds out of audio.
func part(pcm []int16, rate int, a, b float64) []int16 {
	from, to := int(a*float64(rate)), int(b*float64(rate))
	return pcm[min(max(0, from), len(pcm)):min(max(0, to), len(pcm))]
}

// TestVisitorInABrowser is a whole call in Chromium: consent, a question heard
// and read, an answer, an interruption, a typed line, the end, and then what was
// recorded.
func TestVisitorInABrowser(t *testing.T) {
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	s, listen := embed(t), newEar(t)
	v := s.visit(t, webtest.Start(t), webtest.Options{})
	v.look("idle")
	v.begin()
	if words := v.Text(".consent .words"); !strings.Contains(words, "This call is recorded.") || !strings.Contains(words, "Please choose whether you agree.") {
		t.Errorf("the question reads %q", words)
	}
	v.Fill("textbox", "Your name", "Ada")
	v.look("consent")
	agreed := v.Now()
	v.Click("button", "Agree")
	v.awaitLine("agent", "What are you reading at the moment?", 10*time.Second)
	v.awaitTurn("What are you reading at the moment?", 10*time.Second)

	// An answer, read within 1.5 s of its last word.
	first := sentences[0]
	spoken := v.Say(first.Wide, 16000)
	answered := spoken.From
	v.AwaitEval(lines("visitor")+`.some(l => !l.classList.contains('open'))`, 5*time.Second)
	late := v.Now() - spoken.To
	t.Logf("one's own words stand %.0f ms after the end of speech", late)
	if late > 1500 {
		t.Errorf("one's own words came %.0f ms after the end of speech", late)
	}
	var caption string
	v.Eval(lines("visitor")+`[0].querySelector('.bubble').innerText`, &caption)
	listen.same("the caption", first.Text, caption)
	v.look("talking")

	// An interruption: the agent is cut, on the screen and in the ear.
	v.awaitLine("agent", "My next question is a long one", 10*time.Second)
	v.AwaitEval(lines("agent")+`.at(-1).querySelector('.bubble span').innerText.length > 60`, 15*time.Second)
	second := sentences[1]
	spoken = v.Say(second.Wide, 16000)
	v.AwaitEval(lines("agent")+`.some(l => !l.querySelector('.cut').hidden)`, 5*time.Second)
	sound := v.Heard()
	since := (spoken.From - sound.From) / 1000
	if level := loudest(part(sound.PCM, sound.Rate, since+1, since+2)); level > 400 {
		t.Errorf("the agent is heard a second after the interruption, level %d", level)
	}
	question := part(sound.PCM, sound.Rate, (agreed-sound.From)/1000+0.4, (answered-sound.From)/1000)
	asked := strings.ToLower(listen.words(question, sound.Rate)) // the greeting may be cut
	listen.same("the question as heard", "What are you reading at the moment?", asked[max(0, strings.Index(asked, "what")):])
	v.look("interrupted")

	// A typed line is a turn as well.
	v.awaitTurn("And what will you read next?", 20*time.Second)
	v.Fill("textbox", "Message", "The third one: Middlemarch.")
	v.Press("Enter")
	v.awaitLine("visitor", "The third one: Middlemarch.", 5*time.Second)
	v.awaitLine("agent", "Thank you for your time.", 10*time.Second)
	v.Await("heading", "The call has ended", 15*time.Second)
	v.AwaitEval(`!!document.querySelector('sidetone-call').shadowRoot.querySelector('audio[controls]')`, 20*time.Second)
	v.look("ended")
	for _, problem := range v.Problems() {
		t.Error(problem)
	}

	calls, status := s.gateway.calls(t), ""
	if len(calls) == 1 {
		status = calls[0].Consent + " " + calls[0].Outcome + " " + calls[0].Reason
	}
	if status != "granted completed goodbye" {
		t.Fatalf("calls: %+v", calls)
	}
	r := s.gateway.records(t)
	tr := transcript(t, r, calls[0].ID)
	left, right := wide(recording(t, r, calls[0].ID))
	timesMatch(t, tr, left, right)
	heard := map[string]string{}
	for _, turn := range tr.Turns {
		switch {
		case turn.Speaker == transcribe.Caller && turn.Typed:
			heard["typed"] = turn.Text
		case turn.Speaker == transcribe.Caller:
			heard["left"] += " " + listen.words(part(left, 16000, turn.From-0.2, turn.To+0.2), 16000)
		case strings.HasPrefix(turn.Text, "Hello."):
			heard["right"] = listen.words(part(right, 16000, turn.From-0.2, turn.To+0.2), 16000)
		}
	}
	listen.same("the visitor's channel", first.Text+" "+second.Text, heard["left"])
	listen.same("the agent's channel", "Hello. What are you reading at the moment?", heard["right"])
	if heard["typed"] != "The third one: Middlemarch." {
		t.Errorf("typed in the transcript: %q", heard["typed"])
	}
	if len(tr.Answers) == 0 || tr.Answers[0].Key != "name" || tr.Answers[0].Value != "Ada" {
		t.Errorf("answers %+v", tr.Answers)
	}
}

// TestVisitorRefuses goes on without a recording: the conversation is as with
// one, and nothing of it stays.
func TestVisitorRefuses(t *testing.T) {
	s := embed(t)
	v := s.visit(t, webtest.Start(t), webtest.Options{Dark: true})
	v.begin()
	v.look("consent-dark")
	v.Click("button", "Continue without recording")
	v.awaitTurn("What are you reading at the moment?", 15*time.Second)
	v.Fill("textbox", "Message", "Emma")
	v.Press("Enter")
	v.awaitLine("agent", "My next question", 10*time.Second)
	v.look("unrecorded-dark")
	v.Click("button", "Hang up")
	v.Await("heading", "The call has ended", 10*time.Second)
	s.gateway.nothingKept(t, "refused")
}

// TestVisitorTakesItBack stops the recording in mid-call: what was kept stays,
// what follows is not kept.
func TestVisitorTakesItBack(t *testing.T) {
	s := embed(t)
	v := s.visit(t, webtest.Start(t), webtest.Options{Width: 390, Height: 800})
	v.begin()
	v.Click("button", "Agree")
	v.awaitTurn("What are you reading at the moment?", 15*time.Second)
	v.look("talking-mobile")
	v.Click("button", "Stop recording")
	v.AwaitGone("button", "Stop recording", 5*time.Second)
	v.Fill("textbox", "Message", "A secret")
	v.Press("Enter")
	v.awaitLine("agent", "My next question", 10*time.Second)
	v.Click("button", "Hang up")
	v.Await("heading", "The call has ended", 10*time.Second)
	calls := s.gateway.calls(t)
	if len(calls) != 1 || calls[0].Consent != "withdrawn" {
		t.Fatalf("calls: %+v", calls)
	}
	tr := transcript(t, s.gateway.records(t), calls[0].ID)
	for _, turn := range tr.Turns {
		if strings.Contains(turn.Text, "secret") || strings.Contains(turn.Text, "My next question") {
			t.Errorf("kept after the recording was stopped: %q", turn.Text)
		}
	}
	if len(tr.Turns) == 0 {
		t.Error("nothing is left of what had been agreed to")
	}
}

// TestVisitorWithoutAMicrophone denies the microphone, is told what to do, and
// types instead.
func TestVisitorWithoutAMicrophone(t *testing.T) {
	s := embed(t)
	v := s.visit(t, webtest.Start(t), webtest.Options{Microphone: webtest.Denied})
	v.Click("button", "Start call")
	v.AwaitText(".failed .lead", "The microphone is blocked for this page.", 10*time.Second)
	v.look("denied")
	v.Click("button", "Type instead")
	v.Await("button", "Agree", 20*time.Second)
	v.Click("button", "Agree")
	v.awaitTurn("What are you reading at the moment?", 15*time.Second)
	v.Fill("textbox", "Message", "Persuasion")
	v.Press("Enter")
	v.awaitLine("agent", "My next question", 10*time.Second)
	v.Click("button", "Hang up")
	v.Await("heading", "The call has ended", 10*time.Second)
	calls := s.gateway.calls(t)
	tr := transcript(t, s.gateway.records(t), calls[0].ID)
	if len(tr.Answers) == 0 || tr.Answers[0].Value != "Persuasion" {
		t.Errorf("answers %+v", tr.Answers)
	}
}

// TestVisitorChangesNetworks restarts ICE in mid-sentence and goes through 5 s of
// darkness: it stays one call with one recording, and consent is asked once.
func TestVisitorChangesNetworks(t *testing.T) {
	t.Parallel()
	sentences, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, configure(t))
	call, err := g.browser(t, sim.BrowserOptions{Agent: "sentences", Relay: &sim.RelayOptions{}}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restart := func(ctx context.Context, p sim.Party) error {
		spoken := p.Say(sentences[0].Wide)
		now, err := p.Now()
		if err == nil {
			err = p.WaitUntil(ctx, now+2*media.TickRate)
		}
		if err == nil {
			err = call.Rebind()
		}
		if err == nil {
			err = call.RestartICE(ctx)
		}
		if err == nil {
			err = spoken.Wait(ctx)
		}
		return err
	}
	dark := func(ctx context.Context, p sim.Party) error {
		if err := call.Blackout(5 * time.Second); err != nil {
			return err
		}
		now, err := p.Now()
		if err != nil {
			return err
		}
		return p.WaitUntil(ctx, now+7*media.TickRate)
	}
	report, err := sim.Script{HangupAfter: 2 * time.Minute, Steps: []sim.Step{
		sim.Answer(sim.Agree), sim.AfterAgent(patience), restart, sim.AfterAgent(patience), dark,
		sim.Say(sentences[1].Wide), sim.AfterAgent(patience), func(_ context.Context, p sim.Party) error { p.Hangup(); return nil },
	}}.RunWeb(t.Context(), call)
	if err != nil || len(report.Faults) > 0 {
		t.Fatalf("error %v, faults %v", err, report.Faults)
	}
	for _, r := range report.Restarts {
		t.Logf("restart: answered after %v, connected after %v, error %v", r.Answered, r.Took, r.Err)
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	asked := 0
	for _, m := range report.Messages {
		if m.Type == "consent" {
			asked++
		}
	}
	r := g.records(t)
	calls, err := r.Calls(t.Context(), app.Query{})
	if err != nil || asked != 1 || len(calls) != 1 || calls[0].Consent != "granted" || calls[0].Reason != "hung_up" {
		t.Fatalf("asked %d times; calls: %+v, error %v", asked, calls, err)
	}
	tr := transcript(t, r, report.Call)
	left, _ := wide(recording(t, r, report.Call))
	if short := report.Length.Seconds() - float64(len(left))/16000; short < -0.08 || short > 0.14 {
		t.Errorf("the recording is %.3f s shorter than the call of %.3f s", short, report.Length.Seconds())
	}
	listen := newEar(t)
	for i := range 2 {
		at := report.Turns[i].From.Seconds()
		listen.same("the recording of a sentence", sentences[i].Text,
			listen.words(part(left, 16000, at-0.1, at+float64(len(sentences[i].Wide))/16000+0.2), 16000))
		if i >= len(tr.Answers) {
			t.Fatalf("answers %+v", tr.Answers)
		}
		listen.same("the answer", sentences[i].Text, tr.Answers[i].Value.(string))
	}
}

// TestDemoPage is what a newcomer sees first.
func TestDemoPage(t *testing.T) {
	g := start(t, configure(t))
	v := visitor{webtest.Start(t).Open(g.PublicURL()+"/demo", webtest.Options{}), t}
	v.Await("button", "Start call", 10*time.Second)
	v.look("demo")
	v.Select("Agent", "visitor")
	v.begin()
	v.Click("button", "Leave")
	v.Await("heading", "The call has ended", 10*time.Second)
	for _, problem := range v.Problems() {
		t.Error(problem)
	}
	g.nothingKept(t, "abandoned")
}

// nothingKept stops the gateway and fails unless its only call ended with this
// consent and left no object.
func (g *gateway) nothingKept(t *testing.T, consent string) {
	t.Helper()
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	objects, err := store.OpenS3(t.Context(), g.s3)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := objects.List(t.Context(), "")
	ofCalls := slices.DeleteFunc(keys, func(key string) bool { return strings.HasPrefix(key, "nodes/") })
	if err != nil || len(ofCalls) > 0 {
		t.Errorf("objects %v, error %v", ofCalls, err)
	}
	r := g.records(t)
	calls, err := r.Calls(t.Context(), app.Query{})
	if err != nil || len(calls) != 1 || calls[0].Consent != consent {
		t.Errorf("calls %+v, error %v, want one of consent %s", calls, err, consent)
	}
}

// loudest is the greatest sample.
func loudest(pcm []int16) (level int) {
	for _, v := range pcm {
		level = max(level, int(v), -int(v))
	}
	return level
}

// calls lists the gateway's calls.
func (g *gateway) calls(t *testing.T) (calls []struct{ ID, Consent, Outcome, Reason, Recording string }) {
	t.Helper()
	_, text := g.get(t, "/api/v1/calls")
	var list struct {
		Calls *[]struct{ ID, Consent, Outcome, Reason, Recording string }
	}
	list.Calls = &calls
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return calls
}
