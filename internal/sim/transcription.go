package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sidetone/media"
)

// Transcription is a stand-in for OpenAI's speech recognition, with fault
// switches: POST /v1/audio/transcriptions, whole or in events, and Realtime
// transcription sessions at /v1/realtime?intent=transcription, by the names since
// general availability or those of the beta. It understands the tone language
// (SayTones), and is an http.Handler.
type Transcription struct {
	Recogniser
	// Whole is a server that does not stream.
	Whole bool
	// Beta is a server that knows the names of the beta only.
	Beta bool
	// Live says words while they are spoken, as the newer Realtime models do.
	Live bool
	// Form, if set, gets the fields of each form.
	Form func(map[string][]string)
	// Session, if set, gets each message that describes a Realtime session.
	Session func([]byte)
}

// maxForm bounds a request, in bytes.
const maxForm = 25 << 20

// ServeHTTP implements http.Handler.
func (s *Transcription) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/realtime" && r.URL.Query().Get("intent") == "transcription":
		s.serveRealtime(w, r)
	case r.URL.Path == "/v1/audio/transcriptions" && r.Method == http.MethodPost:
		s.serveForm(w, r)
	default:
		http.NotFound(w, r)
	}
}

// serveForm answers a form.
func (s *Transcription) serveForm(w http.ResponseWriter, r *http.Request) {
	n, f := s.arrived(r)
	defer s.gone()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return
	}
	if s.refuse(w, r, f, "Bearer") {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	words, why := s.understand(r, n)
	if why != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error"}}`, why)
		return
	}
	if f.Deaf || f.HalfOpen > 0 && f.HalfOpen < f.CutAfter {
		<-r.Context().Done()
		return
	}
	a := &formAnswer{w: w, r: r, faults: f, words: words}
	a.sleep(s.latency())
	if s.Whole || r.FormValue("stream") != "true" || r.FormValue("model") == "whisper-1" {
		a.whole()
		return
	}
	a.stream()
}

// understand reads a form and hears what is in it.
func (s *Transcription) understand(r *http.Request, n int) (words []string, why string) {
	if err := r.ParseMultipartForm(maxForm); err != nil {
		return nil, "no form"
	}
	if s.Form != nil {
		s.Form(r.MultipartForm.Value)
	}
	file, header, err := r.FormFile("file")
	if err != nil || r.FormValue("model") == "" || !strings.HasSuffix(header.Filename, ".wav") {
		return nil, "there must be a file and a model"
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, "no file"
	}
	audio, err := media.DecodeWAV(data)
	if err != nil || len(audio.PCM) < audio.Rate/10 {
		return nil, "audio_too_short"
	}
	ear := newToneEar(audio.Rate)
	ear.hear(audio.PCM)
	ear.flush()
	for _, w := range ear.words {
		words = append(words, w.Text)
	}
	s.note(n, func(q *RecogniserRequest) {
		q.Seconds, q.Noise, q.Words = ear.seconds(), ear.noise, strings.Join(words, " ")
	})
	return words, ""
}

// formAnswer is the answer to a form, with its faults.
type formAnswer struct {
	w      http.ResponseWriter
	r      *http.Request
	faults RecogniserFaults
	words  []string
}

func (a *formAnswer) sleep(d time.Duration) {
	sleepUntil(a.r.Context(), time.Now().Add(d))
}

// whole answers in one piece.
func (a *formAnswer) whole() {
	a.w.Header().Set("Content-Type", "application/json")
	switch {
	case a.faults.Huge:
		io.WriteString(a.w, `{"text":"`)
		a.huge()
	case a.faults.Garbage > maxGarbage:
		io.WriteString(a.w, `{"text":`)
	case a.faults.CutAfter > 0:
		io.WriteString(a.w, `{"text":"`)
		a.w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case a.faults.HalfOpen > 0:
		io.WriteString(a.w, `{"text":"`)
		a.w.(http.Flusher).Flush()
		<-a.r.Context().Done()
	default:
		answer := map[string]any{"text": strings.Join(a.words, " ")}
		if a.faults.Unknown {
			answer["a_field_of_the_future"] = []int{1}
		}
		json.NewEncoder(a.w).Encode(answer)
	}
}

// maxGarbage is how much garbage still lets an answer in one piece through.
const maxGarbage = 10

// stream answers in events.
func (a *formAnswer) stream() {
	a.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if a.faults.Huge {
		io.WriteString(a.w, "data: ")
		a.huge()
		return
	}
	for i, word := range a.words {
		if i > 0 {
			word = " " + word
		}
		a.event(map[string]any{"type": "transcript.text.delta", "delta": word, "logprobs": []any{}})
		if i > 0 && a.faults.CutAfter > 0 {
			panic(http.ErrAbortHandler)
		}
		if i > 0 && a.faults.HalfOpen > 0 {
			<-a.r.Context().Done()
			return
		}
	}
	done := map[string]any{"type": "transcript.text.done", "text": strings.Join(a.words, " "), "usage": map[string]any{"type": "tokens", "total_tokens": 7}}
	a.event(done)
	if a.faults.Duplicates {
		a.event(done)
	}
	for a.faults.Endless && a.r.Context().Err() == nil {
		a.event(map[string]any{"type": "transcript.text.delta", "delta": " and"})
		a.sleep(5 * time.Millisecond)
	}
	io.WriteString(a.w, "data: [DONE]\n\n")
}

// event writes one event.
func (a *formAnswer) event(v map[string]any) {
	for range a.faults.Garbage {
		io.WriteString(a.w, "data: {\"type\":\"transcript.text.delta\",\"del\n\n")
	}
	if a.faults.Unknown {
		v["a_field_of_the_future"] = map[string]any{"type": 1}
		io.WriteString(a.w, ": a comment\nevent: future\nid: 7\ndata: {\"type\":\"an.event.of.the.future\",\"text\":[1]}\n\n")
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of maps of our own
	}
	fmt.Fprintf(a.w, "data: %s\n\n", data)
	a.w.(http.Flusher).Flush()
}

func (a *formAnswer) huge() {
	block := strings.Repeat("x", 1<<16)
	for range hugeReply / len(block) {
		if _, err := io.WriteString(a.w, block); err != nil {
			return
		}
	}
}
