package transcribe

import (
	"fmt"
	"time"
)

// Class is what kind of failure an engine had; a closed set, fit for a label.
type Class string

// The classes of failure.
const (
	Unreachable Class = "unreachable" // no connection: refused, no such host, no TLS
	TimedOut    Class = "timeout"     // connecting or answering took too long, or the far end has gone silently
	Denied      Class = "auth"        // the key is not taken, or not for this
	Limited     Class = "rate"        // too many requests; RetryAfter says when to come again
	Busy        Class = "busy"        // a fault of the engine's own
	Rejected    Class = "rejected"    // it does not do what it is asked: the model, language or coding
	Protocol    Class = "protocol"    // it sent what its protocol does not know, or too much
	Cut         Class = "cut"         // the connection broke
)

// Failure is why an engine was lost. It holds no word of a call and no key: of
// what a vendor says it repeats at most a code.
type Failure struct {
	Engine     string
	Op         string // what was being done, such as "connect"
	Class      Class
	Status     int           // of HTTP; 0 when there was no such answer
	Code       string        // the vendor's own, such as "NET-0001"; may be empty
	RetryAfter time.Duration // what the engine asks for; 0 when it does not
	Err        error         // of the network or the operating system; may be nil
}

// Error implements error.
func (f *Failure) Error() string {
	s := fmt.Sprintf("transcribe: %s: %s: %s", f.Engine, f.Op, f.Class)
	if f.Status != 0 {
		s += fmt.Sprintf(", status %d", f.Status)
	}
	if f.Code != "" {
		s += ", " + f.Code
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Passing reports whether trying again may help: a key that is not taken, or a
// model that there is not, will be the same in a second.
func (f *Failure) Passing() bool { return f.Class != Denied && f.Class != Rejected }
