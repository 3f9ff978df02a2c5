// Package dialog is the conversation: the turn machine, which decides when a
// turn has ended and what an interruption does, and the interfaces of what
// answers (Replier) and what speaks (Speaker). It parses agent files.
//
// It refuses to see audio, to read a clock and to do I/O on the machine's
// path: the machine is a pure function of its events. Nothing in this package
// starts a goroutine; repliers and speakers run on those of the call.
package dialog

import (
	"context"
	"iter"

	"sidetone/consent"
	"sidetone/media"
)

// TurnID numbers the agent's turns of a call from 1. What belongs to an older
// turn than the machine's current one is dropped, in exactly one place.
type TurnID uint32

// InputKind says what a Replier is to answer.
type InputKind uint8

// The kinds of input.
const (
	Opening InputKind = iota + 1 // the conversation begins: greet
	Said                         // the caller spoke
	Keyed                        // the caller pressed keys: Input.Said holds the digits
	Silent                       // the caller said nothing for a while
)

// Input is what a Replier answers.
type Input struct {
	Turn    TurnID
	Kind    InputKind
	Said    consent.Heard // Said and Keyed: what the caller said or pressed
	Silence int           // Silent: how many times in a row, from 1
	History []Line        // the conversation before this input, oldest first
}

// Line is one turn of the conversation as it happened: an agent's line is cut
// at what was played. Either Agent or Caller is set.
type Line struct {
	Agent  string
	Caller consent.Heard
}

// Part is a piece of a reply. A part may carry any of its fields, also none.
type Part struct {
	Sentence  string  // one sentence to speak; plain text
	Protected bool    // the sentence may not be interrupted
	Answer    *Answer // an answer of the caller that the reply has understood
	Expect    Expect  // how to listen after the reply; the last part's counts
	End       bool    // end the call when all has been played
	Transfer  string  // End: connect the caller to this number instead of hanging up
}

// Expect says what kind of input the next turn will be, so that the machine
// can be patient with it.
type Expect uint8

// What may be expected.
const (
	ExpectWords  Expect = iota // an ordinary sentence
	ExpectDigits               // digits, spelling or an e-mail address: pauses are part of it
	ExpectKey                  // one key, or a word
	ExpectNumber               // a sentence with a number in it, or digits on the keypad
)

// Answer is a structured answer to a question of the script or a goal of the
// prompt. Said is where it came from: without it an answer can not be kept. A
// later answer with the same key replaces an earlier one.
type Answer struct {
	Key   string // the question's key in the agent file
	Kind  string // text, yes_no, number, digits, choice, email, phone
	Value any    // string, bool, float64; nil when the caller skipped it
	Said  consent.Heard
}

// Replier answers one call's turns; it may keep state from turn to turn. Its
// sequence yields parts as they are known and stops when ctx ends; an error is
// the last thing it yields. A reply that was cancelled by an interruption is
// followed by the next input: what was played of it is in the History.
type Replier interface {
	Reply(ctx context.Context, in Input) iter.Seq2[Part, error]
}

// Speaker turns sentences into audio; it is shared by all calls.
type Speaker interface {
	Name() string // a metric label, such as "flite"
	Local() bool  // the words stay on this machine
	// Speak yields mono PCM at rate Hz, in chunks of any length, as it is made. The
	// chunks belong to the receiver. An error is the last thing it yields.
	Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error]
}

// Event is something that happened in the call, given to Machine.Step.
type Event interface{ event() media.Tick }

// The events. At is the tick at which the call saw it.
type (
	// Opened: consent is settled, the conversation may begin.
	Opened struct{ At media.Tick }
	// SpeechStarted: the caller has spoken since From (96 ms or more before At).
	SpeechStarted struct{ At, From media.Tick }
	// SpeechEnded: the caller has been silent since To.
	SpeechEnded struct{ At, To media.Tick }
	// Words: what speech recognition makes of the open turn so far (not Final), or
	// of the turn that Finalize ended.
	Words struct {
		At         media.Tick
		Said       consent.Heard
		Final      bool
		Confidence float64
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
	// HoldSettled: after a Hold, everything that was played has been reported.
	HoldSettled struct{ At media.Tick }
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
func (e Stirred) event() media.Tick       { return e.At }
func (e Replied) event() media.Tick       { return e.At }
func (e ReplyEnded) event() media.Tick    { return e.At }
func (e Played) event() media.Tick        { return e.At }
func (e SpeakFailed) event() media.Tick   { return e.At }
func (e HoldSettled) event() media.Tick   { return e.At }
func (e Passed) event() media.Tick        { return e.At }
func (e Closed) event() media.Tick        { return e.At }

// Action is what the call shall do.
type Action interface{ action() }

// The actions, to be done in order.
type (
	// StartReply asks the replier; its parts come back as Replied.
	StartReply struct{ Input Input }
	// CancelReply stops the replier and the synthesis of a turn.
	CancelReply struct{ Turn TurnID }
	// Say makes a sentence into audio and queues it for playout as Clip.
	Say struct {
		Turn TurnID
		Clip media.ClipID
		Text string
	}
	// Hold stops playout at once and keeps what was not played.
	Hold struct{}
	// Resume plays on after a Hold.
	Resume struct{}
	// Drop forgets what was not played, after a Hold.
	Drop struct{}
	// Finalize ends the open turn of speech recognition.
	Finalize struct{ At media.Tick }
	// CallerTurn commits a caller's turn to the transcript.
	CallerTurn struct {
		Said       consent.Heard
		Confidence float64
		Keyed      bool
		Typed      bool
	}
	// AgentTurn commits what was played of an agent's turn to the transcript.
	AgentTurn struct {
		Turn        TurnID
		From, To    media.Tick
		Text        string
		Interrupted bool
	}
	// Note commits a structured answer.
	Note struct{ Answer Answer }
	// Observe reports a measured stage of a turn, for metrics.
	Observe struct {
		Stage Stage
		Took  media.Tick
	}
	// End ends the call, after everything said has been played.
	End struct {
		Reason   Reason
		Transfer string
	}
)

func (StartReply) action()  {}
func (CancelReply) action() {}
func (Say) action()         {}
func (Hold) action()        {}
func (Resume) action()      {}
func (Drop) action()        {}
func (Finalize) action()    {}
func (CallerTurn) action()  {}
func (AgentTurn) action()   {}
func (Note) action()        {}
func (Observe) action()     {}
func (End) action()         {}

// Stage is a measured part of a turn or of an interruption; a metric label.
type Stage string

// The stages the machine sees. Endpoint is end of speech to Finalize; STT from
// there to the final; LLM from there to the first sentence; BargeIn is speech
// onset to Hold; Held is Hold to Resume (a false interruption).
const (
	StageEndpoint Stage = "endpoint"
	StageSTT      Stage = "stt"
	StageLLM      Stage = "llm"
	StageTotal    Stage = "total" // end of speech to the agent's first audio played
	StageBargeIn  Stage = "barge_in"
	StageHeld     Stage = "held"
)

// Reason says why the machine ended the call; a metric label.
type Reason string

// The reasons.
const (
	Completed   Reason = "completed"   // the agent said goodbye
	NoSpeech    Reason = "no_speech"   // the caller said nothing, repeatedly
	ReplyLost   Reason = "reply_lost"  // the replier failed and nothing could be said
	Transferred Reason = "transferred" // the agent handed the caller on
)
