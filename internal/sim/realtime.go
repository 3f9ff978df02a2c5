package sim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sidetone/media"
)

// realtimeStream is one Realtime transcription session without turn detection.
type realtimeStream struct {
	*recogniserSocket
	server *Transcription
	turn   int
	from   float64 // of the audio that is not committed
	said   int     // words of it
	format string
}

// serveRealtime serves a session.
func (s *Transcription) serveRealtime(w http.ResponseWriter, r *http.Request) {
	if beta := strings.Contains(r.Header.Get("OpenAI-Beta"), "realtime=v1"); beta != s.Beta {
		http.Error(w, "beta_api_shape_disabled", http.StatusBadRequest)
		return
	}
	socket := s.accept(w, r, "Bearer")
	if socket == nil {
		return
	}
	socket.ear = newToneEar(8000)
	t := &realtimeStream{recogniserSocket: socket, server: s}
	t.say(map[string]any{"type": t.name("session.created"), "session": map[string]any{"id": "sess_1"}})
	socket.serve(t)
}

// name is an event's name for this server.
func (t *realtimeStream) name(name string) string {
	if t.server.Beta {
		return "transcription_" + name
	}
	return name
}

// control implements recogniserProtocol.
func (t *realtimeStream) control(kind string, text []byte) {
	switch kind {
	case t.name("session.update"):
		t.configure(text)
	case "input_audio_buffer.append":
		t.append(text)
	case "input_audio_buffer.commit":
		t.commit(text)
	default:
		t.refuse("invalid_value", "")
	}
}

func (t *realtimeStream) refuse(code, event string) {
	t.say(map[string]any{"type": "error", "event_id": "e", "error": map[string]any{"type": "invalid_request_error", "code": code, "message": "no", "event_id": event}})
}

// configure takes what a session is for.
func (t *realtimeStream) configure(text []byte) {
	var m struct {
		Session struct {
			Type          string          `json:"type"`
			Format        string          `json:"input_audio_format"`
			Transcription json.RawMessage `json:"input_audio_transcription"`
			Audio         struct {
				Input struct {
					Format struct {
						Type string `json:"type"`
						Rate int    `json:"rate"`
					} `json:"format"`
					Transcription json.RawMessage `json:"transcription"`
				} `json:"input"`
			} `json:"audio"`
		} `json:"session"`
	}
	json.Unmarshal(text, &m)
	if t.server.Session != nil {
		t.server.Session(text)
	}
	in := m.Session.Audio.Input
	t.format = in.Format.Type
	if t.server.Beta {
		t.format = m.Session.Format
		in.Transcription, m.Session.Type = m.Session.Transcription, "transcription"
	}
	switch {
	case m.Session.Type != "transcription" || len(in.Transcription) == 0:
		t.refuse("invalid_session", "")
		return
	case t.format == "audio/pcmu" || t.format == "g711_ulaw":
		t.mulaw = true
	case t.format == "pcm16" || t.format == "audio/pcm" && in.Format.Rate == 24000:
		t.ear = newToneEar(24000)
	default:
		t.refuse("invalid_format", "")
		return
	}
	t.say(map[string]any{"type": t.name("session.updated"), "session": map[string]any{"id": "sess_1"}})
}

// append takes audio.
func (t *realtimeStream) append(text []byte) {
	var m struct {
		Audio string `json:"audio"`
	}
	raw, err := []byte(nil), json.Unmarshal(text, &m)
	if err == nil {
		raw, err = base64.StdEncoding.DecodeString(m.Audio)
	}
	if err != nil || t.format == "" {
		t.refuse("invalid_audio", "")
		return
	}
	if t.mulaw {
		t.heard(media.AppendPCM(nil, raw), t)
		return
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	t.heard(pcm, t)
}

// audio implements recogniserProtocol.
func (t *realtimeStream) audio() {
	if words := t.ear.between(t.from, t.ear.seconds()); t.server.Live && len(words) > t.said {
		t.deltas(words)
	}
}

// deltas says the words that have not been said.
func (t *realtimeStream) deltas(words []ToneWord) {
	for _, w := range words[min(t.said, len(words)):] {
		delta := w.Text
		if t.said > 0 {
			delta = " " + delta
		}
		t.said++
		t.say(t.event("delta", map[string]any{"delta": delta}))
	}
}

// event is an event of the item that is open.
func (t *realtimeStream) event(kind string, v map[string]any) map[string]any {
	v["type"] = "conversation.item.input_audio_transcription." + kind
	v["event_id"], v["item_id"], v["content_index"] = "e", fmt.Sprintf("item_%d", t.turn), 0
	return v
}

// commit makes an item of the audio so far.
func (t *realtimeStream) commit(text []byte) {
	var m struct {
		Event string `json:"event_id"`
	}
	json.Unmarshal(text, &m)
	now := t.ear.seconds()
	if now-t.from < 0.1-1e-9 {
		t.refuse("input_audio_buffer_commit_empty", m.Event)
		return
	}
	t.ear.flush()
	words := t.ear.between(t.from, now)
	var before any
	if t.turn > 0 {
		before = fmt.Sprintf("item_%d", t.turn-1)
	}
	t.say(map[string]any{"type": "input_audio_buffer.committed", "event_id": "e", "item_id": fmt.Sprintf("item_%d", t.turn), "previous_item_id": before})
	t.deltas(words)
	done := t.event("completed", map[string]any{"transcript": textOf(words), "usage": map[string]any{"type": "tokens"}})
	if t.faults.Duplicates {
		t.say(cloned(done))
	}
	if t.faults.Disorder && t.turn%2 == 1 { // in the suite, the first of two turns at once
		data, _ := json.Marshal(done) // slower than the one after it
		time.AfterFunc(300*time.Millisecond, func() { t.queue(data) })
	} else {
		t.say(done)
	}
	t.turn++
	t.from, t.said = now, 0
}

// partial implements recogniserProtocol.
func (t *realtimeStream) partial() any {
	return map[string]any{"type": "input_audio_buffer.speech_started", "event_id": "e", "item_id": "item_x"}
}
