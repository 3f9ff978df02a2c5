package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/telephony"
	"sidetone/transcribe"
)

// Event is one line of the operator's event stream: what a live call may show
// of itself.
type Event struct {
	Call      string             `json:"call"`
	CarrierID string             `json:"carrier_id"`
	Agent     string             `json:"agent"`
	Kind      call.UpdateKind    `json:"kind"`
	Consent   consent.Outcome    `json:"consent,omitempty"`
	Turn      *transcribe.Turn   `json:"turn,omitempty"`
	Answer    *transcribe.Answer `json:"answer,omitempty"`
	Timing    *Timing            `json:"timing,omitempty"`
	Outcome   call.Outcome       `json:"outcome,omitempty"`
	Reason    call.Reason        `json:"reason,omitempty"`
	Room      Room               `json:"room,omitempty"` // of RoomChanged, which is about no call
}

// Timing is where the time of a turn went, as a call tells it.
type Timing = call.Timing

// The kinds of event, as the calls name them.
const (
	AgentChosen      = call.AgentChosen
	RecordingPaused  = call.RecordingPaused
	PauseOverdue     = call.PauseOverdue
	RecordingResumed = call.RecordingResumed
	ConsentSettled   = call.ConsentSettled
	ConsentWithdrawn = call.ConsentWithdrawn
	Spoke            = call.Spoke
	Answered         = call.Answered
	TurnTimed        = call.TurnTimed
	CallEnded        = call.CallEnded
)

// eventOf makes an event of a call's update.
func eventOf(i telephony.Info, u call.Update) Event {
	return Event{Call: i.ID, CarrierID: i.CarrierID, Agent: cmp.Or(u.Agent, i.Agent), Kind: u.Kind, Consent: u.Consent,
		Turn: u.Turn, Answer: u.Answer, Timing: u.Timing, Outcome: u.Result.Outcome, Reason: u.Result.Reason}
}

// eventsBehind is how many events a subscriber may be behind before it is cut
// off.
const eventsBehind = 256

// hub hands events to its subscribers, and never waits for one.
type hub struct {
	mu   sync.Mutex
	subs map[chan Event]bool
	room Event // the last of RoomChanged, unless all is well
}

func newHub() *hub { return &hub{subs: map[chan Event]bool{}} }

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Kind == RoomChanged {
		h.room = e
	}
	for sub := range h.subs {
		select {
		case sub <- e:
		default:
			delete(h.subs, sub)
			close(sub)
		}
	}
}

func (h *hub) subscribe() chan Event {
	sub := make(chan Event, eventsBehind)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs[sub] = true
	if h.room.Room != "" && h.room.Room != RoomThere {
		sub <- h.room // which it has room for
	}
	return sub
}

func (h *hub) unsubscribe(sub chan Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs[sub] {
		delete(h.subs, sub)
		close(sub)
	}
}

// follow streams events as server-sent events; ?carrier_id= keeps those of one
// call only. Words are shown once there is a row of that.
func (a *App) follow(w http.ResponseWriter, r *http.Request) {
	sub := a.events.subscribe()
	defer a.events.unsubscribe(sub)
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, ": connected\n\n")
	if control.Flush() != nil {
		return
	}
	only := r.URL.Query().Get("carrier_id")
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		select {
		case e, ok := <-sub:
			if !ok {
				return
			}
			if only != "" && e.CarrierID != only {
				continue
			}
			if err := a.noteWords(r.Context(), e); err != nil {
				a.log.Error("words of a call are not shown", "call", e.Call, "err", err)
				continue
			}
			data, err := json.Marshal(e)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", data)
		case <-alive.C:
			fmt.Fprint(w, ": alive\n\n")
		case <-r.Context().Done():
			return
		}
		control.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if control.Flush() != nil {
			return
		}
	}
}

// noteWords has it noted that a call's words are shown, if an event has any.
func (a *App) noteWords(ctx context.Context, e Event) error {
	if e.Turn == nil && e.Answer == nil {
		return nil
	}
	return a.accesses.note(ctx, access{call: e.Call, What: theLiveText, By: byOperator})
}
