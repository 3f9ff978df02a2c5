package elevenlabs

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
	"sidetone/dialog/tts/voicetest"
	"sidetone/internal/sim"
)

func subject(o Options) voicetest.Remote {
	return voicetest.Remote{
		Fake: func() (*sim.Synthesiser, http.Handler) {
			f := &sim.ElevenLabs{}
			return &f.Synthesiser, f
		},
		Voice: func(url, key string, remote remote.Options) voicetest.Voice {
			o.URL, o.Key, o.Remote = url, key, remote
			return New(o)
		},
		Events: o.API == WebSocket, Socket: o.API == WebSocket,
	}
}

func TestConformance(t *testing.T) {
	for _, api := range []API{HTTP, WebSocket} {
		t.Run(string(api), func(t *testing.T) { voicetest.Run(t, subject(Options{API: api})) })
	}
}

// TestAsked is what ElevenLabs is asked for.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		options Options
		rate    int
		path    string
		format  string
		logging string
	}{
		{Options{}, 8000, "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream", "ulaw_8000", ""},
		{Options{Voice: "an/id", ZeroRetention: true}, 16000, "/v1/text-to-speech/an%2Fid/stream", "pcm_16000", "false"},
		{Options{API: WebSocket, ZeroRetention: true}, 8000, "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream-input", "ulaw_8000", "false"},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := voicetest.Asked(t, subject(c.options), c.rate)
			if asked.Path != c.path && c.options.Voice == "" {
				t.Errorf("%+v: asked at %s, want %s", c.options, asked.Path, c.path)
			}
			for name, want := range map[string]string{"output_format": c.format, "enable_logging": c.logging} {
				if got := append(asked.Query[name], "")[0]; got != want {
					t.Errorf("%+v: %s is %q, want %q", c.options, name, got, want)
				}
			}
		})
	}
}

// TestAhead opens a socket while the sentence before is said, so that a sentence
// waits for no handshake; one that was closed meanwhile is replaced unheard.
func TestAhead(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 59 * time.Second, 61 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			v := subject(Options{API: WebSocket})
			first, later := voicetest.Twice(t, v, pause)
			if first < 150*time.Millisecond {
				t.Errorf("the first sentence took %v, want a handshake in it", first)
			}
			if warm := pause < time.Minute; warm != (later < 100*time.Millisecond) {
				t.Errorf("after a pause of %v the first audio took %v", pause, later)
			}
		})
	}
}

// TestErrors are messages whose codes are a class.
func TestErrors(t *testing.T) {
	for code, want := range map[string]tts.Class{
		"quota_exceeded": tts.Denied, "too_many_concurrent_requests": tts.Limited, "system_busy": tts.Busy,
		"input_timeout_exceeded": tts.TimedOut, "voice_not_found": tts.Rejected,
	} {
		c := &clip{voice: New(Options{}), first: &message{data: []byte(`{"error":"` + code + `","message":"the words","code":1008}`)}}
		_, err := c.Next()
		var f *tts.Failure
		if !errors.As(err, &f) || f.Class != want {
			t.Errorf("%s is %v, want class %s", code, err, want)
		}
	}
}
