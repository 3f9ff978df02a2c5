package deepgram

import (
	"net/http"
	"testing"
	"testing/synctest"

	"sidetone/dialog/tts/remote"
	"sidetone/dialog/tts/voicetest"
	"sidetone/internal/sim"
)

func subject(o Options) voicetest.Remote {
	return voicetest.Remote{
		Fake: func() (*sim.Synthesiser, http.Handler) {
			f := &sim.Aura{}
			return &f.Synthesiser, f
		},
		Voice: func(url, key string, remote remote.Options) voicetest.Voice {
			o.URL, o.Key, o.Remote = url, key, remote
			return New(o)
		},
	}
}

func TestConformance(t *testing.T) { voicetest.Run(t, subject(Options{})) }

// TestAsked is what Deepgram is asked for.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		options  Options
		rate     int
		encoding string
		optOut   string
		model    string
	}{
		{Options{}, 8000, "mulaw", "true", "aura-2-thalia-en"},
		{Options{Voice: "aura-2-zeus-en"}, 16000, "linear16", "true", "aura-2-zeus-en"},
		{Options{Train: true}, 8000, "mulaw", "", "aura-2-thalia-en"},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := voicetest.Asked(t, subject(c.options), c.rate)
			for name, want := range map[string]string{"encoding": c.encoding, "mip_opt_out": c.optOut, "model": c.model, "container": "none"} {
				if got := append(asked.Query[name], "")[0]; got != want {
					t.Errorf("%+v: %s is %q, want %q", c.options, name, got, want)
				}
			}
		})
	}
}
