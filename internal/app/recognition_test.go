package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/vad"
)

// vendorKey is the key of the fakes; no log may hold it.
const vendorKey = "kGb4xYq7Rw2PzT9vLm3N"

// TestVendorIsAskedFor: an engine elsewhere makes callers be asked as its vendor
// needs; one on this machine does not.
func TestVendorIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		env   []string
		mode  consent.Mode
		local bool
		where string
	}{
		"built in": {nil, consent.OptOutMode, true, ""},
		"Deepgram": {[]string{"SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_DEEPGRAM_API_KEY=" + vendorKey},
			consent.OptInEither, false, "api.deepgram.com"},
		"OpenAI": {[]string{"SIDETONE_SPEECH_STT=openai", "SIDETONE_SPEECH_OPENAI_API_KEY=" + vendorKey},
			consent.OptInEither, false, "api.openai.com"},
		"speaches on this machine": {[]string{"SIDETONE_SPEECH_STT=openai", "SIDETONE_SPEECH_OPENAI_API=realtime_beta", "SIDETONE_SPEECH_OPENAI_URL=http://localhost:8000/v1"},
			consent.OptOutMode, true, ""},
		"Deepgram on this machine": {[]string{"SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_DEEPGRAM_URL=http://127.0.0.1:8080"},
			consent.OptOutMode, true, ""},
	} {
		e := explain(t, explaining(t, "  mode: notice\n", "", c.env...), app.ExplainQuery{From: inCalifornia, To: inNewYork})
		if e.Mode != c.mode || e.Local != c.local || e.Engines[0].Where != c.where {
			t.Errorf("%s: asked as in %s, on this machine %v, recognition at %q; want %s, %v, %q", name, e.Mode, e.Local, e.Engines[0].Where, c.mode, c.local, c.where)
		}
	}
}

// TestNothingIsSentBeforeTheGrant: a configured vendor is connected while the
// announcement plays, with the key and the switches, and gets no sound of a
// caller who hangs up then.
func TestNothingIsSentBeforeTheGrant(t *testing.T) {
	fake := &sim.Deepgram{Recogniser: sim.Recogniser{Key: vendorKey}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	g := start(t, configure(t, "SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_DEEPGRAM_URL="+server.URL,
		"SIDETONE_SPEECH_DEEPGRAM_API_KEY="+vendorKey, "SIDETONE_SPEECH_KEY_TERMS=Sidetone,IBAN"))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps := []sim.Step{sim.Say(sim.SayTones(8000, "alpha bravo charlie")), sim.HangUp()}
	if _, err := (sim.Script{Steps: steps}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	requests := fake.Requests()
	if len(requests) != 1 {
		t.Fatalf("the vendor had %d requests, want 1 while the announcement plays", len(requests))
	}
	r := requests[0]
	if r.Seconds > 0 || slices.Contains(r.Control, "Finalize") {
		t.Errorf("the vendor got %.2f s and %q before anybody agreed", r.Seconds, r.Control)
	}
	if !strings.Contains(r.URL, "mip_opt_out=true") || !strings.Contains(r.URL, "keyterm=Sidetone&keyterm=IBAN") || !strings.Contains(r.URL, "encoding=mulaw") {
		t.Errorf("the vendor was asked for %s", r.URL)
	}
	if strings.Contains(g.logs.String(), vendorKey) {
		t.Error("the key is in the log")
	}
}

// quickVoice speaks a tone of 10 ms a character.
type quickVoice struct{ scriptedVoice }

func (quickVoice) Speak(_ context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		yield(media.Tone(rate, 440, time.Duration(len(text))*10*time.Millisecond, -20), nil)
	}
}

// TestVendorHears has a call whose words come from a vendor that breaks the
// connection in the middle of the first one.
func TestVendorHears(t *testing.T) {
	t.Parallel()
	fake := &sim.Deepgram{Recogniser: sim.Recogniser{Key: vendorKey, Faults: sim.RecogniserFaults{First: 1, CutAfter: 500 * time.Millisecond}}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	engine, err := deepgram.New(deepgram.Options{URL: server.URL, Key: vendorKey})
	if err != nil {
		t.Fatal(err)
	}
	g := startWith(t, configure(t), &app.Speech{Engine: engine, Voice: quickVoice{}, Detectors: vad.NewEnergy})
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const said = "alpha bravo charlie delta"
	steps := []sim.Step{sim.AfterAgent(2500 * time.Millisecond), sim.Say(sim.SayTones(8000, said)), sim.AfterAgent(patience), sim.HangUp()}
	report, err := sim.Script{Steps: steps}.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var doc bytes.Buffer
	if err := g.records(t).Transcript(t.Context(), report.CallSID, "t1", "", "json", &doc); err != nil {
		t.Fatal(err)
	}
	var tr transcribe.Transcript
	if err := json.Unmarshal(doc.Bytes(), &tr); err != nil {
		t.Fatal(err)
	}
	heard := []string{}
	for _, turn := range tr.Turns {
		if turn.Speaker == transcribe.Caller {
			heard = append(heard, turn.Text)
		}
	}
	if !slices.Equal(heard, []string{said}) {
		t.Errorf("the caller's turns are %q, want %q once", heard, said)
	}
	if n := len(fake.Requests()); n != 2 {
		t.Errorf("it took %d connections, want 2", n)
	}
}
