// Package llm answers calls with a language model: it puts the prompt
// together, turns what the model streams into sentences, and what it calls into
// answers and the end of the call. Endpoints live in its subpackages.
//
// It refuses to wait: an answer has a deadline for its first token, for every
// pause and for the whole. It refuses to let the model choose whom to call or
// which answers there are. It starts no goroutine.
package llm

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"sidetone/dialog"
)

// Why an answer failed.
var (
	ErrFirstToken = errors.New("llm: no first token in time")
	ErrIdle       = errors.New("llm: the stream stalled")
	ErrTooSlow    = errors.New("llm: the answer took too long")
	ErrEmpty      = errors.New("llm: the model said nothing")
)

// Options is what a Replier needs. Engines and Agent.LLM are required.
type Options struct {
	Engines   *Engines
	Agent     *dialog.Agent
	Runner    Runner                     // nil: the tools of the agent's file are not there
	Transfers map[string]dialog.Transfer // whom the model may connect the caller to, by name

	// Spent, if set, is told what the pieces of an answer took; by one goroutine.
	Spent func(Spending)

	FirstToken time.Duration // longest wait for the first token, with connecting; 4 s when 0
	Idle       time.Duration // longest pause in the stream; 5 s when 0
	Takeover   time.Duration // of both, while there is another engine to ask; 2.5 s when 0
	Total      time.Duration // longest time for one answer; 20 s when 0
	Sentences  int           // most sentences of one reply; 8 when 0
}

// Spending is what a piece of the answer to one input took, and of whom.
type Spending struct {
	Turn   dialog.TurnID
	Engine string
	Usage
	Cost    float64 // by the engine's prices
	Dropped bool    // it was for a guess that was not adopted
}

// Replier answers the turns of one call. It belongs to that call.
type Replier struct {
	o        Options
	recorded map[string]bool // keys of the goals that are reached
	offered  map[string]bool // agents to whom the call was to be handed over
}

var _ dialog.Replier = (*Replier)(nil)

// New returns a replier for one call.
func New(o Options) *Replier {
	o.FirstToken = cmp.Or(o.FirstToken, 4*time.Second)
	o.Idle = cmp.Or(o.Idle, 5*time.Second)
	o.Takeover = cmp.Or(o.Takeover, 2500*time.Millisecond)
	o.Total = cmp.Or(o.Total, 20*time.Second)
	o.Sentences = cmp.Or(o.Sentences, 8)
	return &Replier{o: o, recorded: map[string]bool{}, offered: map[string]bool{}}
}

// rounds bounds how often one input is put to the model: a model that only
// records an answer is asked again for words.
const rounds = 3

// lookedUp is how often, of a model that may ask tools of the agent's file.
const lookedUp = 8

// Reply yields the greeting of the agent file, or what the model answers. A
// reply that fails yields its complete sentences before the error. Of a guess the
// model's sentences are yielded as they come; its first call, and the end, wait for
// Input.Sure.
func (r *Replier) Reply(ctx context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		t := &turn{in: in, yield: yield, left: r.o.Sentences, guess: in.Guess}
		if err := r.answer(ctx, t); err != nil && !t.gone {
			r.settle(t)
			yield(dialog.Part{}, err)
			return
		}
		t.certain(ctx)
		r.settle(t)
	}
}

// answer yields what the model answers, and returns why it could not.
func (r *Replier) answer(ctx context.Context, t *turn) error {
	if greeting := r.o.Agent.LLM.Greeting; t.in.Kind == dialog.Opening && greeting != "" {
		t.hear(greeting)
		t.flush()
		return nil
	}
	request := r.request(t.in)
	most := rounds
	if len(r.o.Agent.LLM.Tools) > 0 {
		most = lookedUp
	}
	for range most {
		asked, err := r.round(ctx, &request, t)
		switch {
		case t.gone, t.minor:
			return nil
		case err != nil:
			return err
		case t.end:
			t.finish()
			return nil
		case t.asked:
			t.asked = false // what the tools say is to be answered
		case t.said, t.pause:
			return nil
		case !asked:
			return ErrEmpty
		}
	}
	return ErrEmpty
}
