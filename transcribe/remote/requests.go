package remote

import (
	"context"
	"errors"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
)

// Request asks an engine for the words of the audio of one turn. It calls heard
// with all that is known so far, as often as that grows; once final, it returns.
// Its error is a *transcribe.Failure.
type Request func(ctx context.Context, pcm []int16, heard func(text string)) (final string, err error)

// Requests is one call's recognition by an engine that is asked once a turn,
// with the audio from 300 ms before the onset of speech. It implements
// transcribe.Session.
type Requests struct {
	*Session
	ask Request
	pcm []int16
}

// NewRequests returns a session that asks an engine.
func NewRequests(line Line, o Options, ask Request) *Requests {
	line.Gated = true
	return &Requests{Session: NewSession(line, o), ask: ask}
}

// Run implements transcribe.Session. The error is a *transcribe.Failure; nil at
// the end of ctx.
func (r *Requests) Run(ctx context.Context) error {
	defer close(r.events)
	for {
		end := r.next()
		if end == nil {
			select {
			case <-ctx.Done():
				return nil
			case <-r.wake:
			}
			continue
		}
		e := transcribe.Event{From: end.at, To: end.at}
		if from, to, ok := r.collect(end); ok {
			text, err := r.turn(ctx, from, to)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if text != "" {
				e = transcribe.Event{From: from, To: to, Text: text}
			}
		}
		e.Kind, e.Took = transcribe.Final, time.Since(end.ordered)
		r.answered()
		select {
		case r.events <- e:
		case <-ctx.Done():
			return nil
		}
	}
}

// collect gathers the audio of a turn, and returns where its speech lies: after
// the pre-roll, and before the silence by which its end was found.
func (r *Requests) collect(end *ending) (from, to media.Tick, ok bool) {
	buf := make([]int16, r.line.Rate)
	r.pcm = r.pcm[:0]
	for {
		at, n, done := r.due(buf, 0)
		if n == 0 {
			if done == end {
				end.sent = time.Now()
				return from, max(from, to), len(r.pcm) > 0
			}
			return from, to, false // there was no audio up to the end, and none will come
		}
		if len(r.pcm) == 0 {
			from = at
		}
		r.pcm = append(r.pcm, buf[:n]...)
		to = min(at+media.TickOfSample(int64(n), r.line.Rate), end.at)
	}
}

// turn asks for the words of a turn, again if that fails for a while.
func (r *Requests) turn(ctx context.Context, from, to media.Tick) (string, error) {
	for failures := 0; ; {
		text, err := r.ask(ctx, r.pcm, func(text string) { r.partial(text, from, to) })
		if ctx.Err() != nil {
			return "", nil
		}
		if err == nil {
			r.options.Metrics.connects.WithLabelValues(r.line.Engine, resultOK).Inc()
			return text, nil
		}
		var f *transcribe.Failure
		if !errors.As(err, &f) {
			return "", err
		}
		r.options.Metrics.connects.WithLabelValues(r.line.Engine, string(f.Class)).Inc()
		failures++
		if !f.Passing() || failures > r.options.Retries || f.RetryAfter > longestWait {
			return "", f
		}
		if !sleep(ctx, max(f.RetryAfter, shortestWait<<(failures-1))) {
			return "", nil
		}
		r.options.Metrics.replayed.WithLabelValues(r.line.Engine).Add((to - from).Seconds())
	}
}

// partial sends the words so far, if somebody has time for them.
func (r *Requests) partial(text string, from, to media.Tick) {
	if text == "" {
		return
	}
	select {
	case r.events <- transcribe.Event{Kind: transcribe.Partial, From: from, To: to, Text: text}:
	default:
		r.options.Metrics.ignored.WithLabelValues(r.line.Engine, latePartial).Inc()
	}
}
