package sim

import (
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The turns of the stand-in for Flux: seconds of silence that end one, or may.
const (
	fluxUpdate = 0.25
	fluxEager  = 0.3
	fluxEnd    = 0.6
)

// fluxStream is one stream of /v2/listen: TurnInfo about every quarter of a
// second of audio, and when the state of the turn changes.
type fluxStream struct {
	*recogniserSocket
	selfHosted, untimed bool
	eager               bool
	idle                *time.Timer

	mu       sync.Mutex
	sequence int
	turn     int
	from     float64 // of the turn
	told     float64
	said     int // words of the turn at the newest message
	waiting  bool
	held     map[string]any // an EndOfTurn that comes too late
}

// serveFlux serves a stream of Flux.
func (s *recogniserSocket) serveFlux(q url.Values, selfHosted, untimed bool) {
	f := &fluxStream{recogniserSocket: s, selfHosted: selfHosted, untimed: untimed, eager: q.Has("eager_eot_threshold")}
	f.idle = time.AfterFunc(idleAfter, func() { s.finish(websocket.CloseInternalServerErr, "NET-0001") })
	defer f.idle.Stop()
	f.mu.Lock()
	f.message(map[string]any{"type": "Connected"})
	f.mu.Unlock()
	s.serve(f)
}

// message sends a message with its number.
func (f *fluxStream) message(v map[string]any) {
	v["request_id"], v["sequence_id"] = "00000000-0000-0000-0000-000000000000", f.sequence
	f.sequence++
	f.say(v)
}

// audio implements recogniserProtocol.
func (f *fluxStream) audio() {
	f.idle.Reset(idleAfter)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.ear.seconds()
	words := len(f.ear.between(f.from, now))
	quiet := f.ear.quietFor()
	switch {
	case words > 0 && f.said == 0:
		f.event("StartOfTurn", "")
	case words > 0 && quiet >= fluxEnd:
		f.event("EndOfTurn", "model")
	case f.waiting && quiet == 0:
		f.waiting = false
		f.event("TurnResumed", "")
	case f.eager && words > 0 && !f.waiting && quiet >= fluxEager:
		f.waiting = true
		f.event("EagerEndOfTurn", "")
	case now-f.told >= fluxUpdate:
		f.event("Update", "")
	}
}

// control implements recogniserProtocol.
func (f *fluxStream) control(kind string, _ []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case kind == "CloseStream":
		if f.said > 0 {
			f.event("EndOfTurn", "model")
		}
		f.finish(websocket.CloseNormalClosure, "")
	case kind == "ForceEndTurn" && !f.selfHosted:
		if f.said > 0 {
			f.event("EndOfTurn", "manual")
		}
	case kind == "Configure":
		f.message(map[string]any{"type": "ConfigureSuccess"})
	default:
		f.message(map[string]any{"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "unknown variant"})
		f.finish(websocket.ClosePolicyViolation, "UNPARSABLE_CLIENT_MESSAGE")
	}
}

// event says how the turn stands.
func (f *fluxStream) event(kind, trigger string) {
	now := f.ear.seconds()
	words := f.ear.between(f.from, now)
	list := []any{}
	for _, w := range words {
		word := map[string]any{"word": w.Text, "confidence": 0.98}
		if !f.untimed {
			word["start"], word["end"] = round3(w.From), round3(w.To)
		}
		list = append(list, word)
	}
	v := map[string]any{
		"type": "TurnInfo", "event": kind, "turn_index": f.turn, "audio_window_start": round3(f.from), "audio_window_end": round3(now),
		"transcript": textOf(words), "words": list, "end_of_turn_confidence": 0.5,
	}
	if trigger != "" {
		v["trigger"] = trigger
	}
	f.told, f.said = now, len(words)
	ended := kind == "EndOfTurn"
	if ended {
		f.turn++
		f.from, f.said, f.waiting = now, 0, false
	}
	switch {
	case ended && f.faults.Disorder && f.held == nil:
		f.held = v
		return
	case ended && f.faults.Duplicates:
		f.message(v)
		v = cloned(v)
	}
	f.message(v)
	if f.held != nil {
		f.message(f.held)
		f.held = nil
	}
}

func cloned(v map[string]any) map[string]any {
	c := map[string]any{}
	for key, value := range v {
		c[key] = value
	}
	return c
}

// partial implements recogniserProtocol.
func (f *fluxStream) partial() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return map[string]any{"type": "TurnInfo", "event": "Update", "turn_index": f.turn, "audio_window_start": round3(f.from),
		"audio_window_end": round3(max(f.told, f.from)), "transcript": "", "words": []any{}, "end_of_turn_confidence": 0}
}
