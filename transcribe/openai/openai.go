// Package openai is speech recognition by OpenAI, and by the many servers that
// speak as it does: a request a turn (/v1/audio/transcriptions), or a Realtime
// transcription session, by its names since general availability or those of the
// beta. Engines get the caller's speech alone, and say nothing of where the
// words are.
//
// It refuses to send what no gate has let through, to follow a redirect, and to
// repeat what a vendor answers. Its sessions are those of transcribe/remote.
//
// Sources: OpenAI API reference, "Create transcription", "Transcription streaming
// events", "Realtime transcription", "Client events" and "Server events", as of
// November 2026.
package openai

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// API is an interface of OpenAI's.
type API string

// The interfaces.
const (
	Transcriptions API = "transcriptions" // a request a turn
	Realtime       API = "realtime"       // a connection a call
	RealtimeBeta   API = "realtime_beta"  // by the names of the beta, which some servers still have
)

// The defaults of Options.
const (
	DefaultURL   = "https://api.openai.com/v1"
	DefaultModel = "gpt-4o-transcribe"
)

// Options describe an Engine. Zero fields take the defaults.
type Options struct {
	API      API // Transcriptions
	URL      string
	Key      string
	Model    string
	Language string // in place of the session's; two letters
	Remote   remote.Options
}

// Engine opens sessions.
type Engine struct {
	options Options
	client  *http.Client
}

// New returns an engine. It does not connect.
func New(o Options) (*Engine, error) {
	o.API, o.URL, o.Model = cmp.Or(o.API, Transcriptions), cmp.Or(o.URL, DefaultURL), cmp.Or(o.Model, DefaultModel)
	if o.Key == "" && !remote.OnThisMachine(o.URL) {
		return nil, errors.New("openai: there is no key")
	}
	if _, err := remote.SocketURL(o.URL, "", nil); err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	o.Remote = o.Remote.WithDefaults()
	return &Engine{o, newClient(o.Remote)}, nil
}

// Name implements transcribe.Engine.
func (e *Engine) Name() string {
	if e.options.API == Transcriptions {
		return "openai"
	}
	return "openai_realtime"
}

// Local implements transcribe.Engine: many such servers run on this machine.
func (e *Engine) Local() bool { return remote.OnThisMachine(e.options.URL) }

// Open implements transcribe.Engine.
func (e *Engine) Open(o transcribe.Options) (transcribe.Session, error) {
	if o.Rate != 8000 && o.Rate != 16000 {
		return nil, fmt.Errorf("openai: a rate of %d Hz is neither 8000 nor 16000", o.Rate)
	}
	header := http.Header{}
	if e.options.Key != "" {
		header.Set("Authorization", "Bearer "+e.options.Key)
	}
	line := remote.Line{Engine: e.Name(), Rate: o.Rate, Header: header, Secret: e.options.Key, Chunk: media.TicksIn(100 * time.Millisecond), Gated: true}
	prompt := e.prompt(o)
	if e.options.API == Transcriptions {
		r := &request{engine: e, rate: o.Rate, header: header, prompt: prompt}
		return remote.NewRequests(line, e.options.Remote, r.ask), nil
	}
	beta := e.options.API == RealtimeBeta
	if beta {
		header.Set("OpenAI-Beta", "realtime=v1")
	}
	var err error
	if line.URL, err = remote.SocketURL(e.options.URL, "realtime", url.Values{"intent": {"transcription"}}); err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	line.Dialect = func() remote.Dialect { return newRealtime(o.Rate, prompt, beta) }
	return remote.NewSession(line, e.options.Remote), nil
}

// prompt is what is said of a call's speech.
type prompt struct {
	Model    string   `json:"model"`
	Language string   `json:"language,omitempty"`
	Prompt   string   `json:"prompt,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
}

// prompt returns what is said of a session's speech. Newer models take key terms
// as such, the others as a text in whose manner they write.
func (e *Engine) prompt(o transcribe.Options) prompt {
	language, _, _ := strings.Cut(o.Language, "-")
	p := prompt{Model: e.options.Model, Language: cmp.Or(e.options.Language, language)}
	switch {
	case len(o.KeyTerms) == 0:
	case p.Model == "gpt-transcribe" || p.Model == "gpt-live-transcribe":
		p.Keywords = o.KeyTerms
	default:
		p.Prompt = strings.Join(o.KeyTerms, ", ")
	}
	return p
}
