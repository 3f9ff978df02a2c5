package tts

import (
	"fmt"
	"time"
)

// Class is what kind of failure a voice had; a closed set, fit for a label.
type Class string

// The classes of failure: those of transcribe, by the same names.
const (
	Unreachable Class = "unreachable" // no connection: refused, no such host, no TLS
	TimedOut    Class = "timeout"     // connecting, the first audio or the next took too long
	Denied      Class = "auth"        // the key is not taken, not for this, or not paid for
	Limited     Class = "rate"        // too many requests; RetryAfter says when to come again
	Busy        Class = "busy"        // a fault of the voice's own
	Rejected    Class = "rejected"    // it does not do what it is asked: the model, voice or coding
	Protocol    Class = "protocol"    // it sent what its protocol does not know, too much, or nothing
	Cut         Class = "cut"         // the connection broke
)

// Failure is why a voice elsewhere could not say something, or not all of it. It
// holds no word of a call and no key: of what a vendor says it repeats nothing.
type Failure struct {
	Engine     string
	Op         string // what was being done, such as "connect"
	Class      Class
	Status     int           // of HTTP; 0 when there was no such answer
	RetryAfter time.Duration // what the voice asks for; 0 when it does not
	Err        error         // of the network or the operating system; may be nil
}

// Error implements error.
func (f *Failure) Error() string {
	s := fmt.Sprintf("tts: %s: %s: %s", f.Engine, f.Op, f.Class)
	if f.Status != 0 {
		s += fmt.Sprintf(", status %d", f.Status)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Passing reports whether trying again may help: a key that is not taken, or a
// voice that there is not, will be the same in a second.
func (f *Failure) Passing() bool { return f.Class != Denied && f.Class != Rejected }
