package sim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sidetone/media"
)

// SpeechAPI is a stand-in for OpenAI's speech, POST /v1/audio/speech, and for
// servers that speak as it does, with fault switches: PCM at 24 kHz or a WAV file,
// whole or in events. It is an http.Handler.
type SpeechAPI struct {
	Synthesiser
	// Whole is a server that answers when all is made, with a WAV file that knows
	// its length and has more chunks than one needs, whatever it was asked for.
	Whole bool
	// Events is one that always answers in events.
	Events bool
}

// speechRate is that of the speech.
const speechRate = 24000

// maxInput is the longest text, in characters.
const maxInput = 4096

// ServeHTTP implements http.Handler.
func (s *SpeechAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/audio/speech" || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	body := readRequest(w, r)
	n, f := s.arrived(r, body)
	all := false
	defer func() { s.left(n, !all) }()
	text := field(body, "input")
	explain := func(status int, message string) any {
		return map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "code": http.StatusText(status)}}
	}
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.refuse(w, r, f, key, text, explain) {
		all = true
		return
	}
	format := field(body, "response_format")
	if field(body, "model") == "" || field(body, "voice") == "" || text == "" || len([]rune(text)) > maxInput ||
		!slices.Contains([]string{"", "mp3", "opus", "aac", "flac", "wav", "pcm"}, format) {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(explain(400, "invalid"))
		return
	}
	if f.Deaf {
		<-r.Context().Done()
		return
	}
	coded := littleEndian(s.say(speechRate, text))
	switch {
	case s.Events || field(body, "stream_format") == "sse":
		all = s.events(w, r, f, coded)
	case s.Whole:
		f.Odd = true
		all = s.answerAudio(w, r, f, "audio/x-wav", wholeWAV(coded), 2*speechRate*s.speed())
	case format == "wav":
		all = s.answerAudio(w, r, f, "audio/wav", append(streamedWAV(), coded...), 2*speechRate)
	case format == "pcm":
		all = s.answerAudio(w, r, f, "audio/pcm", coded, 2*speechRate)
	default:
		f.Compressed = true
		all = s.answerAudio(w, r, f, "audio/mpeg", coded, 2*speechRate)
	}
}

// streamedWAV is the header of a WAV file whose length nobody knows yet.
func streamedWAV() []byte {
	h := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: speechRate}, 0)
	binary.LittleEndian.PutUint32(h[4:], 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(h[len(h)-4:], 0xFFFFFFFF)
	return h
}

// wholeWAV is a WAV file with chunks before and after its samples.
func wholeWAV(coded []byte) []byte {
	list := append([]byte("LIST\x0b\x00\x00\x00"), "INFOanyone?\x00"...)
	h := media.AppendWAVHeader(nil, media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: speechRate}, uint32(len(coded)))
	return slices.Concat(h[:len(h)-8], list, h[len(h)-8:], coded, list, list)
}

// events answers in events.
func (s *SpeechAPI) events(w http.ResponseWriter, r *http.Request, f SynthesiserFaults, coded []byte) bool {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	sleepUntil(r.Context(), time.Now().Add(s.latency()))
	say := func(v map[string]any) error {
		for range f.Garbage {
			io.WriteString(w, "data: {\"type\":\"speech.audio.del\n\n")
		}
		if f.Unknown {
			v["a_field_of_the_future"] = []int{1}
			io.WriteString(w, ": a comment\nevent: future\ndata: {\"type\":\"an.event.of.the.future\"}\n\n")
		}
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // of maps of our own
		}
		_, err = fmt.Fprintf(w, "data: %s\n\n", data)
		w.(http.Flusher).Flush()
		return err
	}
	u := utterance{faults: f, coded: coded, second: 2 * speechRate, speed: s.speed(), write: func(b []byte) error {
		return say(map[string]any{"type": "speech.audio.delta", "audio": base64.StdEncoding.EncodeToString(b)})
	}, cut: func() { panic(http.ErrAbortHandler) }}
	return u.play(r.Context()) && say(map[string]any{"type": "speech.audio.done", "usage": map[string]any{"total_tokens": 7}}) == nil
}
