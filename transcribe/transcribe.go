// Package transcribe turns consented caller audio into words: partials while
// someone speaks, one final a turn. Engines live in its subpackages, voice
// activity in transcribe/vad; the transcript document is here too.
//
// It refuses audio that no consent.Gate has minted. A session's goroutines are
// those of its Run, which the call starts and waits for.
package transcribe

import (
	"context"
	"errors"
	"time"

	"sidetone/consent"
	"sidetone/media"
)

// ErrUnavailable says that an engine cannot run here, such as one whose models
// have not been fetched. The error that wraps it names the remedy.
var ErrUnavailable = errors.New("transcribe: engine is not available")

// Options says what a session is for.
type Options struct {
	Rate     int    // Hz of the frames that Write will get: 8000 or 16000
	Language string // BCP 47, such as "en" or "en-US"
	KeyTerms []string
}

// Engine opens sessions; it is shared by all calls.
type Engine interface {
	Name() string // a metric label, such as "moonshine"
	Local() bool  // audio stays on this machine
	Open(Options) (Session, error)
}

// Session recognises one call's caller. All engines pass enginetest.Run.
//
// Write, Speech and Finalize never block and are called by one goroutine. A
// session keeps at most the open turn (30 s; beyond it the oldest audio goes,
// counted).
type Session interface {
	// Write takes the next frame; At may jump forward, and the session takes the
	// gap as silence (at most 10 s of it).
	Write(consent.ConverseAudio)
	// Speech says that local voice activity began (on) or ended at a tick. An
	// engine may use it to decode early; those with their own detection ignore it.
	Speech(at media.Tick, on bool)
	// Finalize ends the open turn at a tick. The session answers every Finalize
	// with exactly one Final, whose text may be empty.
	Finalize(at media.Tick)
	// Events carries partials and finals, in order. Closed by the session when Run
	// is about to return.
	Events() <-chan Event
	// Run pumps until ctx ends or the engine is lost.
	Run(context.Context) error
}

// Kind is the kind of an Event.
type Kind uint8

// The kinds of event.
const (
	Partial Kind = iota + 1 // the words of the open turn so far; replaces the partial before
	Final                   // the words of a finished turn
)

// Event is what a session recognised between two ticks of the call's clock.
type Event struct {
	Kind       Kind
	From, To   media.Tick
	Text       string
	Confidence float64       // 0 to 1; 0 when the engine gives none
	Wordless   float64       // probability, 0 to 1, that there were no words at all; 0 when the engine gives none
	Words      []Word        // nil when the engine gives none
	Took       time.Duration // from Finalize to this final
	Hint       Hint          // of a partial
	Engine     string        // that heard it, where a session has several; empty: the session's own
	Lost       bool          // of a final: there was no engine to hear the turn
}

// Hint is what an engine that detects turns itself makes of the open one. It is
// an opinion: turns end by Finalize.
type Hint uint8

// The hints.
const (
	NoHint Hint = iota
	MayEnd      // the turn may have ended: an answer can be made ready
	GoesOn      // it goes on after all
	Ended       // it has ended
)

// Word is one word on the call's clock.
type Word struct {
	From, To media.Tick
	Text     string
}
