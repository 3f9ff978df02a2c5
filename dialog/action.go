package dialog

import (
	"sidetone/consent"
	"sidetone/media"
)

// Action is what the call shall do.
type Action interface{ action() }

// The actions, to be done in order.
type (
	// StartReply asks the replier; its parts come back as Replied.
	StartReply struct{ Input Input }
	// AdoptReply says that the guess of a turn is its reply, to these words: the turn is
	// over, and what the replier does may take effect.
	AdoptReply struct {
		Turn TurnID
		Said consent.Heard
	}
	// CancelReply stops the replier and the synthesis of a turn.
	CancelReply struct{ Turn TurnID }
	// Say makes a sentence into audio and queues it for playout as Clip.
	Say struct {
		Turn TurnID
		Clip media.ClipID
		Text string
		// Filler says that it covers for what is late: it is played before a sentence
		// of the turn of which there is no audio yet, or else not at all.
		Filler bool
	}
	// Hold stops playout at once and keeps what was not played.
	Hold struct{}
	// Resume plays on after a Hold.
	Resume struct{}
	// Drop forgets what was not played, after a Hold. Where the machine was
	// suspended it does not wait for HoldSettled; clips after it are the call's own.
	Drop struct{}
	// Finalize ends the open turn of speech recognition, also of speech that is not
	// wanted: each one has its Words that are final.
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
	// PauseRecording pauses the recording. The machine is suspended with it, and
	// what the caller keys in is not for it; it goes on when it is Restored.
	PauseRecording struct{}
	// HandOver asks for another agent to go on with the call. The machine is suspended
	// with it; it is Restored where that agent can not.
	HandOver struct{ Agent string }
	// ResumeRecording resumes the recording.
	ResumeRecording struct{}
	// Minor says that the caller is a child: nothing of them may be kept. The
	// machine is suspended with it and says nothing more; Restored, it would ask
	// again what it asked before.
	Minor struct{}
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

func (StartReply) action()      {}
func (AdoptReply) action()      {}
func (CancelReply) action()     {}
func (Say) action()             {}
func (Hold) action()            {}
func (Resume) action()          {}
func (Drop) action()            {}
func (Finalize) action()        {}
func (CallerTurn) action()      {}
func (AgentTurn) action()       {}
func (Note) action()            {}
func (PauseRecording) action()  {}
func (HandOver) action()        {}
func (ResumeRecording) action() {}
func (Minor) action()           {}
func (Observe) action()         {}
func (End) action()             {}

// Stage is a measured part of a turn or of an interruption; a metric label.
type Stage string

// The stages the machine sees. Endpoint is end of speech to Finalize; STT from
// there to the final; LLM from there to the first sentence, of which Token is the
// time until the language model began; BargeIn is speech onset to Hold; Held is Hold to Resume (a false interruption).
const (
	StageEndpoint Stage = "endpoint"
	StageSTT      Stage = "stt"
	StageToken    Stage = "token"
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
