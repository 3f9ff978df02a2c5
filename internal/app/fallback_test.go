package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"sidetone/consent"
	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// TestFallbackIsConfigured has a vendor who takes no key of ours: the one after it in
// the configuration takes the call over before the caller may be heard. The key terms
// are those of the gateway and of the agent.
func TestFallbackIsConfigured(t *testing.T) {
	main := &sim.Deepgram{Recogniser: sim.Recogniser{Key: "another key"}}
	spare := &sim.Transcription{Recogniser: sim.Recogniser{Key: vendorKey}}
	first, second := httptest.NewServer(main), httptest.NewServer(spare)
	t.Cleanup(first.Close)
	t.Cleanup(second.Close)
	g := start(t, configure(t, "SIDETONE_SPEECH_STT=deepgram", "SIDETONE_SPEECH_STT_FALLBACKS=openai,moonshine",
		"SIDETONE_SPEECH_KEY_TERMS=IBAN,Sidetone", "SIDETONE_SPEECH_DEEPGRAM_URL="+first.URL, "SIDETONE_SPEECH_DEEPGRAM_API_KEY="+vendorKey,
		"SIDETONE_SPEECH_OPENAI_URL="+second.URL+"/v1", "SIDETONE_SPEECH_OPENAI_API_KEY="+vendorKey))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (sim.Script{Steps: []sim.Step{sim.Say(sim.SayTones(8000, "alpha bravo charlie")), sim.HangUp()}}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if url := main.Requests()[0].URL; !strings.Contains(url, "keyterm=IBAN&keyterm=Sidetone&keyterm=sentences") {
		t.Errorf("the first vendor was asked for %s", url)
	}
	if n := len(spare.Requests()); n != 0 {
		t.Errorf("the second was asked %d times before anybody agreed", n)
	}
	response, err := http.Get("http://" + g.OperatorAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sidetone_engine_breaker_state{engine="deepgram",kind="stt"} 2`,
		`sidetone_engine_breaker_state{engine="openai",kind="stt"} 0`,
		`sidetone_engine_breaker_state{engine="moonshine",kind="stt"} 0`,
		`sidetone_engine_takeovers_total{engine="openai",kind="stt",when="before"} 1`,
	} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	if strings.Contains(g.logs.String(), vendorKey) {
		t.Error("the key is in the log")
	}
}

// TestWhoMayTakeOver checks that callers are asked for every engine that may come to
// hear them, and for none that their agent does not have.
func TestWhoMayTakeOver(t *testing.T) {
	vendor := []string{"SIDETONE_SPEECH_STT=moonshine", "SIDETONE_SPEECH_STT_FALLBACKS=deepgram", "SIDETONE_SPEECH_DEEPGRAM_API_KEY=" + vendorKey}
	for name, c := range map[string]struct {
		agent string
		local bool
		mode  consent.Mode
		where []string
	}{
		"all":                 {"", false, consent.OptInEither, []string{"", "api.deepgram.com", ""}},
		"one on this machine": {"stt: [moonshine]\n", true, consent.OptOutMode, []string{"", ""}},
		"in another order":    {"stt: [deepgram, moonshine]\n", false, consent.OptInEither, []string{"api.deepgram.com", "", ""}},
	} {
		e := explain(t, explaining(t, "  mode: notice\n"+c.agent, "", vendor...), app.ExplainQuery{From: inCalifornia, To: inNewYork})
		where := []string{}
		for _, engine := range e.Engines {
			where = append(where, engine.Where)
		}
		if e.Local != c.local || e.Mode != c.mode || !slices.Equal(where, c.where) {
			t.Errorf("%s: on this machine %v, asked as in %s, engines at %q; want %v, %s, %q", name, e.Local, e.Mode, where, c.local, c.mode, c.where)
		}
	}
	spare := append(vendor[:0:0], "SIDETONE_SPEECH_TTS_FALLBACKS=elevenlabs", "SIDETONE_SPEECH_ELEVENLABS_API_KEY="+vendorKey)
	e := explain(t, explaining(t, "  mode: notice\n", "", spare...), app.ExplainQuery{From: inCalifornia, To: inNewYork})
	if i := slices.IndexFunc(e.Engines, func(e app.ExplainedEngine) bool { return e.Part == "voice" }); e.Local || i < 0 ||
		e.Engines[i].Where != "api.elevenlabs.io" || e.Engines[i].Name != "elevenlabs" {
		t.Errorf("with a voice that may take over: on this machine %v, %+v", e.Local, e.Engines)
	}
	if _, err := app.CheckAgents(explaining(t, "stt: [openai]\n", "", vendor...)); err == nil || !strings.Contains(err.Error(), "stt[0]: openai is neither") {
		t.Errorf("an agent that wants an engine which is not there: %v", err)
	}
}
