package sim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
)

// ElevenLabs is a stand-in for ElevenLabs' voices, with fault switches: POST
// /v1/text-to-speech/{voice}/stream and the WebSocket
// /v1/text-to-speech/{voice}/stream-input. It is an http.Handler.
type ElevenLabs struct{ Synthesiser }

// ServeHTTP implements http.Handler.
func (e *ElevenLabs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/text-to-speech/"), "/")
	switch {
	case len(path) == 2 && path[0] != "" && path[1] == "stream" && r.Method == http.MethodPost:
		e.serveStream(w, r)
	case len(path) == 2 && path[0] != "" && path[1] == "stream-input" && websocket.IsWebSocketUpgrade(r):
		e.serveInput(w, r)
	default:
		http.NotFound(w, r)
	}
}

// explainElevenLabs is an error as ElevenLabs writes it.
func explainElevenLabs(status int, message string) any {
	code := map[int]string{401: "invalid_api_key", 429: "too_many_concurrent_requests", 500: "server_error"}[status]
	return map[string]any{"detail": map[string]any{"status": code, "message": message}}
}

// elevenFormat reads output_format: the rate, and whether it is mu-law.
func elevenFormat(r *http.Request) (rate int, mulaw, ok bool) {
	coding, hz, _ := strings.Cut(r.URL.Query().Get("output_format"), "_")
	rate, err := strconv.Atoi(hz)
	return rate, coding == "ulaw", err == nil && (coding == "pcm" || coding == "ulaw" && rate == 8000)
}

// code says text in a format.
func (e *ElevenLabs) code(text string, rate int, mulaw bool) (coded []byte, second int) {
	pcm := e.say(rate, text)
	if mulaw {
		return media.AppendULaw(nil, pcm), rate
	}
	return littleEndian(pcm), 2 * rate
}

// serveStream answers a whole text.
func (e *ElevenLabs) serveStream(w http.ResponseWriter, r *http.Request) {
	body := readRequest(w, r)
	n, f := e.arrived(r, body)
	all := false
	defer func() { e.left(n, !all) }()
	text := field(body, "text")
	if e.refuse(w, r, f, r.Header.Get("xi-api-key"), text, explainElevenLabs) {
		all = true
		return
	}
	rate, mulaw, ok := elevenFormat(r)
	if !ok || text == "" || field(body, "model_id") == "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		json.NewEncoder(w).Encode(explainElevenLabs(422, "invalid"))
		return
	}
	if f.Deaf {
		<-r.Context().Done()
		return
	}
	coded, second := e.code(text, rate, mulaw)
	kind := "audio/pcm"
	if mulaw {
		kind = "audio/basic"
	}
	all = e.answerAudio(w, r, f, kind, coded, second)
}

// input is one WebSocket of stream-input.
type input struct {
	conn   *websocket.Conn
	faults SynthesiserFaults
	idle   time.Duration
	speed  int
}

// serveInput speaks what is sent piece by piece, until the end of the text, and
// closes the connection.
func (e *ElevenLabs) serveInput(w http.ResponseWriter, r *http.Request) {
	n, f := e.arrived(r, nil)
	all := false
	defer func() { e.left(n, !all) }()
	f.Apology, f.Disguised = false, false // errors of a socket are messages
	if e.refuse(w, r, f, r.Header.Get("xi-api-key"), "", explainElevenLabs) {
		all = true
		return
	}
	rate, mulaw, ok := elevenFormat(r)
	if !ok || r.URL.Query().Get("model_id") == "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	seconds, err := strconv.Atoi(r.URL.Query().Get("inactivity_timeout"))
	if err != nil {
		seconds = 20
	}
	in := &input{conn, f, time.Duration(seconds) * time.Second, e.speed()}
	e.waiting(1)
	text, ok := in.read()
	e.waiting(-1)
	if !ok {
		return
	}
	e.mu.Lock()
	e.requests[n].Body = map[string]any{"text": text}
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	gone := make(chan struct{})
	go func() { // notices a client that goes away
		defer close(gone)
		defer cancel()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	sleepUntil(ctx, time.Now().Add(e.latency()))
	coded, second := e.code(text, rate, mulaw)
	all = in.speak(ctx, coded, second)
	conn.Close()
	<-gone
}

// read takes the text up to its end: " " first, pieces that end with a space, and
// an empty one.
func (in *input) read() (text string, ok bool) {
	for first := true; ; first = false {
		in.conn.SetReadDeadline(time.Now().Add(in.idle))
		var m struct {
			Text *string `json:"text"`
		}
		_, data, err := in.conn.ReadMessage()
		if err != nil {
			in.fail("input_timeout_exceeded", "Have not received a new text input within the timeout")
			return "", false
		}
		switch {
		case json.Unmarshal(data, &m) != nil || m.Text == nil || first && *m.Text != " " || *m.Text != "" && !strings.HasSuffix(*m.Text, " "):
			in.fail("invalid_message", "invalid message")
			return "", false
		case *m.Text == "":
			in.conn.SetReadDeadline(time.Time{})
			return strings.TrimSpace(text), true
		}
		text += *m.Text
	}
}

// fail sends an error, and closes the connection.
func (in *input) fail(code, message string) {
	in.conn.SetWriteDeadline(time.Now().Add(time.Second))
	in.conn.WriteJSON(map[string]any{"message": message, "error": code, "code": websocket.ClosePolicyViolation})
	in.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, message), time.Now().Add(time.Second))
}

// speak sends the audio and the end.
func (in *input) speak(ctx context.Context, coded []byte, second int) bool {
	f := in.faults
	say := func(v map[string]any) error {
		for range f.Garbage {
			in.conn.WriteMessage(websocket.TextMessage, []byte(`{"audio":"AA`))
		}
		if f.Unknown {
			v["a_field_of_the_future"] = []int{1}
			in.conn.WriteMessage(websocket.TextMessage, []byte(`{"an_event_of_the_future":{"audio":7},"audio":null}`))
		}
		in.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
		return in.conn.WriteJSON(v)
	}
	u := utterance{faults: f, coded: coded, second: second, speed: in.speed, write: func(b []byte) error {
		return say(map[string]any{"audio": base64.StdEncoding.EncodeToString(b), "isFinal": nil, "normalizedAlignment": nil,
			"alignment": map[string]any{"chars": []string{"a"}, "charStartTimesMs": []int{0}, "charDurationsMs": []int{20}}})
	}, cut: func() { in.conn.NetConn().Close() }}
	if !u.play(ctx) || say(map[string]any{"audio": nil, "isFinal": true}) != nil {
		return false
	}
	in.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	return true
}
