// Package chain makes one recognition engine of several: the first that works
// hears a call, and when it fails or keeps silent another one takes its place
// inside the call. What the caller has said of the open turn is given to that one
// again, so that no word is lost and none comes twice.
//
// It refuses to hear anything itself, and to keep more than the open turn, or two
// seconds while nobody speaks. A session's goroutines are those of its Run.
package chain

import (
	"errors"
	"log/slog"
	"time"

	"sidetone/internal/breaker"
	"sidetone/transcribe"
)

// Link is an engine of a chain. Its breaker is shared by all chains that it is in.
type Link struct {
	Engine  transcribe.Engine
	Breaker *breaker.Breaker
}

// Options is what a chain needs beside its engines. Zero fields take the defaults.
type Options struct {
	// Answer is how long the final of a turn may take while there is another engine to
	// ask: 2 s.
	Answer  time.Duration
	Metrics *Metrics     // nil for none
	Log     *slog.Logger // nil for none
}

// Engine is several engines, in the order in which they are asked. It implements
// transcribe.Engine.
type Engine struct {
	links []Link
	o     Options
}

var _ transcribe.Engine = (*Engine)(nil)

// New returns a chain.
func New(o Options, first Link, others ...Link) *Engine {
	if o.Answer == 0 {
		o.Answer = 2 * time.Second
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{links: append([]Link{first}, others...), o: o}
}

// Name returns the name of the first engine; which one has heard a turn is in
// its Event.
func (e *Engine) Name() string { return e.links[0].Engine.Name() }

// Local reports whether audio stays on this machine, whichever engine hears it.
func (e *Engine) Local() bool {
	for _, l := range e.links {
		if !l.Engine.Local() {
			return false
		}
	}
	return true
}

// Engines returns the engines, in order.
func (e *Engine) Engines() []transcribe.Engine {
	all := make([]transcribe.Engine, len(e.links))
	for i, l := range e.links {
		all[i] = l.Engine
	}
	return all
}

// Open implements transcribe.Engine. An engine that can not do what is asked for
// is left out; when none can, the error says why of each.
func (e *Engine) Open(o transcribe.Options) (transcribe.Session, error) {
	s := newSession(e, o)
	var why []error
	for i, l := range e.links {
		if _, err := l.Engine.Open(o); err != nil {
			why = append(why, err)
			s.tries[i].out = true
		}
	}
	if len(why) == len(e.links) {
		return nil, errors.Join(why...)
	}
	return s, nil
}
