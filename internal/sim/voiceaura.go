package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sidetone/media"
)

// Aura is a stand-in for Deepgram's voices, POST /v1/speak, with fault switches.
// It is an http.Handler.
type Aura struct{ Synthesiser }

// maxSpeak is the longest text, in characters.
const maxSpeak = 2000

// auraRates are the sample rates of each encoding without a container.
var auraRates = map[string][]int{"linear16": {8000, 16000, 24000, 32000, 48000}, "mulaw": {8000, 16000}, "alaw": {8000, 16000}}

// ServeHTTP implements http.Handler.
func (a *Aura) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/speak" || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	body := readRequest(w, r)
	n, f := a.arrived(r, body)
	all := false
	defer func() { a.left(n, !all) }()
	text := field(body, "text")
	explain := func(status int, message string) any {
		return map[string]any{"err_code": strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_")), "err_msg": message, "request_id": "1"}
	}
	if a.refuse(w, r, f, strings.TrimPrefix(r.Header.Get("Authorization"), "Token "), text, explain) {
		all = true
		return
	}
	q := r.URL.Query()
	rate, _ := strconv.Atoi(q.Get("sample_rate"))
	status := http.StatusBadRequest
	switch {
	case len([]rune(text)) > maxSpeak:
		status = http.StatusRequestEntityTooLarge
	case text != "" && strings.HasPrefix(q.Get("model"), "aura-") && q.Get("container") == "none" && slices.Contains(auraRates[q.Get("encoding")], rate):
		status = 0
	}
	if status != 0 {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(explain(status, "invalid"))
		return
	}
	if f.Deaf {
		<-r.Context().Done()
		return
	}
	pcm := a.say(rate, text)
	if q.Get("encoding") == "mulaw" {
		all = a.answerAudio(w, r, f, "audio/mulaw", media.AppendULaw(nil, pcm), rate)
		return
	}
	all = a.answerAudio(w, r, f, "audio/l16;rate="+strconv.Itoa(rate), littleEndian(pcm), 2*rate)
}
