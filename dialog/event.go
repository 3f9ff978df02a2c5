package dialog

import (
	"sidetone/consent"
	"sidetone/media"
)

// Event is something that happened in the call, given to Machine.Step.
type Event interface{ event() media.Tick }

// The events. At is the tick at which the call saw it.
type (
	// Opened: consent is settled, the conversation may begin.
	Opened struct{ At media.Tick }
	// SpeechStarted: the caller has spoken since From (96 ms or more before At).
	SpeechStarted struct{ At, From media.Tick }
	// SpeechEnded: the caller has been silent since To.
	SpeechEnded struct {
		At, To  media.Tick
		Cadence Cadence
	}
	// Words: what speech recognition makes of the open turn so far (not Final), or
	// of the turn that Finalize ended. Lost: nobody was there to hear it.
	Words struct {
		At         media.Tick
		Said       consent.Heard
		Final      bool
		Lost       bool // a final without words
		Confidence float64
		Hint       Hint // of the engine, with words that are not final
		Private    bool // not final: they may be for the gateway alone, such as a withdrawal, and no reply is guessed
	}
	// Key: the caller pressed a key.
	Key struct {
		At    media.Tick
		Said  consent.Heard // the digit, minted
		Digit byte
	}
	// Typed: the caller wrote a line: a turn of no duration.
	Typed struct {
		At   media.Tick
		Said consent.Heard
	}
	// AskedMachine: the caller asked whether the agent is a machine. It comes in
	// place of the Words that are final, or of Typed. No replier answers it.
	AskedMachine struct {
		At         media.Tick
		Said       consent.Heard
		Typed      bool
		Confidence float64 // of what was not typed
	}
	// Stirred: the caller is busy without a word, such as writing a line.
	Stirred struct{ At media.Tick }
	// Replied: the replier yielded a part.
	Replied struct {
		At   media.Tick
		Turn TurnID
		Part Part
	}
	// ReplyEnded: the replier is done; Err tells why when it failed.
	ReplyEnded struct {
		At   media.Tick
		Turn TurnID
		Err  error
	}
	// Played: the clip of a Say was played up to Offset of Length ticks, the stretch
	// before this event's from tick From on. Length is 0 while synthesis runs.
	Played struct {
		At             media.Tick
		Clip           media.ClipID
		From           media.Tick
		Offset, Length media.Tick
		Done           bool // the whole clip was played
	}
	// SpeakFailed: the clip of a Say could not be made; it counts as played with
	// nothing heard.
	SpeakFailed struct {
		At   media.Tick
		Clip media.ClipID
		Err  error
	}
	// Shortened: only Text of the clip of a Say was made; the clip ends there.
	Shortened struct {
		At   media.Tick
		Clip media.ClipID
		Text string
	}
	// HoldSettled: after a Hold, everything that was played has been reported. It
	// comes after a Drop too, when that was quicker.
	HoldSettled struct{ At media.Tick }
	// Suspended: the conversation stops until Restored, such as for a question of
	// consent. What the agent says is cut, and the caller is not listened to.
	Suspended struct{ At media.Tick }
	// Restored: the conversation goes on after Suspended, PauseRecording or Minor. The
	// caller counts as silent until SpeechStarted, also when their speech goes on.
	Restored struct{ At media.Tick }
	// Passed: time went by (every 20 ms).
	Passed struct{ At media.Tick }
	// Closed: the call is over; everything that was played has been reported. An
	// AgentTurn that was cut by it is all that it may lead to.
	Closed struct{ At media.Tick }
)

func (e Opened) event() media.Tick        { return e.At }
func (e SpeechStarted) event() media.Tick { return e.At }
func (e SpeechEnded) event() media.Tick   { return e.At }
func (e Words) event() media.Tick         { return e.At }
func (e Key) event() media.Tick           { return e.At }
func (e Typed) event() media.Tick         { return e.At }
func (e AskedMachine) event() media.Tick  { return e.At }
func (e Stirred) event() media.Tick       { return e.At }
func (e Replied) event() media.Tick       { return e.At }
func (e ReplyEnded) event() media.Tick    { return e.At }
func (e Played) event() media.Tick        { return e.At }
func (e SpeakFailed) event() media.Tick   { return e.At }
func (e Shortened) event() media.Tick     { return e.At }
func (e HoldSettled) event() media.Tick   { return e.At }
func (e Suspended) event() media.Tick     { return e.At }
func (e Restored) event() media.Tick      { return e.At }
func (e Passed) event() media.Tick        { return e.At }
func (e Closed) event() media.Tick        { return e.At }
