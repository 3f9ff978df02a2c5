package deepgram_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/internal/sim"
	"sidetone/transcribe"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/remote"
)

// vendor is live transcription, with what a test changes of the fake.
func vendor(change func(*sim.Deepgram)) enginetest.Remote {
	return enginetest.Remote{
		Fake: func() (*sim.Recogniser, http.Handler) {
			d := &sim.Deepgram{}
			if change != nil {
				change(d)
			}
			return &d.Recogniser, d
		},
		Engine: func(t *testing.T, url string, o remote.Options) transcribe.Engine {
			return engine(t, deepgram.Options{URL: url, Key: enginetest.Key, Remote: o})
		},
	}
}

func engine(t *testing.T, o deepgram.Options) *deepgram.Engine {
	t.Helper()
	e, err := deepgram.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) { enginetest.RunRemote(t, vendor(nil)) }

// TestFinalizeMayStayUnanswered is what the documentation allows.
func TestFinalizeMayStayUnanswered(t *testing.T) {
	enginetest.RunRemote(t, vendor(func(d *sim.Deepgram) { d.Silent = true }))
}

// TestWrongCoding has a vendor that takes no mu-law.
func TestWrongCoding(t *testing.T) {
	v := vendor(func(d *sim.Deepgram) { d.Accepts = []string{"linear16"} })
	synctest.Test(t, func(t *testing.T) { v.Loses(t, 8000, sim.RecogniserFaults{}, transcribe.Rejected) })
}

// TestAudioIsRefused has a vendor that can make nothing of the audio.
func TestAudioIsRefused(t *testing.T) {
	f := sim.RecogniserFaults{CutAfter: 500 * time.Millisecond, CloseAs: 1008, Reason: "DATA-0000"}
	synctest.Test(t, func(t *testing.T) {
		if got := vendor(nil).Loses(t, 8000, f, transcribe.Rejected); got.Code != "DATA-0000" {
			t.Errorf("the code is %q, want DATA-0000", got.Code)
		}
	})
}

// asked runs one turn and returns what the vendor was asked for.
func asked(t *testing.T, o deepgram.Options, s transcribe.Options) (q url.Values, r sim.RecogniserRequest) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := vendor(nil)
		v.Engine = func(t *testing.T, url string, ro remote.Options) transcribe.Engine {
			o.URL, o.Key, o.Remote = url, enginetest.Key, ro
			return engine(t, o)
		}
		r = v.Hears(t, s, "alpha bravo")
	})
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query(), r
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		name    string
		options deepgram.Options
		session transcribe.Options
		want    url.Values
	}{
		{"a phone call", deepgram.Options{}, transcribe.Options{Rate: 8000, Language: "de-DE", KeyTerms: []string{"Müller", "IBAN & Co"}}, url.Values{
			"model": {"nova-3"}, "encoding": {"mulaw"}, "sample_rate": {"8000"}, "channels": {"1"}, "language": {"de-DE"},
			"keyterm": {"Müller", "IBAN & Co"}, "mip_opt_out": {"true"}, "interim_results": {"true"}, "smart_format": {"true"},
			"endpointing": {"300"}, "utterance_end_ms": {"1000"},
		}},
		{"a web call", deepgram.Options{Model: "nova-2", Language: "multi", Train: true}, transcribe.Options{Rate: 16000, Language: "de-DE", KeyTerms: []string{"IBAN"}}, url.Values{
			"model": {"nova-2"}, "encoding": {"linear16"}, "sample_rate": {"16000"}, "channels": {"1"}, "language": {"multi"},
			"keywords": {"IBAN"}, "interim_results": {"true"}, "smart_format": {"true"}, "endpointing": {"300"}, "utterance_end_ms": {"1000"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, r := asked(t, c.options, c.session)
			for key := range q {
				if !slices.Equal(q[key], c.want[key]) {
					t.Errorf("%s is %q, want %q", key, q[key], c.want[key])
				}
				delete(c.want, key)
			}
			if len(c.want) > 0 {
				t.Errorf("nothing is said of %v", c.want)
			}
			if got := r.Header.Get("Authorization"); got != "Token "+enginetest.Key {
				t.Errorf("the key is given as %q", got)
			}
			if n := len(r.Control); n < 2 || r.Control[n-2] != "Finalize" || r.Control[n-1] != "CloseStream" {
				t.Errorf("the messages were %q, want Finalize and CloseStream last", r.Control)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]deepgram.Options{
		"no key":           {},
		"no URL":           {URL: "api.deepgram.com", Key: "k"},
		"a key in the URL": {URL: "https://key@api.deepgram.com", Key: "k"},
	} {
		if _, err := deepgram.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	e := engine(t, deepgram.Options{Key: "k"})
	if e.Local() {
		t.Error("Deepgram counts as this machine")
	}
	if _, err := e.Open(transcribe.Options{Rate: 44100}); err == nil {
		t.Error("44.1 kHz was accepted")
	}
	if !engine(t, deepgram.Options{URL: "http://127.0.0.1:8080"}).Local() {
		t.Error("a Deepgram on this machine counts as another")
	}
}
