// Package telephony says what a leg is: one side of a call, as a stream of
// 20 ms frames in both directions and a stream of events. It knows no
// protocol; telephony/twilio and telephony/webrtc do.
//
// A leg's goroutines are those of its Run, which the call starts and waits for.
package telephony

import (
	"context"
	"errors"
	"time"

	"sidetone/media"
)

// ErrEnded is returned by Send, Mark and Clear once the leg has ended.
var ErrEnded = errors.New("telephony: leg has ended")

// Kind names the transport of a leg. It is a metric label.
type Kind string

// The kinds of leg.
const (
	Phone Kind = "phone"
	Web   Kind = "web"
)

// Direction says who called. It is a metric label.
type Direction string

// The directions of a call.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Info describes a leg. ID is safe to log; From and To are personal data and
// are not.
type Info struct {
	ID        string     // our own call id, not the carrier's
	CarrierID string     // the carrier's id of the call, such as a CallSid
	Kind      Kind       //
	Direction Direction  //
	Rate      int        // Hz; one rate for life: 8000 (phone) or 16000 (web)
	Lead      media.Tick // how far ahead of real time Send may run
	From, To  string     // as the carrier gave them; never assume E.164
	Agent     string     // name of the agent that answers
	Started   time.Time  //
	// Metadata is what the operator's own systems said about the caller, from the
	// session token; personal data, not to be logged.
	Metadata map[string]string
}

// EventKind is the kind of an Event.
type EventKind uint8

// The kinds of event.
const (
	// DTMF is a key pressed by the far end; Digit holds it.
	DTMF EventKind = iota + 1
	// Played says that all audio sent before Mark has been played.
	Played
	// Flushed says that Mark was thrown away by a Clear, with the audio before it.
	Flushed
	// Lost says that the far end is gone for now; the leg waits for it.
	Lost
	// Resumed says that the far end is back after Lost.
	Resumed
	// Typed is a line that the far end wrote; Text holds it. This kind and those
	// after it come from a Screen only.
	Typed
	// Typing says that the far end is writing a line.
	Typing
	// Chose is the answer to the question of consent; Choice holds it, and Text the
	// content address of the message that was on the screen.
	Chose
	// Told is what the far end says about itself before or beside the conversation;
	// Field names it ("name" or "email") and Text holds it.
	Told
	// Muted and Unmuted say that the far end's microphone was switched.
	Muted
	Unmuted
)

// Event is something the far end did. At is the newest inbound tick (the end
// of the newest frame received) when the leg read it.
type Event struct {
	Kind  EventKind
	At    media.Tick
	Digit byte         // '0'-'9', '*', '#', 'A'-'D'
	Mark  media.MarkID //

	Text   string // Typed, Chose, Told
	Field  string // Told
	Choice Choice // Chose
}

// Cause says why a leg ended. It is a metric label.
type Cause string

// The causes of a leg's end.
const (
	HungUp     Cause = "hung_up"    // the far end hung up
	Ended      Cause = "ended"      // End was called
	Dropped    Cause = "dropped"    // the transport went away and did not come back
	Unanswered Cause = "unanswered" // no stream ever came
	Protocol   Cause = "protocol"   // the far end broke the protocol
	Stalled    Cause = "stalled"    // the far end stopped reading
	Overloaded Cause = "overloaded" // the call could not keep up with events
)

// EndError is what Leg.Run returns when a leg ended for another reason than
// HungUp or Ended.
type EndError struct {
	Cause Cause
	Err   error
}

// Error implements error.
func (e *EndError) Error() string {
	if e.Err == nil {
		return "telephony: leg ended: " + string(e.Cause)
	}
	return "telephony: leg ended: " + string(e.Cause) + ": " + e.Err.Error()
}

// Unwrap returns the underlying error, if any.
func (e *EndError) Unwrap() error { return e.Err }

// NextKind says what happens to the far end when we end a leg.
type NextKind uint8

// What may come next.
const (
	HangUp NextKind = iota
	Dial            // connect the far end to Next.Target
	Say             // read Next.Text with the carrier's own voice, then hang up
)

// Next is what the far end gets after End.
type Next struct {
	Kind   NextKind
	Target string // Dial: an E.164 number or SIP address
	Text   string // Say: plain text; Dial: said to who answers, before the far end is connected; may be empty
}

// Leg is one side of a call. All implementations pass legtest.Run.
//
// Run is called once, by the call, and pumps until the leg has ended; every
// other method may be called from one other goroutine. Send, Mark and Clear
// never block: what does not fit a bounded queue ends the leg with Stalled.
type Leg interface {
	// Info describes the leg; it does not change.
	Info() Info
	// Recv carries the far end's audio, ordered by At, which may jump forward: a
	// leg never invents audio. At most 1 s is queued, then the oldest frame is
	// dropped and counted. The leg closes it, once, when Run is about to return.
	Recv() <-chan media.Frame
	// Events carries what the far end did, in order; at most 64 are queued, none
	// is ever dropped (the leg ends with Overloaded). Closed after Recv.
	Events() <-chan Event
	// Send queues one frame for the far end. Its At is ignored.
	Send(media.Frame) error
	// Mark asks for a Played or Flushed event when all audio sent before it has
	// been played or thrown away.
	Mark(media.MarkID) error
	// Clear throws away all audio that the far end has not played, and overtakes
	// what is queued here. Every outstanding mark ends in Flushed, but for those
	// before audio that can not be called back: they may still be played.
	Clear() error
	// End ends the leg; idempotent. It returns when the far end has been told, at
	// the latest when ctx ends.
	End(context.Context, Next) error
	// Run pumps until the leg has ended. nil means HungUp or Ended, which
	// Cause tells apart; otherwise the error is an *EndError.
	Run(context.Context) error
	// Cause says why the leg ended, once Run has returned.
	Cause() Cause
}
