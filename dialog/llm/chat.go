package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Chat is a language model that answers a conversation; it is shared by all
// calls.
type Chat interface {
	// Stream yields the answer as it is made and stops when ctx ends. An error is
	// the last thing it yields: a *VendorError, ErrCut, or why ctx ended.
	Stream(ctx context.Context, r Request) iter.Seq2[Delta, error]
}

// Request is a conversation to be answered. Messages begin with System and end
// with User or Result.
type Request struct {
	Model       string // instead of the chat's own, when set
	Temperature *float64
	MaxTokens   int // of the answer; the model's default when 0
	Messages    []Message
	Tools       []Tool
}

// Role says whose a message is.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	Result    Role = "tool" // of the call that CallID names
)

// Message is one message of a conversation.
type Message struct {
	Role   Role
	Text   string
	Calls  []Call // Assistant: what the model called
	CallID string // Result
}

// Tool is a function that the model may call. Parameters is a JSON schema.
type Tool struct {
	Name        string
	Description string
	Parameters  map[string]any
}

// Call is a whole call of a tool. Arguments come from the model: they may be
// anything, also no JSON at all.
type Call struct {
	ID        string // never empty, unique within an answer
	Name      string
	Arguments json.RawMessage
}

// Delta is the next piece of an answer. It may carry any of its fields.
type Delta struct {
	Text      string
	Call      *Call
	Usage     *Usage
	Truncated bool // the answer ends here because it got too long
}

// Usage is what a piece of an answer has cost, in tokens as the endpoint counts
// them. What the pieces say adds up.
type Usage struct {
	Input   int64 // read afresh
	Cached  int64 // read from a cache
	Written int64 // read afresh, and put into the cache at a price of its own
	Output  int64
}

// Tally makes pieces of what an endpoint says of a whole answer, once or often.
type Tally struct{ told Usage }

// Told returns what the endpoint has said so far.
func (t *Tally) Told() Usage { return t.told }

// Since takes the usage as it is now and returns what is new of it, nil when
// nothing is.
func (t *Tally) Since(now Usage) *Usage {
	piece := Usage{
		Input: max(0, now.Input-t.told.Input), Cached: max(0, now.Cached-t.told.Cached),
		Written: max(0, now.Written-t.told.Written), Output: max(0, now.Output-t.told.Output),
	}
	if piece == (Usage{}) {
		return nil
	}
	t.told.Input, t.told.Cached = t.told.Input+piece.Input, t.told.Cached+piece.Cached
	t.told.Written, t.told.Output = t.told.Written+piece.Written, t.told.Output+piece.Output
	return &piece
}

// ErrCut says that a stream ended before the answer did.
var ErrCut = errors.New("llm: the answer was cut off")

// VendorError is a failure of the endpoint. It never holds words of the call.
type VendorError struct {
	Op         string
	Status     int // of HTTP; 0 when there was no answer
	Retryable  bool
	RetryAfter time.Duration // what the endpoint asks for; 0 when it does not
	Err        error
}

// Error tells what failed.
func (e *VendorError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("llm: %s: status %d: %v", e.Op, e.Status, e.Err)
	}
	return fmt.Sprintf("llm: %s: %v", e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *VendorError) Unwrap() error { return e.Err }
