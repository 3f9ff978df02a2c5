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
	"slices"
	"time"

	"sidetone/dialog"
	"sidetone/dialog/tts"
)

// Why an answer failed.
var (
	ErrFirstToken = errors.New("llm: no first token in time")
	ErrIdle       = errors.New("llm: the stream stalled")
	ErrTooSlow    = errors.New("llm: the answer took too long")
	ErrEmpty      = errors.New("llm: the model said nothing")
)

// Options is what a Replier needs. Chat and Agent.LLM are required.
type Options struct {
	Chat      Chat
	Agent     *dialog.Agent
	Transfers map[string]string // whom the model may connect the caller to: name to number

	FirstToken time.Duration // longest wait for the first token, with connecting; 4 s when 0
	Idle       time.Duration // longest pause in the stream; 5 s when 0
	Total      time.Duration // longest time for one answer; 20 s when 0
	Sentences  int           // most sentences of one reply; 8 when 0
	Metrics    *Metrics
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
	o.Total = cmp.Or(o.Total, 20*time.Second)
	o.Sentences = cmp.Or(o.Sentences, 8)
	return &Replier{o: o, recorded: map[string]bool{}, offered: map[string]bool{}}
}

// rounds bounds how often one input is put to the model: a model that only
// records an answer is asked again for words.
const rounds = 3

// Reply yields the greeting of the agent file, or what the model answers. A
// reply that fails yields its complete sentences before the error.
func (r *Replier) Reply(ctx context.Context, in dialog.Input) iter.Seq2[dialog.Part, error] {
	return func(yield func(dialog.Part, error) bool) {
		t := &turn{in: in, yield: yield, left: r.o.Sentences}
		if greeting := r.o.Agent.LLM.Greeting; in.Kind == dialog.Opening && greeting != "" {
			t.hear(greeting)
			t.flush()
			return
		}
		request := r.request(in)
		for range rounds {
			asked, err := r.round(ctx, &request, t)
			switch {
			case t.gone, t.minor:
				return
			case err != nil:
				yield(dialog.Part{}, err)
				return
			case t.end:
				t.finish()
				return
			case t.said, t.pause:
				return
			case !asked:
				yield(dialog.Part{}, ErrEmpty)
				return
			}
		}
		yield(dialog.Part{}, ErrEmpty)
	}
}

// round puts the request to the model once, or twice when it fails at once. It
// reports whether the model called tools, whose results are in the request
// then, for the next round.
func (r *Replier) round(ctx context.Context, request *Request, t *turn) (called bool, err error) {
	ctx, t.wait = watch(ctx, r.o.FirstToken, r.o.Idle, r.o.Total)
	defer func() {
		t.wait.stop()
		t.wait = nil
	}()
	begin := time.Now()
	next, err := r.stream(ctx, *request, t, begin)
	if vendor := (*VendorError)(nil); errors.As(err, &vendor) && vendor.again() && !t.wait.first {
		next, err = r.stream(ctx, *request, t, begin)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // which deadline has passed, or that nobody waits any more
	}
	r.o.Metrics.requested(err, t.gone)
	if err != nil || t.gone {
		return false, err
	}
	t.flush()
	called = len(next) > len(request.Messages)
	request.Messages = next
	return called, nil
}

// stream reads one answer: its text goes to the turn; its calls are done as
// they come. It returns the conversation with the calls and their results.
func (r *Replier) stream(ctx context.Context, request Request, t *turn, begin time.Time) ([]Message, error) {
	answer := Message{Role: Assistant}
	var results []Message
	for delta, err := range r.o.Chat.Stream(ctx, request) {
		if err != nil {
			return nil, err
		}
		if delta.Usage != nil {
			r.o.Metrics.used(*delta.Usage)
		}
		if delta.Text != "" || delta.Call != nil {
			if !t.wait.first {
				r.o.Metrics.firstToken(time.Since(begin))
			}
			t.wait.token()
		}
		if c := delta.Call; c != nil && len(results) < maxCalls {
			answer.Calls = append(answer.Calls, *c)
			results = append(results, Message{Role: Result, CallID: c.ID, Text: r.call(t, *c)})
		}
		t.hear(delta.Text)
		if delta.Truncated {
			t.truncate()
		}
		if t.gone || t.left == 0 {
			break
		}
	}
	if len(results) > 0 {
		request.Messages = append(append(slices.Clip(request.Messages), answer), results...)
	}
	return request.Messages, context.Cause(ctx)
}

// maxCalls bounds the calls of one answer.
const maxCalls = 16

// again reports whether the same request may work now.
func (e *VendorError) again() bool { return e.Retryable && e.RetryAfter == 0 }

// turn is one reply on its way to the call.
type turn struct {
	in    dialog.Input
	yield func(dialog.Part, error) bool
	wait  *deadlines // of the running round; nil when there is none

	hidden    hidden
	sentences tts.Sentences
	left      int // sentences that may yet be said
	expect    dialog.Expect

	said     bool   // something was said
	gone     bool   // nobody listens any more
	minor    bool   // the caller is a child
	pause    bool   // the recording will be paused, or another agent goes on
	end      bool   // the model has ended the call
	transfer string // to this number
}

// hear takes the next piece of the model's text and says what is whole.
func (t *turn) hear(text string) {
	for _, sentence := range t.sentences.Feed(t.hidden.strip(text)) {
		t.say(sentence)
	}
}

// flush says what is left when the answer is whole.
func (t *turn) flush() {
	t.hear(t.hidden.rest())
	t.say(t.sentences.Flush())
}

// truncate forgets a sentence that will not be finished, unless it is all there
// is.
func (t *turn) truncate() {
	if t.said {
		t.sentences.Flush()
	}
}

// say hands one sentence on, if there is anything in it to say.
func (t *turn) say(sentence string) {
	sentence = tts.Plain(sentence)
	if !speakable(sentence) || t.left == 0 {
		return
	}
	t.left--
	t.said = true
	t.expect = expected(sentence)
	t.hand(dialog.Part{Sentence: sentence})
}

// hand yields a part. Time that the call takes for it is not the model's.
func (t *turn) hand(p dialog.Part) {
	if t.gone {
		return
	}
	p.Expect = t.expect
	if t.wait != nil {
		t.wait.pause()
		defer t.wait.resume()
	}
	t.gone = !t.yield(p, nil)
}

// finish ends the call as the model has asked for, never without a word.
func (t *turn) finish() {
	if !t.said && t.transfer != "" {
		t.say("One moment, I will connect you.")
	}
	if !t.said {
		t.say("Goodbye.")
	}
	t.hand(dialog.Part{End: true, Transfer: t.transfer})
}
