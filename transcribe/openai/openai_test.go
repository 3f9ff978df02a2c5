package openai_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"sidetone/internal/sim"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/openai"
	"sidetone/transcribe/remote"
)

// vendor is an interface of OpenAI's, with what a test changes of the fake.
func vendor(o openai.Options, change func(*sim.Transcription)) enginetest.Remote {
	return enginetest.Remote{
		Untimed: true, Requests: o.API == "" || o.API == openai.Transcriptions,
		Fake: func() (*sim.Recogniser, http.Handler) {
			s := &sim.Transcription{Beta: o.API == openai.RealtimeBeta}
			if change != nil {
				change(s)
			}
			return &s.Recogniser, s
		},
		Engine: func(t *testing.T, url string, ro remote.Options) transcribe.Engine {
			o := o
			o.URL, o.Key, o.Remote = url+"/v1", enginetest.Key, ro
			e, err := openai.New(o)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}
}

func TestTranscriptions(t *testing.T) { enginetest.RunRemote(t, vendor(openai.Options{}, nil)) }

func TestRealtime(t *testing.T) {
	enginetest.RunRemote(t, vendor(openai.Options{API: openai.Realtime}, func(s *sim.Transcription) { s.Live = true }))
}

// TestRealtimeBeta has a server that knows the old names only, and says words
// after the turn alone.
func TestRealtimeBeta(t *testing.T) {
	v := vendor(openai.Options{API: openai.RealtimeBeta}, nil)
	v.Late = true
	enginetest.RunRemote(t, v)
}

// TestServerThatDoesNotStream answers in one piece.
func TestServerThatDoesNotStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vendor(openai.Options{Model: "whisper-1"}, func(s *sim.Transcription) { s.Whole = true }).Hears(t, transcribe.Options{Rate: 8000}, "alpha bravo")
	})
	for name, c := range map[string]struct {
		faults sim.RecogniserFaults
		class  transcribe.Class
	}{
		"cut":     {sim.RecogniserFaults{CutAfter: 1}, transcribe.Cut},
		"garbage": {sim.RecogniserFaults{Garbage: 1000}, transcribe.Protocol},
		"100 MB":  {sim.RecogniserFaults{Huge: true}, transcribe.Protocol},
		"hangs":   {sim.RecogniserFaults{HalfOpen: 1}, transcribe.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				vendor(openai.Options{}, func(s *sim.Transcription) { s.Whole = true }).Loses(t, 8000, c.faults, c.class)
			})
		})
	}
}

// hears runs a session and returns the fields of its form, or what it said of its
// Realtime session.
func hears(t *testing.T, o openai.Options, s transcribe.Options) (form map[string][]string, session map[string]any, r sim.RecogniserRequest) {
	t.Helper()
	var mu sync.Mutex
	synctest.Test(t, func(t *testing.T) {
		v := vendor(o, func(fake *sim.Transcription) {
			fake.Form = func(f map[string][]string) { mu.Lock(); form = f; mu.Unlock() }
			fake.Session = func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				if err := json.Unmarshal(b, &session); err != nil {
					t.Error(err)
				}
			}
		})
		r = v.Hears(t, s, "alpha bravo")
	})
	return form, session, r
}

func TestForm(t *testing.T) {
	form, _, r := hears(t, openai.Options{}, transcribe.Options{Rate: 8000, Language: "de-DE", KeyTerms: []string{"IBAN", "Müller"}})
	for key, want := range map[string]string{"model": "gpt-4o-transcribe", "language": "de", "prompt": "IBAN, Müller", "stream": "true", "response_format": "json"} {
		if got := form[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := r.Header.Get("Authorization"); got != "Bearer "+enginetest.Key {
		t.Errorf("the key is given as %q", got)
	}
	form, _, _ = hears(t, openai.Options{Model: "gpt-transcribe", Language: "fr"}, transcribe.Options{Rate: 16000, Language: "de-DE", KeyTerms: []string{"IBAN", "Müller"}})
	if !slices.Equal(form["keywords[]"], []string{"IBAN", "Müller"}) || form["prompt"] != nil || form["language"][0] != "fr" {
		t.Errorf("the form is %q", form)
	}
}

func TestSessions(t *testing.T) {
	for _, c := range []struct {
		api  openai.API
		rate int
		want string
	}{
		{openai.Realtime, 8000, `{"session":{"audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"language":"de","model":"gpt-4o-transcribe","prompt":"IBAN"},"turn_detection":null}},"type":"transcription"},"type":"session.update"}`},
		{openai.Realtime, 16000, `{"session":{"audio":{"input":{"format":{"rate":24000,"type":"audio/pcm"},"transcription":{"language":"de","model":"gpt-4o-transcribe","prompt":"IBAN"},"turn_detection":null}},"type":"transcription"},"type":"session.update"}`},
		{openai.RealtimeBeta, 8000, `{"session":{"input_audio_format":"g711_ulaw","input_audio_transcription":{"language":"de","model":"gpt-4o-transcribe","prompt":"IBAN"},"turn_detection":null},"type":"transcription_session.update"}`},
		{openai.RealtimeBeta, 16000, `{"session":{"input_audio_format":"pcm16","input_audio_transcription":{"language":"de","model":"gpt-4o-transcribe","prompt":"IBAN"},"turn_detection":null},"type":"transcription_session.update"}`},
	} {
		_, session, r := hears(t, openai.Options{API: c.api}, transcribe.Options{Rate: c.rate, Language: "de-DE", KeyTerms: []string{"IBAN"}})
		got, err := json.Marshal(session)
		if err != nil || string(got) != c.want {
			t.Errorf("%s at %d Hz: the session is\n%s, want\n%s", c.api, c.rate, got, c.want)
		}
		if !strings.HasSuffix(r.URL, "/v1/realtime?intent=transcription") {
			t.Errorf("%s: asked for %s", c.api, r.URL)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]openai.Options{"no key": {}, "no URL": {URL: "api.openai.com", Key: "k"}} {
		if _, err := openai.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	local, err := openai.New(openai.Options{URL: "http://localhost:8000/v1"})
	if err != nil || !local.Local() {
		t.Errorf("a server on this machine: %v", err)
	}
	if _, err := local.Open(transcribe.Options{Rate: 44100}); err == nil {
		t.Error("44.1 kHz was accepted")
	}
}
