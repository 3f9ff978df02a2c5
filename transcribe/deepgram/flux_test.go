package deepgram_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"

	"sidetone/internal/sim"
	"sidetone/transcribe"
	"sidetone/transcribe/deepgram"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/remote"
)

// fluxVendor is Flux, at Deepgram or on a server of one's own.
func fluxVendor(host string, o deepgram.Options, change func(*sim.Deepgram)) enginetest.Remote {
	return enginetest.Remote{
		Fake: func() (*sim.Recogniser, http.Handler) {
			d := &sim.Deepgram{}
			if change != nil {
				change(d)
			}
			return &d.Recogniser, d
		},
		Engine: func(t *testing.T, _ string, ro remote.Options) transcribe.Engine {
			o := o
			o.URL, o.Key, o.Remote = "http://"+host, enginetest.Key, ro
			if o.Model == "" {
				o.Model = "flux-general-en"
			}
			return engine(t, o)
		},
	}
}

func TestFluxConformance(t *testing.T) {
	enginetest.RunRemote(t, fluxVendor("api.deepgram.com", deepgram.Options{}, nil))
}

// TestFluxOfOnesOwn has a server that ends a stream on which it is told to end a
// turn.
func TestFluxOfOnesOwn(t *testing.T) {
	enginetest.RunRemote(t, fluxVendor("flux.example", deepgram.Options{}, func(d *sim.Deepgram) { d.SelfHosted = true }))
}

// TestFluxWithoutTimes has a server from before word times.
func TestFluxWithoutTimes(t *testing.T) {
	v := fluxVendor("flux.example", deepgram.Options{}, func(d *sim.Deepgram) { d.SelfHosted, d.Untimed = true, true })
	v.Untimed, v.Undivided = true, true
	enginetest.RunRemote(t, v)
}

func TestFluxParameters(t *testing.T) {
	for _, c := range []struct {
		options deepgram.Options
		session transcribe.Options
		want    url.Values
	}{
		{deepgram.Options{}, transcribe.Options{Rate: 8000, Language: "en-US", KeyTerms: []string{"IBAN", "Müller"}},
			url.Values{"model": {"flux-general-en"}, "encoding": {"mulaw"}, "sample_rate": {"8000"}, "eager_eot_threshold": {"0.5"}, "mip_opt_out": {"true"}, "keyterm": {"IBAN", "Müller"}}},
		{deepgram.Options{Model: "flux-general-multi", Train: true}, transcribe.Options{Rate: 16000, Language: "de-DE"},
			url.Values{"model": {"flux-general-multi"}, "encoding": {"linear16"}, "sample_rate": {"16000"}, "eager_eot_threshold": {"0.5"}, "language_hint": {"de"}}},
	} {
		var r sim.RecogniserRequest
		synctest.Test(t, func(t *testing.T) {
			r = fluxVendor("api.deepgram.com", c.options, nil).Hears(t, c.session, "alpha bravo")
		})
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		for key := range q {
			if !slices.Equal(q[key], c.want[key]) {
				t.Errorf("%s is %q, want %q", key, q[key], c.want[key])
			}
			delete(c.want, key)
		}
		if len(c.want) > 0 || u.Path != "/v2/listen" {
			t.Errorf("asked for %s, and nothing is said of %v", u.Path, c.want)
		}
		for _, m := range r.Control {
			if m != "ForceEndTurn" && m != "CloseStream" {
				t.Errorf("Flux was sent %s, which it does not know", m)
			}
		}
	}
}

func TestFluxKnowsItsLanguage(t *testing.T) {
	e := engine(t, deepgram.Options{Key: "k", Model: "flux-general-en"})
	if _, err := e.Open(transcribe.Options{Rate: 8000, Language: "de-DE"}); err == nil {
		t.Error("German was accepted by an English model")
	}
	if e.Name() == engine(t, deepgram.Options{Key: "k"}).Name() {
		t.Error("Flux and Nova count as one engine")
	}
}

// TestFluxHints follows Flux's own opinion of the turn: it may have ended, it
// goes on, it has.
func TestFluxHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := fluxVendor("api.deepgram.com", deepgram.Options{}, nil).Hints(t, "alpha bravo", "charlie")
		want := []transcribe.Hint{transcribe.MayEnd, transcribe.GoesOn, transcribe.MayEnd, transcribe.Ended}
		if !slices.Equal(got, want) {
			t.Errorf("the hints are %v, want %v", got, want)
		}
	})
}
