package llm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// round puts the request to the engines until one has answered it. It reports
// whether the model called tools, whose results are in the request then, for the
// next round.
func (r *Replier) round(ctx context.Context, request *Request, t *turn) (called bool, err error) {
	engines := r.o.Engines
	err = ErrUnavailable
	for i, e := range engines.list {
		pass, ok := e.breaker.Enter()
		if !ok {
			continue
		}
		ask := *request
		if i > 0 {
			ask.Model = "" // the agent's own is one of the first engine's
		}
		if err != ErrUnavailable {
			e.breaker.TookOver(t.said)
			ask.Messages = t.takeOver(ask.Messages)
		}
		before := len(t.words)
		var x exchange
		var begun bool
		x, begun, err = r.attempt(ctx, e, ask, t, engines.another(i))
		verdict, wait := judge(err, begun, t.gone || ctx.Err() != nil)
		pass.Leave(verdict, wait, err)
		switch {
		case t.gone:
			return false, err
		case err == nil:
			t.flush()
			request.Messages = ask.Messages
			if len(x.results) == 0 {
				return false, nil
			}
			x.answer.Text = strings.Join(t.words[before:], " ")
			r.lookUp(ctx, t, x.results)
			request.Messages = append(append(slices.Clip(ask.Messages), x.answer), x.results...)
			return true, nil
		case t.end && t.said:
			return false, nil // it has said goodbye
		case ctx.Err() != nil, errors.Is(err, ErrTooSlow):
			return false, err
		}
	}
	return false, err
}

// attempt puts the request to one engine, or twice when it fails at once and there
// is no other. begun is whether any of the answer came.
func (r *Replier) attempt(ctx context.Context, e *engine, request Request, t *turn, another bool) (x exchange, begun bool, err error) {
	first, idle := r.o.FirstToken, r.o.Idle
	if another {
		first, idle = min(first, r.o.Takeover), min(idle, r.o.Takeover)
	}
	ctx, t.wait = watch(ctx, first, idle, r.o.Total)
	defer func() {
		t.wait.stop()
		t.wait = nil
	}()
	began := time.Now()
	x, err = r.stream(ctx, e, request, t, began)
	if vendor := (*VendorError)(nil); !another && errors.As(err, &vendor) && vendor.again() && !t.wait.first {
		x, err = r.stream(ctx, e, request, t, began)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // which deadline has passed, or that nobody waits any more
	}
	r.o.Engines.metrics.requested(e.Name, err, t.gone)
	return x, t.wait.first, err
}

// exchange is an answer that calls tools, and their results.
type exchange struct {
	answer  Message
	results []Message
}

// stream reads one answer: its text goes to the turn; its calls are done as
// they come, but for those of the agent's file.
func (r *Replier) stream(ctx context.Context, e *engine, request Request, t *turn, began time.Time) (exchange, error) {
	x := exchange{answer: Message{Role: Assistant}}
	for delta, err := range e.Chat.Stream(ctx, request) {
		if err != nil {
			return exchange{}, err
		}
		if delta.Usage != nil {
			r.use(e, t, *delta.Usage)
		}
		if delta.Text != "" || delta.Call != nil {
			if !t.wait.first {
				r.o.Engines.metrics.firstToken(e.Name, time.Since(began))
				t.begin()
			}
			t.wait.token()
		}
		if c := delta.Call; c != nil && len(x.results) < maxCalls {
			x.answer.Calls = append(x.answer.Calls, *c)
			if !t.certain(ctx) {
				break
			}
			x.results = append(x.results, Message{Role: Result, CallID: c.ID, Text: r.call(t, *c, len(x.results))})
		}
		t.hear(delta.Text)
		if delta.Truncated {
			t.truncate()
		}
		if t.gone || t.left == 0 {
			break
		}
	}
	return x, context.Cause(ctx)
}

// use counts what a piece of an answer has cost. A negative count is none.
func (r *Replier) use(e *engine, t *turn, u Usage) {
	u = Usage{Input: max(0, u.Input), Cached: max(0, u.Cached), Written: max(0, u.Written), Output: max(0, u.Output)}
	r.o.Engines.metrics.used(e, u)
	t.spent = append(t.spent, Spending{Turn: t.in.Turn, Engine: e.Name, Usage: u, Cost: e.Prices.of(u)})
	if !t.guess {
		r.tell(t)
	}
}

// maxCalls bounds the calls of one answer.
const maxCalls = 16

// again reports whether the same request may work now.
func (e *VendorError) again() bool { return e.Retryable && e.RetryAfter == 0 }
