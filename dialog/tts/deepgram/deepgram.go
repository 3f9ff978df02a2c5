// Package deepgram is Deepgram's voices, Aura: POST /v1/speak
// (https://developers.deepgram.com/reference/text-to-speech/speak-request), whose
// answer streams. Phone calls get mu-law as Deepgram makes it, others PCM.
//
// It does not use the WebSocket of the same name: sentences are whole when they are
// to be said, and a kept connection saves what a socket would. It refuses redirects,
// and text of more than MaxText bytes a request. Its connections are shared by all
// calls and end with Close.
package deepgram

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
)

// MaxText is what one request says at most; Deepgram takes 2,000 characters.
const MaxText = 1900

// pieces are as long as the API takes them.
var pieces = tts.Cutter{Min: 12, First: MaxText, Max: MaxText}

// Options are those of a Voice. Zero fields take the defaults.
type Options struct {
	URL    string // https://api.deepgram.com
	Key    string // none for servers that want none
	Voice  string // the model, such as aura-2-thalia-en
	Train  bool   // let Deepgram keep the text to improve its models
	Remote remote.Options
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	client  *remote.Client
	options Options
	header  http.Header
}

var _ dialog.Speaker = (*Voice)(nil)

// New returns a voice. It does not connect.
func New(o Options) *Voice {
	o.URL = cmp.Or(o.URL, "https://api.deepgram.com")
	o.Voice = cmp.Or(o.Voice, "aura-2-thalia-en")
	header := http.Header{}
	if o.Key != "" {
		header.Set("Authorization", "Token "+o.Key)
	}
	return &Voice{remote.NewClient("deepgram", o.Remote), o, header}
}

// Name returns "deepgram".
func (v *Voice) Name() string { return v.client.Engine }

// Local reports whether the server is on this machine.
func (v *Voice) Local() bool { return remote.OnThisMachine(v.options.URL) }

// Close drops the connections that are kept.
func (v *Voice) Close() error { return v.client.Close() }

// Speak yields text as mono PCM at rate Hz as it comes. It yields a *tts.Failure,
// or why ctx ended.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	f := remote.Telephone(rate)
	q := url.Values{"model": {v.options.Voice}, "encoding": {"linear16"}, "sample_rate": {strconv.Itoa(f.Rate)}, "container": {"none"}}
	if f.Coding == remote.MuLaw {
		q.Set("encoding", "mulaw")
	}
	if !v.options.Train {
		q.Set("mip_opt_out", "true")
	}
	return v.client.Pieces(pieces, text, func(piece string) iter.Seq2[[]int16, error] {
		return v.client.Speak(ctx, piece, rate, func(ctx context.Context) (remote.Source, remote.Format, error) {
			return v.client.Post(ctx, remote.Request{
				Base: v.options.URL, Path: "v1/speak", Query: q, Header: v.header, Body: map[string]string{"text": piece}, Format: f,
			})
		})
	})
}
