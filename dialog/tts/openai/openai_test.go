package openai

import (
	"maps"
	"net/http"
	"testing"
	"testing/synctest"

	"sidetone/dialog/tts/remote"
	"sidetone/dialog/tts/voicetest"
	"sidetone/internal/sim"
)

// served is a kind of server, and how it is asked.
func served(events bool, o Options) voicetest.Remote {
	return voicetest.Remote{
		Fake: func() (*sim.Synthesiser, http.Handler) {
			f := &sim.SpeechAPI{Events: events}
			return &f.Synthesiser, f
		},
		Voice: func(url, key string, remote remote.Options) voicetest.Voice {
			o.URL, o.Key, o.Remote = url+"/v1", key, remote
			return New(o)
		},
		Events: events || o.StreamFormat == "sse",
	}
}

func TestConformance(t *testing.T) {
	t.Run("pcm", func(t *testing.T) { voicetest.Run(t, served(false, Options{})) })
	t.Run("wav", func(t *testing.T) { voicetest.Run(t, served(false, Options{Format: "wav"})) })
	t.Run("sse", func(t *testing.T) { voicetest.Run(t, served(false, Options{StreamFormat: "sse"})) })
	t.Run("events unasked", func(t *testing.T) { voicetest.Run(t, served(true, Options{})) })
	t.Run("pieces", func(t *testing.T) { voicetest.Run(t, served(false, Options{FirstPiece: 20})) })
}

// TestWhole is a server that answers when all is made, with a WAV file of its own.
func TestWhole(t *testing.T) {
	v := served(false, Options{FirstPiece: 24})
	v.Fake = func() (*sim.Synthesiser, http.Handler) {
		f := &sim.SpeechAPI{Whole: true}
		return &f.Synthesiser, f
	}
	synctest.Test(t, func(t *testing.T) {
		asked := voicetest.Asked(t, v, 8000)
		if asked.Body["input"] != "alpha bravo charlie" {
			t.Errorf("the first piece is %q", asked.Body["input"])
		}
	})
}

// TestAsked is what a server is asked for: nothing that some do not know, unless it
// is configured.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    map[string]any
	}{
		{Options{}, map[string]any{"model": "gpt-4o-mini-tts", "voice": "alloy", "response_format": "pcm"}},
		{Options{Model: "kokoro", Voice: "af_bella+af_sky", Format: "wav", Instructions: "Be calm.", StreamFormat: "audio"},
			map[string]any{"model": "kokoro", "voice": "af_bella+af_sky", "response_format": "wav", "instructions": "Be calm.", "stream_format": "audio"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := voicetest.Asked(t, served(false, c.options), 16000)
			c.want["input"] = "alpha bravo charlie delta echo"
			if !maps.Equal(asked.Body, c.want) {
				t.Errorf("asked %v, want %v", asked.Body, c.want)
			}
		})
	}
}
