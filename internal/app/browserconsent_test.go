package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/store"
	"sidetone/web/webtest"
)

// booth is a web site under a strict policy with a page for each agent.
type booth struct {
	*httptest.Server
	gateway *gateway
}

// consenting starts such a site, and a gateway that has an agent of the visitors'
// kind under each name.
func consenting(t *testing.T, names ...string) *booth {
	t.Helper()
	visitors, err := os.ReadFile("testdata/agents/visitor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	agents := t.TempDir()
	for _, name := range names {
		text := strings.Replace(string(visitors), "name: visitor", "name: "+name, 1)
		if err := os.WriteFile(filepath.Join(agents, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &booth{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", c.page)
	mux.HandleFunc("POST /token", c.token)
	mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Something else.") })
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	c.gateway = start(t, configure(t, "SIDETONE_AGENTS_DIR="+agents, "SIDETONE_AGENTS_DEFAULT="+names[0], "SIDETONE_WEB_ORIGINS="+c.URL))
	return c
}

func (c *booth) page(w http.ResponseWriter, r *http.Request) {
	gateway, agent := c.gateway.PublicURL(), html.EscapeString(r.URL.Query().Get("agent"))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; "+
		"script-src "+gateway+"; connect-src 'self' "+gateway+"; media-src blob:; require-trusted-types-for 'script'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>A booth</title>
<main><h1>A booth</h1><sidetone-call agent="%s" token-url="/token?agent=%s" mode="inline"></sidetone-call></main>
<script src="%s/widget.js" defer></script></html>`, agent, agent, gateway)
}

func (c *booth) token(w http.ResponseWriter, r *http.Request) {
	token, err := c.gateway.mint(r.Context(), app.TokenRequest{Agent: r.URL.Query().Get("agent"), Origin: c.URL})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

// guest is a visitor, and who they talk with.
type guest struct {
	visitor
	booth *booth
	agent string
}

// begin calls the agent, up to the question.
func (c *booth) begin(t *testing.T, b *webtest.Browser, agent string, o webtest.Options) guest {
	t.Helper()
	g := guest{visitor{b.In(t).Open(c.URL+"/page?agent="+agent, o), t}, c, agent}
	g.visitor.begin()
	return g
}

// agree answers the first question, and waits for the agent's.
func (g guest) agree() {
	g.t.Helper()
	g.Click("button", "Agree")
	g.awaitKept("This call is recorded")
	g.awaitTurn("What are you reading at the moment?", 45*time.Second)
}

// write types a line, and waits until so much of the agent's answer was heard.
func (g guest) write(text, answer string) {
	g.t.Helper()
	g.Fill("textbox", "Message", text)
	g.Press("Enter")
	g.awaitLine("visitor", text, 10*time.Second)
	g.AwaitEval(lines("agent")+`.some(l => l.querySelector('.bubble span').innerText.includes(`+quoted(answer)+`))`, 45*time.Second)
}

// awaitKept waits until the page says what is kept.
func (g guest) awaitKept(text string) {
	g.t.Helper()
	g.AwaitText(".kept-text", text, 15*time.Second)
}

// hangUp ends the call.
func (g guest) hangUp() {
	g.t.Helper()
	g.Click("button", "Hang up")
	g.ended()
}

func (g guest) ended() {
	g.t.Helper()
	g.Await("heading", "The call has ended", 45*time.Second)
	for _, problem := range g.Problems() {
		g.t.Error(problem)
	}
}

// playable waits for the visitor's own recording and returns its length in
// seconds.
func (g guest) playable() (seconds float64) {
	g.t.Helper()
	g.AwaitEval(shadow(".own audio[controls]")+`?.duration > 0`, 30*time.Second)
	g.Eval(shadow(".own audio[controls]")+`.duration`, &seconds)
	return seconds
}

// unheard fails where the page speaks of a recording after the call.
func (g guest) unheard() {
	g.t.Helper()
	if text := g.Text(".own"); text != "" {
		g.t.Errorf("a recording is spoken of: %q", text)
	}
}

// shadow is an expression for the first element of the widget that fits.
func shadow(selector string) string {
	return `document.querySelector('sidetone-call').shadowRoot.querySelector(` + quoted(selector) + `)`
}

// call is the id of the guest's call.
func (g guest) call() string {
	g.t.Helper()
	for _, c := range g.booth.listed(g.t) {
		if c.Agent == g.agent {
			return c.ID
		}
	}
	g.t.Fatalf("no call with %s", g.agent)
	return ""
}

// command asks something of the guest's call as the operator does.
func (g guest) command(name string) {
	g.t.Helper()
	status, text, err := g.booth.gateway.post(g.t.Context(), "/api/v1/calls/"+g.call()+"/commands", `{"command":`+quoted(name)+`}`)
	if err != nil || status != http.StatusOK {
		g.t.Fatalf("%s: %d %s, error %v", name, status, text, err)
	}
}

// listed are the gateway's calls.
func (c *booth) listed(t *testing.T) []store.Call {
	t.Helper()
	var list struct{ Calls []store.Call }
	if _, text := c.gateway.get(t, "/api/v1/calls"); json.Unmarshal([]byte(text), &list) != nil {
		t.Fatalf("calls: %s", text)
	}
	return list.Calls
}

// TestVisitorsConsent is all that visitors can do about consent, in Chromium, each
// in a page of their own: agree, refuse, change their mind once and again, have it
// all deleted, and leave; and what the operator can do, seen by them. Then it
// holds what has stayed of each.
func TestVisitorsConsent(t *testing.T) {
	guests := map[string]func(*testing.T, *booth, *webtest.Browser){
		"agreed": guestAgrees, "refused": guestRefuses, "again": guestRecordsAgain, "deleted": guestDeletes, "anew": guestBeginsAnew, "left": guestLeaves,
	}
	var names []string
	for name := range guests {
		names = append(names, name)
	}
	c, browser := consenting(t, names...), webtest.Start(t)
	t.Run("guests", func(t *testing.T) {
		for name, visit := range guests {
			t.Run(name, func(t *testing.T) {
				visit(t, c, browser)
			})
		}
	})
	_, scrape := c.gateway.get(t, "/metrics")
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "sidetone_invariant_violations_total{") && !strings.HasSuffix(line, " 0\n") {
			t.Error(line)
		}
	}
	keptOfGuests(t, c)
}

// guestAgrees talks, sees the operator pause the recording and let it go on, and hears
// it afterwards.
func guestAgrees(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "agreed", webtest.Options{Height: 900})
	g.agree()
	g.command("pause")
	g.awaitKept("Paused: nothing is heard or recorded")
	g.awaitLine("agent", "The recording is paused.", 10*time.Second)
	g.Fill("textbox", "Message", "Not yet")
	g.Press("Enter")
	g.look("paused")
	g.command("resume")
	g.awaitKept("This call is recorded")
	g.awaitLine("agent", "The recording goes on.", 10*time.Second)
	g.write("Persuasion", "a long one")
	g.hangUp()
	g.playable()
	g.look("agreed-ended")
}

// guestRefuses goes on without a recording, and has none.
func guestRefuses(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "refused", webtest.Options{Dark: true, Height: 900})
	g.Click("button", "Continue without recording")
	g.awaitKept("This call is not recorded")
	g.awaitTurn("What are you reading at the moment?", 45*time.Second)
	g.write("Emma", "a long one")
	g.look("refused-dark")
	g.hangUp()
	g.unheard()
}

// guestRecordsAgain stops the recording in mid-call and has it begin again.
func guestRecordsAgain(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "again", webtest.Options{Width: 390, Height: 800})
	g.agree()
	g.write("Persuasion", "a long one")
	g.Click("button", "Stop recording")
	g.awaitKept("This call is not recorded")
	g.awaitLine("agent", "From now on nothing is recorded.", 10*time.Second)
	g.look("stopped-mobile")
	g.write("A secret", "what will you read")
	g.Click("button", "Record again")
	g.Await("heading", "About the recording", 10*time.Second)
	g.look("asked-again-mobile")
	g.Click("button", "Agree")
	g.awaitKept("This call is recorded")
	g.awaitTurn("And what will you read next?", 45*time.Second)
	g.write("Middlemarch", "Thank you for")
	g.ended()
	heard := g.playable()
	g.look("again-ended-mobile")
	for _, text := range []string{"Persuasion", "A secret", "Middlemarch"} {
		if !strings.Contains(g.Text(".ended"), text) {
			t.Errorf("the words on the page lack %q", text)
		}
	}
	if heard < 1 || heard > 60 {
		t.Errorf("the recording is of %.1f s", heard)
	}
}

// guestDeletes has what was recorded deleted in mid-call, and goes on talking.
func guestDeletes(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "deleted", webtest.Options{Height: 900})
	g.agree()
	g.write("Persuasion", "a long one")
	g.Click("button", "Stop and delete recording")
	g.Await("group", "Stop recording, and delete all that was kept of this call? This cannot be undone.", 5*time.Second)
	g.look("deleting")
	g.Click("button", "Delete")
	g.awaitKept("This call is not recorded")
	g.awaitLine("agent", "what was recorded of this call has been destroyed here", 15*time.Second)
	g.write("A secret", "what will you read")
	g.Await("button", "Record again", 10*time.Second)
	g.look("deleted")
	g.hangUp()
	g.unheard()
}

// guestBeginsAnew has what was recorded deleted and then has it recorded again.
func guestBeginsAnew(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "anew", webtest.Options{ForcedColors: true, Height: 900})
	g.agree()
	g.Click("button", "Stop and delete recording")
	g.Click("button", "Delete")
	g.awaitLine("agent", "what was recorded of this call has been destroyed here", 15*time.Second)
	g.Click("button", "Record again")
	g.Await("heading", "About the recording", 10*time.Second)
	g.look("asked-anew-forced")
	g.Click("button", "Agree")
	g.awaitKept("This call is recorded")
	g.awaitTurn("What are you reading at the moment?", 45*time.Second)
	g.write("Middlemarch", "a long one")
	g.hangUp()
	g.playable()
}

// guestLeaves goes to another page when asked.
func guestLeaves(t *testing.T, c *booth, b *webtest.Browser) {
	g := c.begin(t, b, "left", webtest.Options{})
	id := g.call()
	g.Goto(c.URL + "/elsewhere")
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
		calls := c.listed(t)
		at := slices.IndexFunc(calls, func(c store.Call) bool { return c.ID == id })
		if calls[at].Outcome != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the call goes on: %+v", calls[at])
		}
	}
}

// remains is what a call should have left.
type remains struct {
	consent, recording, rows string
	takes                    []string // of each: words that it holds, and some that it does not; empty where it is gone
}

// keptOfGuests stops the gateway and holds the rows, objects and words of each
// guest's call.
func keptOfGuests(t *testing.T, c *booth) {
	t.Helper()
	r := c.gateway.records(t)
	objects, err := store.OpenS3(t.Context(), c.gateway.s3)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := objects.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]remains{
		"agreed":  {"granted", "stored", "granted paused resumed ended", []string{"Persuasion,Not yet"}},
		"refused": {"refused", "none", "refused ended", nil},
		"again":   {"granted", "stored", "granted withdrawn asked granted ended", []string{"Persuasion,A secret,Middlemarch", "Middlemarch,A secret,Persuasion"}},
		"deleted": {"withdrawn", "destroyed", "granted withdrawn destroyed ended", nil},
		"anew":    {"granted", "stored", "granted withdrawn destroyed asked granted ended", []string{"", "Middlemarch,Persuasion"}},
		"left":    {"abandoned", "none", "abandoned", nil},
	}
	calls, err := r.Calls(t.Context(), app.Query{})
	if err != nil || len(calls) != len(wanted) {
		t.Fatalf("calls %+v, error %v", calls, err)
	}
	for _, call := range calls {
		wanted[call.Agent].hold(t, r, keys, call)
	}
	if evidence, err := app.OpenEvidence(t.Context(), c.gateway.config, false); err != nil {
		t.Error(err)
	} else if _, err := evidence.Verify(t.Context(), app.TrustOptions{}); errors.Join(err, evidence.Close()) != nil {
		t.Errorf("the ledger: %v", err)
	}
}

// hold fails unless a call has left that, among all objects.
func (want remains) hold(t *testing.T, r *app.Records, objects []string, call store.Call) {
	t.Helper()
	detail, err := r.Call(t.Context(), call.ID)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, p := range detail.Proof {
		rows = append(rows, p.Event)
	}
	state := call.Recording
	if state == "incomplete" { // a busy machine has lost a frame
		state = "stored"
	}
	if strings.Join(rows, " ") != want.rows || call.Consent != want.consent || state != want.recording {
		t.Errorf("%s: consent %s, recording %s, rows %q", call.Agent, call.Consent, call.Recording, rows)
	}
	heard := slices.Contains(accesses(t, r, call.ID), `{"what":"recording","take":"t1","by":"visitor"}`)
	if call.Agent == "agreed" && !heard || call.Recording == "none" && heard {
		t.Errorf("%s: a row says that the visitor has heard it: %v", call.Agent, heard)
	}
	for i, words := range slices.Concat(want.takes, []string{""}) {
		take := fmt.Sprintf("t%d", i+1)
		kept := slices.ContainsFunc(objects, func(key string) bool { return strings.Contains(key, call.ID+"/"+take) })
		if kept != (words != "") {
			t.Errorf("%s: objects of %s are kept: %v", call.Agent, take, kept)
		}
		if words != "" {
			takeHolds(t, r, call, take, strings.Split(words, ","))
		} else if _, err := r.Recording(t.Context(), call.ID, take, "", io.Discard); err == nil {
			t.Errorf("%s: %s can be had", call.Agent, take)
		}
	}
}

// takeHolds fails unless a take opens, with the agent's voice in it and the first
// of some words in its notes, and none of the others.
func takeHolds(t *testing.T, r *app.Records, call store.Call, take string, words []string) {
	t.Helper()
	var wav, notes bytes.Buffer
	info, err := r.Recording(t.Context(), call.ID, take, "", &wav)
	if err == nil {
		err = r.Transcript(t.Context(), call.ID, take, "", "text", &notes)
	}
	if err != nil {
		t.Fatalf("%s: %s: %v", call.Agent, take, err)
	}
	left, right := wide(wav.Bytes())
	if !info.Complete || info.Seconds < 1 || loudest(right) < 2000 || loudest(left) > 100 {
		t.Errorf("%s: %s: %+v; levels %d and %d", call.Agent, take, info, loudest(left), loudest(right))
	}
	for i, text := range words {
		if strings.Contains(notes.String(), text) != (i == 0) {
			t.Errorf("%s: %s: the notes have %q the wrong way:\n%s", call.Agent, take, text, notes.String())
		}
	}
}
