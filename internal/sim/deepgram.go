package sim

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Deepgram is a stand-in for Deepgram's live transcription, /v1/listen, and Flux,
// /v2/listen, with fault switches. It understands the tone language (SayTones) and speaks the
// protocol of developers.deepgram.com as of November 2026: interim results and
// finals that lie end to end over all audio, endpointing, UtteranceEnd, Finalize,
// KeepAlive, CloseStream, Metadata, and NET-0001 for a stream that says nothing
// for ten seconds. It is an http.Handler.
type Deepgram struct {
	Recogniser
	// Accepts are the encodings it takes; empty: mulaw and linear16.
	Accepts []string
	// Silent leaves Finalize without an answer where there is nothing new, as the
	// documentation allows.
	Silent bool
	// SelfHosted is a Flux that knows no ForceEndTurn, and ends a stream that sends
	// it. Untimed is one that does not say where the words are.
	SelfHosted, Untimed bool
}

// idleAfter is after how long Deepgram ends a stream on which nothing comes.
const idleAfter = 10 * time.Second

// ServeHTTP implements http.Handler.
func (d *Deepgram) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/listen" && r.URL.Path != "/v2/listen" {
		http.NotFound(w, r)
		return
	}
	if why := d.wrong(r); why != "" {
		n, _ := d.arrived(r)
		defer d.gone()
		d.note(n, func(q *RecogniserRequest) { q.Control = append(q.Control, "refused") })
		w.Header().Set("dg-error", why)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"err_code":"Bad Request","err_msg":%q}`, why)
		return
	}
	s := d.accept(w, r, "Token")
	if s == nil {
		return
	}
	rate, _ := strconv.Atoi(r.URL.Query().Get("sample_rate"))
	s.ear, s.mulaw = newToneEar(rate), r.URL.Query().Get("encoding") == "mulaw"
	if r.URL.Path == "/v2/listen" {
		s.serveFlux(r.URL.Query(), d.SelfHosted, d.Untimed)
		return
	}
	l := &listening{recogniserSocket: s, silent: d.Silent}
	endpointing, err := strconv.Atoi(r.URL.Query().Get("endpointing"))
	if l.endpoint = float64(endpointing) / 1000; err != nil {
		l.endpoint = 0.01
	}
	end, _ := strconv.Atoi(r.URL.Query().Get("utterance_end_ms"))
	l.utterance = float64(end) / 1000
	l.interim = r.URL.Query().Get("interim_results") == "true"
	l.idle = time.AfterFunc(idleAfter, func() { s.finish(websocket.CloseInternalServerErr, "NET-0001") })
	defer l.idle.Stop()
	s.serve(l)
}

// wrong says what is wrong with the parameters of a request.
func (d *Deepgram) wrong(r *http.Request) string {
	q := r.URL.Query()
	accepts := d.Accepts
	if len(accepts) == 0 {
		accepts = []string{"mulaw", "linear16"}
	}
	switch rate, err := strconv.Atoi(q.Get("sample_rate")); {
	case strings.HasPrefix(q.Get("model"), "flux-") != (r.URL.Path == "/v2/listen"):
		return "there is no such model here"
	case r.URL.Path == "/v2/listen" && (q.Has("language") || q.Has("interim_results") || q.Has("endpointing")):
		return "Failed to deserialize query parameters: unknown field"
	case q.Get("model") == "":
		return "there is no model"
	case !slices.Contains(accepts, q.Get("encoding")):
		return "Failed to deserialize query parameters: encoding"
	case err != nil || rate < 8000 || rate > 48000:
		return "Failed to deserialize query parameters: sample_rate"
	case q.Get("utterance_end_ms") != "" && q.Get("interim_results") != "true":
		return "utterance_end_ms needs interim_results"
	}
	return ""
}

// listening is one stream of live transcription.
type listening struct {
	*recogniserSocket
	silent              bool
	interim             bool
	endpoint, utterance float64 // seconds of silence
	idle                *time.Timer

	mu    sync.Mutex
	from  float64 // of the stretch that is open
	told  float64 // up to where there was a result
	words int     // of the newest interim
	spoke bool    // since the newest UtteranceEnd
	held  map[string]any
}

// Results of silence come once a second, and become final after five.
const (
	everySecond = 1.0
	quietFinal  = 5.0
)

// audio implements recogniserProtocol.
func (l *listening) audio() {
	l.idle.Reset(idleAfter)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.ear.seconds()
	words := l.ear.between(l.from, now)
	switch quiet := l.ear.quietFor(); {
	case len(words) > 0 && quiet >= l.endpoint:
		l.final(now, true, false)
		l.spoke = true
	case len(words) == 0 && now-l.from >= quietFinal:
		l.final(now, false, false)
	case l.interim && (len(words) != l.words || now-l.told >= everySecond):
		l.words, l.told = len(words), now
		l.result(now, words, false, false, false)
	}
	if all := l.ear.words; l.spoke && l.utterance > 0 && l.ear.quietFor() >= l.utterance {
		l.spoke = false
		l.say(map[string]any{"type": "UtteranceEnd", "channel": []int{0, 1}, "last_word_end": all[len(all)-1].To})
	}
}

// control implements recogniserProtocol.
func (l *listening) control(kind string, _ []byte) {
	l.idle.Reset(idleAfter)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.ear.seconds()
	switch kind {
	case "Finalize":
		if l.silent && now-l.from < 0.1 {
			return
		}
		l.final(now, false, true)
	case "CloseStream":
		l.final(now, false, false)
		l.say(map[string]any{"type": "Metadata", "transaction_key": "deprecated", "duration": now, "channels": 1})
		l.finish(websocket.CloseNormalClosure, "")
	}
}

// final ends the stretch that is open.
func (l *listening) final(now float64, speech, finalize bool) {
	words := l.ear.between(l.from, now)
	l.result(now, words, true, speech, finalize)
	l.from, l.told, l.words = now, now, 0
}

func (l *listening) result(now float64, words []ToneWord, final, speech, finalize bool) {
	list := []any{}
	for _, w := range words {
		list = append(list, map[string]any{"word": w.Text, "punctuated_word": w.Text, "start": w.From, "end": w.To, "confidence": 0.99})
	}
	confidence := 0.0
	if len(words) > 0 {
		confidence = 0.99
	}
	v := map[string]any{
		"type": "Results", "channel_index": []int{0, 1}, "start": round3(l.from), "duration": round3(now - l.from),
		"is_final": final, "speech_final": speech, "from_finalize": finalize,
		"channel":  map[string]any{"alternatives": []any{map[string]any{"transcript": textOf(words), "confidence": confidence, "words": list}}},
		"metadata": map[string]any{"request_id": "00000000-0000-0000-0000-000000000000", "model_uuid": "sim"},
	}
	switch {
	case final && l.faults.Disorder && l.held == nil && !finalize:
		l.held = v
		return
	case final && l.faults.Duplicates:
		l.say(v)
	}
	l.say(v)
	if final && l.held != nil {
		l.say(l.held)
		l.held = nil
	}
}

// partial implements recogniserProtocol.
func (l *listening) partial() any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return map[string]any{"type": "Results", "channel_index": []int{0, 1}, "start": round3(l.from), "duration": round3(max(l.told-l.from, 0)), "is_final": false,
		"channel": map[string]any{"alternatives": []any{map[string]any{"transcript": "", "confidence": 0, "words": []any{}}}}}
}

// round3 rounds to milliseconds.
func round3(x float64) float64 { return math.Round(x*1000) / 1000 }
