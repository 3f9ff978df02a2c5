package deepgram

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"sidetone/transcribe"
	"sidetone/transcribe/remote"
)

// flux is the protocol of /v2/listen on one connection. Flux decides itself when
// a turn ends, and that is passed on as a hint; Finalize ends its turn where it
// is still open (ForceEndTurn, which only Deepgram's own servers know).
type flux struct {
	coding
	forces bool
	buf    []byte
	heard  float64
	solid  float64
	open   []openTurn // there were words of them and no end
	asked  float64    // the newest Finalize
	forced bool       // and it was asked for
}

// openTurn is a turn, and about where its words begin: the window that Flux gives
// has the silence before them too.
type openTurn struct {
	turn int64
	from float64
}

// onset is how many seconds of a turn Flux has mostly heard when it tells of it.
const onset = 0.3

// unheard is how many seconds of the end of a turn Flux may not have listened to
// when its turn is ended: it reports every 250 ms of audio, and the end is silence.
const unheard = 0.3

// eager is the confidence from which on Flux says that a turn may have ended.
const eager = "0.5"

// turnInfo is a message of Flux.
type turnInfo struct {
	Type       string     `json:"type"`
	Event      string     `json:"event"`
	Turn       int64      `json:"turn_index"`
	From       float64    `json:"audio_window_start"`
	To         float64    `json:"audio_window_end"`
	Transcript string     `json:"transcript"`
	Words      []fluxWord `json:"words"`
	Trigger    string     `json:"trigger"`
	Code       string     `json:"code"` // of an Error
}

// fluxWord is a word; servers before word times leave them out.
type fluxWord struct {
	Word       string  `json:"word"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

// turns are the parameters of Flux.
func (e *Engine) turns(o transcribe.Options) (url.Values, error) {
	language, _, _ := strings.Cut(o.Language, "-")
	if e.options.Language != "" {
		language = e.options.Language
	}
	q := e.common(o)
	q.Set("eager_eot_threshold", eager)
	switch {
	case strings.HasSuffix(e.options.Model, "-multi") && language != "" && language != "multi":
		q.Set("language_hint", language)
	case strings.HasSuffix(e.options.Model, "-en") && language != "" && !strings.EqualFold(language, "en"):
		return nil, fmt.Errorf("deepgram: the model %s understands English, not %q", e.options.Model, o.Language)
	}
	if len(o.KeyTerms) > 0 {
		q["keyterm"] = o.KeyTerms
	}
	return q, nil
}

// hosted reports whether a base URL is one of Deepgram's own servers.
func hosted(base string) bool {
	u, err := url.Parse(base)
	return err == nil && strings.HasSuffix("."+u.Hostname(), ".deepgram.com")
}

// Hello implements remote.Dialect.
func (*flux) Hello() remote.Message { return remote.Message{} }

// Ready implements remote.Dialect.
func (*flux) Ready() bool { return true }

// Audio implements remote.Dialect.
func (f *flux) Audio(pcm []int16) remote.Message {
	f.buf = f.appendTo(f.buf[:0], pcm)
	return remote.Message{Binary: true, Data: f.buf}
}

// Finalize implements remote.Dialect.
func (f *flux) Finalize(at float64) []remote.Message {
	f.asked, f.forced = at, false
	return []remote.Message{f.force()}
}

// force ends the turn that is open, once all that was said in it was heard.
func (f *flux) force() remote.Message {
	if !f.forces || f.forced || f.asked == 0 || f.solid >= f.asked || len(f.open) == 0 || f.heard < f.asked-unheard {
		return remote.Message{}
	}
	f.forced = true
	return remote.Text(`{"type":"ForceEndTurn"}`)
}

// KeepAlive implements remote.Dialect: Flux knows none.
func (*flux) KeepAlive() remote.Message { return remote.Message{} }

// Bye implements remote.Dialect.
func (*flux) Bye() remote.Message { return remote.Text(`{"type":"CloseStream"}`) }

// Read implements remote.Dialect.
func (f *flux) Read(data []byte) (remote.Report, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &kind) != nil || kind.Type == "" {
		return remote.Report{}, remote.ErrMalformed
	}
	if kind.Type != "TurnInfo" && kind.Type != "Error" {
		return remote.Report{}, nil // Connected, ConfigureSuccess, and what may come
	}
	var m turnInfo
	if json.Unmarshal(data, &m) != nil || m.From < 0 || m.To < m.From || m.To > longestStream {
		return remote.Report{}, remote.ErrMalformed
	}
	if m.Type == "Error" {
		return remote.Report{}, &transcribe.Failure{Op: "read", Class: transcribe.Busy, Code: m.Code}
	}
	return f.turn(m), nil
}

// hints are what the events of Flux say of the end of a turn.
var hints = map[string]transcribe.Hint{"EagerEndOfTurn": transcribe.MayEnd, "TurnResumed": transcribe.GoesOn, "EndOfTurn": transcribe.Ended}

// turn takes what is known of a turn.
func (f *flux) turn(m turnInfo) remote.Report {
	ended := m.Event == "EndOfTurn"
	report := remote.Report{Hint: hints[m.Event]}
	from := f.follow(m, ended)
	if m.Transcript != "" || ended {
		report.Passage = &remote.Passage{Key: m.Turn, From: from, To: m.To, Text: m.Transcript, Final: ended}
		for _, w := range m.Words {
			if w.Word != "" {
				report.Passage.Words = append(report.Passage.Words, remote.Word{From: w.Start, To: w.End, Text: w.Word, Confidence: w.Confidence})
			}
		}
	}
	f.heard = max(f.heard, m.To)
	switch {
	case len(f.open) > 0:
	case ended && m.Trigger == "manual" && f.forced:
		f.solid = max(f.solid, f.asked)
	default:
		f.solid = max(f.solid, f.heard)
	}
	report.Heard, report.Solid, report.Reply = f.heard, f.solid, f.force()
	return report
}

// follow keeps which turns are open, and returns where the words of this one
// begin. A turn whose end got lost ends with the one after the next.
func (f *flux) follow(m turnInfo, ended bool) (from float64) {
	from = max(m.From, m.To-onset)
	known := false
	open := f.open[:0]
	for _, t := range f.open {
		if t.turn == m.Turn {
			known, from = true, min(t.from, m.To)
		}
		if t.turn != m.Turn && t.turn > m.Turn-2 || t.turn == m.Turn && !ended {
			open = append(open, t)
		}
	}
	if m.Transcript != "" && !ended && !known {
		open = append(open, openTurn{m.Turn, from})
	}
	f.open = open
	return from
}
