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
	"time"

	"sidetone/consent"
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
	Again                        // something came between, such as a word of the gateway's: ask again what is open
	Resumed                      // what a Part.Pause was for is done: go on with what comes next
)

// Input is what a Replier answers.
type Input struct {
	Turn    TurnID
	Kind    InputKind
	Said    consent.Heard // Said and Keyed: what the caller said or pressed
	Silence int           // Silent: how many times in a row, from 1
	History []Line        // the conversation before this input, oldest first

	// Guess: the caller's turn may go on. Sentences are yielded as they come; whatever
	// has an effect, and the end of a reply that did not fail, waits for Sure, which
	// yields the words as they are final. Where the guess was wrong ctx ends instead.
	Guess bool
	Sure  <-chan consent.Heard
}

// Line is one turn of the conversation as it happened: an agent's line is cut
// at what was played. Either Agent or Caller is set.
type Line struct {
	Agent  string
	Caller consent.Heard
}

// Part is a piece of a reply. A part may carry any of its fields, also none.
type Part struct {
	Sentence  string        // one sentence to speak; plain text
	Token     time.Duration // Sentence: so long before it the language model began; 0: unknown
	Protected bool          // the sentence may not be interrupted
	Answer    *Answer       // an answer of the caller that the reply has understood
	Expect    Expect        // how to listen after the reply; the last part's counts
	End       bool          // end the call when all has been played
	Transfer  string        // End: connect the caller to this number instead of hanging up
	Pause     bool          // pause the recording when all has been played: the caller keys in what nobody shall see
	Resume    bool          // resume the recording when all has been played
	HandOver  string        // ask the call to have this agent go on when all has been played
	Busy      time.Duration // the replier waits for something, such as a tool, for at most so long
	Minor     bool          // the caller is a child: nothing more is said, and what was said before is cut
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

// CutError says that of a sentence only a part was made into audio.
type CutError struct {
	Said string // the words of it, as far as that can be told
	Err  error
}

// Error implements error. It holds none of the words.
func (e *CutError) Error() string { return "dialog: the sentence was cut: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CutError) Unwrap() error { return e.Err }

// Speaker turns sentences into audio; it is shared by all calls.
type Speaker interface {
	Name() string // a metric label, such as "flite"
	Local() bool  // the words stay on this machine
	// Speak yields mono PCM at rate Hz, in chunks of any length, as it is made. The
	// chunks belong to the receiver. An error is the last thing it yields.
	Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error]
}

// Reciter is a Speaker that has some sentences at hand.
type Reciter interface {
	Speaker
	// Recite returns a sentence that was rendered before as mono PCM at rate Hz, and
	// whether there is one. It may be called while Speak is at work on another.
	Recite(text string, rate int) (pcm []int16, ok bool)
}
