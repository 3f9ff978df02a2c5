// Package deepgram is speech recognition by Deepgram: live transcription (v1,
// the Nova models) and Flux (v2), whose models detect turns themselves. Phone
// calls go out as the mu-law they came in, web calls as 16 bit PCM.
//
// It refuses to send what no gate has let through, and anything to another host
// than the configured one. Its sessions are those of transcribe/remote.
//
// Sources: developers.deepgram.com, "Live Audio" (listen-streaming), "Turn-based
// Audio (Flux)" (listen-flux), "Finalize", "Audio Keep Alive", "Force End Turn",
// as of November 2026.
package deepgram

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// The defaults of Options.
const (
	DefaultURL   = "https://api.deepgram.com"
	DefaultModel = "nova-3"
)

// Options describe an Engine. Zero fields take the defaults.
type Options struct {
	URL      string
	Key      string
	Model    string
	Language string // in place of the session's, such as "multi"
	// Train lets Deepgram keep audio to improve its models; without it requests opt
	// out (mip_opt_out).
	Train  bool
	Remote remote.Options
}

// Engine opens sessions at Deepgram.
type Engine struct{ options Options }

// New returns an engine. It does not connect.
func New(o Options) (*Engine, error) {
	o.URL, o.Model = cmp.Or(o.URL, DefaultURL), cmp.Or(o.Model, DefaultModel)
	if o.Key == "" && !remote.OnThisMachine(o.URL) {
		return nil, errors.New("deepgram: there is no key")
	}
	if _, err := remote.SocketURL(o.URL, "v1/listen", nil); err != nil {
		return nil, fmt.Errorf("deepgram: %w", err)
	}
	o.Remote = o.Remote.WithDefaults()
	return &Engine{o}, nil
}

// Name implements transcribe.Engine.
func (e *Engine) Name() string {
	if e.flux() {
		return "deepgram_flux"
	}
	return "deepgram"
}

// Local implements transcribe.Engine: Deepgram can be hosted on this machine.
func (e *Engine) Local() bool { return remote.OnThisMachine(e.options.URL) }

// Open implements transcribe.Engine.
func (e *Engine) Open(o transcribe.Options) (transcribe.Session, error) {
	if o.Rate != 8000 && o.Rate != 16000 {
		return nil, fmt.Errorf("deepgram: a rate of %d Hz is neither 8000 nor 16000", o.Rate)
	}
	path, query := "v1/listen", e.live(o)
	chunk, dialect := 40*time.Millisecond, func() remote.Dialect { return &live{coding: codingOf(o.Rate)} }
	if e.flux() {
		var err error
		if query, err = e.turns(o); err != nil {
			return nil, err
		}
		path, chunk = "v2/listen", 80*time.Millisecond
		dialect = func() remote.Dialect { return &flux{coding: codingOf(o.Rate), forces: hosted(e.options.URL)} }
	}
	address, err := remote.SocketURL(e.options.URL, path, query)
	if err != nil {
		return nil, fmt.Errorf("deepgram: %w", err)
	}
	header := http.Header{}
	if e.options.Key != "" {
		header.Set("Authorization", "Token "+e.options.Key)
	}
	return remote.NewSession(remote.Line{
		Engine: e.Name(), Rate: o.Rate, URL: address, Header: header, Secret: e.options.Key,
		Chunk: media.TicksIn(chunk), Steady: true, Dialect: dialect,
	}, e.options.Remote), nil
}

// flux reports whether the model is one of Flux.
func (e *Engine) flux() bool { return strings.HasPrefix(e.options.Model, "flux") }

// common are the parameters of both interfaces.
func (e *Engine) common(o transcribe.Options) url.Values {
	q := url.Values{"model": {e.options.Model}, "encoding": {codingOf(o.Rate).name()}, "sample_rate": {strconv.Itoa(o.Rate)}}
	if !e.options.Train {
		q.Set("mip_opt_out", "true")
	}
	return q
}

// live are the parameters of live transcription.
func (e *Engine) live(o transcribe.Options) url.Values {
	q := e.common(o)
	for key, value := range map[string]string{
		"channels": "1", "interim_results": "true", "smart_format": "true", "endpointing": "300", "utterance_end_ms": "1000",
	} {
		q.Set(key, value)
	}
	if language := cmp.Or(e.options.Language, o.Language); language != "" {
		q.Set("language", language)
	}
	terms := "keywords" // of models before Nova-3
	if strings.HasPrefix(e.options.Model, "nova-3") {
		terms = "keyterm"
	}
	if len(o.KeyTerms) > 0 {
		q[terms] = o.KeyTerms
	}
	return q
}

// coding is how audio is sent.
type coding struct{ mulaw bool }

// codingOf returns the coding of a rate: phones' audio is mu-law already.
func codingOf(rate int) coding { return coding{rate == 8000} }

func (c coding) name() string {
	if c.mulaw {
		return "mulaw"
	}
	return "linear16"
}

// appendTo appends PCM.
func (c coding) appendTo(dst []byte, pcm []int16) []byte {
	if c.mulaw {
		return media.AppendULaw(dst, pcm)
	}
	for _, x := range pcm {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(x))
	}
	return dst
}
