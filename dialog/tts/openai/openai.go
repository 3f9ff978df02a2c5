// Package openai is the voice of OpenAI, and of servers that speak as it does:
// POST /audio/speech (https://platform.openai.com/docs/api-reference/audio/createSpeech),
// such as Kokoro, speaches and LocalAI. What comes is played as it comes, as PCM,
// as a WAV file, or in events.
//
// It refuses redirects, and text of more than MaxText characters a request. Its
// connections are shared by all calls and end with Close.
package openai

import (
	"cmp"
	"context"
	"iter"
	"net/http"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
)

// MaxText is the most that the API takes at once, in characters.
const MaxText = 4096

// rate is that of the PCM which the API makes.
const rate = 24000

// Options are those of a Voice. Zero fields take the defaults.
type Options struct {
	URL          string // base, such as https://api.openai.com/v1
	Key          string // none for servers that want none
	Model        string // gpt-4o-mini-tts
	Voice        string // alloy
	Instructions string // how to speak, for models that are told; may be empty
	Format       string // asked for: pcm or wav; pcm
	StreamFormat string // asked for: audio or sse; empty: as the server likes
	// FirstPiece is the length in bytes of the first request of a sentence, for
	// servers that answer when the whole clip is made. 0: all of it.
	FirstPiece int
	Remote     remote.Options
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	client  *remote.Client
	options Options
	header  http.Header
	pieces  tts.Cutter
}

var _ dialog.Speaker = (*Voice)(nil)

// New returns a voice. It does not connect.
func New(o Options) *Voice {
	o.URL = cmp.Or(o.URL, "https://api.openai.com/v1")
	o.Model = cmp.Or(o.Model, "gpt-4o-mini-tts")
	o.Voice = cmp.Or(o.Voice, "alloy")
	o.Format = cmp.Or(o.Format, "pcm")
	header := http.Header{}
	if o.Key != "" {
		header.Set("Authorization", "Bearer "+o.Key)
	}
	return &Voice{
		client: remote.NewClient("openai", o.Remote), options: o, header: header,
		pieces: tts.Cutter{Min: 12, First: cmp.Or(o.FirstPiece, MaxText), Max: MaxText},
	}
}

// Name returns "openai".
func (v *Voice) Name() string { return v.client.Engine }

// Close drops the connections that are kept.
func (v *Voice) Close() error { return v.client.Close() }

// Local reports whether the server is on this machine.
func (v *Voice) Local() bool { return remote.OnThisMachine(v.options.URL) }

// request is the body of a request.
type request struct {
	Model        string `json:"model"`
	Input        string `json:"input"`
	Voice        string `json:"voice"`
	Format       string `json:"response_format"`
	Instructions string `json:"instructions,omitempty"`
	StreamFormat string `json:"stream_format,omitempty"`
}

// Speak yields text as mono PCM at rate Hz as it comes. It yields a *tts.Failure,
// or why ctx ended.
func (v *Voice) Speak(ctx context.Context, text string, hz int) iter.Seq2[[]int16, error] {
	return v.client.Pieces(v.pieces, text, func(piece string) iter.Seq2[[]int16, error] {
		return v.client.Speak(ctx, piece, hz, func(ctx context.Context) (remote.Source, remote.Format, error) {
			return v.client.Post(ctx, remote.Request{
				Base: v.options.URL, Path: "audio/speech", Header: v.header, Format: remote.Format{Coding: remote.PCM, Rate: rate},
				Body: request{v.options.Model, piece, v.options.Voice, v.options.Format, v.options.Instructions, v.options.StreamFormat},
			})
		})
	})
}
